/*
 * effect.c
 *		realtime.effect(): functions that are run for events.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/source.h"
#include "src/backend/declare/store_aggregate.h"
#include "src/catalog/declaration.h"

/* Positions of parameters, as in src/sql */
enum
{
	EFFECT_PATH,
	EFFECT_SOURCES,
	EFFECT_HANDLER,
	EFFECT_DURABLE,
	EFFECT_QUEUE
};

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errhint("%s", hint)));
}

static const char *
checked_handler(FunctionCallInfo fcinfo)
{
	static const Oid given[] = {TEXTOID, TEXTOID, JSONBOID};
	RtCheckedFunction *handler = rt_function_check_any(PG_GETARG_OID(EFFECT_HANDLER), "a handler");

	rt_function_check_handler(handler);
	rt_function_check_given(handler, given, lengthof(given), "realtime.effect()",
							_("A handler takes (topic text, event text, data jsonb), or less from the end."));
	return handler->signature;
}

static const char *
checked_queue(FunctionCallInfo fcinfo, const char *path)
{
	const char *name = PG_ARGISNULL(EFFECT_QUEUE) ? path :
		rt_parameter_text(fcinfo, EFFECT_QUEUE, "queue");

	if (!PG_ARGISNULL(EFFECT_HANDLER))
		refuse("a durable effect has no handler", "The queue has one, of the payload {\"topic\", \"event\", \"data\"}.");
	if (!rt_declarations_refresh() || rt_declaration_job_queue(name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errhint("Declare it with realtime.queue() first.")));
	return name;
}

static void
check_sources(const List *sources)
{
	const ListCell *cell;

	if (sources == NIL)
		refuse("an effect needs sources", "For example: sources => '{orders,\"chat:*\"}'.");
	foreach(cell, sources)
		rt_source_check(lfirst(cell));
}

PG_FUNCTION_INFO_V1(realtime_effect);

Datum
realtime_effect(PG_FUNCTION_ARGS)
{
	RtEffectRow row = {.owner = GetUserId()};
	bool		durable;

	rt_parameter_lock_functions(fcinfo);
	row.path = rt_parameter_path(fcinfo, EFFECT_PATH);
	rt_store_begin_aggregate(row.path);
	durable = rt_parameter_bool(fcinfo, EFFECT_DURABLE, "durable");
	row.sources = rt_parameter_texts(fcinfo, EFFECT_SOURCES, "sources");
	check_sources(row.sources);
	if (durable)
		row.queue = checked_queue(fcinfo, row.path);
	else if (!PG_ARGISNULL(EFFECT_QUEUE))
		refuse("queue needs durable", "Add durable => true.");
	else if (PG_ARGISNULL(EFFECT_HANDLER))
		rt_parameter_refuse_null("handler");
	else
		row.handler = checked_handler(fcinfo);
	rt_store_effect(&row);
	PG_RETURN_VOID();
}
