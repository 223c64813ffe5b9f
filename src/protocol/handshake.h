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

#define RT_HANDSHAKE_ANSWER_MAX 512 /* bytes */

typedef struct RtHandshake
{
	uint16_t	status;			/* 101, or how it is refused (400, 426) */
	const char *reason;			/* a sentence */
	RtText		key;
	bool		deflate;		/* permessage-deflate without context takeover is
								 * among what the client offers */
} RtHandshake;

/* Whether a request is an attempt to open a WebSocket, well made or not. */
extern bool rt_handshake_is_wanted(const RtHttpHead *head);

/* Reads such a request. */
extern void rt_handshake_read(const RtHttpHead *head, RtHandshake *handshake);

/*
 * Writes the head that accepts; dst has room for RT_HANDSHAKE_ANSWER_MAX
 * bytes.  accept is the digest in base64, deflate agrees on the extension.
 */
extern size_t rt_handshake_accept(char *dst, const char *accept, bool deflate);

#endif							/* RT_PROTOCOL_HANDSHAKE_H */
