/*
 * declaration_rate.c
 *		Limits of calls beside those that the paths have themselves: an
 *		exemption, else the path's own, else its rule, else that of all.
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

void
rt_read_rate(RtDeclarations *declarations, const RtRow *row)
{
	RtRateDeclaration *rate = palloc(sizeof(RtRateDeclaration));

	rate->path = rt_row_text(row, Anum_rate_path);
	rate->rate_limit = rt_row_is_null(row, Anum_rate_rate_limit) ? 0 :
		DatumGetInt32(rt_row_value(row, Anum_rate_rate_limit));
	rate->rate_window_ms = rt_row_ms_int(row, Anum_rate_rate_window, 0);
	declarations->rates = lappend(declarations->rates, rate);
}

static const RtRateDeclaration *
find_rule(const RtDeclarations *declarations, const char *path)
{
	ListCell   *cell;

	foreach(cell, declarations->rates)
	{
		const RtRateDeclaration *rule = lfirst(cell);

		if (strcmp(rule->path, path) == 0)
			return rule;
	}
	return NULL;
}

static void
join_rule(RtRpcDeclaration *rpc, const RtRateDeclaration *rule,
		  const RtRateDeclaration *of_all)
{
	if (rule != NULL && rule->rate_limit == 0)
		rpc->rate_limit = 0;
	else if (rpc->rate_limit == 0 && (rule != NULL || of_all != NULL))
	{
		if (rule == NULL)
			rule = of_all;
		rpc->rate_limit = rule->rate_limit;
		rpc->rate_window_ms = rule->rate_window_ms;
	}
}

void
rt_declarations_join_rates(RtDeclarations *declarations)
{
	const RtRateDeclaration *of_all = find_rule(declarations, RT_RATE_OF_ALL);
	rt_names_iterator iterator;
	RtNameEntry *entry;

	if (declarations->rates == NIL)
		return;
	rt_names_start_iterate(declarations->rpcs, &iterator);
	while ((entry = rt_names_iterate(declarations->rpcs, &iterator)) != NULL)
	{
		RtRpcDeclaration *rpc = entry->value;

		join_rule(rpc, find_rule(declarations, rpc->path), of_all);
	}
}
