/*
 * explain_query.c
 *		realtime.explain_query(): how a live query is kept true, for the current
 *		role.
 */
#include "postgres.h"

#include "fmgr.h"

#include "src/backend/declare/parameter.h"
#include "src/catalog/declaration.h"
#include "src/query/explain.h"

PG_FUNCTION_INFO_V1(realtime_explain_query);

static RtQuery *
analyze(const RtStreamDeclaration *stream)
{
	RtQuerySource source = {
		.sql = stream->query->sql,
		.param_types = stream->query->parameter_types,
		.param_count = stream->query->parameter_count,
		.key = stream->query->key,
		.depends_on = stream->query->depends_on,
		.may_be_stale = stream->stale_after_ms >= 0
	};

	return rt_query_analyze(&source);
}

Datum
realtime_explain_query(PG_FUNCTION_ARGS)
{
	RtQuery    *query = analyze(rt_parameter_query(fcinfo, 0));

	rt_query_explain(query, fcinfo);
	rt_query_free(query);
	return (Datum) 0;
}
