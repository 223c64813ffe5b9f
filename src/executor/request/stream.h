/*
 * stream.h
 *		Lets clients follow streams.
 *
 * Two transactions.  In the first one (stream.c) it is found out whether the
 * caller may have the stream, and which topic it is.  The second one
 * (stream_load.c, stream_resume.c) only reads, all of it at one snapshot,
 * which is taken where no publisher of the topic is under way.
 */
#ifndef RT_EXECUTOR_REQUEST_STREAM_H
#define RT_EXECUTOR_REQUEST_STREAM_H

#include "src/compat.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/breaker.h"
#include "src/executor/function/guard.h"
#include "src/executor/work.h"
#include "src/ipc/request.h"
#include "src/protocol/frame.h"

/* What is being done about one request. */
typedef struct RtStreamWork
{
	RtWork		work;			/* first */
	RtGuarded	guarded;		/* its signature, see stream_name.h */
	const RtStreamDeclaration *declaration;
	RtFunction *functions[RT_STREAM_FUNCTIONS]; /* NULL = none, or not found
												 * yet */
	uint64		declarations;	/* their version */
	bool		is_call;		/* the path is none of a stream */
	bool		changed;		/* so much that all must be done again */
	bool		subscribes;		/* else the value is wanted once */
	bool		reloads;		/* its subscribers get the value as an event */
	bool		is_page;		/* it is wanted over HTTP, with all that who goes
								 * on from it needs: subscribes, as well */
	bool		remembered;		/* the gateway has what the caller has missed, or it
								 * has missed nothing */
	bool		loads;			/* the caller may have it: it is being loaded */
	bool		observed;		/* somebody is told of errors */
	RtBreakerPass breaker;
	bool		provisional;	/* the reply has the fallback */

	const char *topic;
	int			topic_len;
	bool		numbered;		/* events of the topic have numbers */
	bool		has_moved_until;	/* of the snapshot this is known: */
	uint64		moved_until;	/* where in the ring the last event of its
								 * topic's partition that it shows ends, or
								 * before */

	bool		is_query;		/* it is a live query, as was found when the caller
								 * was let in */

	/* of a live query (src/executor/query/join.h) */
	const char *query_key;
	int			query_key_len;
	struct RtQueryGroup *query_group;	/* NULL = none yet */
	uint64		query_group_serial;
	uint64		query_number;	/* of the last event that the rows have */

	const char *presence;		/* what others see of the caller; NULL = nothing */

	RtStreamReply reply;
	RtStreamTier tier;			/* of the reply, if anything is loaded */
	uint16		flags;			/* of the topic in the answer */
} RtStreamWork;

/*
 * Answers a request of kind STREAM, RELOAD or LOAD, or one of kind CALL whose path
 * is a stream's, and says in *result what became of it.  Allocates in the current
 * context.  Returns false, having done nothing, if a request of kind STREAM has
 * the path of a call.
 */
extern bool rt_stream_run(RtRequest *request, RtWorkResult *result);

/*
 * The first steps, for who has a transaction: finds what to run, returns false
 * with the fault noted if there is nothing; then, as the caller and under an
 * active snapshot, whether the caller may have it, which raises if not and
 * returns false if the gate is closed.  An error has passed through them.
 */
extern bool rt_stream_find(RtStreamWork *stream);
extern bool rt_stream_admit(RtStreamWork *stream);

/*
 * Parts of these: what has the parameters of the stream; whether the caller may
 * execute its loader; and, when its arguments are there, gate, topic and access,
 * which raises, or returns false, as the other.
 */
extern RtFunction *rt_stream_find_signature(RtStreamWork *stream);
extern void rt_stream_check_execute(RtStreamWork *stream);
extern bool rt_stream_enter(RtStreamWork *stream);
extern void rt_stream_failed(RtStreamWork *stream);

/*
 * What the steps share (stream_shared.c).  One of the stream's functions, NULL
 * if it has none.  Raises if it is gone.
 */
extern RtFunction *rt_stream_function(RtStreamWork *stream, RtStreamFunction which);

/*
 * Calls one of them with what it wants of the fixed arguments and, behind
 * these, of the client's.
 */
extern NullableDatum rt_stream_invoke(RtStreamWork *stream, RtFunction *function,
									  const NullableDatum *fixed, int fixed_count);

/*
 * How long the value may be: a frame, or more if the client takes it in parts.
 * Raises if it, or a frame with it, is too long.
 */
extern Size rt_stream_value_max(const RtStreamWork *stream);
extern void rt_stream_check_length(size_t len, size_t max);

/* Of the request, as it was sent. */
extern RtText rt_stream_id(const RtStreamWork *stream);

/* Fills the reply with the stream's value (stream_load.c). */
extern void rt_stream_load(RtStreamWork *stream);

/*
 * Before anything of it is run: whether the circuit breaker lets it be.  If not
 * the reply has the fallback, or, if there is none, it raises.
 */
extern bool rt_stream_may_load(RtStreamWork *stream);

/* The same with an array of rows that have changed. */
extern void rt_stream_set_rows(RtStreamWork *stream, Jsonb *rows);

/*
 * What the stream's pipe makes of a list of Jsonb, in the current context: the items
 * of its value; rows that have changed, of which those that it leaves out are gone;
 * and the data of an event that carries items, whose name may change, NULL = it is
 * left out (stream_pipe.c).
 */
extern List *rt_stream_pipe(RtStreamWork *stream, List *items);
extern List *rt_stream_pipe_changed(RtStreamWork *stream, List *rows);
extern Jsonb *rt_stream_pipe_event(RtStreamWork *stream, const char **name, Jsonb *data);

/* What is sent of one item; NULL = nothing. */
extern Jsonb *rt_stream_transform(RtStreamWork *stream, Jsonb *data);

/* Appends a value's text.  Raises when the whole becomes too long. */
extern void rt_stream_append(const RtStreamWork *stream, StringInfo out,
							 Jsonb *value);

/*
 * The reply (stream_reply.c): what it says of the stream itself, without a value;
 * then it is sent, to who follows the stream from now on, or to who wants the value
 * once, or more of it, or does not get it.
 */
extern void rt_stream_describe(RtStreamWork *stream);
extern void rt_stream_send(RtStreamWork *stream);
extern void rt_stream_send_once(RtStreamWork *stream);

/*
 * The frames of a reply that is too long for one, one behind the other
 * (stream_parts.c).
 */
extern char *rt_stream_parts(RtStreamWork *stream, size_t *len);

/* A member of an object; NULL if it has none, or is none. */
extern JsonbValue *rt_jsonb_member(Jsonb *object, const char *name);

/*
 * Fills the reply with what a client does not have yet, which may be all.
 * (stream_resume.c)
 */
extern void rt_stream_resume(RtStreamWork *stream);

/*
 * A load has failed (stream_error.c).  observe runs the stream's on_error, in a
 * transaction of its own; an error of that is logged, and result gets what the
 * executor has to know of it.  observe_here does the same in a subtransaction
 * of the one that is under way, as the caller.
 */
extern void rt_stream_observe(RtStreamWork *stream, RtWorkResult *result);
extern void rt_stream_observe_here(RtStreamWork *stream, const RtFault *fault);

/*
 * Tells the on_error function of a path of a fault, in a transaction of its own: as
 * the sender of a request, or, unless it is NULL, as a session that is nobody's.
 */
extern RtWorkResult rt_observer_run(RtRequest *request, const RtSession *session,
									const char *user_data, const char *path,
									const char *topic, const RtFault *fault);

/* Answers a request of kind RELOAD that has failed: an event that says why. */
extern void rt_stream_tell_subscribers(RtStreamWork *stream);

#endif							/* RT_EXECUTOR_REQUEST_STREAM_H */
