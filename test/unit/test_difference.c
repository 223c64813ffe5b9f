/*
 * test_difference.c
 *		src/ipc/query_state.c and src/executor/query/difference.c: what clients
 *		of a live query are told turns what they have into what they should have.
 *
 * The client is played here: it deletes by key, and puts what it is told of
 * behind the key that is named with it.
 */
#include "postgres.h"

#include "src/executor/query/difference.c"
#include "src/ipc/query_state.c"
#undef printf
#undef sprintf
#undef fprintf
#undef snprintf
#include "test/unit/unit.h"

#define ROWS 12					/* at most */
#define KEYS 16

MemoryContext CurrentMemoryContext = NULL;

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return malloc(size);
}

void
pfree(void *pointer)
{
	free(pointer);
}

typedef struct Rows
{
	int			count;
	int			keys[ROWS * 2];
	int			values[ROWS * 2];
} Rows;

static RtQueryRowKey
make_key(int number, char *text)
{
	RtQueryRowKey key = {.text = text,.hash = number % 3};	/* chains are long */

	key.len = sprintf(text, "%d%.*s", number, number, "................");
	return key;
}

static RtQueryState *
make_state(const Rows *rows)
{
	char		text[64];
	Size		key_bytes = 0;
	RtQueryState *state;

	for (int i = 0; i < rows->count; i++)
		key_bytes += make_key(rows->keys[i], text).len;
	state = malloc(rt_query_state_size(rows->count, key_bytes, 1, -1));
	rt_query_state_init(state, rows->count, key_bytes, 1, -1);
	for (int i = 0; i < rows->count; i++)
	{
		RtQueryRowKey key = make_key(rows->keys[i], text);

		uint64		cut = rows->values[i] % 2;

		rt_query_state_add(state, &key, rows->values[i], &cut);
	}
	return state;
}

static Rows
random_rows(void)
{
	Rows		rows = {.count = rand() % (ROWS + 1)};
	bool		used[KEYS] = {false};

	for (int i = 0; i < rows.count; i++)
	{
		do
			rows.keys[i] = rand() % KEYS;
		while (used[rows.keys[i]]);
		used[rows.keys[i]] = true;
		rows.values[i] = rand() % 3;
	}
	return rows;
}

/* ---- the client ---- */

static int
place_of(const Rows *rows, int key)
{
	for (int i = 0; i < rows->count; i++)
	{
		if (rows->keys[i] == key)
			return i;
	}
	return -1;
}

static void
take_out(Rows *rows, int place)
{
	rows->count--;
	for (int i = place; i < rows->count; i++)
	{
		rows->keys[i] = rows->keys[i + 1];
		rows->values[i] = rows->values[i + 1];
	}
}

static void
put_in(Rows *rows, int place, int key, int value)
{
	for (int i = rows->count++; i > place; i--)
	{
		rows->keys[i] = rows->keys[i - 1];
		rows->values[i] = rows->values[i - 1];
	}
	rows->keys[place] = key;
	rows->values[place] = value;
}

static void
apply(Rows *client, const RtRowChange *change, const Rows *before,
	  const Rows *after, bool ordered)
{
	int			key = change->kind == RT_ROW_DELETED ? before->keys[change->row] :
		after->keys[change->row];
	int			place = place_of(client, key);

	CHECK((place < 0) == (change->kind == RT_ROW_CREATED));
	if (change->kind != RT_ROW_CREATED)
		take_out(client, place);
	if (change->kind == RT_ROW_DELETED)
		return;
	if (ordered && change->row > 0)
	{
		place = place_of(client, after->keys[change->row - 1]);
		CHECK(place >= 0);
		place++;
	}
	else
		place = ordered ? 0 : Max(place, 0);
	put_in(client, place, key, after->values[change->row]);
}

static bool
has_same(const Rows *a, const Rows *b, bool ordered)
{
	bool		same = a->count == b->count;

	for (int i = 0; i < b->count && same; i++)
	{
		int			place = ordered ? i : place_of(a, b->keys[i]);

		same = place >= 0 && a->keys[place] == b->keys[i] &&
			a->values[place] == b->values[i];
	}
	return same;
}

/* Returns how many changes there were. */
static int
run(const Rows *before, const Rows *after, bool ordered)
{
	RtQueryState *old_state = make_state(before);
	RtQueryState *new_state = make_state(after);
	RtDifference difference;
	Rows		client = *before;
	int			count;

	rt_difference_find(&difference, old_state, new_state, ordered);
	for (uint32 i = 0; i < difference.count; i++)
		apply(&client, &difference.changes[i], before, after, ordered);
	CHECK(has_same(&client, after, ordered));
	count = difference.count;
	free(difference.changes);
	free(old_state);
	free(new_state);
	return count;
}

/* ---- tests ---- */

static void
test_rows_are_found(void)
{
	Rows		rows = {.count = 3,.keys = {1, 4, 7},.values = {1, 2, 3}};
	RtQueryState *state = make_state(&rows);
	char		text[64];
	RtQueryRowKey key = make_key(4, text);
	RtQueryRowKey missing = make_key(10, text + 32);

	CHECK(rt_query_state_find(state, &key) == 1);
	CHECK(rt_query_state_find(state, &missing) == RT_QUERY_ROW_NONE);
	CHECK(rt_query_state_key(state, 1).len == key.len);
	CHECK(rt_query_state_row(state, 2)->hash == 3);
	CHECK(rt_query_state_cut(state, 1, 0) == 0);
	CHECK(rt_query_state_cut(state, 2, 0) == 1);
	free(state);
}

/* Of a state whose cut is the key, or another column. */
static int	key_cut = -1;

static uint64
cut_of(int number, int value)
{
	return key_cut == 0 ? number % 3 : value % 3;
}

/* A state changed in place and one made anew have the same rows. */
static void
check_same_rows(const RtQueryState *state, const int *values)
{
	char		text[64];
	uint32		count = 0;

	for (int number = 0; number < KEYS; number++)
	{
		RtQueryRowKey key = make_key(number, text);
		uint32		row = rt_query_state_find(state, &key);

		CHECK((row != RT_QUERY_ROW_NONE) == (values[number] >= 0));
		if (row == RT_QUERY_ROW_NONE)
			continue;
		count++;
		CHECK(rt_query_state_row(state, row)->hash == (uint64) values[number]);
		CHECK(rt_query_state_cut(state, row, 0) == cut_of(number, values[number]));
	}
	CHECK(state->row_count == count);
}

/* Each row is in the chain of its value once, and no other. */
static void
check_chains(const RtQueryState *state)
{
	uint32		count = 0;

	for (uint64 value = 0; value < 3; value++)
	{
		uint32		row = RT_QUERY_ROW_NONE;

		while ((row = rt_query_state_next_in(state, 0, value, row)) != RT_QUERY_ROW_NONE)
		{
			CHECK(rt_query_state_cut(state, row, 0) == value);
			count++;
		}
	}
	CHECK(state->row_count == count);
}

/* As a run would have found it. */
static void
change_row(RtQueryState *state, uint32 row, const RtQueryRowKey *key, uint64 hash, uint64 cut)
{
	RtQueryState *found = malloc(rt_query_state_size(1, key->len, 1, key_cut));

	rt_query_state_init(found, 1, key->len, 1, key_cut);
	rt_query_state_add(found, key, hash, &cut);
	rt_query_state_change(state, row, found, 0);
	free(found);
}

static void
change_at_random(RtQueryState *state, int *values)
{
	char		text[64];
	int			number = rand() % KEYS;
	RtQueryRowKey key = make_key(number, text);
	uint32		row = rt_query_state_find(state, &key);
	uint64		cut;

	values[number] = row == RT_QUERY_ROW_NONE || rand() % 2 ? rand() % 50 : -1;
	cut = cut_of(number, values[number]);
	if (values[number] < 0)
		rt_query_state_remove(state, row);
	else if (row == RT_QUERY_ROW_NONE)
		rt_query_state_add(state, &key, values[number], &cut);
	else
		change_row(state, row, &key, values[number], cut);
}

static void
test_changes_in_place(void)
{
	Size		key_bytes = 5000 * 20;
	RtQueryState *state = malloc(rt_query_state_size(5000, key_bytes, 1, key_cut));
	int			values[KEYS];

	memset(values, 0xFF, sizeof(values));
	rt_query_state_init(state, 5000, key_bytes, 1, key_cut);
	for (int i = 0; i < 4000 && rt_query_state_has_room(state, 1, 20); i++)
	{
		change_at_random(state, values);
		check_same_rows(state, values);
		check_chains(state);
	}
	CHECK(!rt_query_state_has_room(state, 5000, 0));
	free(state);
}

static void
test_key_is_the_cut(void)
{
	key_cut = 0;
	test_changes_in_place();
	key_cut = -1;
}

/* Lengths around that which takes more room. */
static void
test_long_keys(void)
{
	static const uint32 lens[] = {0, 1, 127, 128, 129, 255, 256, 70000};
	Size		bytes = 0;
	char	   *text = malloc(70000);
	RtQueryState *state;
	uint64		cut = 0;

	memset(text, 'x', 70000);
	for (int i = 0; i < lengthof(lens); i++)
		bytes += lens[i];
	state = malloc(rt_query_state_size(lengthof(lens), bytes, 1, -1));
	rt_query_state_init(state, lengthof(lens), bytes, 1, -1);
	for (int i = 0; i < lengthof(lens); i++)
	{
		RtQueryRowKey key = {text, lens[i], i};

		CHECK(rt_query_state_has_room(state, 1, lens[i]));
		rt_query_state_add(state, &key, i, &cut);
	}
	CHECK(state->text_used <= state->text_max);
	for (int i = 0; i < lengthof(lens); i++)
	{
		RtQueryRowKey key = rt_query_state_key(state, i);

		CHECK(key.len == lens[i] && memcmp(key.text, text, key.len) == 0);
		CHECK(rt_query_state_find(state, &key) == (uint32) i);
	}
	free(state);
	free(text);
}

/* What more a row has is as long as its value says, and consists of it. */
static void
put_more(RtQueryState *state, const RtQueryRowKey *key, int value)
{
	char		more[300];
	uint64		cut = value % 3;

	memset(more, value, sizeof(more));
	rt_query_state_add_with(state, key, value, &cut, more, value % 20 * 14);
}

static void
check_more(const RtQueryState *state, const int *values)
{
	char		text[64];

	for (int number = 0; number < KEYS; number++)
	{
		RtQueryRowKey key = make_key(number, text);
		uint32		row = rt_query_state_find(state, &key);
		uint32		len;
		const char *more;

		CHECK((row != RT_QUERY_ROW_NONE) == (values[number] >= 0));
		if (row == RT_QUERY_ROW_NONE)
			continue;
		more = rt_query_state_more(state, row, &len);
		CHECK(len == (uint32) (values[number] % 20 * 14));
		for (uint32 i = 0; i < len; i++)
			CHECK(more[i] == (char) values[number]);
	}
}

static RtQueryState *
make_tallied(uint32 rows, Size bytes)
{
	RtQueryState *state = malloc(rt_query_state_size(rows, bytes, 1, -1));

	rt_query_state_init(state, rows, bytes, 1, -1);
	state->is_tallied = true;
	return state;
}

static void
change_with_more(RtQueryState *state, int *values)
{
	char		text[64];
	int			number = rand() % KEYS;
	RtQueryRowKey key = make_key(number, text);
	uint32		row = rt_query_state_find(state, &key);
	RtQueryState *found = make_tallied(1, 400);

	values[number] = row == RT_QUERY_ROW_NONE || rand() % 3 ? rand() % 100 : -1;
	if (values[number] >= 0)
		put_more(found, &key, values[number]);
	if (values[number] < 0)
		rt_query_state_remove(state, row);
	else if (row == RT_QUERY_ROW_NONE)
		rt_query_state_copy(state, found, 0);
	else
		rt_query_state_change(state, row, found, 0);
	free(found);
}

static void
test_more_in_place(void)
{
	RtQueryState *state = make_tallied(KEYS, 500000);
	int			values[KEYS];
	uint32		changes = 0;

	memset(values, 0xFF, sizeof(values));
	for (; rt_query_state_has_room(state, 0, 20 + 300 + RT_QUERY_MORE_OVERHEAD); changes++)
	{
		change_with_more(state, values);
		check_more(state, values);
		check_chains(state);
	}
	CHECK(changes > 1000);
	free(state);
}

static void
test_too_many_are_refused(void)
{
	CHECK(rt_query_state_size(PG_UINT32_MAX, 0, 1, -1) == 0);
	CHECK(rt_query_state_size(1, PG_UINT32_MAX, 1, -1) == 0);
	CHECK(rt_query_state_size(0, 0, 0, -1) > 0);
}

static void
test_nothing_to_tell(void)
{
	Rows		none = {.count = 0};
	Rows		rows = {.count = 3,.keys = {1, 2, 3},.values = {1, 1, 1}};

	CHECK(run(&none, &none, true) == 0);
	CHECK(run(&rows, &rows, true) == 0);
	CHECK(run(&rows, &rows, false) == 0);
}

/* One that moves is told alone, wherever it goes. */
static void
test_moves(void)
{
	Rows		before = {.count = 4,.keys = {1, 2, 3, 4},.values = {1, 1, 1, 1}};
	Rows		first = {.count = 4,.keys = {2, 3, 4, 1},.values = {1, 1, 1, 1}};
	Rows		last = {.count = 4,.keys = {4, 1, 2, 3},.values = {1, 1, 1, 1}};
	Rows		pairs = {.count = 4,.keys = {3, 4, 1, 2},.values = {1, 1, 1, 1}};

	CHECK(run(&before, &first, true) == 1);
	CHECK(run(&before, &last, true) == 1);
	CHECK(run(&before, &pairs, true) == 2);
	CHECK(run(&before, &pairs, false) == 0);
}

static void
test_random(void)
{
	Rows		before = random_rows();

	srand(1);
	for (int i = 0; i < 20000; i++)
	{
		Rows		after = random_rows();

		run(&before, &after, i % 2 == 0);
		before = after;
	}
}

int
main(void)
{
	RUN(test_rows_are_found);
	RUN(test_changes_in_place);
	RUN(test_key_is_the_cut);
	RUN(test_long_keys);
	RUN(test_more_in_place);
	RUN(test_too_many_are_refused);
	RUN(test_nothing_to_tell);
	RUN(test_moves);
	RUN(test_random);
	return unit_done();
}
