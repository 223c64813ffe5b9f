/*
 * invalidate.c
 *		realtime.invalidate(): has values of streams loaded anew.
 *
 * The wish travels among the events of the transaction, without a frame, and
 * the gateways do the rest.  It needs no place in the order of a topic: whoever
 * loads after it sees what this transaction has done.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"

PG_FUNCTION_INFO_V1(realtime_invalidate);

Datum
realtime_invalidate(PG_FUNCTION_ARGS)
{
	text	   *pattern;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pattern must not be null")));
	if (!rt_publish_begin())
		PG_RETURN_VOID();
	pattern = PG_GETARG_TEXT_PP(0);
	rt_publish_check_topic(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));
	rt_pending_add_reload(RT_RING_RELOAD_TOPICS, VARDATA_ANY(pattern),
						  VARSIZE_ANY_EXHDR(pattern));
	if (rt_declarations_refresh())
		rt_pending_add_dependents(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));
	PG_RETURN_VOID();
}
