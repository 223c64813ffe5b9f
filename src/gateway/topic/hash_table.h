/*
 * hash_table.h
 *		A hash table whose entries are parts of what they lead to.
 *
 * Adding an entry cannot fail and never takes long: the table grows by one
 * bucket at a time (linear hashing), and where memory for that is missing its
 * chains just get longer.  Whoever takes hashes from what clients send has to
 * make them unpredictable.
 */
#ifndef RT_GATEWAY_TOPIC_HASH_TABLE_H
#define RT_GATEWAY_TOPIC_HASH_TABLE_H

#include "src/compat.h"

typedef struct RtHashNode
{
	struct RtHashNode *next;
	uint32 hash;
} RtHashNode;

typedef struct RtHashTable
{
	RtHashNode **buckets; /* malloc'd */
	uint32 capacity;      /* of the array */
	uint32 count;         /* buckets in use: half to 2 * half */
	uint32 half;          /* power of two */
	uint32 members;
} RtHashTable;

/* Makes an empty table; ereports an ERROR without memory. */
extern void rt_hash_init(RtHashTable *table);
extern void rt_hash_add(RtHashTable *table, RtHashNode *node, uint32 hash);
extern void rt_hash_remove(RtHashTable *table, RtHashNode *node);

/* Gives all memory of the table back, none of the entries'. */
extern void rt_hash_destroy(RtHashTable *table);

static inline uint32
rt_hash_bucket(const RtHashTable *table, uint32 hash)
{
	uint32 bucket = hash & (2 * table->half - 1);

	return bucket < table->count ? bucket : bucket - table->half;
}

/* The entries with a hash, in no order: the first, and the one after another. */
static inline RtHashNode *
rt_hash_match(RtHashNode *node, uint32 hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

static inline RtHashNode *
rt_hash_first(const RtHashTable *table, uint32 hash)
{
	return rt_hash_match(table->buckets[rt_hash_bucket(table, hash)], hash);
}

static inline RtHashNode *
rt_hash_next(const RtHashNode *node)
{
	return rt_hash_match(node->next, node->hash);
}

#define rt_hash_container(type, field, node) \
	((type *) ((char *) (node) -offsetof(type, field)))

#endif /* RT_GATEWAY_TOPIC_HASH_TABLE_H */
