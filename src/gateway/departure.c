/*
 * departure.c
 *		Connections whose end the close hook, or their groups, are to be told, after
 *		all else that they have asked.
 *
 * A departure is made when a connection opens and the hook may be declared, so
 * that nothing is missing when it ends.  It then waits until executors have
 * answered what the connection had asked, and for its turn: all departures are
 * one flow of the queue, so that thousands that end at once hold up nobody.  As
 * many may wait as there may be connections; while that many do no new one
 * opens.
 *
 * What this gateway forgets, because it ends, is a row still (opening.c), and is
 * asked for by the next one in its place.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/departure.h"
#include "src/gateway/gateway.h"
#include "src/gateway/ticket.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/session.h"
#include "src/protocol/close_code.h"

#define AGAIN_MS 1000			/* after nobody could be told */
#define MISSED_NUMBERS (UINT64CONST(1) << 62)	/* from where on numbers are of none */

typedef struct RtDeparture
{
	RtTicket	ticket;			/* the connection's serial */
	dlist_node	node;			/* ended: of those that wait for their turn */
	bool		opened;			/* an executor has said so */
	bool		in_club;		/* it has been in a group */
	bool		ended;
	uint32		owed;			/* what is to come before; once it has ended, the
								 * answers to what it has asked as well */
	int			code;
	int			session;		/* ended: referenced */
	char		id[RT_CONNECTION_ID_SIZE];
} RtDeparture;

static RtHashTable departures;
static dlist_head waiting = DLIST_STATIC_INIT(waiting);
static uint32 ended_count = 0;
static RtFlow flow;
static bool may_be_lost;		/* there may be rows of before */
static int64 not_before_ms = 0;

void
rt_departures_inherit(void)
{
	rt_hash_init(&departures);
	rt_flow_init(&flow);
	may_be_lost = true;
}

static RtDeparture *
find(uint64 serial)
{
	RtTicket   *ticket = serial == 0 ? NULL : rt_ticket_find(&departures, serial);

	return ticket == NULL ? NULL :
		(RtDeparture *) ((char *) ticket - offsetof(RtDeparture, ticket));
}

bool
rt_departure_expect(RtConnection *connection)
{
	RtDeparture *departure = calloc(1, sizeof(RtDeparture));

	if (departure == NULL)
		return false;
	memcpy(departure->id, connection->id, sizeof(departure->id));
	rt_ticket_add(&departures, &departure->ticket, connection->serial);
	connection->departs = true;
	return true;
}

static void
note_ended(int change)
{
	ended_count += change;
	rt_show(departures, ended_count);
	rt_limit_note(RT_LIMIT_DEPARTURES, ended_count);
}

static void
forget(RtDeparture *departure)
{
	if (departure->ended)
	{
		note_ended(-1);
		rt_session_release(departure->session, RT_SESSION_GATEWAY);
	}
	rt_ticket_remove(&departures, &departure->ticket);
	free(departure);
}

/* It has ended, and all that it had asked is over. */
static void
take_leave(RtDeparture *departure)
{
	if (departure->opened)
		dlist_push_tail(&waiting, &departure->node);
	else
		forget(departure);
}

/* An executor that has died may have opened it. */
void
rt_departure_opened(uint64 connection_serial, RtRequest *login)
{
	RtDeparture *departure = find(connection_serial);
	const RtLoginAnswer *answer = NULL;

	if (departure == NULL || login->asked.id.len > 0)
		return;
	if (login->answer_kind == RT_ANSWER_LOGIN)
		answer = (const RtLoginAnswer *) rt_shared_text_get(&login->answer);
	departure->opened = login->answer_kind == RT_ANSWER_FAILED ||
		(answer != NULL && answer->opened);
}

/* Without memory the end is not told, until somebody finds out by himself. */
void
rt_departure_of_member(RtConnection *connection)
{
	RtDeparture *departure;

	if (!connection->departs && !rt_departure_expect(connection))
		return;
	departure = find(connection->serial);
	departure->opened = departure->in_club = true;
}

/* Its number is none that a connection has. */
void
rt_departure_of_missed(RtText connection_id)
{
	static uint64 last_number = MISSED_NUMBERS;
	RtDeparture *departure = calloc(1, sizeof(RtDeparture));

	if (departure == NULL || connection_id.len >= RT_CONNECTION_ID_SIZE)
	{
		free(departure);
		return;
	}
	memcpy(departure->id, connection_id.ptr, connection_id.len);
	departure->opened = departure->in_club = departure->ended = true;
	departure->code = RT_CLOSE_ABNORMAL;
	departure->session = RT_SESSION_ANONYMOUS;
	rt_session_acquire(departure->session, RT_SESSION_GATEWAY);
	note_ended(1);
	rt_ticket_add(&departures, &departure->ticket, ++last_number);
	take_leave(departure);
}

void
rt_departure_begin(RtConnection *connection, int code)
{
	RtDeparture *departure = connection->departs ? find(connection->serial) : NULL;

	if (departure == NULL)
		return;
	departure->ended = true;
	departure->code = code;
	departure->owed += connection->in_flight;
	departure->session = connection->session;
	rt_session_acquire(departure->session, RT_SESSION_GATEWAY);
	note_ended(1);
	if (departure->owed == 0)
		take_leave(departure);
}

uint64
rt_departure_owe(const RtConnection *connection)
{
	RtDeparture *departure = connection->departs ? find(connection->serial) : NULL;

	if (departure == NULL)
		return 0;
	departure->owed++;
	return connection->serial;
}

void
rt_departure_settle(uint64 connection_serial)
{
	RtDeparture *departure = find(connection_serial);

	if (departure == NULL)
		return;
	departure->owed--;
	if (departure->ended && departure->owed == 0)
		take_leave(departure);
}

bool
rt_departures_are_many(void)
{
	return ended_count >= (uint32) realtime_max_connections;
}

/* ---- telling ---- */

static bool
ask(const RtDeparture *departure)
{
	RtQuestionTexts texts = {.path = RT_TEXT_NONE};
	RtQuestion	question = {.kind = RT_REQUEST_CLOSE, .since = RT_SINCE_NONE};

	question.session = RT_SESSION_ANONYMOUS;
	if (departure != NULL)
	{
		question.ticket = departure->ticket.number;
		question.since = departure->code;
		question.subject = departure->in_club;
		question.session = departure->session;
		memcpy(question.connection_id, departure->id, sizeof(departure->id));
	}
	return rt_ask_for_nobody(&flow, &question, &texts);
}

static bool
may_ask(void)
{
	return rt_service_takes_requests() && rt_gateway.now_ms >= not_before_ms &&
		rt_ask_has_part(flow.in_flight);
}

void
rt_departures_tell(void)
{
	if (may_be_lost && may_ask() && ask(NULL))
		may_be_lost = false;
	while (!dlist_is_empty(&waiting) && may_ask())
	{
		RtDeparture *departure = dlist_head_element(RtDeparture, node, &waiting);

		if (!ask(departure))
			return;
		dlist_delete(&departure->node);
	}
}

bool
rt_departures_waiting(void)
{
	return (may_be_lost || !dlist_is_empty(&waiting)) && rt_service_takes_requests();
}

void
rt_departure_answer(const RtRequest *request)
{
	RtDeparture *departure = find(request->asked.ticket);
	bool		failed = request->answer_kind != RT_ANSWER_NONE;

	flow.in_flight--;
	if (failed)
		not_before_ms = rt_gateway.now_ms + AGAIN_MS;
	if (departure == NULL)
		may_be_lost |= failed || request->answer_status > 0;
	else if (failed)
		dlist_push_tail(&waiting, &departure->node);
	else
		forget(departure);
}
