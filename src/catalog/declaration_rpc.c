/*
 * declaration_rpc.c
 *		Calls of realtime.rpc(), realtime.binary() and realtime.upload().
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

static RtRpcKind
kind_of_name(const char *name)
{
	if (strcmp(name, "binary") == 0)
		return RT_RPC_BINARY;
	return strcmp(name, "upload") == 0 ? RT_RPC_UPLOAD : RT_RPC_CALL;
}

static int64
number_or_none(const RtRow *row, int anum)
{
	return rt_row_is_null(row, anum) ? 0 : DatumGetInt64(rt_row_value(row, anum));
}

static int
integer_or_none(const RtRow *row, int anum)
{
	return rt_row_is_null(row, anum) ? 0 : DatumGetInt32(rt_row_value(row, anum));
}

/* How much of it there may be. */
static void
read_limits(const RtRow *row, RtRpcDeclaration *rpc)
{
	rpc->kind = kind_of_name(rt_row_text(row, Anum_rpc_kind));
	rpc->max_size = number_or_none(row, Anum_rpc_max_size);
	rpc->max_per_session = integer_or_none(row, Anum_rpc_max_per_session);
	rpc->max_total = integer_or_none(row, Anum_rpc_max_total);
	rpc->reauth_every = number_or_none(row, Anum_rpc_reauth_every);
}

void
rt_read_rpc(RtDeclarations *declarations, const RtRow *row)
{
	RtRpcDeclaration *rpc = palloc0(sizeof(RtRpcDeclaration));
	RtNameEntry *entry;
	RtName		name;
	bool		found;

	rpc->path = rt_row_text(row, Anum_rpc_path);
	rpc->handler_text = rt_row_text(row, Anum_rpc_handler);
	rpc->handler = rt_refer(declarations, rpc->handler_text, "rpc", rpc->path,
						 "handler");
	rpc->guards.count = rt_refer_all(declarations, row, Anum_rpc_guards, "rpc",
									   rpc->path, "guard", &rpc->guards.functions);
	rpc->timeout_ms = rt_row_ms_int(row, Anum_rpc_timeout, -1);
	rpc->read_only = rt_row_is_null(row, Anum_rpc_read_only) ? -1 :
		DatumGetBool(rt_row_value(row, Anum_rpc_read_only));
	rpc->rate_limit = rt_row_is_null(row, Anum_rpc_rate_limit) ? 0 :
		DatumGetInt32(rt_row_value(row, Anum_rpc_rate_limit));
	rpc->rate_window_ms = rt_row_ms_int(row, Anum_rpc_rate_window, 0);
	rpc->idempotent = DatumGetBool(rt_row_value(row, Anum_rpc_idempotent));
	rpc->idempotency_key = rt_read_function(declarations, row, Anum_rpc_idempotency_key,
										 "rpc", rpc->path, "idempotency key");
	rpc->idempotency_ttl_ms = rt_row_ms(row, Anum_rpc_idempotency_ttl, 0);
	rpc->lock_key = rt_read_function(declarations, row, Anum_rpc_lock_key, "rpc",
								  rpc->path, "lock key");
	rpc->lock_wait_ms = rt_row_ms_int(row, Anum_rpc_lock_wait, -1);
	rpc->share_result = DatumGetBool(rt_row_value(row, Anum_rpc_share_result));
	rpc->class_of_service = rt_row_text(row, Anum_rpc_class_of_service);
	rpc->breaker = rt_row_text(row, Anum_rpc_breaker);
	rpc->fallback = rt_row_jsonb(row, Anum_rpc_fallback);
	read_limits(row, rpc);

	name = (RtName) {rpc->path, strlen(rpc->path)};
	entry = rt_names_insert(declarations->rpcs, name, &found);
	entry->value = rpc;
}
