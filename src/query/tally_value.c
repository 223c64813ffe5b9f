/*
 * tally_value.c
 *		What rows add to the tallies of groups, and rows of the result from these.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "src/query/tally.h"

/* Live as long as the query: to prepare them takes longer than to use them. */
typedef struct RtTallyStates
{
	ExprContext *econtext;
	ExprState **groups;
	ExprState **args;			/* of each term, or NULL; likewise: */
	ExprState **filters;
	ExprState **outputs;
	ExprState  *having;			/* or NULL */
	TupleTableSlot *slot;		/* a tally */
} RtTallyStates;

/* ---- making ---- */

static ExprState *
prepare(Expr *expr)
{
	return expr == NULL ? NULL :
		ExecInitExpr(expression_planner((Expr *) copyObject(expr)), NULL);
}

static ExprState **
prepare_all(List *expressions)
{
	ExprState **states = palloc(sizeof(ExprState *) * (list_length(expressions) + 1));
	ListCell   *cell;

	foreach(cell, expressions)
		states[foreach_current_index(cell)] = prepare(lfirst(cell));
	return states;
}

static void
prepare_terms(RtTallyStates *states, const RtQueryTally *tally)
{
	ListCell   *cell;

	states->args = palloc(sizeof(ExprState *) * tally->term_count);
	states->filters = palloc(sizeof(ExprState *) * tally->term_count);
	foreach(cell, tally->terms)
	{
		const RtTerm *term = lfirst(cell);

		states->args[foreach_current_index(cell)] = prepare(term->arg);
		states->filters[foreach_current_index(cell)] = prepare(term->filter);
	}
}

static RtTallyStates *
make_states(RtQuery *query)
{
	const RtQueryTally *tally = query->tally;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "realtime query tally",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	RtTallyStates *states = palloc0(sizeof(RtTallyStates));

	states->econtext = CreateStandaloneExprContext();
	states->groups = prepare_all(tally->groups);
	prepare_terms(states, tally);
	states->outputs = prepare_all(tally->outputs);
	states->having = prepare(tally->having);
	states->slot = MakeSingleTupleTableSlot(tally->desc, &TTSOpsVirtual);
	MemoryContextSwitchTo(before);
	/* what has failed goes with the current context */
	MemoryContextSetParent(context, query->context);
	return states;
}

static RtTallyStates *
begin(RtQuery *query, ParamListInfo arguments, TupleTableSlot *slot)
{
	RtQueryTally *tally = query->tally;

	if (tally->states == NULL)
		tally->states = make_states(query);
	tally->states->econtext->ecxt_param_list_info = arguments;
	tally->states->econtext->ecxt_scantuple = slot;
	return tally->states;
}

/* In the current context. */
static Datum
evaluate(RtTallyStates *states, ExprState *state, bool *is_null)
{
	return ExecEvalExpr(state, states->econtext, is_null);
}

/* ---- images ---- */

static int64
integer_of(const RtTerm *term, Datum value)
{
	switch (term->length)
	{
		case sizeof(int16):
			return DatumGetInt16(value);
		case sizeof(int32):
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

static int64
amount(RtTallyStates *states, const RtTerm *term, int number)
{
	bool		is_null = false;
	Datum		value = (Datum) 0;

	if (states->filters[number] != NULL &&
		(!DatumGetBool(evaluate(states, states->filters[number], &is_null)) || is_null))
		return 0;
	if (states->args[number] != NULL)
		value = evaluate(states, states->args[number], &is_null);
	if (is_null)
		return 0;
	return term->kind == RT_TERM_COUNT ? 1 : integer_of(term, value);
}

void
rt_tally_read(RtQuery *query, ParamListInfo arguments, TupleTableSlot *image,
			  Datum *values, bool *nulls, int64 *amounts)
{
	const RtQueryTally *tally = query->tally;
	RtTallyStates *states = begin(query, arguments, image);

	for (int i = 0; i < tally->group_count; i++)
		values[i] = evaluate(states, states->groups[i], &nulls[i]);
	for (int i = 0; i < tally->term_count; i++)
		amounts[i] = amount(states, list_nth(tally->terms, i), i);
}

/* ---- rows of the result ---- */

static RtTallyStates *
begin_with(RtQuery *query, ParamListInfo arguments, const Datum *values, const bool *nulls)
{
	const RtQueryTally *tally = query->tally;
	RtTallyStates *states = begin(query, arguments, NULL);
	TupleTableSlot *slot = states->slot;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * tally->desc->natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * tally->desc->natts);
	ExecStoreVirtualTuple(slot);
	states->econtext->ecxt_scantuple = slot;
	return states;
}

void
rt_tally_key(RtQuery *query, ParamListInfo arguments, const Datum *values,
			 const bool *nulls, Datum *row, bool *row_nulls)
{
	RtTallyStates *states = begin_with(query, arguments, values, nulls);

	for (int i = 0; i < query->key_count; i++)
	{
		int			column = query->key_columns[i] - 1;

		row[column] = evaluate(states, states->outputs[column], &row_nulls[column]);
	}
}

bool
rt_tally_row(RtQuery *query, ParamListInfo arguments, const Datum *values,
			 const bool *nulls, Datum *row, bool *row_nulls)
{
	RtTallyStates *states = begin_with(query, arguments, values, nulls);
	bool		is_null = false;

	if (states->having != NULL &&
		(!DatumGetBool(evaluate(states, states->having, &is_null)) || is_null))
		return false;
	for (int i = 0; i < query->rows->natts; i++)
		row[i] = evaluate(states, states->outputs[i], &row_nulls[i]);
	return true;
}
