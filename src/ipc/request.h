/*
 * request.h
 *		Requests of gateways and the scheduler to executors, and the answers:
 *		one slot in shared memory carries both.
 *
 * FREE -> FILLING -> QUEUED -> RUNNING -> ANSWERED -> READING -> FREE; from
 * RUNNING to PARKED and to QUEUED again, what waits for another call; and from
 * FILLING to ARMED, what somebody else is to queue (job.h), or its owner takes back.  The
 * owner, a gateway or the scheduler, takes a free slot, fills it and queues it;
 * an executor takes it from the queue, runs it, puts the answer into the same
 * slot and the slot on its owner's list of answers; the owner reads the answer
 * and frees the slot.  So the way back cannot be full, and requests in flight
 * are counted from the slots.
 *
 * Who frees when somebody dies:  an executor's exit answers its RUNNING slots
 * with RT_ANSWER_FAILED; an owner's exit frees its ANSWERED slots and orphans
 * those that are QUEUED, PARKED or RUNNING, which an executor frees when it
 * takes or answers them.
 */
#ifndef RT_IPC_REQUEST_H
#define RT_IPC_REQUEST_H

#include "src/compat.h"

#include "pgtime.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/durability.h"
#include "src/ipc/payload.h"

#define RT_REQUEST_NONE (-1)
#define RT_CONNECTION_ID_SIZE 40	/* bytes, more than a uuid has */

/* Owners are the gateways, by their index, and the scheduler. */
#define RT_OWNER_SCHEDULER RT_GATEWAYS_MAX
#define RT_OWNERS (RT_GATEWAYS_MAX + 1)

typedef enum RtRequestKind
{
	RT_REQUEST_CALL,			/* text: path, id, args; answer: a server frame */
	RT_REQUEST_SUBSCRIBE,		/* text: topics, see below; answer: verdicts */
	RT_REQUEST_PUBLISH,			/* no text: what is due, see timer.h */
	RT_REQUEST_BRIDGE,			/* text: notifications, see below */
	RT_REQUEST_STREAM,			/* as CALL; answer: a server frame, or STREAM */
	RT_REQUEST_REPLAY,			/* path: topic; answer: REPLAY */
	RT_REQUEST_RESUME,			/* args: topics, see below; answer: REPLAY */
	RT_REQUEST_REPAIR,			/* path: topic; answer: REPLAY */
	RT_REQUEST_JOIN,			/* path, args: topic; no answer, as the next */
	RT_REQUEST_LEAVE,			/* since: how many others are left */
	RT_REQUEST_RELOAD,			/* as STREAM, id: topic; answer: STREAM with an
								 * event, or FRAME with one that says why not */
	RT_REQUEST_LOGIN,			/* path: address of the peer; args: head of the
								 * HTTP request, version: its body, or id: token
								 * of a frame; ticket: whether the connection is
								 * somebody's already; subject: of a request over HTTP
								 * that is no WebSocket, or 0; answer: LOGIN */
	RT_REQUEST_RECHECK,			/* as SUBSCRIBE, of subscriptions there are */
	RT_REQUEST_LOAD,			/* as STREAM, subject: of a request over HTTP;
								 * answer: CONTENT */
	RT_REQUEST_MESSAGE,			/* args: a frame that means nothing to us; ticket:
								 * whether it is text; answer: a frame, or none */
	RT_REQUEST_UPGRADE,			/* as LOGIN, whether it may become a WebSocket */
	RT_REQUEST_MODULE,			/* path: of a module, or none for all; args:
								 * "js", or "ts" for types; subject: of a request over HTTP;
								 * answer: CONTENT */
	RT_REQUEST_CRON,			/* path: of the job, args: see below */
	RT_REQUEST_JOBS,			/* path: name of the queue, or none: those that are
								 * lost are to be buried; answer: see below */
	RT_REQUEST_INTAKE,			/* path: of an aggregate, see below */
	RT_REQUEST_EFFECT,			/* path: of an effect; as INTAKE */
	RT_REQUEST_WEBHOOK,			/* path; args: head of the HTTP request, version: its
								 * body, subject: as LOAD; answer: CONTENT */
	RT_REQUEST_UPLOAD,			/* as CALL, subject: serial of the upload (upload.h),
								 * id: its name for the client; answer: CONTENT */
	RT_REQUEST_REAUTH,			/* the same question, for its guards alone; answer:
								 * CONTENT why not, or NONE */
	RT_REQUEST_CLOSE			/* that a connection has ended; since: its code,
								 * subject: whether it has been in a group;
								 * without a connection's id, that all of those
								 * of before have which the close hook is still
								 * to be told of; no answer, but the status */
} RtRequestKind;

/* Its answer is one over HTTP. */
static inline bool
rt_request_is_for_http(RtRequestKind kind)
{
	return kind == RT_REQUEST_LOAD || kind == RT_REQUEST_MODULE ||
		kind == RT_REQUEST_WEBHOOK;
}

typedef enum RtRequestState
{
	RT_REQUEST_FREE,
	RT_REQUEST_FILLING,			/* taken by its owner, not queued yet */
	RT_REQUEST_ARMED,			/* filled; who takes it from job.h has it */
	RT_REQUEST_QUEUED,
	RT_REQUEST_RUNNING,
	RT_REQUEST_PARKED,			/* it waits for a key, see parking.h */
	RT_REQUEST_ANSWERED,		/* on its owner's list */
	RT_REQUEST_READING			/* taken off it by the owner */
} RtRequestState;

typedef enum RtAnswerKind
{
	RT_ANSWER_FRAME,			/* the text is a complete WebSocket frame */
	RT_ANSWER_VERDICTS,			/* the text holds verdicts */
	RT_ANSWER_STREAM,			/* a topic and the reply to who is now
								 * subscribed to it, see below */
	RT_ANSWER_REPLAY,			/* topics and frames, see below */
	RT_ANSWER_NONE,				/* nothing to send (fire and forget) */
	RT_ANSWER_FAILED,			/* the executor died: INTERNAL_ERROR */
	RT_ANSWER_UNAVAILABLE,		/* no extension: SERVICE_UNAVAILABLE */
	RT_ANSWER_ROLLED_BACK,		/* scheduler only: it surely did nothing */
	RT_ANSWER_LOGIN,			/* an RtLoginAnswer */
	RT_ANSWER_CONTENT			/* of an answer over HTTP: JSON, or of MODULE;
								 * UPLOAD: what frame.h makes of its result */
} RtAnswerKind;

/* Positions in a request's text, as in src/protocol. */
typedef struct RtRequestSpan
{
	uint32		off;
	uint32		len;
} RtRequestSpan;

/*
 * What is asked, without the texts: written by the owner, constant from QUEUED
 * to FREE.
 */
typedef struct RtQuestion
{
	RtRequestKind kind;
	uint32		connection;		/* index in the gateway's table */
	uint64		connection_serial;	/* unique in the gateway's life */
	uint64		subject;		/* of its owner's: sequential batch or bridge, by
								 * serial; JOIN, LEAVE: place of the member */
	uint64		ticket;			/* of its owner's; JOIN, LEAVE: serial of the
								 * member */
	uint64		position;		/* of the ring when it was asked */
	uint64		orders;			/* number of the last one then, client.h */
	uint32		catalog_generation; /* when it was asked */
	uint32		time_key;		/* of the time that it is expected to take */
	int			session;		/* index of a session object, referenced */
	uint64		address;		/* hash of what is counted as one address of who
								 * asks, the connection may be gone; 0 = nobody's */
	char		connection_id[RT_CONNECTION_ID_SIZE];	/* uuid text; "" = of the
														 * scheduler */
	RtRequestSpan path;			/* CALL: decoded */
	RtRequestSpan id;			/* CALL: JSON string; len 0 = no answer.
								 * REPLAY: JSON number, may be absent */
	RtRequestSpan args;			/* CALL: JSON array; len 0 = none */
	RtRequestSpan payload;		/* CALL, binary: the first argument */
	RtRequestSpan idempotency_key;	/* CALL: JSON string.  LOAD: address of the client */
	int64		since;			/* STREAM, REPLAY, REPAIR: number up to which the
								 * client has the topic's events; RT_SINCE_* */
	uint32		limit;			/* STREAM, REPLAY, RESUME, REPAIR: bytes of
								 * events in the answer */
	RtRequestSpan version;		/* STREAM: any JSON, of the client's value */
	RtRequestSpan trace;		/* name of the request that has opened the
								 * connection, by a trusted proxy; len 0 = none */
	RtRequestSpan cursor;		/* STREAM: any JSON; more of a value is wanted,
								 * not a subscription; len 0 = it is not */
	int32		schema_version; /* STREAM: of the client's rows; 0 = not said */
	bool		binary;			/* CALL: it has come with a payload */
	bool		positions;		/* CALL: the answer says that of its changes */
	bool		parts;			/* STREAM: the client takes long values in parts */
	uint64		flight;			/* STREAM: the gateway's own: others may wait for
								 * the same answer; 0 = nobody */
} RtQuestion;

typedef struct RtRequest
{
	/*
	 * Changed only by whoever owns the slot at the moment: the free list and
	 * the queue (under the pool's lock), the owner while FILLING or READING,
	 * the executor while RUNNING, the answer list (under its lock) once
	 * ANSWERED.
	 */
	RtRequestState state;
	int			next;			/* in the free list or answer list */

	/* written by the owner before QUEUED, constant until FREE */
	int			owner;			/* number and generation of the asker */
	uint32		owner_generation;
	int64		queued_us;		/* the gateway's clock; 0 = not timed */
	uint64		flow;			/* those of one flow take one turn; of the owner's
								 * numbers, which is a connection's serial or none */
	int			behind;			/* slot of what the same flow asked last;
								 * RT_REQUEST_NONE; may be gone */
	bool		alone;			/* it has nothing else in flight */
	uint64		user;			/* for whom it is counted (user_calls.h) */
	RtQuestion	asked;
	RtSharedText text;

	/* written by the executor while RUNNING */
	int			executor;
	volatile bool overdue;		/* its time is up and it goes on: the owner may
								 * say so, because it will not be committed */
	RtAnswerKind answer_kind;
	RtDurability durability;	/* what clients are told waits for it */
	bool		awaits_standbys;	/* it is counted as one that does */
	bool		in_line;		/* for a key; changed under that lock */
	uint64		answer_position;	/* of the ring.  STREAM, REPLAY: from before
									 * the rows were looked at.  CALL: behind
									 * what it has published; 0 = nothing */
	uint64		answer_changes; /* CALL: behind what it has changed of what live
								 * queries read (change_ring.h); 0 = nothing */
	bool		answer_says_changes;	/* the frame has room for it */
	int64		answer_stale_ms;	/* STREAM: silence after which it is loaded
									 * anew; 0 = none */
	int64		answer_debounce_ms; /* STREAM: silence before it is loaded anew;
									 * 0 = none */
	uint64		answer_query;	/* STREAM: serial of the group of a live query
								 * whose rows, or events, it has */
	uint32		answer_topics_len;	/* STREAM, REPLAY: see below */
	bool		answer_alike;	/* STREAM: whoever asks the same, as the same
								 * session, would get it as well */
	bool		answer_too_large;	/* RELOAD: the value is, for an event */
	int			answer_status;	/* CONTENT: of the answer over HTTP.  CLOSE: how
								 * many more there may be */
	RtSharedText answer;
	int			answer_session; /* LOGIN: referenced; RT_SESSION_NONE = none */

	bool		told;			/* the owner's own: it has said so */
} RtRequest;

#define RT_SINCE_NONE (-1)		/* the client has not said */
#define RT_SINCE_UNKNOWN (-2)	/* it has, but it is no number of ours; or it was
								 * told to forget it */

/*
 * SUBSCRIBE: the text is a sequence of topics, each a uint16 length and the
 * bytes.  The answer holds as many verdicts, each a uint8 RtVerdict, a uint8
 * length and the reason's bytes (denials only).
 */
typedef enum RtVerdict
{
	RT_VERDICT_DENY,
	RT_VERDICT_ALLOW,			/* this identity, this time */
	RT_VERDICT_OPEN,			/* everybody until declarations change */
	RT_VERDICT_STREAM,			/* who follows the stream is subscribed, and
								 * nobody else: acknowledged, no more */
	RT_VERDICT_MEMBER			/* as ALLOW, and its end is to be told */
} RtVerdict;

static inline bool
rt_verdict_allows(RtVerdict verdict)
{
	return verdict == RT_VERDICT_ALLOW || verdict == RT_VERDICT_OPEN ||
		verdict == RT_VERDICT_MEMBER;
}

/*
 * BRIDGE: path is the channel, args the payloads of notifications on it, each a
 * uint32 length and the bytes; the length RT_BRIDGE_GAP, without bytes, stands
 * where notifications were lost.  The answer NONE holds an RtBridgeAnswer: an
 * executor takes no more than it can do in a moment.  ROLLED_BACK and
 * UNAVAILABLE say that nothing was done, FAILED that nobody knows.
 */
#define RT_BRIDGE_GAP PG_UINT32_MAX

typedef struct RtBridgeAnswer
{
	uint32		taken;			/* payloads and gaps, from the first on */
	uint32		skipped;		/* of these: left out by the parse function */
	uint32		failed;			/* of these: could not be published */
} RtBridgeAnswer;

/*
 * CRON: args is an RtCronQuestion; the answer NONE holds an RtCronAnswer.
 * ROLLED_BACK and UNAVAILABLE say that nothing was done, FAILED that nobody
 * knows: what has been asked again does nothing if it has been done.
 */
typedef struct RtCronQuestion
{
	int64		from;			/* the time that stands in the job's state */
	int64		due;			/* the time to run for, the same or a later one */
	char		zone[TZ_STRLEN_MAX + 1];	/* in which the next one is looked for */
} RtCronQuestion;

typedef struct RtCronAnswer
{
	bool		stale;			/* another had taken the step, or will */
	int64		next;			/* else, the time that comes next */
} RtCronAnswer;

/* JOBS: the answer NONE holds an RtJobsAnswer. */
typedef struct RtJobsAnswer
{
	bool		more;			/* the queue has others that are ready */
	bool		missed;			/* perhaps one that somebody had just then */
} RtJobsAnswer;

/*
 * INTAKE: the answer NONE holds an RtIntakeAnswer.  Anything else says that it has
 * failed, and is to be asked again a while later.
 */
typedef struct RtIntakeAnswer
{
	bool		stale;			/* another takes its events, or nothing is declared */
	bool		more;			/* events may be left */
	bool		awaits;			/* what is over by time cannot end yet */
	TimestampTz next;			/* when time alone changes something */
} RtIntakeAnswer;

/*
 * LOGIN: who it is, or how the connection ends; behind it headers of an answer
 * over HTTP, each with its end.  The session is the answer's as long as the
 * request is not freed.
 */
#define RT_LOGIN_HEADERS_MAX 8192	/* bytes */

typedef struct RtLoginAnswer
{
	bool		opened;			/* that it ends is to be told, see CLOSE */
	uint16		close_code;		/* 0 = welcome, as answer_session */
	char		code[32];		/* else why, "UNAUTHENTICATED" ...; ends with NUL */
	char		reason[96];		/* a sentence; ends with NUL */
} RtLoginAnswer;

/*
 * RESUME: args is a sequence of topics, each an RtAskedTopic and the bytes of
 * its name.
 */
typedef struct RtAskedTopic
{
	int64		since;
	uint16		len;
} RtAskedTopic;

/*
 * Answers STREAM and REPLAY begin with topics, in all answer_topics_len bytes,
 * each an RtAnsweredTopic and the bytes of its name, in STREAM followed by what
 * others see of the caller; the rest are complete
 * frames, one behind the other.  STREAM and REPAIR have one topic, REPLAY one
 * or, if it is denied, none (then the rest is the code), RESUME those whose
 * events it has.
 */
typedef struct RtAnsweredTopic
{
	int64		seq;			/* the number up to which the client then has the
								 * events; -1 = they have none */
	uint16		len;
	uint16		flags;			/* RT_TOPIC_* below */
} RtAnsweredTopic;

#define RT_TOPIC_FROM_NOW 0x01	/* nothing from before was asked for: what has
								 * been published since the request is new */
#define RT_TOPIC_MORE 0x02		/* there are more events than the answer holds */
#define RT_TOPIC_REMEMBERED 0x80	/* the gateway is to fill in the events */
#define RT_TOPIC_RELOADS 0x10	/* the stream has a value that can be loaded anew */
#define RT_TOPIC_SHARED 0x20	/* which does not depend on who asks */
#define RT_TOPIC_QUERY 0x40		/* it is a group of a live query */
#define RT_TOPIC_MEMBERS 0x08	/* the stream wants to know who follows it */
#define RT_TOPIC_TRUNCATED 0x04 /* events are missing and cannot be had */
#define RT_TOPIC_PRESENT 0x200	/* who follows it is present, if there is what others
								 * see: JSON, else nothing */
#define RT_TOPIC_ROSTER 0x400	/* its value is who is present on the topic without
								 * the suffix; the gateway is to fill it in */
#define RT_TOPIC_CURSORS 0x800	/* who follows it gets cursors, and may move one, if
								 * there is what others see of him */
#define RT_TOPIC_JUDGED 0x1000	/* functions have decided that who asks may have it */
#define RT_TOPIC_PROVISIONAL 0x100	/* it is not the value, which can be loaded
									 * when answer_stale_ms are over */

extern Size rt_requests_size(void);
extern void rt_requests_init(void);

/* An owner opens its list of answers before its first request. */
extern void rt_answers_open(int owner, uint32 owner_generation);

/*
 * Owner's side.  begin returns a FILLING slot, or NULL if there is none free;
 * cancel gives it back.  It is queued with rt_requests_submit()
 * (request_queue.h).
 */
extern RtRequest *rt_request_begin(int owner, uint32 owner_generation);
extern void rt_request_cancel(RtRequest *request);
extern void rt_request_set_armed(RtRequest *request);

/*
 * Takes the list of answers to an owner; the slots are READING until
 * rt_requests_free().  Returns how many were put into out (at most max).
 */
extern int	rt_answers_take(int owner, RtRequest **out, int max);
extern void rt_requests_free(RtRequest **requests, int n);
extern bool rt_answers_pending(int owner);

/*
 * Requests that have become overdue since the last look, and have not been
 * told.  They go on being RUNNING: an answer comes as for any other.
 */
extern int	rt_requests_take_overdue(int owner, uint32 owner_generation,
									 RtRequest **out, int max);

/* An owner is leaving: see the top. */
extern void rt_requests_abandon(int owner, uint32 owner_generation);

/* How many requests of an owner, or of all, are not FREE. */
extern int	rt_requests_in_flight(int owner);
extern int	rt_requests_in_use(void);

/*
 * Executor side, for who takes a request from the queue: start makes it
 * RUNNING; nobody wants it if its owner is gone.
 */
extern void rt_request_start(RtRequest *request, int executor);
extern bool rt_request_is_wanted(const RtRequest *request);

/* Of a RUNNING one: no executor has it any more. */
extern void rt_request_set_parked(RtRequest *request);

/*
 * What runs for longer than it may is marked as overdue, and its owner woken.
 * May be called in a signal handler.
 */
extern void rt_request_set_overdue(RtRequest *request);

/* A slot's number, and its slot: for structures in shared memory. */
extern int	rt_request_number(const RtRequest *request);
extern RtRequest *rt_request_at(int number);

/*
 * put gives an answered request to its owner, which may find it at once but is
 * told of it by announce, once for many; owners is a set of bits.  The owner
 * tells no client of it before what durability says is durable.  announce may
 * be called in a signal handler.  Both do nothing that could fail.
 */
extern void rt_answer_put(RtRequest *request);
extern void rt_answers_announce(uint32 owners);
#define rt_owner_bit(owner) ((uint32) 1 << (owner))

/*
 * Whether so many answers wait for standbys that what would have to wait as
 * well is refused: half of all slots.  The others are for what need not wait.
 */
extern bool rt_answers_crowd_for_standbys(void);

/* An executor is leaving: its running requests are answered FAILED. */
extern void rt_requests_fail_executor(int executor);

/*
 * Answers everything that waits in the queue (nobody is going to run it).
 * Used by the launcher when the service ends.
 */
extern void rt_requests_refuse_queued(RtAnswerKind kind);

#endif							/* RT_IPC_REQUEST_H */
