/*
 * asker.h
 *		To whom an answer is told: the connection that has asked, or another one
 *		that has asked the same.
 */
#ifndef RT_GATEWAY_ASKER_H
#define RT_GATEWAY_ASKER_H

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
 * Sends frames of an answer, with the asker's id.  Returns false if one gets too
 * long by that; then nothing has been sent.
 */
extern bool rt_asker_send(const RtAsker *asker, RtConnection *connection,
						  RtRequest *request, const char *frames, size_t len);

#endif							/* RT_GATEWAY_ASKER_H */
