/*
 * hash_table.c
 *		A hash table that grows by one bucket at a time.
 *
 * Of the buckets, the first count - half and the last as many have been split:
 * their entries are told apart by one bit more of the hash.  The next to be
 * split is number count - half, into itself and the new bucket at the end.
 */
#include "postgres.h"

#include "src/gateway/topic/hash_table.h"
#include "src/ipc/assertion.h"

#define BUCKETS_MIN 64 /* power of two */

void
rt_hash_init(RtHashTable *table)
{
	memset(table, 0, sizeof(*table));
	table->buckets = calloc(BUCKETS_MIN, sizeof(RtHashNode *));
	if (table->buckets == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	table->capacity = BUCKETS_MIN;
	table->count = BUCKETS_MIN;
	table->half = BUCKETS_MIN;
}

void
rt_hash_destroy(RtHashTable *table)
{
	free(table->buckets);
	memset(table, 0, sizeof(*table));
}

static bool
reserve_bucket(RtHashTable *table)
{
	RtHashNode **buckets;

	if (table->count < table->capacity)
		return true;
	if (table->capacity > PG_UINT32_MAX / 4)
		return false;
	buckets = realloc(table->buckets,
					  2 * (size_t) table->capacity * sizeof(RtHashNode *));
	if (buckets == NULL)
		return false;
	table->buckets = buckets;
	table->capacity *= 2;
	return true;
}

/* Divides the entries of one bucket between it and a new one. */
static void
split_bucket(RtHashTable *table)
{
	RtHashNode **low = &table->buckets[table->count - table->half];
	RtHashNode **high = &table->buckets[table->count];
	RtHashNode *node = *low;

	*low = NULL;
	*high = NULL;
	while (node != NULL)
	{
		RtHashNode *next = node->next;
		RtHashNode **to = (node->hash & table->half) != 0 ? high : low;

		node->next = *to;
		*to = node;
		node = next;
	}
	if (++table->count == 2 * table->half)
		table->half = table->count;
}

void
rt_hash_add(RtHashTable *table, RtHashNode *node, uint32 hash)
{
	RtHashNode **bucket;

	if (table->members >= table->count && reserve_bucket(table))
		split_bucket(table);
	bucket = &table->buckets[rt_hash_bucket(table, hash)];
	node->hash = hash;
	node->next = *bucket;
	*bucket = node;
	table->members++;
}

void
rt_hash_remove(RtHashTable *table, RtHashNode *node)
{
	RtHashNode **link = &table->buckets[rt_hash_bucket(table, node->hash)];

	while (*link != node && *link != NULL)
		link = &(*link)->next;
	if (!rt_holds(*link == node, RT_ASSERTION_SUBSCRIPTION,
				  "What is taken out of a table of a gateway is not in it."))
		return;
	*link = node->next;
	table->members--;
}
