/*
 * upload.h
 *		What clients upload, on its way from a gateway to the executor that reads
 *		it.
 *
 * An upload has a place with a ring of bytes.  The gateway opens it, puts pieces
 * in and says that it is whole, or takes it back; the executor that runs its
 * handler takes the pieces out.  Each is woken when the other has made room, or
 * put something in.
 *
 * FREE -> OPEN -> FINISHING or ABORTED -> FREE.  One of two decides, once, what
 * becomes of it: the executor, when all that is left is the commit, or whoever
 * aborts it before.  The place is free again when both have left it.
 */
#ifndef RT_IPC_UPLOAD_H
#define RT_IPC_UPLOAD_H

#include "src/compat.h"

#define RT_UPLOAD_NONE (-1)
#define RT_UPLOAD_PIECE_MAX (64 * 1024) /* bytes */

extern Size rt_uploads_size(void);
extern void rt_uploads_init(void);

/* How many there are at a time at most; and how many there are. */
extern int	rt_uploads_max(void);
extern int	rt_uploads_open(void);

/* ---- of a gateway ---- */

/* Takes a place for a connection; NONE if none is free. */
extern int	rt_upload_begin(int gateway, uint64 connection_serial);

/* Its number, which no other upload has. */
extern uint64 rt_upload_serial(int place);

/*
 * Puts in a piece of 1 to RT_UPLOAD_PIECE_MAX bytes, all of it or nothing; who has
 * been told that there is no room is woken when there is.
 */
extern bool rt_upload_put(int place, const char *bytes, uint32 len);
extern void rt_upload_end(int place);

/*
 * Its handler may not commit.  Returns false if that is too late: what comes of
 * it is told by the answer.
 */
extern bool rt_upload_abort(int place);

/* The bytes behind which its guards are asked again; 0 = never. */
extern int64 rt_upload_recheck_bytes(int place);

/* The gateway has nothing more to do with it. */
extern void rt_upload_leave(int place);

/* A gateway ends: all that it has are aborted, and left. */
extern void rt_uploads_abandon(int gateway);

/* ---- of an executor ---- */

/*
 * Takes the reader's side until it detaches.  Returns RT_UPLOAD_NONE if the upload
 * with that number has been aborted.
 */
extern int	rt_upload_attach(uint64 serial, int executor);
extern void rt_upload_detach(int place);

/*
 * Counts it as one of a path, unless there are as many, in all (0 = any number)
 * or of its connection.
 */
extern bool rt_upload_admit(int place, const char *path, int max_total,
							int max_per_session);
extern void rt_upload_set_recheck_bytes(int place, int64 bytes);

typedef enum RtUploadLook
{
	RT_UPLOAD_EMPTY,			/* more must come: the reader is woken then */
	RT_UPLOAD_PIECE,
	RT_UPLOAD_WHOLE,			/* nothing more comes */
	RT_UPLOAD_ABORTED
} RtUploadLook;

/* What comes next, and how long a piece is; take copies it. */
extern RtUploadLook rt_upload_look(int place, uint32 *len);
extern void rt_upload_take(int place, char *dst);

/* Returns false if it has been aborted; from then on it cannot be. */
extern bool rt_upload_finish(int place);

/* May be called in a signal handler. */
extern bool rt_upload_is_aborted(int place);

#endif							/* RT_IPC_UPLOAD_H */
