/*
 * upload.c
 *		Runs the handler of an upload: realtime.upload_next() and its like.
 *
 * The handler takes pieces out of the upload's place (ipc/upload.h) and waits for
 * the next one on its latch.  As long as it runs its executor counts as one that
 * waits for a client: others are there for what is queued.  When its client takes
 * the upload back, or is gone, the wait ends with an error, and what else it does
 * is cancelled by the executor's timer; so nothing of it stays.  Which of the two
 * comes first, that or the commit, is decided in the place.
 *
 * What has been read cannot be read again: the transaction is not retried.
 */
#include "postgres.h"

#include "catalog/pg_largeobject.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/libpq-fs.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/large_object.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/reply.h"
#include "src/executor/request/call.h"
#include "src/executor/request/upload.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/upload.h"

static struct
{
	int			place;			/* RT_UPLOAD_NONE = no upload is run */
	bool		readable;		/* its handler runs */
	int64		max_size;
	int64		taken;			/* bytes */
}			current = {.place = RT_UPLOAD_NONE};

PG_FUNCTION_INFO_V1(realtime_upload_next);
PG_FUNCTION_INFO_V1(realtime_upload_chunks);
PG_FUNCTION_INFO_V1(realtime_upload_id);
PG_FUNCTION_INFO_V1(realtime_upload_aborted);
PG_FUNCTION_INFO_V1(realtime_upload_to_lo);

/* ---- around the call ---- */

static void
detach(void)
{
	int			place = current.place;

	current.place = RT_UPLOAD_NONE;
	current.readable = false;
	rt_upload_watch(RT_UPLOAD_NONE);
	if (place != RT_UPLOAD_NONE)
		rt_upload_detach(place);
}

static void
detach_at_exit(int code, Datum arg)
{
	detach();
}

static void
ensure_detach_at_exit(void)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(detach_at_exit, 0);
	registered = true;
}

static void
refuse(RtRequest *request, RtCode code, RtWorkResult *result)
{
	RtFault		fault;

	memset(result, 0, sizeof(*result));
	rt_fault_set(&fault, code, NULL);
	rt_reply_failure(request, &fault);
	result->failed = true;
	result->code = code;
	result->durability = RT_DURABLE;
	INSTR_TIME_SET_CURRENT(result->ended);
}

static void
run_waiting(RtRequest *request, RtWorkResult *result)
{
	if (!rt_executor_begin_wait())
	{
		refuse(request, RT_CODE_TOO_MANY_UPLOADS, result);
		return;
	}
	rt_upload_watch(current.place);
	(void) rt_call_run(request, result);
	rt_executor_end_wait();
}

void
rt_upload_run(RtRequest *request, RtWorkResult *result)
{
	if (request->asked.kind == RT_REQUEST_REAUTH)
	{
		(void) rt_call_run(request, result);
		return;
	}
	ensure_detach_at_exit();
	current.place = rt_upload_attach(request->asked.subject, request->executor);
	if (current.place == RT_UPLOAD_NONE)
		refuse(request, RT_CODE_CANCELLED, result);
	else
		run_waiting(request, result);
	detach();
}

/* ---- steps of the call ---- */

pg_noreturn static void
fail(RtCode code, const char *message)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(code)), errmsg_internal("%s", message)));
}

void
rt_upload_enter(const RtRpcDeclaration *declaration)
{
	current.readable = false;
	if (!rt_upload_admit(current.place, declaration->path, declaration->max_total,
						 declaration->max_per_session))
		fail(RT_CODE_TOO_MANY_UPLOADS, rt_code_message(RT_CODE_TOO_MANY_UPLOADS));
}

void
rt_upload_begin_reading(const RtRpcDeclaration *declaration)
{
	current.readable = true;
	current.max_size = declaration->max_size;
	current.taken = 0;
	rt_upload_set_recheck_bytes(current.place, declaration->reauth_every);
}

pg_noreturn static void
raise_aborted(void)
{
	fail(RT_CODE_CANCELLED, "the upload was aborted");
}

void
rt_upload_conclude(void)
{
	current.readable = false;
	if (!rt_upload_finish(current.place))
		raise_aborted();
	rt_upload_watch(RT_UPLOAD_NONE);
}

/* ---- reading ---- */

static void
wait_for_more(void)
{
	static uint32 wait_event = 0;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1,
					 rt_wait_event(&wait_event, "RealtimeUpload"));
	ResetLatch(MyLatch);
}

/* Its size is checked before there is memory for it. */
static bytea *
take_piece(uint32 len)
{
	bytea	   *piece;

	if (current.taken + len > current.max_size)
		fail(RT_CODE_PAYLOAD_TOO_LARGE, "upload exceeds maxSize");
	piece = palloc(VARHDRSZ + len);
	SET_VARSIZE(piece, VARHDRSZ + len);
	rt_upload_take(current.place, VARDATA(piece));
	current.taken += len;
	return piece;
}

/* NULL at the end. */
static bytea *
next_piece(void)
{
	uint32		len;

	if (!current.readable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no upload to read"),
				 errdetail("Only the handler of realtime.upload() can read one, while it runs.")));
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (rt_upload_look(current.place, &len))
		{
			case RT_UPLOAD_PIECE:
				return take_piece(len);
			case RT_UPLOAD_WHOLE:
				return NULL;
			case RT_UPLOAD_ABORTED:
				raise_aborted();
			case RT_UPLOAD_EMPTY:
				wait_for_more();
				break;
		}
	}
}

/* ---- the functions ---- */

Datum
realtime_upload_next(PG_FUNCTION_ARGS)
{
	bytea	   *piece;

	PreventCommandIfParallelMode("realtime.upload_next()");
	piece = next_piece();
	if (piece == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(piece);
}

/* One at a time: who wants all of them before the first one reads them as a table. */
Datum
realtime_upload_chunks(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	bytea	   *piece;

	if (SRF_IS_FIRSTCALL())
	{
		PreventCommandIfParallelMode("realtime.upload_chunks()");
		(void) SRF_FIRSTCALL_INIT();
	}
	call = SRF_PERCALL_SETUP();
	piece = next_piece();
	if (piece == NULL)
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, PointerGetDatum(piece));
}

Datum
realtime_upload_id(PG_FUNCTION_ARGS)
{
	const RtCaller *caller = rt_caller();
	RtRequest  *request;

	if (caller == NULL || caller->request->asked.kind != RT_REQUEST_UPLOAD)
		PG_RETURN_NULL();
	request = caller->request;
	/* without the quotes */
	PG_RETURN_TEXT_P(cstring_to_text_with_len(rt_shared_text_get(&request->text) +
											  request->asked.id.off + 1,
											  request->asked.id.len - 2));
}

Datum
realtime_upload_aborted(PG_FUNCTION_ARGS)
{
	if (current.place == RT_UPLOAD_NONE)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(rt_upload_is_aborted(current.place));
}

Datum
realtime_upload_to_lo(PG_FUNCTION_ARGS)
{
	Datum		lo;
	Datum		descriptor;
	bytea	   *piece;

	PreventCommandIfReadOnly("realtime.upload_to_lo()");
	lo = DirectFunctionCall1(be_lo_create, ObjectIdGetDatum(InvalidOid));
	descriptor = DirectFunctionCall2(be_lo_open, lo, Int32GetDatum(INV_WRITE));
	while ((piece = next_piece()) != NULL)
	{
		(void) DirectFunctionCall2(be_lowrite, descriptor, PointerGetDatum(piece));
		pfree(piece);
	}
	(void) DirectFunctionCall1(be_lo_close, descriptor);
	PG_RETURN_DATUM(lo);
}
