/*
 * close_code.h
 *		Why a WebSocket ends: RFC 6455 (7.4.1), IANA's registry, and what this
 *		protocol's clients take from the range of applications.
 *
 * Clients come back after all but 1008, UNAUTHENTICATED and FORBIDDEN, after
 * TOO_FAST later.
 */
#ifndef RT_PROTOCOL_CLOSE_CODE_H
#define RT_PROTOCOL_CLOSE_CODE_H

typedef enum RtCloseCode
{
	RT_CLOSE_GOING_AWAY = 1001,
	RT_CLOSE_PROTOCOL_ERROR = 1002,
	RT_CLOSE_NONE = 1005,		/* a close frame that gives no code */
	RT_CLOSE_ABNORMAL = 1006,	/* without a close frame; never sent */
	RT_CLOSE_INVALID_TEXT = 1007,
	RT_CLOSE_TOO_LONG = 1009,
	RT_CLOSE_INTERNAL_ERROR = 1011,
	RT_CLOSE_RESTART = 1012,
	RT_CLOSE_TRY_AGAIN = 1013,
	RT_CLOSE_UNAUTHENTICATED = 4401,
	RT_CLOSE_FORBIDDEN = 4403,
	RT_CLOSE_EXPIRED = 4408,	/* come back with another identity */
	RT_CLOSE_TOO_FAST = 4429
} RtCloseCode;

#endif							/* RT_PROTOCOL_CLOSE_CODE_H */
