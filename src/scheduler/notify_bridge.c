/*
 * notify_bridge.c
 *		Listens to channels of NOTIFY and has executors publish what comes.
 *
 * SQL refuses LISTEN in background workers, because nobody would read the
 * notifications.  We do: Async_Listen() listens, and ProcessNotifyInterrupt()
 * sends what has arrived to the client, which is a table of functions of ours.
 * It looks for the channel's bridge and puts the payload into its queue.
 * Nothing on that way may fail, as PostgreSQL makes an ERROR there end the
 * process.
 *
 * Whatever else happens, reading goes on: an undrained listener would keep
 * the notification queue of the whole server from being emptied.  So the
 * queues here are bounded, each bridge having an equal share of
 * realtime.bridge_queue.  What finds no room is dropped and counted, and a gap
 * takes its place, of which subscribers are told if the bridge has a topic of
 * its own.  There is a gap, too, where this process begins to listen after
 * another one, and behind requests of which nobody knows what has become.
 *
 * A bridge has one request in flight at most, so its order is kept.  What is in
 * flight stays in the queue until its answer comes.  A request that was rolled
 * back as a whole is repeated one payload at a time, so that only the one that
 * does not work is left out.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "lib/ilist.h"
#include "libpq/libpq.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"
#include "src/scheduler/notify_bridge.h"
#include "src/scheduler/payload_queue.h"
#include "src/scheduler/scheduler.h"

#define BATCH_PAYLOADS 256		/* of one request */
#define BATCH_BYTES (128 * 1024)
#define NO_SLOT_MS 20			/* until the next try for a request slot */
#define UNAVAILABLE_MS 1000		/* until the next try for an executor */
#define WARNING_MS 60000		/* between warnings about one bridge */

/* What an operator should know of, each kind now and then. */
typedef enum TroubleKind
{
	TROUBLE_DROPPED,			/* no room */
	TROUBLE_UNKNOWN,			/* the executor died */
	TROUBLE_FAILED				/* the transaction did */
} TroubleKind;

#define TROUBLES 3

typedef struct Trouble
{
	uint64		count;			/* of notifications, since the last warning */
	int64		warned_at;		/* 0 = never */
} Trouble;

typedef struct Bridge
{
	char		channel[NAMEDATALEN];	/* hash key */
	dlist_node	node;			/* in bridges: those that wait longest first */
	uint64		serial;			/* another one for the next of that channel */
	bool		declared;		/* when declarations were read last */

	RtPayloadQueue queue;
	uint32		in_flight;		/* of the queue, from the first on */
	uint32		single;			/* to be sent one at a time */
	int64		not_before;		/* next request */
	Trouble		troubles[TROUBLES]; /* by TroubleKind */
} Bridge;

static HTAB *by_channel = NULL;
static dlist_head bridges = DLIST_STATIC_INIT(bridges);
static int	bridge_count = 0;
static int	requests = 0;		/* in flight */
static uint64 last_serial = 0;
static uint32 synced_with = 0;	/* generation of declarations */
static bool first_sync = true;
static int64 no_slot_until = 0;

static void comm_reset(void);
static int	comm_flush(void);
static bool comm_is_send_pending(void);
static int	comm_putmessage(char type, const char *message, size_t len);
static void comm_putmessage_noblock(char type, const char *message, size_t len);

static const PQcommMethods comm_methods = {
	.comm_reset = comm_reset,
	.flush = comm_flush,
	.flush_if_writable = comm_flush,
	.is_send_pending = comm_is_send_pending,
	.putmessage = comm_putmessage,
	.putmessage_noblock = comm_putmessage_noblock
};

void
rt_bridges_init(void)
{
	HASHCTL		ctl;

	ctl.keysize = NAMEDATALEN;
	ctl.entrysize = sizeof(Bridge);
	by_channel = hash_create("realtime bridges", 16, &ctl,
							 HASH_ELEM | HASH_STRINGS);
	rt_payload_queue_init();
	PqCommMethods = &comm_methods;
	FrontendProtocol = PG_PROTOCOL_LATEST;
}

/* ---- reading notifications ---- */

/* Nothing may fail here. */
static void
receive(const char *channel, const char *payload)
{
	Bridge	   *bridge = hash_search(by_channel, channel, HASH_FIND, NULL);
	Size		share = (Size) realtime_bridge_queue * 1024 / Max(bridge_count, 1);

	if (bridge == NULL)
		return;
	rt_scheduler_count(notifications, 1);
	if (rt_payload_queue_add(&bridge->queue, payload, share))
	{
		rt_scheduler_count(waiting, 1);
		return;
	}
	bridge->troubles[TROUBLE_DROPPED].count++;
	rt_scheduler_count(dropped, 1);
	rt_limit_hit(RT_LIMIT_BRIDGE_QUEUE);
	rt_payload_queue_add_gap(&bridge->queue);
}

/* Takes up to n out of a queue; returns how many were notifications. */
static uint32
take_out(Bridge *bridge, uint32 n)
{
	uint32		count = 0;

	while (n-- > 0 && bridge->queue.first != NULL)
		count += rt_payload_queue_remove(&bridge->queue);
	rt_scheduler_count(waiting, -(int64) count);
	return count;
}

static void
comm_reset(void)
{
}

static int
comm_flush(void)
{
	return 0;
}

static bool
comm_is_send_pending(void)
{
	return false;
}

/* 'A' is a notification: the pid of who sent it, channel, payload. */
static int
comm_putmessage(char type, const char *message, size_t len)
{
	const char *channel = message + sizeof(int32);

	if (type == 'A')
		receive(channel, channel + strlen(channel) + 1);
	return 0;
}

static void
comm_putmessage_noblock(char type, const char *message, size_t len)
{
	(void) comm_putmessage(type, message, len);
}

void
rt_bridges_drain(void)
{
	if (!notifyInterruptPending)
		return;
	whereToSendOutput = DestRemote;
	PG_TRY();
	{
		ProcessNotifyInterrupt(false);
	}
	PG_FINALLY();
	{
		whereToSendOutput = DestNone;
	}
	PG_END_TRY();
}

/* ---- bridges come and go ---- */

static void
add_bridge(const char *channel)
{
	bool		found;
	Bridge	   *bridge = hash_search(by_channel, channel, HASH_ENTER, &found);

	if (!found)
	{
		memset((char *) bridge + NAMEDATALEN, 0, sizeof(*bridge) - NAMEDATALEN);
		bridge->serial = ++last_serial;
		dlist_push_tail(&bridges, &bridge->node);
		bridge_count++;
		if (first_sync)
			rt_payload_queue_add_gap(&bridge->queue);
	}
	bridge->declared = true;
}

static void
remove_bridge(Bridge *bridge)
{
	(void) take_out(bridge, PG_UINT32_MAX);
	if (bridge->in_flight > 0)
		requests--;
	dlist_delete(&bridge->node);
	bridge_count--;
	(void) hash_search(by_channel, bridge->channel, HASH_REMOVE, NULL);
}

/* After the transaction that has ended to listen to their channels. */
static void
remove_undeclared(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &bridges)
	{
		Bridge	   *bridge = dlist_container(Bridge, node, iter.cur);

		if (!bridge->declared)
			remove_bridge(bridge);
	}
	pg_atomic_write_u64(&rt_scheduler_counters->bridges, bridge_count);
}

static void
unlisten_undeclared(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bridges)
	{
		Bridge	   *bridge = dlist_container(Bridge, node, iter.cur);

		if (!bridge->declared)
			Async_Unlisten(bridge->channel);
	}
}

static void
forget_declared(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bridges)
		dlist_container(Bridge, node, iter.cur)->declared = false;
}

/*
 * Listens to what is declared, and to nothing else.  If it fails it is done
 * again, and listening twice changes nothing.
 */
static void
sync_bridges(void)
{
	uint32		generation = rt_catalog_generation();
	const ListCell *cell;

	if (!rt_scheduler_begin())
		return;
	forget_declared();
	foreach(cell, rt_declaration_bridges())
	{
		const RtBridgeDeclaration *declaration = lfirst(cell);

		add_bridge(declaration->channel);
		Async_Listen(declaration->channel);
	}
	unlisten_undeclared();
	rt_scheduler_end();

	remove_undeclared();
	synced_with = generation;
	first_sync = false;
}

void
rt_bridges_suspend(void)
{
	if (bridge_count == 0)
		return;
	forget_declared();
	StartTransactionCommand();
	Async_UnlistenAll();
	CommitTransactionCommand();
	remove_undeclared();
}

/* ---- requests ---- */

/* How many requests may take executors away from calls. */
static int
requests_max(void)
{
	return Max(1, realtime_executors / 2);
}

static bool
may_send(const Bridge *bridge, int64 now)
{
	return bridge->queue.first != NULL && bridge->in_flight == 0 &&
		bridge->not_before <= now;
}

/* Returns false if there is no room for another request. */
static bool
send_batch(Bridge *bridge)
{
	RtRequest  *request = rt_scheduler_request(RT_REQUEST_BRIDGE);
	uint32		channel_len = strlen(bridge->channel);
	uint32		bytes;
	uint32		count = rt_payload_queue_measure(&bridge->queue,
												 bridge->single > 0 ? 1 : BATCH_PAYLOADS,
												 BATCH_BYTES, &bytes);
	char	   *text;

	if (request == NULL)
		return false;
	text = rt_shared_text_reserve(&request->text, channel_len + bytes);
	if (text == NULL)
	{
		rt_request_cancel(request);
		return false;
	}
	request->asked.path.off = 0;
	request->asked.path.len = channel_len;
	request->asked.args.off = channel_len;
	request->asked.args.len = bytes;
	request->asked.subject = bridge->serial;
	memcpy(text, bridge->channel, channel_len);
	rt_payload_queue_write(&bridge->queue, count, text + channel_len);
	rt_scheduler_submit(request);

	bridge->in_flight = count;
	requests++;
	return true;
}

static void
send_batches(int64 now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &bridges)
	{
		Bridge	   *bridge = dlist_container(Bridge, node, iter.cur);

		if (requests >= requests_max())
			break;
		if (!may_send(bridge, now))
			continue;
		if (!send_batch(bridge))
		{
			no_slot_until = now + NO_SLOT_MS;
			break;
		}
		/* the others come first next time */
		dlist_delete(&bridge->node);
		dlist_push_tail(&bridges, &bridge->node);
	}
}

/* ---- answers ---- */

static void
done(Bridge *bridge, RtRequest *request)
{
	RtBridgeAnswer answer;

	Assert(request->answer.len == sizeof(answer));
	memcpy(&answer, rt_shared_text_get(&request->answer), sizeof(answer));
	rt_scheduler_count(skipped, answer.skipped);
	rt_scheduler_count(failed, answer.failed);
	bridge->single -= Min(bridge->single, answer.taken);
	(void) take_out(bridge, answer.taken);
}

/* Nothing was done: one after the other, and without the one to blame. */
static void
rolled_back(Bridge *bridge)
{
	if (bridge->in_flight > 1)
	{
		bridge->single = bridge->in_flight;
		return;
	}
	bridge->troubles[TROUBLE_FAILED].count++;
	rt_scheduler_count(failed, 1);
	bridge->single -= Min(bridge->single, 1);
	(void) take_out(bridge, 1);
}

/* Published or not: who may have lost something loads again. */
static void
unknown(Bridge *bridge)
{
	uint32		lost = take_out(bridge, bridge->in_flight);

	bridge->troubles[TROUBLE_UNKNOWN].count += lost;
	rt_scheduler_count(dropped, lost);
	bridge->single = 0;
	rt_payload_queue_add_gap_first(&bridge->queue);
}

void
rt_bridges_answered(RtRequest *request)
{
	char		channel[NAMEDATALEN];
	Bridge	   *bridge;

	memcpy(channel, rt_shared_text_get(&request->text) + request->asked.path.off,
		   request->asked.path.len);
	channel[request->asked.path.len] = '\0';
	bridge = hash_search(by_channel, channel, HASH_FIND, NULL);
	if (bridge == NULL || bridge->serial != request->asked.subject)
		return;					/* dropped since */

	switch (request->answer_kind)
	{
		case RT_ANSWER_NONE:
			done(bridge, request);
			break;
		case RT_ANSWER_ROLLED_BACK:
			rolled_back(bridge);
			break;
		case RT_ANSWER_UNAVAILABLE:
			bridge->not_before = rt_clock_ms() + UNAVAILABLE_MS;
			break;
		default:
			unknown(bridge);
			break;
	}
	bridge->in_flight = 0;
	requests--;
}

/* ---- the task ---- */

static void
warn(const Bridge *bridge, TroubleKind kind)
{
	unsigned long long count = bridge->troubles[kind].count;

	switch (kind)
	{
		case TROUBLE_DROPPED:
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("%llu notifications on channel \"%s\" were dropped",
							count, bridge->channel),
					 errdetail("They came faster than they could be published."),
					 errhint("Make the parse function faster, or increase \"realtime.executors\" or \"realtime.bridge_queue\".")));
			break;
		case TROUBLE_UNKNOWN:
			ereport(WARNING,
					(errmsg("%llu notifications on channel \"%s\" may be lost",
							count, bridge->channel),
					 errdetail("The executor that was publishing them has died.")));
			break;
		case TROUBLE_FAILED:
			ereport(WARNING,
					(errmsg("%llu notifications on channel \"%s\" were not published",
							count, bridge->channel),
					 errdetail("Their transactions failed or took longer than \"realtime.handler_timeout\".")));
			break;
	}
}

/* When there is something to warn of, or RT_NEVER. */
static int64
warning_due(const Trouble *trouble)
{
	if (trouble->count == 0)
		return RT_NEVER;
	return trouble->warned_at == 0 ? 0 : trouble->warned_at + WARNING_MS;
}

static void
warn_if_due(Bridge *bridge, int64 now)
{
	for (int kind = 0; kind < TROUBLES; kind++)
	{
		Trouble    *trouble = &bridge->troubles[kind];

		if (warning_due(trouble) > now)
			continue;
		warn(bridge, kind);
		trouble->count = 0;
		trouble->warned_at = now;
	}
}

int64
rt_bridges_due(void)
{
	int64		due = RT_NEVER;
	dlist_iter	iter;

	if (synced_with != rt_catalog_generation())
		return 0;
	dlist_foreach(iter, &bridges)
	{
		Bridge	   *bridge = dlist_container(Bridge, node, iter.cur);

		for (int kind = 0; kind < TROUBLES; kind++)
			due = Min(due, warning_due(&bridge->troubles[kind]));
		if (requests < requests_max() && bridge->queue.first != NULL &&
			bridge->in_flight == 0)
			due = Min(due, Max(bridge->not_before, no_slot_until));
	}
	return due;
}

void
rt_bridges_run(void)
{
	int64		now = rt_clock_ms();
	dlist_iter	iter;

	if (synced_with != rt_catalog_generation())
		sync_bridges();
	if (now >= no_slot_until)
		send_batches(now);
	dlist_foreach(iter, &bridges)
		warn_if_due(dlist_container(Bridge, node, iter.cur), now);
}
