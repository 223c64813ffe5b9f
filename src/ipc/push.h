/*
 * push.h
 *		What a session asks one client, and the client's reply.
 *
 * A session asks one thing at a time, so each has a place.  It writes what it
 * asks, and to whom; the gateway of that connection sends it and puts the reply
 * into the place; the session takes it, or gives up, and the place is free.
 *
 * ASKED -> SENT -> REPLIED, or REFUSED if the client says so; GONE if the
 * connection ends first, BLOCKED if it takes nothing.
 */
#ifndef RT_IPC_PUSH_H
#define RT_IPC_PUSH_H

#include "src/compat.h"

#include "src/ipc/wait_bucket.h"

typedef enum RtPushState
{
	RT_PUSH_NONE,
	RT_PUSH_ASKED,
	RT_PUSH_SENT,
	RT_PUSH_REPLIED,			/* with JSON */
	RT_PUSH_REFUSED,			/* with a JSON string that says why */
	RT_PUSH_GONE,
	RT_PUSH_BLOCKED,
	RT_PUSH_TOO_LARGE			/* there is no memory for the reply */
} RtPushState;

/* What has become of something that was asked, for metrics. */
typedef enum RtPushResult
{
	RT_PUSH_RESULT_OK,
	RT_PUSH_RESULT_REJECTED,
	RT_PUSH_RESULT_NOT_FOUND,	/* nobody is there, or not any more */
	RT_PUSH_RESULT_TIMEOUT,
	RT_PUSH_RESULT_OVERLOADED,
	RT_PUSH_RESULT_CANCELLED,	/* the session's own transaction has failed */
	RT_PUSH_RESULTS
} RtPushResult;

/* Since the server's start, but for those that wait now. */
typedef struct RtPushStats
{
	int			waiting;
	uint64		results[RT_PUSH_RESULTS];
	uint64		replies[RT_WAIT_BUCKETS];	/* by the time that they took */
	uint64		replies_us;		/* the sum of these times */
	uint64		late;			/* replies that nobody waited for */
} RtPushStats;

#define RT_PUSH_GATEWAY 0		/* the serial of no connection */

/*
 * The connection that is asked; or the gateway itself, which tells what topics there
 * are (gateway/topic/topic_list).
 */
typedef struct RtPushTarget
{
	int			gateway;
	uint32		connection;
	uint64		serial;
} RtPushTarget;

extern Size rt_pushes_size(void);
extern void rt_pushes_init(void);

/* ---- of a session ---- */

/* The number that the reply to what is asked next will have. */
extern uint64 rt_push_next_ref(void);

/*
 * Asks: frame is complete.  Returns false if the payload memory is used up.  What
 * is asked must be ended, whatever comes of it.
 */
extern bool rt_push_ask(const RtPushTarget *target, const char *frame, uint32 len);
extern RtPushState rt_push_state(void);

/* What came back, palloc'd and terminated; a gateway's list has zeros in it. */
extern char *rt_push_reply(Size *len);
extern void rt_push_end(void);

/* After so long. */
extern void rt_push_count(RtPushResult result, int64 us);

/* ---- of a gateway ---- */

extern bool rt_pushes_are_asked(int gateway);

/*
 * One that is asked of a connection of the gateway: it counts as sent.  The frame is
 * copied into *frame, which is malloc'd and grows.  Returns false if there is none.
 */
typedef struct RtPushFrame
{
	char	   *bytes;
	Size		size;
	Size		len;
	uint64		ref;
	RtPushTarget target;
} RtPushFrame;

extern bool rt_push_take(int gateway, RtPushFrame *frame);

/* A reply of a connection, or what became of what it was sent; ignored if it is late. */
extern bool rt_push_settle(const RtPushTarget *target, uint64 ref, RtPushState state,
						   const char *text, uint32 len);

extern void rt_push_count_late(void);

/*
 * A connection, or the gateway as a whole (serial 0), is gone.  Returns how many
 * it had been sent.
 */
extern uint32 rt_pushes_abandon(const RtPushTarget *target);

/* ---- of everybody ---- */

extern const char *rt_push_result_name(RtPushResult result);
extern void rt_push_stats(RtPushStats *stats);

#endif							/* RT_IPC_PUSH_H */
