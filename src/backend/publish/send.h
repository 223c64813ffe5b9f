/*
 * send.h
 *		Messages to somebody: what those that leave at the commit and those that
 *		do not have in common.
 */
#ifndef RT_BACKEND_PUBLISH_SEND_H
#define RT_BACKEND_PUBLISH_SEND_H

#include "src/compat.h"

#include "utils/jsonb.h"

/* Raises an ERROR, which clients know as VALIDATION, if nobody can be that. */
extern void rt_send_check_user(text *user_id);

/* The connection with an id; false if it is not there. */
extern bool rt_send_find_connection(text *id, int *gateway, uint32 *connection,
									uint64 *serial);

/*
 * The frame of a request, which its client answers with ref: palloc'd.  NULL
 * data is null; another NULL is an ERROR, as is what fails a check.
 */
extern char *rt_send_request_frame(uint64 ref, text *event, Jsonb *data, Size *len);

#endif							/* RT_BACKEND_PUBLISH_SEND_H */
