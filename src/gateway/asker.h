/*
 * asker.h
 *		To whom an answer is told: the connection that has asked, or another one
 *		that has asked the same.
 */
#ifndef RT_GATEWAY_ASKER_H
#define RT_GATEWAY_ASKER_H

#include "src/errcodes.h"
#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/text.h"

typedef struct RtAsker
{
	RtText		id_json;		/* of its own frame */
	uint64		ticket;			/* as in its own question */
	uint64		position;
} RtAsker;

/* Who has sent the request itself. */
extern RtAsker rt_asker_of(RtRequest *request);

/*
 * Sends a frame of an answer that has an id, with the asker's.  Returns false if
 * it gets too long by that; then nothing has been sent.
 */
extern bool rt_asker_send(const RtAsker *asker, RtConnection *connection,
						  RtText id_json, RtText frame);

/* Tells it that it gets nothing. */
extern void rt_asker_refuse(const RtAsker *asker, RtConnection *connection,
							RtCode code);

#endif							/* RT_GATEWAY_ASKER_H */
