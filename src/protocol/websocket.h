/*
 * websocket.h
 *		Reads the frames of a WebSocket's client (RFC 6455), strictly.
 *
 * Frames are read as their bytes come, so a payload is passed on in pieces
 * and nobody keeps a frame but who wants its message.  An offence is found
 * with its first byte, and nothing behind it or behind a close frame is read.
 *
 * Nothing here allocates or fails.
 */
#ifndef RT_PROTOCOL_WEBSOCKET_H
#define RT_PROTOCOL_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "src/protocol/text.h"
#include "src/protocol/utf8.h"

#define RT_WEBSOCKET_HEADER_MAX 14	/* bytes of a client frame's header */
#define RT_WEBSOCKET_CONTROL_MAX 125	/* bytes of a control frame's payload */

/* Begins as zero, but for what the extension allows. */
typedef struct RtWebSocketReader
{
	uint64_t	left;			/* bytes of the payload to come */
	uint64_t	message_length; /* of the frames of this message so far */
	uint8_t		mask[4];		/* for the next bytes */
	uint8_t		header[RT_WEBSOCKET_HEADER_MAX];	/* until it is complete */
	uint8_t		header_len;
	uint8_t		opcode;			/* of the frame whose payload is read */
	bool		in_payload;
	bool		fin;
	bool		begun;			/* a piece of this frame has been passed on */
	bool		in_message;		/* between the fragments of one, as well */
	bool		binary;
	bool		compressed;
	bool		may_compress;	/* permessage-deflate was agreed on */
	bool		ended;			/* an offence or a close frame: nothing more */
	RtUtf8		utf8;
} RtWebSocketReader;

typedef enum RtWebSocketKind
{
	RT_WEBSOCKET_NOTHING,		/* all is read, and more must come */
	RT_WEBSOCKET_DATA,
	RT_WEBSOCKET_PING,
	RT_WEBSOCKET_PONG,
	RT_WEBSOCKET_CLOSE,
	RT_WEBSOCKET_OFFENCE
} RtWebSocketKind;

typedef struct RtWebSocketEvent
{
	RtWebSocketKind kind;
	bool		first;			/* piece of a message, or of a control frame */
	bool		last;
	bool		binary;			/* DATA */
	bool		compressed;		/* DATA: to be inflated; text is not checked */
	RtText		payload;		/* unmasked */
	uint64_t	left;			/* bytes of this frame that are still to come */
	uint16_t	code;			/* OFFENCE: how to close, and why */
	const char *reason;
} RtWebSocketEvent;

/*
 * Reads on, up to the next thing that can be passed on; unmasks bytes where
 * they are.  Returns how many have been read, which is all of them if the
 * event is NOTHING.  Messages longer than max_message are an offence.
 */
extern size_t rt_websocket_read(RtWebSocketReader *reader, char *bytes,
								size_t len, uint64_t max_message,
								RtWebSocketEvent *event);

/*
 * Reads the payload of a close frame: 0 and the code that is to be answered
 * (1005 = none was given), or the code of the offence that it is.
 */
extern uint16_t rt_websocket_read_close(RtText payload, uint16_t *code);

/* Whether a close code may be sent in a frame (RFC 6455, 7.4). */
extern bool rt_websocket_code_is_valid(unsigned int code);

/* XORs bytes with a mask and turns the mask for the bytes behind them. */
extern void rt_websocket_unmask(char *bytes, size_t len, uint8_t *mask);

#endif							/* RT_PROTOCOL_WEBSOCKET_H */
