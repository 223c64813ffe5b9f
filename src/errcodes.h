/*
 * errcodes.h
 *		Our SQLSTATEs and the codes clients see, in one table.
 *
 * A client sees a code (docs/protocol: "code"), a session sees a SQLSTATE.
 * Class "RT" is ours.  RT_CODE(symbol, wire code, sqlstate, status of an answer
 * over HTTP, default message)
 * lists every code the server itself produces; realtime.raise() may also send
 * any other code, which travels as RT000 with the code in the error's
 * constraint-name field.
 */
#ifndef RT_ERRCODES_H
#define RT_ERRCODES_H

#define RT_CODE_LIST(RT_CODE) \
	RT_CODE(CUSTOM, "", "RT000", 400, "") \
	RT_CODE(INVALID_REQUEST, "INVALID_REQUEST", "RT400", 400, "Invalid request") \
	RT_CODE(UNAUTHENTICATED, "UNAUTHENTICATED", "RT401", 401, "Authentication required") \
	RT_CODE(UNAUTHORIZED, "UNAUTHORIZED", "RT402", 403, "Unauthorized") \
	RT_CODE(FORBIDDEN, "FORBIDDEN", "RT403", 403, "Access denied") \
	RT_CODE(NOT_FOUND, "NOT_FOUND", "RT404", 404, "Not found") \
	RT_CODE(TIMEOUT, "TIMEOUT", "RT408", 504, "Request timed out") \
	RT_CODE(CONFLICT, "CONFLICT", "RT409", 409, "Conflict") \
	RT_CODE(PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "RT413", 413, "Payload too large") \
	RT_CODE(VALIDATION, "VALIDATION", "RT422", 422, "Validation failed") \
	RT_CODE(LOCK_TIMEOUT, "LOCK_TIMEOUT", "RT423", 503, "Could not obtain the lock in time") \
	RT_CODE(REJECTED, "REJECTED", "RT424", 424, "The client has rejected the request") \
	RT_CODE(RATE_LIMITED, "RATE_LIMITED", "RT429", 429, "Too many requests") \
	RT_CODE(TOO_MANY_UPLOADS, "TOO_MANY_UPLOADS", "RT431", 429, "Too many uploads") \
	RT_CODE(INVALID_TOPIC, "INVALID_TOPIC", "RT430", 400, "Invalid topic") \
	RT_CODE(CANCELLED, "CANCELLED", "RT499", 503, "Cancelled") \
	RT_CODE(INTERNAL_ERROR, "INTERNAL_ERROR", "RT500", 500, "Internal server error") \
	RT_CODE(SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", "RT503", 503, "Service unavailable") \
	RT_CODE(OVERLOADED, "OVERLOADED", "RT529", 503, "Server is overloaded")

typedef enum RtCode
{
#define RT_CODE(symbol, wire, sqlstate, status, message) RT_CODE_##symbol,
	RT_CODE_LIST(RT_CODE)
#undef RT_CODE
	RT_CODE_COUNT
} RtCode;

/* The text of a code on the wire, its SQLSTATE and its default message. */
extern const char *rt_code_wire(RtCode code);
extern const char *rt_code_sqlstate(RtCode code);
extern const char *rt_code_message(RtCode code);

/* The status of an answer over HTTP that has it. */
extern int	rt_code_status(RtCode code);

/* The SQLSTATE as errcode() takes it; where elog.h is included. */
#define rt_code_errcode(code) \
	MAKE_SQLSTATE(rt_code_sqlstate(code)[0], rt_code_sqlstate(code)[1], \
				  rt_code_sqlstate(code)[2], rt_code_sqlstate(code)[3], \
				  rt_code_sqlstate(code)[4])

/* Looks a wire code up; RT_CODE_CUSTOM if it is not one of ours. */
extern RtCode rt_code_from_wire(const char *wire);

/*
 * Looks a SQLSTATE of class RT up; -1 if it is none of ours.
 * sqlstate is the five-character text.
 */
extern int	rt_code_from_sqlstate(const char *sqlstate);

#endif							/* RT_ERRCODES_H */
