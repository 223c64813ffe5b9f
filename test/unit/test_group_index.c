/*
 * test_group_index.c
 *		src/gateway/topic/group_index.c: exactly those groups are visited that
 *		looking at each would find, and of a pattern that says how topics begin
 *		no others are looked at.
 *
 * Nothing is timed: topics that begin otherwise are poisoned, and
 * AddressSanitizer ends the test if one of them is looked at.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include <sanitizer/asan_interface.h>

#include "src/gateway/topic/group_index.c"
#include "src/gateway/topic/hash_table.c"
#include "test/unit/unit.h"

#define TOPICS 60
#define GROUPS 3				/* of each topic */

static RtTopic *names[TOPICS];
static RtIndexedGroup groups[TOPICS][GROUPS];
static int	visits[TOPICS][GROUPS];

/* Books are in order, but where a test breaks them. */
static int	violations = 0;

void
rt_assertion_violated(RtAssertion category, const char *detail)
{
	violations++;
}

/* ---- what is around it ---- */

bool
errstart_cold(int level, const char *domain)
{
	abort();
}

void
errfinish(const char *file, int line, const char *function)
{
	abort();
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	return 0;
}

bool
pg_strong_random(void *buf, size_t len)
{
	memset(buf, 7, len);
	return true;
}

uint64
hash_bytes_extended(const unsigned char *key, int len, uint64 hash)
{
	for (int i = 0; i < len; i++)
		hash = (hash ^ key[i]) * UINT64CONST(1099511628211);
	return hash;
}

RtTopic *
rt_topic_find(const char *name, size_t len)
{
	for (int i = 0; i < TOPICS; i++)
	{
		if (names[i]->name_len == len && memcmp(names[i]->name, name, len) == 0)
			return names[i];
	}
	return NULL;
}

/* ---- topics ---- */

/* Of three kinds, of which one has no ':'. */
static void
name_topic(char *name, size_t size, int i)
{
	if (i % 3 == 2)
		snprintf(name, size, "plain%d", i);
	else
		snprintf(name, size, "%s:%d:%c", i % 3 == 0 ? "orders" : "ord", i, 'a' + i % 2);
}

static void
make_topic(int i)
{
	char		name[32];

	name_topic(name, sizeof(name), i);
	names[i] = calloc(1, offsetof(RtTopic, name) + strlen(name) + 1);
	names[i]->name_len = strlen(name);
	memcpy(names[i]->name, name, strlen(name));
	for (int n = 0; n < GROUPS; n++)
	{
		groups[i][n].topic = names[i];
		groups[i][n].path = n == 0 ? RT_TEXT("shop/orders") : RT_TEXT("shop/other");
		CHECK(rt_group_index_add(&groups[i][n]));
	}
}

static void
note_visit(RtIndexedGroup *group)
{
	visits[(group - groups[0]) / GROUPS][(group - groups[0]) % GROUPS]++;
}

static bool
are_as_expected(bool (*expected) (int i, int n, RtText what), RtText what)
{
	bool		result = true;

	for (int i = 0; i < TOPICS; i++)
	{
		for (int n = 0; n < GROUPS; n++)
			result &= visits[i][n] == (expected(i, n, what) ? 1 : 0);
	}
	memset(visits, 0, sizeof(visits));
	return result;
}

static bool
has_topic(int i, int n, RtText pattern)
{
	return groups[i][n].group_topic != NULL &&
		rt_pattern_match(pattern.ptr, pattern.len, names[i]->name, names[i]->name_len);
}

static bool
has_path(int i, int n, RtText path)
{
	return groups[i][n].group_topic != NULL && rt_texts_are_equal(groups[i][n].path, path);
}

/* ---- tests ---- */

static void
visits_those_that_match(void)
{
	static const char *const patterns[] = {
		"orders:0:a", "orders:*", "ord:*", "ord*", "*", "o*:a", "plain5", "plain*", "*:b", "orders:*:b",
		"orders:0", "orders:", "none:*", "none", ":*", "orders:0:a*", "ord*rs:3:b", "*plain*"
	};

	for (size_t i = 0; i < lengthof(patterns); i++)
	{
		RtText		pattern = RT_TEXT(patterns[i]);

		rt_group_index_visit_topics(pattern, note_visit);
		if (!CHECK(are_as_expected(has_topic, pattern)))
			printf("# pattern %s\n", patterns[i]);
	}
}

static void
visits_those_of_a_path(void)
{
	rt_group_index_visit_path(RT_TEXT("shop/orders"), note_visit);
	CHECK(are_as_expected(has_path, RT_TEXT("shop/orders")));
	rt_group_index_visit_path(RT_TEXT("shop/none"), note_visit);
	CHECK(are_as_expected(has_path, RT_TEXT("shop/none")));
}

static void
looks_at_no_others(void)
{
	for (int i = 0; i < TOPICS; i++)
	{
		if (i % 3 != 0)
			ASAN_POISON_MEMORY_REGION(names[i], sizeof(RtTopic));
	}
	rt_group_index_visit_topics(RT_TEXT("orders:*:a"), note_visit);
	for (int i = 0; i < TOPICS; i++)
		ASAN_UNPOISON_MEMORY_REGION(names[i], sizeof(RtTopic));
	CHECK(are_as_expected(has_topic, RT_TEXT("orders:*:a")));
}

static void
forgets_those_that_are_gone(void)
{
	for (int i = 0; i < TOPICS; i++)
	{
		for (int n = 0; n < GROUPS; n++)
		{
			if (i % 2 == 0 && n == 1)
				continue;
			rt_group_index_remove(&groups[i][n]);
			groups[i][n].group_topic = NULL;
		}
		CHECK((names[i]->group_topic != NULL) == (i % 2 == 0));
	}
	visits_those_that_match();
	visits_those_of_a_path();
	for (int i = 0; i < TOPICS; i += 2)
		rt_group_index_remove(&groups[i][1]);
	CHECK(dlist_is_empty(&topics));
	for (int i = 0; i < TOPICS; i++)
		free(names[i]);
	rt_hash_destroy(&paths);
	rt_hash_destroy(&heads);
}

/* A gateway that forgets something twice goes on. */
static void
survives_what_is_not_there(void)
{
	RtHashTable table;
	RtHashNode	nodes[2];

	rt_hash_init(&table);
	rt_hash_add(&table, &nodes[0], 1);
	rt_hash_add(&table, &nodes[1], 1);
	rt_hash_remove(&table, &nodes[0]);
	CHECK(violations == 0);
	rt_hash_remove(&table, &nodes[0]);
	CHECK(violations == 1);
	CHECK(rt_hash_first(&table, 1) == &nodes[1]);
	CHECK(table.members == 1);
	rt_hash_destroy(&table);
}

int
main(void)
{
	rt_group_index_init();
	for (int i = 0; i < TOPICS; i++)
		make_topic(i);
	RUN(visits_those_that_match);
	RUN(visits_those_of_a_path);
	RUN(looks_at_no_others);
	RUN(forgets_those_that_are_gone);
	RUN(survives_what_is_not_there);
	return unit_done();
}
