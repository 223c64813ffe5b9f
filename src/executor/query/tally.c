/*
 * tally.c
 *		What groups of rows come to after some have changed, without reading them.
 *
 * The state is what the query gave at the snapshot of the last round, tallies with
 * it, and the changes are what lies between that snapshot and this one, each once
 * (change_ring.h).  So what they add up to is exactly the difference, in whatever order
 * they come.  A group that the state does not have has no rows; but with HAVING
 * nothing is known of it.
 *
 * Any doubt has the groups read: a count below none, a sum of nothing, a key that is
 * another group's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "src/executor/query/tally.h"
#include "src/guc.h"
#include "src/query/run.h"
#include "src/query/tally.h"

/* A group in which something has changed: its values, and by how much its terms. */
typedef struct Touched
{
	uint32		hash;
	Datum	   *values;
	bool	   *nulls;
} Touched;

typedef struct Counting
{
	RtQuery    *query;
	const RtQueryTally *tally;
	ParamListInfo arguments;
	const RtQueryState *before;
	RtCollector collector;
	List	   *touched;		/* of Touched */

	/* room for one */
	Datum	   *values;
	bool	   *nulls;
	int64	   *amounts;
} Counting;

/* ---- groups ---- */

static uint32
hash_group(const Counting *counting)
{
	uint32		hash = 0;

	for (int i = 0; i < counting->tally->group_count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(counting->tally->desc, i);

		hash = pg_rotate_left32(hash, 1);
		if (!counting->nulls[i])
			hash ^= datum_image_hash(counting->values[i], attribute->attbyval,
									 attribute->attlen);
	}
	return hash;
}

static bool
is_same_group(const RtQueryTally *tally, const Datum *values, const bool *nulls,
			  const Datum *others, const bool *other_nulls)
{
	for (int i = 0; i < tally->group_count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tally->desc, i);

		if (nulls[i] != other_nulls[i] ||
			(!nulls[i] && !datum_image_eq(values[i], others[i], attribute->attbyval,
										  attribute->attlen)))
			return false;
	}
	return true;
}

static RtTermKind
kind_of(const RtQueryTally *tally, int term)
{
	return ((RtTerm *) list_nth(tally->terms, term))->kind;
}

static Datum
integer_as(RtTermKind kind, int64 value)
{
	return kind == RT_TERM_SUM_NUMERIC ? NumericGetDatum(int64_to_numeric(value)) :
		Int64GetDatum(value);
}

static Datum
add(RtTermKind kind, Datum a, Datum b)
{
	return kind == RT_TERM_SUM_NUMERIC ? DirectFunctionCall2(numeric_add, a, b) :
		DirectFunctionCall2(int8pl, a, b);
}

static bool
is_zero(RtTermKind kind, Datum value)
{
	return kind == RT_TERM_SUM_NUMERIC ?
		DatumGetBool(DirectFunctionCall2(numeric_eq, value, integer_as(kind, 0))) :
		DatumGetInt64(value) == 0;
}

/* That of the values at hand, by none yet. */
static Touched *
make_touched(Counting *counting, uint32 hash)
{
	const RtQueryTally *tally = counting->tally;
	int			width = tally->desc->natts;
	Touched    *touched = palloc(sizeof(Touched));

	touched->hash = hash;
	touched->values = palloc(sizeof(Datum) * width);
	touched->nulls = palloc0(sizeof(bool) * width);
	memcpy(touched->values, counting->values, sizeof(Datum) * tally->group_count);
	memcpy(touched->nulls, counting->nulls, sizeof(bool) * tally->group_count);
	for (int i = 0; i < tally->term_count; i++)
		touched->values[tally->group_count + i] = integer_as(kind_of(tally, i), 0);
	counting->touched = lappend(counting->touched, touched);
	return touched;
}

static Touched *
find_touched(Counting *counting)
{
	uint32		hash = hash_group(counting);
	ListCell   *cell;

	foreach(cell, counting->touched)
	{
		Touched    *touched = lfirst(cell);

		if (touched->hash == hash &&
			is_same_group(counting->tally, counting->values, counting->nulls,
						  touched->values, touched->nulls))
			return touched;
	}
	return make_touched(counting, hash);
}

/* ---- what has changed ---- */

static void
count_image(Counting *counting, const RtChangeImage *image)
{
	const RtQueryTally *tally = counting->tally;
	Touched    *touched;

	rt_tally_read(counting->query, counting->arguments, image->slot, counting->values,
				  counting->nulls, counting->amounts);
	touched = find_touched(counting);
	for (int i = 0; i < tally->term_count; i++)
	{
		RtTermKind	kind = kind_of(tally, i);
		Datum	   *value = &touched->values[tally->group_count + i];
		Datum		amount = integer_as(kind, counting->amounts[i]);

		if (kind != RT_TERM_SUM_NUMERIC)
			*value = Int64GetDatum(DatumGetInt64(*value) + (image->is_new ? 1 : -1) *
								   counting->amounts[i]);
		else
			*value = DirectFunctionCall2(image->is_new ? numeric_add : numeric_sub,
										 *value, amount);
	}
}

static bool
count_images(Counting *counting, RtRoundChanges *changes, const RtQueryGroup *group)
{
	RtQueryRelation *relation = linitial(counting->query->relations);
	RtChangeImages images;

	if (rt_round_changes_images(changes, group, counting->query, relation,
								&images) != RT_FULL_NOT)
		return false;
	for (int i = 0; i < images.count; i++)
	{
		if (i == 0 && realtime_query_check == RT_QUERY_CHECK_WITHOUT_ONE)
			continue;
		if (rt_query_passes(counting->query, relation, counting->arguments,
							images.images[i].slot))
			count_image(counting, &images.images[i]);
	}
	return true;
}

/* ---- what it was before ---- */

/* Into the room for one; the state's own copy is not aligned. */
static void
read_tally(Counting *counting, uint32 row)
{
	uint32		len;
	const char *more = rt_query_state_more(counting->before, row, &len);
	MinimalTuple copy = palloc(len);
	HeapTupleData tuple;

	memcpy(copy, more, len);
	tuple.t_len = len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) copy - MINIMAL_TUPLE_OFFSET);
	heap_deform_tuple(&tuple, counting->tally->desc, counting->values, counting->nulls);
}

/* A group that had no rows. */
static void
begin_tally(Counting *counting, const Touched *touched)
{
	const RtQueryTally *tally = counting->tally;

	memcpy(counting->values, touched->values, sizeof(Datum) * tally->group_count);
	memcpy(counting->nulls, touched->nulls, sizeof(bool) * tally->group_count);
	for (int i = 0; i < tally->term_count; i++)
	{
		counting->values[tally->group_count + i] = (Datum) 0;
		counting->nulls[tally->group_count + i] = kind_of(tally, i) != RT_TERM_COUNT;
	}
}

static uint32
find_row(Counting *counting, const Touched *touched)
{
	RtCollector *collector = &counting->collector;
	RtQueryRowKey key;

	rt_tally_key(counting->query, counting->arguments, touched->values, touched->nulls,
				 collector->values, collector->nulls);
	key = rt_collector_key_of_values(collector);
	return rt_query_state_find(counting->before, &key);
}

/* Returns false if nothing is known of it. */
static bool
read_before(Counting *counting, const Touched *touched, uint32 *row)
{
	const RtQueryTally *tally = counting->tally;

	*row = find_row(counting, touched);
	if (*row == RT_QUERY_ROW_NONE)
	{
		begin_tally(counting, touched);
		return tally->is_grouped && tally->having == NULL;
	}
	read_tally(counting, *row);
	return is_same_group(tally, counting->values, counting->nulls, touched->values,
						 touched->nulls);
}

/* ---- what it is now ---- */

static int64
count_of(const Counting *counting, int term)
{
	return DatumGetInt64(counting->values[counting->tally->group_count + term]);
}

/* A sum of nothing is NULL, and must have come to that. */
static bool
add_to_term(Counting *counting, const Touched *touched, int number)
{
	int			column = counting->tally->group_count + number;
	const RtTerm *term = list_nth(counting->tally->terms, number);
	Datum	   *value = &counting->values[column];
	bool	   *is_null = &counting->nulls[column];

	*value = *is_null ? touched->values[column] :
		add(term->kind, *value, touched->values[column]);
	*is_null = false;
	if (term->kind == RT_TERM_COUNT)
		return DatumGetInt64(*value) >= 0 && DatumGetInt64(*value) <= count_of(counting, 0);
	*is_null = count_of(counting, term->counted) == 0;
	return !*is_null || is_zero(term->kind, *value);
}

/* Returns whether it can be. */
static bool
add_difference(Counting *counting, const Touched *touched)
{
	for (int i = 0; i < counting->tally->term_count; i++)
	{
		if (!add_to_term(counting, touched, i))
			return false;
	}
	return true;
}

static bool
is_unchanged(const Counting *counting, const Touched *touched)
{
	const RtQueryTally *tally = counting->tally;

	for (int i = 0; i < tally->term_count; i++)
	{
		if (!is_zero(kind_of(tally, i), touched->values[tally->group_count + i]))
			return false;
	}
	return true;
}

/* A group without rows has none of the result, or, if it is not grouped, one. */
static bool
has_row(Counting *counting)
{
	RtCollector *collector = &counting->collector;

	return (!counting->tally->is_grouped || count_of(counting, 0) > 0) &&
		rt_tally_row(counting->query, counting->arguments, counting->values,
					 counting->nulls, collector->values, collector->nulls);
}

static bool
change_group(Counting *counting, const Touched *touched)
{
	RtCollector *collector = &counting->collector;
	uint32		row;

	if (is_unchanged(counting, touched))
		return true;
	if (!read_before(counting, touched, &row) || !add_difference(counting, touched))
		return false;
	if (has_row(counting))
		rt_collector_take_values(collector);
	else if (row != RT_QUERY_ROW_NONE)
		collector->gone = lappend_int(collector->gone, row);
	return true;
}

/* ---- all of it ---- */

static bool
change_groups(Counting *counting)
{
	ListCell   *cell;

	foreach(cell, counting->touched)
	{
		if (!change_group(counting, lfirst(cell)))
			return false;
	}
	return true;
}

static void
begin(Counting *counting, const RtStreamDeclaration *declaration, RtQuery *query,
	  const NullableDatum *values, const RtQueryState *before)
{
	int			width = query->tally->desc->natts;

	memset(counting, 0, sizeof(*counting));
	counting->query = query;
	counting->tally = query->tally;
	counting->arguments = rt_query_arguments(query, values);
	counting->before = before;
	counting->values = palloc(sizeof(Datum) * width);
	counting->nulls = palloc(sizeof(bool) * width);
	counting->amounts = palloc(sizeof(int64) * query->tally->term_count);
	rt_collector_begin(&counting->collector, declaration, query);
	rt_collector_keep_tallies(&counting->collector);
}

RtQueryResult *
rt_tally_result(const RtStreamDeclaration *declaration, RtQuery *query,
				const NullableDatum *values, RtRoundChanges *changes,
				const RtQueryGroup *group, const RtQueryState *before)
{
	Counting	counting;
	RtQueryResult *result;

	if (changes == NULL || before == NULL || query->tally == NULL || !before->is_tallied ||
		before->cuts != rt_query_cuts_hash(query) || !rt_round_changes_can_be_counted(changes))
		return NULL;
	begin(&counting, declaration, query, values, before);
	if (!count_images(&counting, changes, group) || !change_groups(&counting))
		return NULL;
	result = rt_query_result_merge(&counting.collector, before);
	result->counted = true;
	return result;
}
