/*
 * envelope.h
 *		What a client's text frame asks for.
 */
#ifndef RT_PROTOCOL_ENVELOPE_H
#define RT_PROTOCOL_ENVELOPE_H

#include "src/protocol/json.h"

#define RT_PATH_MAX 255			/* bytes of a path */
#define RT_ID_MAX 256			/* bytes of a request id with its quotes */
#define RT_CONTROL_MAX 8192		/* a control frame must be shorter, except
								 * "resume", "reply" and "auth" */
#define RT_SUBSCRIBE_BATCH_MAX 256	/* topics looked at in a subscribe-batch */
#define RT_BATCH_STREAMS_MAX 1000	/* entries of a batch that follow streams,
									 * beside realtime.max_batch calls */
#define RT_DEPTH_MIN 4			/* a smaller max_depth counts as this, so that
								 * a call's own members are always checked */

typedef enum RtEnvelopeKind
{
	RT_ENVELOPE_IGNORED,		/* not ours, malformed, unknown: no answer */
	RT_ENVELOPE_CALL,			/* {"rpc": ...} */
	RT_ENVELOPE_BATCH,			/* {"batch": [...]} */
	RT_ENVELOPE_HELLO,
	RT_ENVELOPE_SUBSCRIBE,
	RT_ENVELOPE_SUBSCRIBE_BATCH,
	RT_ENVELOPE_UNSUBSCRIBE,
	RT_ENVELOPE_RESUME,
	RT_ENVELOPE_REPLY,			/* answer to a push request */
	RT_ENVELOPE_REPLAY,			/* plain-topic replay request */
	RT_ENVELOPE_AUTH,			/* who it is from now on */
	RT_ENVELOPE_CURSOR,			/* where its cursor is */
	RT_ENVELOPE_CURSOR_SNAPSHOT /* where are all of them? */
} RtEnvelopeKind;

/* What is wrong with a call, in the order in which it is looked for. */
typedef enum RtCallFault
{
	RT_CALL_OK,
	RT_CALL_TOO_DEEP,			/* nests deeper than max_depth */
	RT_CALL_NO_PATH,			/* rpc absent, empty or not a string */
	RT_CALL_BAD_PATH,			/* rpc is not a path */
	RT_CALL_BAD_ARGS			/* args is there and not an array */
} RtCallFault;

/*
 * One call.  Spans are positions in the frame's text.  Optional members of
 * another kind than the one named here are absent.  If fault is not OK, only
 * id and stream are filled in.
 */
typedef struct RtCall
{
	RtCallFault fault;
	uint16_t	path_len;
	char		path[RT_PATH_MAX + 1];	/* decoded, terminated */
	RtSpan		id;				/* JSON string; absent = no answer wanted */
	RtSpan		args;			/* JSON array; absent = [] */
	RtSpan		idempotency_key;	/* JSON string, at any length */
	RtSpan		seq;			/* JSON number */
	RtSpan		version;		/* any JSON */
	RtSpan		schema_version; /* JSON number */
	RtSpan		cursor;			/* any JSON */
	bool		stream;
} RtCall;

typedef struct RtEnvelope
{
	RtEnvelopeKind kind;
	RtJsonStatus json;			/* OK; TOO_DEEP: CALL, BATCH or IGNORED;
								 * INVALID: IGNORED */
	RtCall		call;			/* CALL */
	RtSpan		batch;			/* BATCH: the array of calls */
	bool		sequential;		/* BATCH */
	bool		caps_batch;		/* HELLO: the client takes batched events */
	bool		caps_parts;		/* HELLO: and long values in parts */
	bool		caps_pos;		/* HELLO: and positions of live queries */
	RtSpan		topic;			/* SUBSCRIBE, UNSUBSCRIBE, REPLAY, CURSOR,
								 * CURSOR_SNAPSHOT: any JSON, never absent */
	RtSpan		topics;			/* SUBSCRIBE_BATCH: a JSON array */
	RtSpan		ref;			/* number or string, to be echoed; else absent,
								 * but never so in a REPLY */
	RtSpan		token;			/* AUTH: string */
	RtSpan		session_id;		/* RESUME: string */
	RtSpan		last_seen;		/* RESUME: object topic -> number */
	RtSpan		data;			/* REPLY, CURSOR (never absent): any JSON */
	RtSpan		error;			/* REPLY: string */
	RtSpan		since;			/* REPLAY: number */
	RtSpan		req_id;			/* REPLAY: number */
} RtEnvelope;

/*
 * Reads one text frame.  Never fails: what cannot be understood is IGNORED.
 * A member that occurs twice counts with its last value, as in JavaScript.
 *
 * Parts deeper than max_depth are not known to be JSON and must not be passed
 * on.  A call that has some gets RT_CALL_TOO_DEEP and a control frame is
 * IGNORED; a batch is handed over, for its entries to be answered.
 */
extern void rt_envelope_parse(const char *text, uint32_t len, int max_depth,
							  RtEnvelope *envelope);

/*
 * Reads one entry of a batch (or any call) out of an accepted text.  Returns
 * false if nobody could be answered: it is not an object, or its id is
 * neither null nor a string of 1 to RT_ID_MAX - 2 bytes.
 *
 * The fault is never TOO_DEEP.  If the frame is, rt_json_check() tells which
 * entries are to blame (an entry stands at depth 2), or all are refused.
 */
extern bool rt_envelope_parse_call(const char *text, RtSpan value,
								   RtCall *call);

/*
 * Whether a text is a path: words of [A-Za-z0-9_-] joined by '/', at least
 * two, in all at most RT_PATH_MAX bytes.
 */
extern bool rt_path_is_valid(const char *path, size_t len);

#endif							/* RT_PROTOCOL_ENVELOPE_H */
