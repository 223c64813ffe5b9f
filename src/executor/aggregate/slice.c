/*
 * slice.c
 *		A window of an aggregate, in one transaction.
 *
 * It is made of buckets: one, which never ends; those of a tumbling window, which
 * are over one after the other; or the parts of a sliding one.
 *
 * Of a sliding window those before the current one are also kept put together, so
 * that events of now cost the same however many there are.  That is good as long
 * as the current one is the same, and nobody comes late; else it is made of all.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "src/aggregate/window.h"
#include "src/backend/publish/publish.h"
#include "src/executor/aggregate/fold.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/path_stat.h"
#include "src/protocol/frame.h"

#define EVENT "set"
#define VALUE_MAX (RT_FRAME_PAYLOAD_MAX - 2048)	/* bytes of JSON */

/* ---- buckets ---- */

static RtBucket *
make_bucket(RtFold *fold, TimestampTz begin)
{
	RtBucket   *bucket = palloc0(sizeof(RtBucket));

	bucket->begin = begin;
	bucket->states = palloc0(sizeof(RtReducerState) * fold->declaration->count);
	for (int i = 0; i < fold->declaration->count; i++)
		bucket->states[i] = rt_reducer_begin(&fold->reducers[i], fold->run);
	return bucket;
}

/* What is kept of another aggregate, or field, is of no use. */
static const bytea *
kept_state(const RtAggregateState *kept, const RtReducer *reducer, int number)
{
	for (int i = 0; i < kept->count; i++)
	{
		/* mostly at the same place */
		int			place = (number + i) % kept->count;

		if (strcmp(kept->reducers[place], psprintf("%s %s", reducer->name, reducer->kind)) == 0)
			return kept->states[place];
	}
	return NULL;
}

static RtBucket *
load_bucket(RtFold *fold, const RtAggregateState *kept)
{
	RtBucket   *bucket = make_bucket(fold, kept->bucket);

	bucket->kept = true;
	for (int i = 0; i < fold->declaration->count; i++)
	{
		const bytea *saved = kept_state(kept, &fold->reducers[i], i);

		if (saved != NULL)
			bucket->states[i] = rt_reducer_load(&fold->reducers[i], fold->run, saved);
	}
	return bucket;
}

static RtBucket *
insert_bucket(RtFold *fold, RtSlice *slice, TimestampTz begin, int place)
{
	MemoryContext old = MemoryContextSwitchTo(fold->context);
	RtBucket   *made = make_bucket(fold, begin);

	slice->buckets = list_insert_nth(slice->buckets, place, made);
	MemoryContextSwitchTo(old);
	return made;
}

RtBucket *
rt_slice_find(RtFold *fold, RtSlice *slice, TimestampTz begin)
{
	int			place = list_length(slice->buckets);

	/* mostly the last one */
	for (; place > 0; place--)
	{
		RtBucket   *bucket = list_nth(slice->buckets, place - 1);

		if (bucket->begin == begin)
			return bucket;
		if (bucket->begin < begin)
			break;
	}
	return insert_bucket(fold, slice, begin, place);
}

static void
read_buckets(RtFold *fold, RtSlice *slice, TimestampTz from)
{
	const RtWindowDeclaration *window = slice->window;
	ListCell   *cell;

	slice->buckets = NIL;
	slice->closed = NULL;
	slice->is_whole = TIMESTAMP_IS_NOBEGIN(from);
	foreach(cell, rt_aggregate_states(window->path, window->name, from))
	{
		const RtAggregateState *kept = lfirst(cell);

		if (window->kind != RT_WINDOW_SLIDING || !TIMESTAMP_IS_NOBEGIN(kept->bucket))
			slice->buckets = lappend(slice->buckets, load_bucket(fold, kept));
		else if (!slice->is_whole)
			slice->closed = load_bucket(fold, kept);
	}
}

/* Those before the current one, too; it may have changed already. */
static void
read_rest(RtFold *fold, RtSlice *slice)
{
	MemoryContext old = MemoryContextSwitchTo(fold->context);
	List	   *later = slice->buckets;
	List	   *before = NIL;
	ListCell   *cell;

	read_buckets(fold, slice, DT_NOBEGIN);
	foreach(cell, slice->buckets)
	{
		if (((RtBucket *) lfirst(cell))->begin < slice->current)
			before = lappend(before, lfirst(cell));
	}
	slice->buckets = list_concat(before, later);
	MemoryContextSwitchTo(old);
}

/* Who comes late counts in what is not over yet. */
RtBucket *
rt_slice_bucket(RtFold *fold, RtSlice *slice, TimestampTz time)
{
	TimestampTz begin = slice->current;

	if (slice->window->kind == RT_WINDOW_SLIDING)
	{
		begin = rt_window_bucket(slice->window, time);
		if (begin < slice->first)
			return NULL;
		if (begin < slice->current && !slice->is_whole)
			read_rest(fold, slice);
	}
	else if (slice->window->kind == RT_WINDOW_TUMBLING &&
			 (slice->first != slice->current || time < slice->current))
		begin = Max(rt_window_bucket(slice->window, time), slice->first);
	return rt_slice_find(fold, slice, begin);
}

/* ---- making ---- */

static const RtAggregateValue *
find_value(const List *values, const RtWindowDeclaration *window)
{
	const ListCell *cell;

	foreach(cell, values)
	{
		const RtAggregateValue *value = lfirst(cell);

		if (strcmp(value->name, window->name) == 0 &&
			strcmp(value->definition, window->definition) == 0)
			return value;
	}
	return NULL;
}

static TimestampTz
first_bucket(const RtFold *fold, const RtSlice *slice)
{
	if (slice->window->kind == RT_WINDOW_SLIDING)
		return rt_window_oldest(slice->window, fold->now);
	return slice->kept == NULL ? slice->current : Min(slice->kept->since, slice->current);
}

/* Whether what is kept put together is that of the current bucket. */
static bool
has_closed(const RtSlice *slice)
{
	return slice->window->kind == RT_WINDOW_SLIDING && slice->kept->since == slice->current;
}

RtSlice *
rt_slice_make(RtFold *fold, const RtWindowDeclaration *window, const List *values)
{
	RtSlice    *slice = palloc0(sizeof(RtSlice));

	slice->window = window;
	slice->kept = find_value(values, window);
	slice->current = rt_window_bucket(window, fold->now);
	slice->until = rt_window_end(window, fold->now);
	slice->first = first_bucket(fold, slice);
	slice->is_whole = true;
	if (slice->kept == NULL)
	{
		rt_aggregate_forget_buckets(window->path, window->name, DT_NOEND);
		return slice;
	}
	read_buckets(fold, slice, has_closed(slice) ? slice->current : DT_NOBEGIN);
	if (!slice->is_whole && slice->closed == NULL)
		read_rest(fold, slice);
	return slice;
}

/* ---- values ---- */

static void
append_member(RtFold *fold, int number, const RtReducerState *state, StringInfo out)
{
	RtReducer  *reducer = &fold->reducers[number];

	appendStringInfoChar(out, number == 0 ? '{' : ',');
	rt_text_write(out, reducer->name, strlen(reducer->name));
	appendStringInfoChar(out, ':');
	rt_reducer_finish(reducer, fold->run, state, out);
}

/* Final functions may spoil the state: they get a copy. */
static RtReducerState
copy_state(RtFold *fold, int number, const RtReducerState *state)
{
	RtReducer  *reducer = &fold->reducers[number];
	bytea	   *saved = rt_reducer_save(reducer, fold->run, state);
	RtReducerState copy = rt_reducer_load(reducer, fold->run, saved);

	pfree(saved);
	return copy;
}

static void
add_bucket(RtFold *fold, RtBucket *sum, const RtBucket *bucket)
{
	for (int i = 0; i < fold->declaration->count; i++)
		rt_reducer_combine(&fold->reducers[i], fold->run, &sum->states[i], &bucket->states[i]);
}

/* Those before the current one. */
static void
close_up(RtFold *fold, RtSlice *slice)
{
	ListCell   *cell;

	slice->closed = make_bucket(fold, DT_NOBEGIN);
	foreach(cell, slice->buckets)
	{
		const RtBucket *bucket = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (bucket->begin < slice->current)
			add_bucket(fold, slice->closed, bucket);
	}
}

/* Of all that a sliding window has. */
static RtBucket *
sum_of(RtFold *fold, const RtSlice *slice)
{
	RtBucket   *sum = make_bucket(fold, DT_NOBEGIN);
	const ListCell *cell;

	add_bucket(fold, sum, slice->closed);
	foreach(cell, slice->buckets)
	{
		const RtBucket *bucket = lfirst(cell);

		if (bucket->begin >= slice->current)
			add_bucket(fold, sum, bucket);
	}
	return sum;
}

static Jsonb *
jsonb_of(const StringInfoData *json)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data)));
}

static Jsonb *
value_of(RtFold *fold, const RtBucket *bucket)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < fold->declaration->count; i++)
	{
		RtReducerState state = copy_state(fold, i, &bucket->states[i]);

		append_member(fold, i, &state, &json);
	}
	appendStringInfoChar(&json, '}');
	return jsonb_of(&json);
}

static void
publish(const RtFold *fold, const RtSlice *slice, Jsonb *value)
{
	const char *topic = slice->window->name[0] == '\0' ? fold->declaration->topic :
		psprintf("%s:%s", fold->declaration->topic, slice->window->name);

	rt_publish(cstring_to_text(topic), cstring_to_text(EVENT), value);
}

/* ---- the end ---- */

/*
 * What an aggregate's own functions may fail in, and publishing.  The first time
 * that fails the transaction, which is told as any other error; when that is done
 * again, carefully, it goes on without what cannot be told.
 */
typedef struct Telling
{
	RtFold	   *fold;
	RtSlice    *slice;
	const RtBucket *over;		/* that is told once more */
	TimestampTz since;			/* of the value: the bucket that it is of */
	const char *told;			/* what clients have; NULL = nothing yet */
	const char *value;
} Telling;

static void
warn(Telling *telling, int code, const char *message, const char *detail)
{
	const char *path = telling->slice->window->path;

	telling->slice->last_error = message;
	rt_path_stat_note_error(path, RT_PATH_AGGREGATE, message);
	if (rt_log_limit_allows(path, code))
		ereport(WARNING,
				(errcode(code),
				 errmsg("value of aggregate \"%s\" is not published: %s", path, message),
				 detail != NULL ? errdetail_internal("%s", detail) : 0));
}

static bool
succeeds(Telling *telling, void (*run) (void *arg))
{
	ErrorData  *error;

	if (!telling->fold->careful)
	{
		run(telling);
		return true;
	}
	error = rt_fold_attempt(run, telling);
	if (error != NULL)
		warn(telling, error->sqlerrcode, error->message, error->detail);
	return error == NULL;
}

static void
tell_over(void *arg)
{
	Telling    *telling = arg;
	RtFold	   *fold = telling->fold;
	RtSlice    *slice = telling->slice;

	publish(fold, slice, value_of(fold, telling->over));
	publish(fold, slice, value_of(fold, make_bucket(fold, slice->current)));
}

/*
 * A period is over: what it has come to is told once more, if anything has, and
 * that the next one begins with nothing, also if there is something in that already.
 */
static void
close_buckets(Telling *telling)
{
	RtSlice    *slice = telling->slice;

	while (slice->buckets != NIL)
	{
		telling->over = linitial(slice->buckets);
		if (telling->over->begin >= slice->current)
			break;
		if (succeeds(telling, tell_over))
			telling->told = slice->window->initial;
		slice->buckets = list_delete_first(slice->buckets);
	}
}

static bool
drop_over(RtSlice *slice)
{
	int			before = list_length(slice->buckets);

	while (slice->buckets != NIL && ((RtBucket *) linitial(slice->buckets))->begin < slice->first)
		slice->buckets = list_delete_first(slice->buckets);
	return list_length(slice->buckets) != before;
}

static void
save_bucket(RtFold *fold, const RtSlice *slice, const RtBucket *bucket)
{
	int			count = fold->declaration->count;
	RtAggregateState state = {
		.name = slice->window->name,.bucket = bucket->begin,.count = count,
		.reducers = palloc(sizeof(char *) * count),.states = palloc(sizeof(bytea *) * count)
	};

	for (int i = 0; i < count; i++)
	{
		state.reducers[i] = psprintf("%s %s", fold->reducers[i].name, fold->reducers[i].kind);
		state.states[i] = rt_reducer_save(&fold->reducers[i], fold->run, &bucket->states[i]);
	}
	rt_aggregate_put_state(slice->window->path, &state);
}

static void
save_buckets(RtFold *fold, const RtSlice *slice)
{
	const ListCell *cell;

	foreach(cell, slice->buckets)
	{
		const RtBucket *bucket = lfirst(cell);

		if (bucket->changed)
			save_bucket(fold, slice, bucket);
	}
}

static void
tell_value(void *arg)
{
	Telling    *telling = arg;
	RtFold	   *fold = telling->fold;
	RtSlice    *slice = telling->slice;
	bool		slides = slice->window->kind == RT_WINDOW_SLIDING;
	Jsonb	   *value;
	char	   *text;

	if (slides && slice->is_whole)
		close_up(fold, slice);
	value = value_of(fold, slides ? sum_of(fold, slice) :
					 rt_slice_find(fold, slice, telling->since));
	text = JsonbToCString(NULL, &value->root, VARSIZE(value));
	if (strlen(text) > VALUE_MAX)
	{
		warn(telling, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			 psprintf("value has %zu bytes, the most are %d", strlen(text), VALUE_MAX), NULL);
		return;
	}
	if (telling->told == NULL || strcmp(text, telling->told) != 0)
		publish(fold, slice, value);
	telling->value = text;
}

static bool
is_as_it_was(const RtSlice *slice, const char *value, bool moved)
{
	return slice->kept != NULL && !moved && slice->events == 0 && slice->failed == 0 &&
		slice->last_error == NULL && strcmp(value, slice->kept->value) == 0;
}

/* Until when the value is that of now. */
static TimestampTz
value_until(const RtSlice *slice, TimestampTz since)
{
	return slice->window->kind == RT_WINDOW_TUMBLING && since < slice->current ?
		rt_window_end(slice->window, since) : slice->until;
}

static void
put_value(Telling *telling, bool is_made, bool moved)
{
	RtSlice    *slice = telling->slice;
	bool		slides = slice->window->kind == RT_WINDOW_SLIDING;
	RtAggregateValue value = {
		.name = slice->window->name,.definition = slice->window->definition,
		.events = slice->events,.failed = slice->failed,.last_error = slice->last_error,
		.since = slides && !is_made ? DT_NOBEGIN : telling->since,
		.until = value_until(slice, telling->since),
		.value = telling->value
	};

	if (is_as_it_was(slice, value.value, moved))
		return;
	if (slides && is_made && slice->is_whole)
		save_bucket(telling->fold, slice, slice->closed);
	rt_aggregate_put_value(slice->window->path, &value);
}

/*
 * all: whoever has published before now has been counted, so what is over may
 * end.  Who follows a window whose value cannot be told keeps what he has.  Of a sliding
 * one there is nothing put together then: that is done the next time, of all.
 */
void
rt_slice_settle(RtFold *fold, RtSlice *slice, bool all)
{
	bool		tumbles = slice->window->kind == RT_WINDOW_TUMBLING;
	bool		ends = tumbles && all && slice->first < slice->current;
	Telling		telling = {
		.fold = fold,.slice = slice,.since = tumbles && !ends ? slice->first : slice->current,
		.told = slice->kept == NULL ? NULL : slice->kept->value
	};
	bool		is_made;
	bool		moved;

	save_buckets(fold, slice);
	if (ends)
		close_buckets(&telling);
	moved = ends || (slice->window->kind == RT_WINDOW_SLIDING && drop_over(slice));
	if (moved)
		rt_aggregate_forget_buckets(slice->window->path, slice->window->name,
									tumbles ? slice->current : slice->first);
	telling.value = telling.told != NULL ? telling.told : "null";
	is_made = succeeds(&telling, tell_value);
	put_value(&telling, is_made, moved);
}
