/*
 * frame.h
 *		Server frames: complete, unmasked WebSocket frames (RFC 6455), ready to
 *		be written to a socket.
 *
 * A frame is built once and sent to any number of connections.  The payload
 * is written first, RT_FRAME_HEADROOM bytes into the buffer; sealing puts the
 * header right before it.
 *
 * Parameters named *_json are JSON text and are copied as they are; all other
 * texts are escaped.  Functions return the payload's length, or 0 if it does
 * not fit; RT_FRAME_OVERHEAD plus the lengths of the parts always fits when
 * no text needs escaping, six times a text's length when it does.  The id of
 * a reply is written twice and counts twice.
 *
 * Where a member must be there and its *_json is absent, null is written.
 */
#ifndef RT_PROTOCOL_FRAME_H
#define RT_PROTOCOL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/protocol/text.h"

#define RT_FRAME_HEADROOM 10	/* bytes before the payload */
#define RT_FRAME_OVERHEAD 320	/* the most that a payload adds to its parts */
#define RT_FRAME_PAYLOAD_MAX (1024 * 1024)	/* clients drop longer ones */

typedef enum RtOpcode
{
	RT_OPCODE_TEXT = 0x81,		/* with FIN */
	RT_OPCODE_TEXT_DEFLATED = 0xC1, /* and RSV1 (RFC 7692) */
	RT_OPCODE_CLOSE = 0x88,
	RT_OPCODE_PING = 0x89,
	RT_OPCODE_PONG = 0x8A
} RtOpcode;

/*
 * Writes the header of a payload that stands at buf + RT_FRAME_HEADROOM.
 * Returns where the frame begins; *frame_len is the length from there.
 */
extern char *rt_frame_seal(char *buf, size_t payload_len, RtOpcode opcode,
						   size_t *frame_len);

/* The length of a sealed frame, header and all; and what it is the frame of. */
extern size_t rt_frame_length(const char *frame);
extern RtText rt_frame_payload(const char *frame);

/* Payload writers: into dst, at most cap bytes. */
extern size_t rt_payload_welcome(char *dst, size_t cap,
								 const char *session_id);
extern size_t rt_payload_resumed(char *dst, size_t cap);
extern size_t rt_payload_ping(char *dst, size_t cap);

/* The answers to a frame "auth"; expires in seconds since 1970, 0 = never. */
extern size_t rt_payload_auth(char *dst, size_t cap, int64_t expires);
extern size_t rt_payload_auth_failed(char *dst, size_t cap, RtText code,
									 RtText reason);
extern size_t rt_payload_auth_expiring(char *dst, size_t cap, int64_t expires);

/* ref_json absent = the member is left out. */
extern size_t rt_payload_subscribed(char *dst, size_t cap, RtText topic_json,
									RtText ref_json);
extern size_t rt_payload_denied(char *dst, size_t cap, RtText topic_json,
								RtText ref_json, RtText reason);

/* seq -1 = none.  topic and event must have passed their checks (topic.h). */
extern size_t rt_payload_event(char *dst, size_t cap, RtText topic,
							   RtText event, RtText data_json, int64_t seq);

/* One that says behind which row, by its key, another one stands. */
extern size_t rt_payload_placed_event(char *dst, size_t cap, RtText topic,
									  RtText event, RtText data_json, int64_t seq,
									  RtText after_json);

/*
 * The whole frame of an event, which begins at dst.  One that is numbered is
 * written without its number, which comes later: until then its length is that
 * of the payload.
 */
typedef struct RtEventText
{
	RtText		topic;			/* topic and event have passed their checks */
	RtText		event;
	RtText		data_json;
	bool		numbered;
} RtEventText;

/* The most that its payload, and the frame, can take in the end. */
extern size_t rt_event_payload_max(const RtEventText *text);
extern size_t rt_event_frame_max(const RtEventText *text);

/* Writes it into rt_event_frame_max() bytes; returns its length. */
extern size_t rt_event_frame_write(char *dst, const RtEventText *text);

/*
 * How long the name of the event is in one that waits for its number, or has none;
 * 0 if clients see another topic than that of its subscribers.
 */
extern size_t rt_event_frame_name_len(const char *dst, size_t len, bool numbered,
									  RtText topic);

/*
 * Where event and data stand in one that waits for its number, or has none;
 * and the end of waiting, which returns the frame's length.
 */
extern void rt_event_frame_parts(const char *dst, size_t len, bool numbered,
								 size_t topic_len, size_t event_len,
								 RtText *event, RtText *data_json);
extern size_t rt_event_frame_number(char *dst, size_t payload_len,
									uint64_t seq);

/* A reply has its id behind each of these. */
#define RT_REPLY_HEAD "{\"topic\":\"__rpc\",\"event\":"
#define RT_REPLY_MIDDLE ",\"data\":{\"id\":"

/*
 * data_json absent = the member is left out.  With room for a position that is 0
 * and can be set when the frame is sealed: one below 10^16.
 */
extern size_t rt_payload_success(char *dst, size_t cap, RtText id_json,
								 RtText data_json, bool with_position);
extern void rt_payload_set_position(char *frame, size_t frame_len, uint64_t position);

/*
 * What a client is to answer: ref is a number that its reply has, event has
 * passed its check.
 */
extern size_t rt_payload_request(char *dst, size_t cap, uint64_t ref, RtText event,
								 RtText data_json);

/*
 * Events of a round of live queries, one behind the other with commas between
 * them: with more to follow, or the last ones, after which a client has everything
 * up to a position, though some queries may be late.
 */
#define RT_ROUND_OVERHEAD 80	/* the most that is around the events */
extern size_t rt_payload_round(char *dst, size_t cap, RtText events_json);
extern size_t rt_payload_round_end(char *dst, size_t cap, RtText events_json,
								   uint64_t position, bool late);

/*
 * The reply to whoever asks for a stream.  What is absent, false, max 0, seq
 * < 0 or schema_version 0 = the member is left out.
 */
typedef enum RtReplayed
{
	RT_REPLAYED_UNSAID,			/* nobody has asked */
	RT_REPLAYED_NO,				/* data is the value */
	RT_REPLAYED_YES				/* data are the events that were missed */
} RtReplayed;

typedef struct RtStreamReply
{
	RtText		data_json;		/* always written */
	bool		gated;			/* the stream is closed: nothing else is told */
	RtText		topic;			/* has passed its check */
	RtText		merge;
	RtText		key;
	bool		prepend;
	int64_t		max;
	int64_t		seq;
	RtReplayed	replay;
	bool		channel;		/* there is no value to begin with */
	bool		delta;			/* data are rows that have changed */
	bool		unchanged;		/* what the client has is the value */
	RtText		version;		/* of the value */
	int32_t		schema_version; /* of its rows */
	bool		paged;			/* has_more is written */
	bool		has_more;
	RtText		cursor_json;
	bool		more;			/* data are the first items; parts follow */
} RtStreamReply;

/* The most that a reply has besides its id, with its texts escaped. */
extern size_t rt_payload_stream_length(const RtStreamReply *reply);

extern size_t rt_payload_stream(char *dst, size_t cap, RtText id_json,
								const RtStreamReply *reply);

/*
 * One of these replies, with an empty array and no number, gets events, one behind
 * the other with commas between them, and the number up to which they are told.
 */
#define RT_STREAM_FILL_OVERHEAD 40	/* the most that it adds to its parts */
extern size_t rt_payload_stream_fill(char *dst, size_t cap, RtText payload,
									 size_t id_len, RtText events_json, int64_t seq);

/* The same, and a failure, as the content of an answer over HTTP. */
extern size_t rt_content_stream(char *dst, size_t cap, const RtStreamReply *reply);
extern size_t rt_content_failure(char *dst, size_t cap, RtText code,
								 RtText message, RtText issues_json);

/* Items that follow a reply, and whether more do.  Its id is behind the head. */
#define RT_PART_HEAD "{\"topic\":\"__parts\",\"event\":"
extern size_t rt_payload_part(char *dst, size_t cap, RtText id_json,
							  RtText items_json, bool more);

/* Not a payload: one of the events that such a reply lists. */
extern size_t rt_frame_replay_item(char *dst, size_t cap, uint64_t seq,
								   RtText topic, RtText event,
								   RtText data_json);

/*
 * Events of "__replay:<topic>".  topic_json is the topic as a JSON string;
 * req_id_json absent = the member is left out.
 */
extern size_t rt_payload_replay_message(char *dst, size_t cap,
										RtText topic_json, uint64_t seq,
										RtText event, RtText data_json,
										RtText req_id_json);
extern size_t rt_payload_replay_truncated(char *dst, size_t cap,
										  RtText topic_json);
extern size_t rt_payload_replay_denied(char *dst, size_t cap,
									   RtText topic_json, RtText code,
									   RtText req_id_json);
extern size_t rt_payload_replay_end(char *dst, size_t cap, RtText topic_json,
									RtText req_id_json, bool truncated);

/* Why something has failed.  Of the others, what is absent or 0 is left out. */
typedef struct RtFailureText
{
	RtText		code;
	RtText		message;
	RtText		issues_json;
	int64_t		retry_after_ms;
	RtText		lock_key;		/* has been waited for in vain */
	bool		has_max_wait;
	int64_t		max_wait_ms;	/* for so long */
} RtFailureText;

extern size_t rt_payload_failure(char *dst, size_t cap, RtText id_json,
								 const RtFailureText *failure);

/*
 * The result of an upload, which data_json may be left out of; and the frame around
 * it.  frame_max 0 = the member is left out.
 */
#define RT_UPLOAD_STREAM_SIZE 9 /* of its name, with the end */
extern void rt_upload_stream_text(uint32_t stream, char dst[RT_UPLOAD_STREAM_SIZE]);
extern size_t rt_content_uploaded(char *dst, size_t cap, RtText data_json);
extern size_t rt_content_upload_failure(char *dst, size_t cap,
										const RtFailureText *failure);
extern size_t rt_payload_upload(char *dst, size_t cap, uint32_t stream,
								size_t frame_max, RtText result_json);

/*
 * Payload of a close frame: two bytes of code and the reason (UTF-8, may be
 * NULL), which is cut between characters to at most 123 bytes.
 */
extern size_t rt_payload_close(char *dst, size_t cap, uint16_t code,
							   const char *reason);

#endif							/* RT_PROTOCOL_FRAME_H */
