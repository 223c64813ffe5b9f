/*
 * order.c
 *		realtime.disconnect() and realtime.recheck(): what a transaction orders
 *		about connections, which is done when it commits.
 *
 * At the commit nothing may fail, so orders are gathered as they are given out,
 * in memory that goes with the transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "src/backend/order.h"
#include "src/backend/publish/publish.h"
#include "src/backend/txn_stack.h"
#include "src/ipc/client_order.h"
#include "src/protocol/close_code.h"

#define ORDERS_MIN 8

/* Positions of parameters, as in src/sql */
enum
{
	DISCONNECT_USER,
	DISCONNECT_CONNECTION,
	DISCONNECT_CODE,
	DISCONNECT_REASON
};
enum
{
	RECHECK_USER,
	RECHECK_TOPIC
};

static RtOrder *orders = NULL;	/* of this transaction */
static int	order_count = 0;
static int	order_space = 0;

static void on_transaction(XactEvent event, void *arg);
static void cut(uint64 begin);

static RtTxnStack stack = {.cut = cut};

PG_FUNCTION_INFO_V1(realtime_disconnect);
PG_FUNCTION_INFO_V1(realtime_recheck);

void
rt_order_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	rt_txn_stack_install(&stack);
}

/* ---- the transaction ---- */

static void
cut(uint64 begin)
{
	order_count = (int) begin;
}

static void
forget(void)
{
	orders = NULL;
	order_count = order_space = 0;
}

static void
refuse_prepare(void)
{
	if (order_count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has called realtime.disconnect() or realtime.recheck()")));
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			refuse_prepare();
			break;
		case XACT_EVENT_COMMIT:
			if (order_count > 0)
				rt_clients_order(orders, order_count);
			forget();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget();
			break;
		default:
			break;
	}
}

static void
make_room(void)
{
	if (order_count == RT_CLIENT_ORDERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a transaction can give %d orders about connections",
						RT_CLIENT_ORDERS_MAX),
				 errhint("Commit in between, or leave out user_id to check all.")));
	if (order_count < order_space)
		return;
	if (orders == NULL)
	{
		orders = MemoryContextAlloc(TopTransactionContext, sizeof(RtOrder) * ORDERS_MIN);
		order_space = ORDERS_MIN;
		return;
	}
	orders = repalloc(orders, sizeof(RtOrder) * order_space * 2);
	order_space *= 2;
}

static void
add(const RtOrder *order)
{
	make_room();
	rt_txn_stack_note(&stack, order_count);
	orders[order_count++] = *order;
}

/* ---- arguments ---- */

/* Returns false if nobody can have such an id. */
static bool
take_user(RtOrder *order, text *user_id)
{
	Size		len = VARSIZE_ANY_EXHDR(user_id);

	if (len == 0 || len > RT_USER_ID_MAX)
		return false;
	memcpy(order->user_id, VARDATA_ANY(user_id), len);
	order->user_id_len = len;
	return true;
}

static bool
take_connection(RtOrder *order, text *id)
{
	char	   *name = text_to_cstring(id);

	return name[0] != '\0' &&
		strlcpy(order->connection_id, name, RT_CONNECTION_ID_SIZE) < RT_CONNECTION_ID_SIZE;
}

/* What a server may send: RFC 6455, 7.4.2, and IANA's registry. */
static bool
may_be_sent(int code)
{
	return code == 1000 || code == RT_CLOSE_GOING_AWAY || code == 1008 ||
		(code >= RT_CLOSE_INTERNAL_ERROR && code <= 1014) ||
		(code >= 3000 && code <= 4999);
}

static void
take_code(RtOrder *order, int code)
{
	if (!may_be_sent(code))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d is not a code with which a WebSocket can be closed", code),
				 errdetail("Codes are 1000, 1001, 1008, 1011 to 1014, and 3000 to 4999."),
				 errhint("Clients do not come back after 1008, 4401 and 4403.")));
	order->code = code;
}

/* As it is sent: in UTF-8. */
static void
take_reason(RtOrder *order, text *reason)
{
	char	   *name = text_to_cstring(reason);
	char	   *utf8 = pg_server_to_any(name, strlen(name), PG_UTF8);

	if (strlen(utf8) > RT_CLIENT_REASON_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("a reason to close a WebSocket has at most %d bytes of UTF-8",
						RT_CLIENT_REASON_MAX)));
	strlcpy(order->reason, utf8, sizeof(order->reason));
}

static void
require_somebody(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(DISCONNECT_USER) && PG_ARGISNULL(DISCONNECT_CONNECTION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("either user_id or connection_id must be given")));
	if (PG_ARGISNULL(DISCONNECT_CODE))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("code must not be null")));
}

/* ---- functions ---- */

Datum
realtime_disconnect(PG_FUNCTION_ARGS)
{
	RtOrder		order = {.kind = RT_ORDER_DISCONNECT};

	require_somebody(fcinfo);
	take_code(&order, PG_GETARG_INT32(DISCONNECT_CODE));
	if (!PG_ARGISNULL(DISCONNECT_REASON))
		take_reason(&order, PG_GETARG_TEXT_PP(DISCONNECT_REASON));
	if (!rt_publish_is_possible() ||
		(!PG_ARGISNULL(DISCONNECT_USER) &&
		 !take_user(&order, PG_GETARG_TEXT_PP(DISCONNECT_USER))) ||
		(!PG_ARGISNULL(DISCONNECT_CONNECTION) &&
		 !take_connection(&order, PG_GETARG_TEXT_PP(DISCONNECT_CONNECTION))))
		PG_RETURN_INT32(0);
	add(&order);
	PG_RETURN_INT32(rt_clients_count(&order));
}

Datum
realtime_recheck(PG_FUNCTION_ARGS)
{
	RtOrder		order = {.kind = RT_ORDER_RECHECK};

	if (!PG_ARGISNULL(RECHECK_TOPIC))
	{
		text	   *topic = PG_GETARG_TEXT_PP(RECHECK_TOPIC);

		rt_publish_check_topic(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));
		order.of_topic = true;
		order.topic_hash = rt_topic_hash(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));
	}
	if (rt_publish_is_possible() &&
		(PG_ARGISNULL(RECHECK_USER) ||
		 take_user(&order, PG_GETARG_TEXT_PP(RECHECK_USER))))
		add(&order);
	PG_RETURN_VOID();
}
