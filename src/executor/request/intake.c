/*
 * intake.c
 *		Takes events that are there for an aggregate, and counts them.
 *
 * That they are taken, what has become of the states and the value that is
 * published are one transaction: whoever dies, an event is either counted or will
 * be.  An aggregate has one at a time, because it is taken first.
 *
 * If anything fails that is done again event by event, so that one which nobody
 * can count harms no other.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/executor/aggregate/fold.h"
#include "src/executor/interrupt.h"
#include "src/executor/reply.h"
#include "src/executor/request/intake.h"
#include "src/ipc/clock.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/topic_lock.h"
#include "src/schedule/occurrence.h"

#define EVENTS_MAX 2000			/* taken at once */
#define CAREFUL_MAX 100
#define TIME_MS 50				/* after which others may have the executor */
#define KNOWN 32				/* aggregates that are remembered */
#define FILL_EVENTS_MAX 100000
#define PUBLISHER_WAIT_MS 500
#define STUCK_MS 1000			/* after which one who was stuck is waited for again */
#define FETCH_ROWS 1000			/* of what came before */

typedef struct IntakeWork
{
	RtWork		work;			/* first */
	char	   *path;
	Oid			owner;
	RtSession	session;		/* has the owner's name as role, and nothing else */
	const RtAggregateDeclaration *aggregate;
	bool		fills;			/* what came before the first event is to be counted,
								 * and the snapshot is taken for that */
	bool		awaits;			/* somebody who publishes is stuck */
	bool		careful;
	uint64		invalidations;	/* of declarations, before that was found */
	int			taken;			/* events, in the last run */
	RtIntakeAnswer answer;
} IntakeWork;

static const RtAggregateDeclaration *
find_aggregate(IntakeWork *intake)
{
	intake->answer = (RtIntakeAnswer) {.stale = true,.next = DT_NOEND};
	if (!rt_work_refresh_declarations(&intake->work))
		return NULL;
	return rt_declaration_aggregate(intake->path);
}

/* ---- whom it runs as, which has to be known before its transaction ---- */

static bool
prepare_owner(RtWork *work)
{
	IntakeWork *intake = (IntakeWork *) work;
	const char *name;

	intake->aggregate = find_aggregate(intake);
	if (intake->aggregate == NULL)
		return false;
	intake->owner = intake->aggregate->owner;
	name = GetUserNameFromId(intake->owner, true);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns aggregate \"%s\" does not exist", intake->path)));
	strlcpy(intake->session.role, name, NAMEDATALEN);
	return true;
}

static void
find_beginning(RtWork *work)
{
	IntakeWork *intake = (IntakeWork *) work;
	const RtWindowDeclaration *all = linitial(intake->aggregate->windows);

	intake->fills = intake->aggregate->snapshot.declared &&
		!rt_aggregate_has_value(intake->path, all->definition);
	intake->answer.stale = false;
}

/* Returns false if there is nothing to run. */
static bool
find_owner(IntakeWork *intake)
{
	intake->work.prepare = prepare_owner;
	intake->work.run = find_beginning;
	intake->work.as_executor = true;
	intake->work.owner = InvalidOid;
	intake->work.session = NULL;
	rt_work_run(&intake->work);
	return intake->work.fault.code == NULL && !intake->answer.stale;
}

/*
 * Who it was last time, in this process.  What is remembered may be wrong: the
 * run finds that out, does nothing, and the owner is looked for.
 */
typedef struct Known
{
	char		path[RT_STAT_PATH_MAX + 1];
	uint64		declarations;	/* their version */
	Oid			owner;
	char		role[NAMEDATALEN];
} Known;

static Known known[KNOWN];

static Known *
known_place(const char *path)
{
	return &known[hash_bytes((const unsigned char *) path, (int) strlen(path)) % KNOWN];
}

static bool
remember_owner(IntakeWork *intake)
{
	const Known *place = known_place(intake->path);

	if (strcmp(place->path, intake->path) != 0 ||
		place->declarations != rt_declarations_version())
		return false;
	intake->owner = place->owner;
	strlcpy(intake->session.role, place->role, NAMEDATALEN);
	return true;
}

static void
note_owner(const IntakeWork *intake)
{
	Known	   *place = known_place(intake->path);

	strlcpy(place->path, intake->path, sizeof(place->path));
	place->declarations = rt_declarations_version();
	place->owner = intake->owner;
	strlcpy(place->role, intake->session.role, NAMEDATALEN);
}

static void
forget_owner(const IntakeWork *intake)
{
	known_place(intake->path)->path[0] = '\0';
}

/* ---- all that has been published ---- */

/*
 * A snapshot that is taken afterwards shows all that was published before, and what
 * it does not show has a later time, and is published by who knows what is declared
 * now.  Nobody is waited for who is stuck, behind a standby for example.
 */
static bool
await_publishers(const char *source, int wait_ms)
{
	uint32		partition = rt_topic_partition(rt_topic_hash(source, strlen(source)));

	if (strpbrk(source, "*{") != NULL)	/* all topics may be of a pattern */
		return rt_partitions_await(0, RT_TOPIC_PARTITIONS, wait_ms);
	return rt_partitions_await(partition, partition + 1, wait_ms);
}

static void
take_snapshot(RtWork *work)
{
	IntakeWork *intake = (IntakeWork *) work;

	intake->awaits = !await_publishers(intake->aggregate->source, PUBLISHER_WAIT_MS);
	(void) GetTransactionSnapshot();
}

/* ---- what came before the first event ---- */

static char *
snapshot_query(const RtAggregateDeclaration *aggregate)
{
	Oid			function = aggregate->snapshot.oid;

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the snapshot function of aggregate \"%s\" does not exist", aggregate->path)));
	return psprintf("SELECT data FROM %s() AS data WHERE data IS NOT NULL",
					quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
											   get_func_name(function)));
}

static void
fill_row(RtFold *fold, HeapTuple row, TupleDesc type)
{
	bool		is_null;
	Datum		data = SPI_getbinval(row, type, 1, &is_null);

	if (!is_null)
		rt_fold_fill(fold, DatumGetJsonbP(data));
}

static void
fill(RtFold *fold)
{
	Portal		portal;

	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, snapshot_query(fold->declaration), 0, NULL, NULL,
									   NULL, false, 0);
	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		for (uint64 i = 0; i < SPI_processed; i++)
			fill_row(fold, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	SPI_finish();
}

/* ---- the run ---- */

static bool
prepare_run(RtWork *work)
{
	IntakeWork *intake = (IntakeWork *) work;

	intake->invalidations = rt_declarations_invalidations();
	intake->aggregate = find_aggregate(intake);
	if (intake->aggregate == NULL || intake->aggregate->owner != intake->owner)
		return false;
	work->owner = intake->owner;
	if (intake->fills)
		work->timeout_ms = 0;
	return true;
}

/*
 * Events that were published after a declaration are not those of the one before,
 * even if it has the same path: what was taken is given back.
 */
static void
check_declarations(const IntakeWork *intake)
{
	if (rt_declarations_invalidations() != intake->invalidations)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("declarations have changed while events were taken")));
}

/*
 * Whether a period that is over may end: all who have published in it are seen by
 * who looks now.  While somebody is stuck events are counted, and it ends later.
 */
static bool
may_close(const RtAggregateDeclaration *aggregate)
{
	static int64 stuck_until = 0;	/* whoever it was */
	int			wait_ms = rt_clock_ms() < stuck_until ? 0 : PUBLISHER_WAIT_MS;

	if (await_publishers(aggregate->source, wait_ms))
		return true;
	if (wait_ms > 0)
		stuck_until = rt_clock_ms() + STUCK_MS;
	return false;
}

/* In the current context.  What came before the first event has all that is there. */
static List *
take_events(IntakeWork *intake, const RtFold *fold)
{
	RtIntakeTake take = {
		.path = intake->path,.before = intake->fills ? DT_NOEND : fold->cut,
		.most = intake->fills ? FILL_EVENTS_MAX : intake->careful ? CAREFUL_MAX : EVENTS_MAX
	};

	rt_intake_take(&take);
	check_declarations(intake);
	intake->answer.more = take.more;
	intake->taken += list_length(take.events);
	return take.events;
}

static void
count_events(IntakeWork *intake, RtFold *fold)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "realtime events",
												  ALLOCSET_DEFAULT_SIZES);
	ListCell   *cell;

	do
	{
		MemoryContext old;
		List	   *events;

		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		events = take_events(intake, fold);
		MemoryContextSwitchTo(old);
		foreach(cell, events)
			rt_fold_event(fold, lfirst(cell));
		CommandCounterIncrement();
	} while (intake->fills && intake->answer.more);
	MemoryContextDelete(context);
}

/*
 * What came before is counted if nothing has been yet, as of a snapshot for which
 * publishers were awaited.  Both was found out before the transaction began, and the
 * aggregate may have been declared anew since, or filled.
 */
static bool
is_prepared(const IntakeWork *intake, const RtFold *fold)
{
	const RtSlice *all = linitial(fold->slices);

	return !intake->awaits &&
		intake->fills == (intake->aggregate->snapshot.declared && all->kept == NULL);
}

static void
run_fold(RtWork *work)
{
	IntakeWork *intake = (IntakeWork *) work;
	RtFold		fold = {.fills = intake->fills,.careful = intake->careful};
	bool		closes;

	intake->taken = 0;
	if (!rt_aggregate_take(intake->path))
		return;
	rt_fold_begin(&fold, intake->aggregate, rt_schedule_now());
	if (!is_prepared(intake, &fold))
		return;
	work->stage = RT_STAGE_ACCESS;	/* nobody's arguments: what goes wrong is our owner's */
	closes = fold.closes && may_close(intake->aggregate);
	check_declarations(intake);
	if (intake->fills)
		fill(&fold);
	count_events(intake, &fold);
	intake->answer.awaits = fold.closes && !closes;
	intake->answer.next = rt_fold_end(&fold, closes && !intake->answer.more);
	if (intake->answer.awaits)
		intake->answer.next = fold.now;
	intake->answer.stale = false;
}

static bool
is_done(const IntakeWork *intake)
{
	return intake->work.fault.code == NULL && !intake->answer.stale;
}

/* Not what the extension's absence or this executor's end has caused. */
static bool
has_failed(const IntakeWork *intake)
{
	return intake->work.fault.code != NULL && !intake->work.unavailable &&
		!intake->work.session_is_spoiled && !rt_grace_is_over();
}

static void
count_run(const IntakeWork *intake)
{
	const RtFault *fault = &intake->work.fault;
	RtPathRun	run = {
		.path = intake->path,.path_len = strlen(intake->path),.is_known = true,
		.kind = RT_PATH_AGGREGATE,.failed = has_failed(intake),
		.us = rt_work_run_time(&intake->work)
	};

	if (run.failed)
	{
		run.code = rt_code_from_wire(fault->code);
		rt_path_stat_note_error(intake->path, RT_PATH_AGGREGATE,
								fault->cause != NULL ? fault->cause : fault->message);
	}
	else if (is_done(intake))
		run.events = intake->taken;
	else
		return;
	rt_path_stat_count(&run);
}

/*
 * Nobody is told that events have been taken: if a crash takes it back, they are
 * there again.  What is told is the value, which waits for its flush by itself.
 */
static void
run_as_owner(IntakeWork *intake, RtWorkResult *result)
{
	intake->work.prepare = prepare_run;
	intake->work.run = run_fold;
	intake->work.take_snapshot = intake->fills ? take_snapshot : NULL;
	intake->work.as_executor = false;
	intake->work.sees_latest = true;
	intake->work.session = &intake->session;
	intake->work.user_data = "";
	rt_work_run(&intake->work);
	intake->work.durability = RT_DURABLE;
	rt_work_add_result(result, &intake->work);
	count_run(intake);
}

/* ---- the request ---- */

static void
begin(IntakeWork *intake, RtRequest *request)
{
	memset(intake, 0, sizeof(*intake));
	intake->path = rt_work_path(request);
	intake->work.request = request;
	intake->work.activity = psprintf("aggregate %s", intake->path);
}

/* As who it was, or who it is.  Returns false if there was nothing to run. */
static bool
run_first(IntakeWork *intake, RtWorkResult *result)
{
	bool		wanted;

	if (remember_owner(intake))
	{
		run_as_owner(intake, result);
		if (is_done(intake) || has_failed(intake) || intake->work.session_is_spoiled)
			return true;
		forget_owner(intake);
	}
	wanted = find_owner(intake);
	rt_work_add_result(result, &intake->work);
	if (wanted)
		run_as_owner(intake, result);
	return wanted;
}

static bool
goes_on(const IntakeWork *intake, int64 began)
{
	return is_done(intake) && intake->answer.more && !intake->work.session_is_spoiled &&
		!rt_shutdown_is_requested() && rt_clock_ms() - began < TIME_MS;
}

/* What there is, as long as it may take. */
static void
run_all(IntakeWork *intake, RtWorkResult *result)
{
	int64		began = rt_clock_ms();
	bool		wanted = run_first(intake, result);

	if (wanted && has_failed(intake))
	{
		intake->careful = true;
		intake->work.request = rt_work_copy_request(intake->work.request);	/* that one may be
																				 * overdue */
		run_as_owner(intake, result);
	}
	if (!is_done(intake))
		return;
	note_owner(intake);
	while (goes_on(intake, began) && !intake->careful)
	{
		intake->fills = false;
		run_as_owner(intake, result);
	}
}

RtWorkResult
rt_intake_run(RtRequest *request)
{
	IntakeWork	intake;
	RtWorkResult result = {.durability = RT_DURABLE};

	begin(&intake, request);
	run_all(&intake, &result);
	rt_reply_reset(request);
	if (intake.work.fault.code != NULL)
		rt_reply_rolled_back(request, &intake.work.fault);
	else
		(void) rt_shared_text_set(&request->answer, (const char *) &intake.answer,
								  sizeof(intake.answer));
	return result;
}
