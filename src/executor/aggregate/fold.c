/*
 * fold.c
 *		Counts events in the windows of an aggregate, in one transaction.
 *
 * What is computed is what nodeAgg.c would compute of the same rows in the same
 * order; only that states are read from a table and written there again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "src/aggregate/window.h"
#include "src/attempt.h"
#include "src/catalog/json_member.h"
#include "src/executor/aggregate/fold.h"
#include "src/executor/errors.h"
#include "src/executor/stale_plan.h"
#include "src/ipc/path_stat.h"
#include "src/protocol/json.h"

/* ---- beginning ---- */

static void
describe_reducers(RtFold *fold)
{
	const RtAggregateDeclaration *declaration = fold->declaration;
	Oid		   *types = palloc(sizeof(Oid) * declaration->count);
	int			count = 0;

	fold->reducers = palloc(sizeof(RtReducer) * declaration->count);
	for (int i = 0; i < declaration->count; i++)
	{
		RtReducer  *reducer = &fold->reducers[i];

		if (!OidIsValid(declaration->functions[i]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("aggregate %s does not exist", declaration->signatures[i])));
		rt_reducer_describe(reducer, declaration->names[i], declaration->functions[i],
							declaration->fields[i]);
		rt_reducer_check_rights(reducer, declaration->owner);
		if (reducer->nargs > 0)
			types[count++] = reducer->arg_type;
	}
	fold->converter = rt_function_of_types(declaration->path, types, count);
}

static bool
is_declared(const RtFold *fold, const char *name)
{
	const ListCell *cell;

	foreach(cell, fold->declaration->windows)
	{
		if (strcmp(((RtWindowDeclaration *) lfirst(cell))->name, name) == 0)
			return true;
	}
	return false;
}

/* Those that have been dropped go. */
static void
forget_windows(const RtFold *fold, const List *values)
{
	const ListCell *cell;

	foreach(cell, values)
	{
		const RtAggregateValue *value = lfirst(cell);

		if (!is_declared(fold, value->name))
			rt_aggregate_forget_window(fold->declaration->path, value->name);
	}
}

static void
make_slices(RtFold *fold)
{
	const char *path = fold->declaration->path;
	List	   *values = rt_aggregate_values(path);
	ListCell   *cell;

	forget_windows(fold, values);
	fold->cut = DT_NOEND;
	foreach(cell, fold->declaration->windows)
	{
		RtSlice    *slice = rt_slice_make(fold, lfirst(cell), values);

		fold->slices = lappend(fold->slices, slice);
		if (slice->window->kind != RT_WINDOW_TUMBLING)
			continue;
		fold->cut = Min(fold->cut, slice->until);
		fold->closes |= slice->first < slice->current;
	}
}

void
rt_fold_begin(RtFold *fold, const RtAggregateDeclaration *declaration, TimestampTz now)
{
	fold->declaration = declaration;
	fold->now = now;
	fold->closes = false;
	fold->slices = NIL;
	fold->context = CurrentMemoryContext;
	fold->run = rt_reducer_run_begin();
	fold->event_context = AllocSetContextCreate(CurrentMemoryContext, "realtime event",
												ALLOCSET_DEFAULT_SIZES);
	describe_reducers(fold);
	make_slices(fold);
}

/* ---- what reducers take of an event ---- */

static void
append_json(StringInfo out, Jsonb *value)
{
	(void) JsonbToCString(out, &value->root, VARSIZE(value));
}

static void
append_argument(StringInfo out, Jsonb *data, const RtReducer *reducer)
{
	JsonbValue *member;

	if (out->len > 1)
		appendStringInfoChar(out, ',');
	if (reducer->field == NULL)
	{
		append_json(out, data);
		return;
	}
	member = rt_json_member(data, reducer->field);
	if (member == NULL)
		appendStringInfoString(out, "null");
	else
		append_json(out, JsonbValueToJsonb(member));
}

/* As arguments of a call are, in one array. */
static void
convert(RtFold *fold, Jsonb *data)
{
	StringInfoData json;
	const char *parameter = NULL;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < fold->declaration->count; i++)
	{
		if (fold->reducers[i].nargs > 0)
			append_argument(&json, data, &fold->reducers[i]);
	}
	appendStringInfoChar(&json, ']');
	rt_arguments_convert(fold->converter, json.data, (RtRequestSpan) {0, (uint32) json.len},
						 0, &fold->arguments, &parameter);
}

/* ---- one event ---- */

static void
advance_bucket(RtFold *fold, RtBucket *bucket)
{
	int			argument = 0;

	for (int i = 0; i < fold->declaration->count; i++)
	{
		RtReducer  *reducer = &fold->reducers[i];
		NullableDatum value = {(Datum) 0, true};

		if (reducer->nargs > 0)
			value = fold->arguments.values[argument++];
		rt_reducer_advance(reducer, fold->run, &bucket->states[i], value);
	}
	bucket->changed = true;
}

static void
advance(RtFold *fold, RtSlice *slice, TimestampTz time)
{
	RtBucket   *bucket = rt_slice_bucket(fold, slice, time);

	if (bucket != NULL)
		advance_bucket(fold, bucket);
}

static Jsonb *
jsonb_of_text(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* What is counted: an event, or data of what came before the first one. */
typedef struct Counted
{
	RtFold	   *fold;
	const RtIntakeEvent *event; /* NULL = data */
	Jsonb	   *data;
} Counted;

/* In the context of the event. */
static void
count_event(RtFold *fold, const RtIntakeEvent *event)
{
	ListCell   *cell;

	convert(fold, jsonb_of_text(event->data));
	foreach(cell, fold->slices)
	{
		RtSlice    *slice = lfirst(cell);

		if (fold->fills && slice->window->kind == RT_WINDOW_LIFETIME)
			continue;			/* what came before has it */
		advance(fold, slice, event->published_at);
		slice->events++;
	}
}

/* Windows that end have nothing of what came before. */
static void
count_data(RtFold *fold, Jsonb *data)
{
	ListCell   *cell;

	convert(fold, data);
	foreach(cell, fold->slices)
	{
		RtSlice    *slice = lfirst(cell);

		if (slice->window->kind == RT_WINDOW_LIFETIME)
			advance(fold, slice, fold->now);
	}
}

static void
count(const Counted *counted)
{
	if (counted->event != NULL)
		count_event(counted->fold, counted->event);
	else
		count_data(counted->fold, counted->data);
}

static TimestampTz
time_of(const Counted *counted)
{
	return counted->event != NULL ? counted->event->published_at : counted->fold->now;
}

/* ---- one that harms no other ---- */

/* The state of a bucket, to go back to. */
typedef struct Saved
{
	RtSlice    *slice;
	RtBucket   *bucket;
	bytea	  **states;
	bool		changed;
} Saved;

static List *
save_states(RtFold *fold, TimestampTz time)
{
	List	   *all = NIL;
	ListCell   *cell;

	foreach(cell, fold->slices)
	{
		Saved	   *saved = palloc(sizeof(Saved));

		saved->slice = lfirst(cell);
		saved->bucket = rt_slice_bucket(fold, saved->slice, time);
		if (saved->bucket == NULL)
			continue;
		saved->changed = saved->bucket->changed;
		saved->states = palloc(sizeof(bytea *) * fold->declaration->count);
		for (int i = 0; i < fold->declaration->count; i++)
			saved->states[i] = rt_reducer_save(&fold->reducers[i], fold->run,
											   &saved->bucket->states[i]);
		all = lappend(all, saved);
	}
	return all;
}

static void
restore_states(RtFold *fold, const List *all)
{
	const ListCell *cell;

	foreach(cell, all)
	{
		const Saved *saved = lfirst(cell);

		for (int i = 0; i < fold->declaration->count; i++)
			saved->bucket->states[i] = rt_reducer_load(&fold->reducers[i], fold->run,
													   saved->states[i]);
		saved->bucket->changed = saved->changed;
	}
}

ErrorData *
rt_fold_attempt(void (*run) (void *arg), void *arg)
{
	ErrorData  *error = rt_attempt(run, arg);

	if (error != NULL &&
		(error->sqlerrcode == ERRCODE_QUERY_CANCELED || rt_error_is_retryable(error) ||
		 rt_stale_plan_explains(error)))
		ReThrowError(error);
	return error;
}

static char *
name_of(const Counted *counted)
{
	return counted->event == NULL ? _("a row of the snapshot") :
		psprintf(_("an event on topic \"%s\""), counted->event->topic);
}

static void
note_failure(const Counted *counted, const ErrorData *error)
{
	RtFold	   *fold = counted->fold;
	ListCell   *cell;

	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("%s is not counted by aggregate \"%s\": %s",
					name_of(counted), fold->declaration->path, error->message),
			 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0));
	rt_path_stat_note_error(fold->declaration->path, RT_PATH_AGGREGATE, error->message);
	foreach(cell, fold->slices)
	{
		RtSlice    *slice = lfirst(cell);

		slice->failed++;
		slice->last_error = MemoryContextStrdup(fold->context, error->message);
	}
}

static void
uncount(RtFold *fold, const int64 *events)
{
	ListCell   *cell;

	foreach(cell, fold->slices)
		((RtSlice *) lfirst(cell))->events = events[foreach_current_index(cell)];
}

static int64 *
counts(const RtFold *fold)
{
	int64	   *events = palloc(sizeof(int64) * list_length(fold->slices));
	const ListCell *cell;

	foreach(cell, fold->slices)
		events[foreach_current_index(cell)] = ((const RtSlice *) lfirst(cell))->events;
	return events;
}

/* So that its error fails nothing else.  What cannot be kept afterwards has not been counted either. */
static void
count_apart(void *arg)
{
	const Counted *counted = arg;

	PushActiveSnapshot(GetTransactionSnapshot());
	count(counted);
	(void) save_states(counted->fold, time_of(counted));
	PopActiveSnapshot();
}

/* The states are not of the subtransaction: they are brought back. */
static void
try_to_count(Counted *counted)
{
	RtFold	   *fold = counted->fold;
	List	   *saved = save_states(fold, time_of(counted));
	int64	   *events = counts(fold);
	ErrorData  *error = rt_fold_attempt(count_apart, counted);

	if (error == NULL)
		return;
	restore_states(fold, saved);
	uncount(fold, events);
	note_failure(counted, error);
}

/* ---- memory ---- */

static List *
all_buckets(const RtFold *fold)
{
	List	   *all = NIL;
	const ListCell *cell;

	foreach(cell, fold->slices)
	{
		const RtSlice *slice = lfirst(cell);

		all = list_concat(all, slice->buckets);
		if (slice->closed != NULL)
			all = lappend(all, slice->closed);
	}
	return all;
}

/* States are made anew, as the next transaction would; so what is beside them goes. */
static void
tidy_up(RtFold *fold)
{
	List	   *buckets = all_buckets(fold);
	int			count = fold->declaration->count;
	bytea	  **saved = palloc(sizeof(bytea *) * Max(count * list_length(buckets), 1));
	ListCell   *cell;

	for (int i = 0; i < count * list_length(buckets); i++)
		saved[i] = rt_reducer_save(&fold->reducers[i % count], fold->run,
								   &((RtBucket *) list_nth(buckets, i / count))->states[i % count]);
	rt_reducer_run_empty(fold->run);
	foreach(cell, buckets)
	{
		RtBucket   *bucket = lfirst(cell);

		for (int i = 0; i < count; i++)
			bucket->states[i] = rt_reducer_load(&fold->reducers[i], fold->run,
												saved[foreach_current_index(cell) * count + i]);
	}
	rt_reducer_run_note_needed(fold->run);
}

/* ---- */

static void
count_in_turn(Counted *counted)
{
	RtFold	   *fold = counted->fold;
	MemoryContext old = MemoryContextSwitchTo(fold->event_context);

	CHECK_FOR_INTERRUPTS();
	if (fold->careful)
		try_to_count(counted);
	else
		count(counted);
	if (rt_reducer_run_is_full(fold->run))
		tidy_up(fold);
	MemoryContextSwitchTo(old);
	MemoryContextReset(fold->event_context);
}

void
rt_fold_event(RtFold *fold, const RtIntakeEvent *event)
{
	Counted		counted = {.fold = fold,.event = event};

	count_in_turn(&counted);
}

void
rt_fold_fill(RtFold *fold, Jsonb *data)
{
	Counted		counted = {.fold = fold,.data = data};

	count_in_turn(&counted);
}

/* ---- the end ---- */

/* A sliding window without events has nothing to lose. */
static TimestampTz
due(const RtSlice *slice)
{
	return slice->window->kind == RT_WINDOW_SLIDING && slice->buckets == NIL &&
		slice->is_whole ? DT_NOEND : slice->until;
}

TimestampTz
rt_fold_end(RtFold *fold, bool all)
{
	TimestampTz next = DT_NOEND;
	ListCell   *cell;

	foreach(cell, fold->slices)
	{
		rt_slice_settle(fold, lfirst(cell), all);
		next = Min(next, due(lfirst(cell)));
	}
	rt_reducer_run_end(fold->run);
	return next;
}
