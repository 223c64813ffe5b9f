/*
 * upload.h
 *		Uploads of connections: chunks on their way to the executors that read
 *		them, and what comes of it.
 */
#ifndef RT_GATEWAY_UPLOAD_H
#define RT_GATEWAY_UPLOAD_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/binary.h"

/* A chunk, and a cancel, of a connection. */
extern void rt_upload_chunk(RtConnection *connection, const RtBinary *chunk);
extern void rt_upload_cancel(RtConnection *connection, uint32 stream);

/* Hands over what executors have made room for; those that wait go on. */
extern void rt_uploads_continue(void);

/* Ends those of which nothing comes; called about once a second. */
extern void rt_uploads_sweep(void);

/* An answer to what has been asked for an upload, or none in time. */
extern void rt_upload_answer(RtConnection *connection, RtRequest *request);
extern void rt_upload_overdue(RtConnection *connection, RtRequest *request);

/* The connection has ended: so have its uploads.  Never throws. */
extern void rt_uploads_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_UPLOAD_H */
