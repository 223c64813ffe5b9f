/*
 * pipe.c
 *		What pipes make of the items of a value, and of events.
 *
 * A value is a list of items, and goes through all steps in their order.  A
 * change of it, or an event, is about some of them, without the others: so
 * neither is sorted or cut off, and only what is declared as live is done to
 * events.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "src/catalog/json_member.h"
#include "src/pipe/pipe.h"

/* ---- filter ---- */

static bool
passes(const RtPipeRun *run, const RtPipeStep *step, Jsonb *item)
{
	NullableDatum value = {JsonbPGetDatum(item), false};
	NullableDatum result;

	CHECK_FOR_INTERRUPTS();
	result = run->call(run->arg, step, value);
	return !result.isnull && DatumGetBool(result.value);
}

static List *
filter(const RtPipeRun *run, const RtPipeStep *step, List *items, List **left_out)
{
	List	   *kept = NIL;
	ListCell   *cell;

	foreach(cell, items)
	{
		if (passes(run, step, lfirst(cell)))
			kept = lappend(kept, lfirst(cell));
		else if (left_out != NULL)
			*left_out = lappend(*left_out, lfirst(cell));
	}
	return kept;
}

/* ---- sort ---- */

/* What an item is sorted by; of two that are the same the first stays first. */
typedef struct SortItem
{
	Jsonb	   *item;
	Jsonb	   *value;			/* NULL = none, or null */
	int			place;
	bool		descending;
} SortItem;

/* As ORDER BY does it: what has no value is greater than all that have. */
static int
compare_values(const SortItem *a, const SortItem *b)
{
	if (a->value == NULL || b->value == NULL)
		return (a->value == NULL) - (b->value == NULL);
	return compareJsonbContainers(&a->value->root, &b->value->root);
}

static int
compare_items(const void *left, const void *right)
{
	const SortItem *a = left;
	const SortItem *b = right;
	int			order = compare_values(a, b);

	CHECK_FOR_INTERRUPTS();
	if (order == 0)
		return a->place < b->place ? -1 : 1;
	return a->descending ? -order : order;
}

static SortItem
sort_item(const RtPipeStep *step, Jsonb *item, int place)
{
	JsonbValue *value = rt_json_member(item, step->field);
	SortItem	made = {.item = item,.place = place,.descending = step->descending};

	if (value != NULL && value->type != jbvNull)
		made.value = JsonbValueToJsonb(value);
	return made;
}

static List *
sort(const RtPipeStep *step, List *items)
{
	int			count = list_length(items);
	SortItem   *sorted = palloc(sizeof(SortItem) * Max(count, 1));
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, items)
		sorted[foreach_current_index(cell)] = sort_item(step, lfirst(cell),
														foreach_current_index(cell));
	qsort(sorted, count, sizeof(SortItem), compare_items);
	for (int i = 0; i < count; i++)
		result = lappend(result, sorted[i].item);
	return result;
}

/* ---- join ---- */

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Each once, as text[]; 0 if there is none. */
static Datum
array_of_ids(char **ids, int count)
{
	char	  **sorted = palloc(sizeof(char *) * Max(count, 1));
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			some = 0;
	int			different = 0;

	for (int i = 0; i < count; i++)
	{
		if (ids[i] != NULL)
			sorted[some++] = ids[i];
	}
	qsort(sorted, some, sizeof(char *), compare_texts);
	for (int i = 0; i < some; i++)
	{
		if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
			elements[different++] = CStringGetTextDatum(sorted[i]);
	}
	if (different == 0)
		return (Datum) 0;
	return PointerGetDatum(construct_array(elements, different, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* An object with a member for each id that it knows; NULL = it knows none. */
static Jsonb *
find_all(const RtPipeRun *run, const RtPipeStep *step, char **ids, int count)
{
	NullableDatum array = {array_of_ids(ids, count), false};
	NullableDatum found;

	if (array.value == (Datum) 0)
		return NULL;
	CHECK_FOR_INTERRUPTS();
	found = run->call(run->arg, step, array);
	if (found.isnull || rt_jsonb_is_null(DatumGetJsonbP(found.value)))
		return NULL;
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(found.value)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("resolver %s has returned no object", step->signature),
				 errdetail("It returns an object with a member for each id.")));
	return DatumGetJsonbP(found.value);
}

static Jsonb *
add_found(const RtPipeStep *step, Jsonb *item, Jsonb *found, const char *id)
{
	JsonbValue	nothing = {.type = jbvNull};
	JsonbValue *value = NULL;

	if (!JB_ROOT_IS_OBJECT(item))
		return item;
	if (found != NULL && id != NULL)
		value = getKeyJsonValueFromContainer(&found->root, id, (int) strlen(id), NULL);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(item),
											  JsonbPGetDatum(rt_json_object_of(step->name,
																			   value != NULL ? value : &nothing))));
}

/* All ids at once: one call, however many items there are. */
static List *
join(const RtPipeRun *run, const RtPipeStep *step, List *items)
{
	int			count = list_length(items);
	char	  **ids = palloc(sizeof(char *) * Max(count, 1));
	List	   *joined = NIL;
	Jsonb	   *found;
	ListCell   *cell;

	foreach(cell, items)
		ids[foreach_current_index(cell)] = rt_json_scalar_text(rt_json_member(lfirst(cell), step->field));
	found = find_all(run, step, ids, count);
	foreach(cell, items)
		joined = lappend(joined, add_found(step, lfirst(cell), found,
										   ids[foreach_current_index(cell)]));
	return joined;
}

/* ---- all steps ---- */

static bool
is_done(const RtPipeRun *run, const RtPipeStep *step)
{
	if (run->use == RT_PIPE_EVENTS)
		return step->live;
	return run->use == RT_PIPE_ALL ||
		(step->kind != RT_PIPE_SORT && step->kind != RT_PIPE_LIMIT);
}

static List *
run_step(const RtPipeRun *run, const RtPipeStep *step, List *items, List **left_out)
{
	switch (step->kind)
	{
		case RT_PIPE_FILTER:
			return filter(run, step, items, left_out);
		case RT_PIPE_SORT:
			return sort(step, items);
		case RT_PIPE_LIMIT:
			return list_truncate(items, step->most);
		case RT_PIPE_JOIN:
			break;
	}
	return join(run, step, items);
}

List *
rt_pipe_run(const RtPipeRun *run, List *items, List **left_out)
{
	for (int i = 0; i < run->pipe->count; i++)
	{
		const RtPipeStep *step = &run->pipe->steps[i];

		if (is_done(run, step))
			items = run_step(run, step, items, left_out);
	}
	return items;
}

/* ---- events ---- */

static bool
is_named(const char *name, size_t len, const char *other)
{
	return len == strlen(other) && memcmp(name, other, len) == 0;
}

bool
rt_pipe_brings_all(const char *name, size_t len, Jsonb *data)
{
	return rt_jsonb_is_array(data) &&
		(is_named(name, len, "refreshed") || is_named(name, len, "set"));
}

Jsonb *
rt_pipe_key_of(Jsonb *item, const char *key)
{
	JsonbValue *value;

	if (!JB_ROOT_IS_OBJECT(item))
		return NULL;
	value = getKeyJsonValueFromContainer(&item->root, key, (int) strlen(key), NULL);
	return value == NULL ? NULL : rt_json_object_of(key, value);
}

Jsonb *
rt_pipe_event(const RtPipeRun *run, RtMerge merge, const char *key, const char **name,
			  Jsonb *data)
{
	bool		is_change = merge == RT_MERGE_CRUD && run->pipe->filters_events &&
		strcmp(*name, "updated") == 0;
	List	   *items;

	if (rt_pipe_brings_all(*name, strlen(*name), data))
		return rt_json_array_of(rt_pipe_run(run, rt_json_elements(data), NULL));
	items = rt_pipe_run(run, list_make1(data), NULL);
	if (!is_change)
		return items == NIL ? NULL : linitial(items);
	*name = items != NIL ? "created" : "deleted";
	return items != NIL ? linitial(items) : rt_pipe_key_of(data, key);
}
