/*
 * gateway.c
 *		The gateway's main loop.
 *
 * A gateway owns all sockets it accepted.  It has shared memory but no
 * database: it runs no SQL, holds no snapshot and takes part in no signal
 * barrier.  A turn is: let libuv read and accept; handle the messages; hand
 * the calls over; pass answers on; deliver events; write every connection
 * that has output once; sleep.
 *
 * An ERROR in a turn is logged and costs the connection that was being
 * handled, if any.  SIGTERM: no new connections or calls, running calls are
 * waited for, then every socket is closed with 1001.
 */
#include "postgres.h"

#include <sys/resource.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/ps_status.h"

#include "src/gateway/ask.h"
#include "src/gateway/client_file.h"
#include "src/gateway/command.h"
#include "src/gateway/cursor.h"
#include "src/gateway/departure.h"
#include "src/gateway/dispatch.h"
#include "src/gateway/door/allowed_host.h"
#include "src/gateway/door/behind.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/http.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/door/listener.h"
#include "src/gateway/door/origin.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/gateway.h"
#include "src/gateway/health.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/order.h"
#include "src/gateway/presence.h"
#include "src/gateway/presence_plugin.h"
#include "src/gateway/push.h"
#include "src/gateway/scrape.h"
#include "src/gateway/spin.h"
#include "src/gateway/topic/coalesce.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/flight.h"
#include "src/gateway/topic/group.h"
#include "src/gateway/topic/member.h"
#include "src/gateway/topic/parts.h"
#include "src/gateway/topic/recipient.h"
#include "src/gateway/topic/repair.h"
#include "src/gateway/topic/round_frame.h"
#include "src/gateway/topic/subscription.h"
#include "src/gateway/topic/tail.h"
#include "src/gateway/topic/topic_table.h"
#include "src/gateway/topic/topic_watch.h"
#include "src/gateway/upload.h"
#include "src/gateway/withheld.h"
#include "src/guc.h"
#include "src/ipc/busy_topic.h"
#include "src/ipc/client.h"
#include "src/ipc/client_order.h"
#include "src/ipc/clock.h"
#include "src/ipc/cursor.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/presence.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/push.h"
#include "src/ipc/query_group.h"
#include "src/ipc/request.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/ipc/subscriber_count.h"
#include "src/ipc/upload.h"
#include "src/protocol/close_code.h"
#include "src/realtime.h"

#define SWEEP_MS 1000			/* between looks at silent connections */
#define SLOT_POLL_MS 10			/* while a question waits for a slot */
#define REPAIR_POLL_MS 50		/* while a repair does */
#define FLUSH_POLL_MS 10		/* while something waits for somebody's flush */
#define STANDBY_POLL_MAX_MS 20	/* while it waits for standbys */
#define SPARE_DESCRIPTORS 64	/* not for sockets */
#define HTTP_SOCKETS 256		/* beside max_connections WebSockets */
#define HTTP_FILES 1024			/* that answers are read from at a time, if there is room */
#define CANCEL_GRACE_MS 2000	/* for executors to cancel what still runs */
#define CLOSE_LINGER_MS 1500	/* for close frames at the end */

RtGateway	rt_gateway;

static int64 last_sweep_ms = 0;
static bool slow_ones_left = false; /* that are to be ended */
static int64 confirmed_ms = 0;	/* when standbys last confirmed something */
static bool listening = false;
static int	max_sockets = 0;
static RtServiceState last_service = RT_SERVICE_STARTING;

static int64
read_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the verbs of a turn ---- */

static void
reload_configuration(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	rt_origins_configure();
	rt_allowed_hosts_configure();
	rt_proxies_configure();
	rt_scrape_configure();
	rt_event_loop_configure_tls();
	rt_topic_watch_configure();
	rt_presence_configure();
}

/*
 * When the service has ended for good, its clients are told so, after the
 * calls that were refused because of it.
 */
static void
watch_service(void)
{
	RtServiceState service = rt_service_state();

	if (service == last_service)
		return;
	last_service = service;
	if (service != RT_SERVICE_NO_DATABASE && service != RT_SERVICE_NO_ROLE &&
		service != RT_SERVICE_NO_EXTENSION &&
		service != RT_SERVICE_NO_CLIENT_ROLE)
		return;
	rt_dispatch_answers();
	rt_dispatch_refuse_waiting();
	rt_connections_close_all(RT_CLOSE_RESTART, rt_service_state_text(service));
}

static void
sweep_connections(void)
{
	if (slow_ones_left)
		slow_ones_left = rt_http_sweep();
	if (rt_gateway.now_ms - last_sweep_ms < SWEEP_MS)
		return;
	last_sweep_ms = rt_gateway.now_ms;
	rt_sockets_sweep();
	rt_behind_sweep();
	slow_ones_left = rt_http_sweep();
	rt_http_ask_sweep();
	rt_uploads_sweep();
	rt_connections_sweep();
	rt_dispatch_drop_orphans();
	rt_topics_sweep();
	rt_topic_watch_sweep();
	rt_fanout_sweep();
	rt_groups_sweep();
}

/* Until the port is free: once a second, quietly. */
static void
try_listening(void)
{
	static int64 next_try_ms = 0;

	if (listening || rt_gateway.stopping ||
		rt_gateway.now_ms < next_try_ms ||
		(rt_gateway.index != 0 && !rt_port_is_ours()))
		return;
	next_try_ms = rt_gateway.now_ms + SWEEP_MS;
	listening = rt_listener_open(max_sockets);
	if (listening)
		ereport(LOG,
				(errmsg("realtime gateway %d listening on \"%s\", port %d, path \"%s\"",
						rt_gateway.index, realtime_listen_addresses,
						realtime_port, realtime_path)));
}

/*
 * Once a turn: so the events of a commit, which are delivered first, are never
 * overtaken by its answer.  After the calls have been read: so what was flushed
 * before one was sent comes before its reply.
 */
static void
look_how_durable(void)
{
	RtDurable	before = rt_gateway.durable;

	rt_durable_look(&rt_gateway.durable);
	if (memcmp(before.confirmed, rt_gateway.durable.confirmed,
			   sizeof(before.confirmed)) != 0)
		confirmed_ms = rt_gateway.now_ms;
}

/*
 * Answers have come of calls whose events were published when nothing was left
 * to deliver: they are there now.
 */
static RtFanoutResult
deliver_before_answers(void)
{
	RtFanoutResult fanout = rt_fanout_run();

	rt_commands_catch_up();
	rt_dispatch_answers();
	return rt_withheld_for_events() && fanout == RT_FANOUT_IDLE ? RT_FANOUT_MORE : fanout;
}

static bool
executors_are_gone(void)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		RtWorkerSlot *slot = rt_worker_slot(RT_WORKER_EXECUTOR, i);

		if (pg_atomic_read_u32(&slot->state) == RT_WORKER_RUNNING)
			return false;
	}
	return true;
}

/* Executors that have ended at the server's end do not come back. */
static void
ask_what_waits(void)
{
	if (rt_service_is_there() && !(rt_gateway.stopping && executors_are_gone()))
		rt_ask_waiting();
	else
		rt_dispatch_refuse_waiting();
}

static RtFanoutResult
run_turn(void)
{
	RtFanoutResult fanout;
	bool		more;

	rt_gateway.now_ms = read_clock();
	rt_event_loop_run();
	look_how_durable();
	reload_configuration();
	try_listening();
	rt_http_handle_requests();
	rt_http_ask_waiting();
	rt_uploads_continue();
	more = rt_connections_handle_messages(rt_dispatch_message);
	rt_ask_submit();
	/* first: what was committed before a call was sent comes before its reply */
	fanout = rt_fanout_run();
	rt_commands_catch_up();
	rt_dispatch_answers();
	rt_orders_carry_out();
	rt_pushes_send();
	rt_presence_tell();
	rt_cursors_tell();
	rt_health_look();
	if (rt_withheld_for_events() && fanout == RT_FANOUT_IDLE)
		fanout = deliver_before_answers();
	rt_round_frames_sweep();
	rt_parts_finish();
	watch_service();			/* after the answers that say the same */
	ask_what_waits();
	rt_members_begin();
	rt_departures_tell();
	rt_groups_begin();
	rt_http_ask_waiting();
	rt_ask_submit();
	sweep_connections();
	rt_sockets_flush();
	rt_repairs_begin();			/* for those that have drained */
	more = rt_sockets_close() || slow_ones_left || more;
	more = rt_connections_reap() || rt_parts_are_due() || rt_presence_states_are_due() || more;
	return more ? RT_FANOUT_MORE : fanout;
}

/*
 * Runs a turn; turns an ERROR into a log line and the end of the connection
 * that caused it.  Want of memory, which nothing but a reload of the settings
 * reports in this way, ends nobody.
 */
static RtFanoutResult
run_turn_safely(void)
{
	volatile RtFanoutResult result = RT_FANOUT_MORE;
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		result = run_turn();
	}
	PG_CATCH();
	{
		RtConnection *guilty = rt_connection_take_current();
		bool		out_of_memory = geterrcode() == ERRCODE_OUT_OF_MEMORY;

		MemoryContextSwitchTo(context);
		HOLD_INTERRUPTS();
		LWLockReleaseAll();
		EmitErrorReport();
		FlushErrorState();
		RESUME_INTERRUPTS();
		if (guilty != NULL)
			rt_connection_close(guilty, RT_CLOSE_INTERNAL_ERROR, "Internal server error");
		else if (!out_of_memory)
			proc_exit(1);
	}
	PG_END_TRY();
	return result;
}

/*
 * How long to sleep while events or answers wait to become durable.  Whoever
 * flushes wakes us, if it does so for others; standbys are looked at again and
 * again, less often the longer they confirm nothing.
 */
static long
durable_timeout(void)
{
	RtDurable	now;

	rt_flush_set_waiting(rt_gateway.index, true);
	rt_durable_look(&now);
	if (rt_fanout_is_durable(&now) || rt_withheld_is_durable(&now))
		return 0;
	if (!rt_withheld_for_standbys() && !rt_fanout_for_standbys())
		return FLUSH_POLL_MS;
	return Max(1, Min(STANDBY_POLL_MAX_MS, (rt_gateway.now_ms - confirmed_ms) / 10));
}

/* How long to sleep, but for who is present and cursors: -1 = until something happens. */
static long
own_timeout(RtFanoutResult fanout, bool polls)
{
	if (fanout == RT_FANOUT_MORE || rt_answers_pending(rt_gateway.index) ||
		rt_inboxes_are_ready() || rt_clients_are_wished(rt_gateway.index) ||
		rt_pushes_are_asked(rt_gateway.index))
		return 0;
	if (fanout == RT_FANOUT_WAITING || rt_withheld_any())
		return durable_timeout();
	if (polls)
		return RT_COALESCE_MS;
	if (rt_fanout_pending())
		return 0;
	if (rt_ask_is_starved() || rt_http_ask_is_starved() || rt_round_frames_waiting() ||
		rt_commands_are_owed())
		return SLOT_POLL_MS;
	if (rt_repairs_waiting() || rt_members_waiting() || rt_groups_waiting() ||
		rt_departures_waiting())
		return REPAIR_POLL_MS;
	if (!listening)
		return SWEEP_MS;
	if (rt_event_loop_sockets() == 0)
		return -1;
	return Max(1, SWEEP_MS - (read_clock() - last_sweep_ms));
}

static long
earlier(long a, long b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static long
next_timeout(RtFanoutResult fanout, bool polls)
{
	return earlier(own_timeout(fanout, polls),
				   earlier(rt_groups_timeout(),
						   earlier(rt_presence_timeout(), rt_cursors_timeout())));
}

static void
run_until_stopped(void)
{
	while (!ShutdownRequestPending)
	{
		RtFanoutResult fanout = run_turn_safely();
		bool		polls = rt_coalesce_wanted();
		long		timeout = next_timeout(fanout, polls);

		if (timeout == 0 || rt_spin_for_answers())
			continue;
		if (polls)
			rt_ring_set_polling(rt_gateway.index, true);
		rt_event_loop_wait(timeout);
		if (polls)
			rt_ring_set_polling(rt_gateway.index, false);
		rt_flush_set_waiting(rt_gateway.index, false);
	}
}

/* ---- the end ---- */

/* Turns until done() or the time is up. */
static void
run_for(int64 ms, bool (*done) (void))
{
	int64		deadline = read_clock() + ms;

	while (!done() && read_clock() < deadline)
	{
		(void) run_turn_safely();
		rt_event_loop_wait(Max(1, Min(20, deadline - read_clock())));
	}
}

static bool
calls_are_done(void)
{
	return rt_requests_in_flight(rt_gateway.index) == 0 && rt_backlog_count() == 0;
}

/* Executors do not come back now: what they have left in the queue is refused. */
static bool
last_calls_are_done(void)
{
	if (!calls_are_done() && executors_are_gone())
		rt_requests_refuse_queued(RT_ANSWER_UNAVAILABLE);
	return calls_are_done();
}

static bool
sockets_are_closed(void)
{
	return rt_connection_count() == 0;
}

static void
stop_gateway(void)
{
	rt_gateway.stopping = true;
	rt_listener_close();
	if (rt_postmaster_is_stopping())
		run_for(realtime_shutdown_timeout + CANCEL_GRACE_MS, last_calls_are_done);
	else
		run_for(realtime_shutdown_timeout, calls_are_done);
	rt_connections_close_all(RT_CLOSE_GOING_AWAY, "Server shutting down");
	run_for(CLOSE_LINGER_MS, sockets_are_closed);
}

static void
leave(int code, Datum arg)
{
	rt_listener_close();
	rt_requests_abandon(rt_gateway.index, rt_gateway.generation);
	rt_clients_reset(rt_gateway.index);
	rt_orders_reset(rt_gateway.index);
	rt_presence_abandon(rt_gateway.index, rt_clock_ms() + realtime_presence_grace);
	rt_cursors_abandon(rt_gateway.index, rt_clock_ms());
	rt_pushes_abandon(&(RtPushTarget) {.gateway = rt_gateway.index});
	rt_uploads_abandon(rt_gateway.index);
	rt_sessions_abandon(rt_gateway.index, rt_gateway.generation);
	rt_ring_interest_reset(rt_gateway.index);
	rt_subscriber_counts_reset(rt_gateway.index);
	rt_path_stats_forget_followers(rt_gateway.index);
	rt_busy_topics_tell(rt_gateway.index, NULL, 0);
	rt_query_groups_release_all(rt_gateway.index);
	rt_flush_set_waiting(rt_gateway.index, false);
	pg_atomic_write_u64(&rt_gateway.counters->connections, 0);
	pg_atomic_write_u64(&rt_gateway.counters->subscriptions, 0);
	pg_atomic_write_u64(&rt_gateway.counters->waiting, 0);
	pg_atomic_write_u64(&rt_gateway.counters->ring_lag, 0);
}

/* ---- the beginning ---- */

/*
 * Sets the soft limit of descriptors to what we need and returns how many sockets
 * we may hold.  No higher: tables of the event loop are as long as the limit, and
 * of libwebsockets only if they are it finds a socket without a search.
 */
static int
socket_allowance(int *descriptors)
{
	struct rlimit limit;
	int			wanted = realtime_max_connections + HTTP_SOCKETS;

	*descriptors = wanted + HTTP_FILES + SPARE_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < (rlim_t) *descriptors)
		*descriptors = limit.rlim_max;
	limit.rlim_cur = *descriptors;
	(void) setrlimit(RLIMIT_NOFILE, &limit);
	if (*descriptors >= wanted + SPARE_DESCRIPTORS)
		return wanted;

	ereport(LOG,
			(errmsg("realtime gateway %d can hold %d sockets only",
					rt_gateway.index, *descriptors - SPARE_DESCRIPTORS),
			 errdetail("realtime.max_connections is %d, but the limit of open files is %d.",
					   realtime_max_connections, *descriptors),
			 errhint("Raise the server's limit of open files (ulimit -n, LimitNOFILE=).")));
	return Max(16, *descriptors - SPARE_DESCRIPTORS);
}

static void
init_gateway(int index)
{
	int			descriptors;

	rt_gateway.index = index;
	rt_gateway.now_ms = read_clock();
	rt_gateway.context = AllocSetContextCreate(TopMemoryContext, "realtime gateway",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(rt_gateway.context);
	if (!rt_worker_attach(RT_WORKER_GATEWAY, index, 0))
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("realtime gateway %d is running already", index)));
	rt_gateway.generation =
		pg_atomic_read_u32(&rt_worker_slot(RT_WORKER_GATEWAY, index)->generation);
	rt_gateway.counters = &rt_worker_slot(RT_WORKER_GATEWAY, index)->gateway;
	memset(rt_gateway.counters, 0, sizeof(*rt_gateway.counters));
	rt_path_stats_forget_followers(index);

	max_sockets = socket_allowance(&descriptors);
	rt_payload_attach();
	rt_buffers_init();
	rt_connections_init();
	rt_subscriptions_init();
	rt_recipients_init();
	rt_fanout_init();
	rt_withheld_init();
	rt_members_inherit();
	rt_departures_inherit();
	rt_commands_inherit();
	rt_presence_start();
	rt_cursors_start();
	rt_groups_init();
	rt_tails_init();
	rt_http_asks_init();
	rt_client_files_init();
	rt_flights_init();
	rt_answers_open(index, rt_gateway.generation);
	before_shmem_exit(leave, (Datum) 0);
	rt_event_loop_init(descriptors);
	rt_origins_configure();
	rt_allowed_hosts_configure();
	rt_proxies_configure();
	rt_scrape_configure();
	rt_event_loop_configure_tls();
	rt_topic_watch_configure();
	last_service = rt_service_state();
}

void
rt_gateway_main(Datum main_arg)
{
	int			index = DatumGetInt32(main_arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	init_gateway(index);
	run_until_stopped();
	stop_gateway();
	proc_exit(rt_postmaster_is_stopping() ? 0 : 1);
}
