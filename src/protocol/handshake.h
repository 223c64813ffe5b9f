/*
 * handshake.h
 *		The opening handshake of a WebSocket (RFC 6455, 4.2), as far as it needs
 *		neither cryptography nor the server's settings.
 */
#ifndef RT_PROTOCOL_HANDSHAKE_H
#define RT_PROTOCOL_HANDSHAKE_H

#include "src/protocol/http.h"

#define RT_HANDSHAKE_KEY_LENGTH 24	/* of Sec-WebSocket-Key: 16 bytes in base64 */

/* What the key is followed by in what is digested (SHA-1) for the answer. */
#define RT_HANDSHAKE_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define RT_HANDSHAKE_ACCEPT_LENGTH 28	/* of the digest in base64 */

#define RT_HANDSHAKE_ANSWER_MAX 768 /* bytes */

/* The subprotocol that is chosen where it is offered; none is needed. */
#define RT_HANDSHAKE_PROTOCOL "realtime"

/* How messages may be compressed: permessage-deflate without context takeover. */
typedef enum RtDeflate
{
	RT_DEFLATE_NONE,
	RT_DEFLATE_AGREED,
	RT_DEFLATE_AGREED_WINDOW	/* and the client wants to hear that our window
								 * is as large as it allows, 15 bits */
} RtDeflate;

typedef struct RtHandshake
{
	uint16_t	status;			/* 101, or how it is refused (400, 426) */
	const char *reason;			/* a sentence */
	RtText		key;
	bool		protocol;		/* ours, RT_HANDSHAKE_PROTOCOL, is offered */
	RtDeflate	deflate;		/* the first of the client's offers that we can
								 * keep */
} RtHandshake;

/* Whether a request is an attempt to open a WebSocket, well made or not. */
extern bool rt_handshake_is_wanted(const RtHttpHead *head);

/* Reads such a request. */
extern void rt_handshake_read(const RtHttpHead *head, RtHandshake *handshake);

/*
 * Writes the head that accepts; dst has room for RT_HANDSHAKE_ANSWER_MAX
 * bytes.  accept is the digest in base64, protocol whether ours is chosen;
 * request_id names the request in the answer, and has RT_REQUEST_ID_MAX bytes at
 * most (request_id.h).
 */
extern size_t rt_handshake_accept(char *dst, const char *accept, bool protocol,
								  RtDeflate deflate, RtText request_id);

#endif							/* RT_PROTOCOL_HANDSHAKE_H */
