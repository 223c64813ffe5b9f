/*
 * cursor.h
 *		Where cursors are: of each key on a topic the latest position, over all
 *		gateways.
 *
 * A key is a user, or a connection that is nobody's.  A position takes the place
 * of the one before, so there is as much to keep as there are cursors, however
 * fast they move.  Changes have numbers: who tells of a topic knows up to which
 * it has, and reads what has changed since, of each cursor the newest.  So nobody
 * is owed more than that, and who could not be told for a while is told where
 * they are now.
 *
 * A cursor belongs to the connection that has moved it last, and is gone with it.
 */
#ifndef RT_IPC_CURSOR_H
#define RT_IPC_CURSOR_H

#include "src/compat.h"

#include "utils/dsa.h"

#define RT_CURSOR_SUFFIX ":cursors"	/* of the topic of a stream of them */
#define RT_CURSOR_TOPIC_MAX 240 /* bytes; with what is put before or behind it, a topic */
#define RT_CURSOR_USER_MAX 4096 /* bytes of JSON */
#define RT_CURSOR_DATA_MAX 8192
#define RT_CURSOR_ROW_MAX (16 * 1024)	/* of both and the key */

typedef struct RtCursorName
{
	const char *topic;
	Size		topic_len;
	const char *key;
	Size		key_len;
} RtCursorName;

typedef struct RtCursorOwner
{
	int			gateway;
	uint64		connection;		/* serial */
} RtCursorOwner;

/* What others see: {"key":...,"user":...,"data":...}. */
typedef struct RtCursorRow
{
	const char *text;
	uint32		len;
	uint32		head_len;		/* so much of it, and a brace, is {"key":...} */
} RtCursorRow;

extern Size rt_cursors_size(void);
extern void rt_cursors_init(void);

/* Bytes of realtime.cursor_memory that are taken. */
extern int64 rt_cursor_memory_used(void);

/* Every process that calls what is below attaches once. */
extern void rt_cursors_attach(void);

/* ---- of gateways; times are monotonic, ms ---- */

/*
 * A cursor is somewhere else.  Returns 0; or, if that has been said of it less
 * than an interval ago, for how long not to say it again; or RT_CURSOR_NO_ROOM.
 * In both of these nothing has happened.
 */
#define RT_CURSOR_NO_ROOM INT64_C(-1)
extern int64 rt_cursor_move(const RtCursorName *name, const RtCursorOwner *owner,
							const RtCursorRow *row, int64 now_ms, int64 interval_ms);

/* It is gone, if it is still the owner's. */
extern void rt_cursor_remove(const RtCursorName *name, const RtCursorOwner *owner,
							 int64 now_ms);

/* The gateway has ended: no cursor is of its connections, and it follows none. */
extern void rt_cursors_abandon(int gateway, int64 now_ms);

/* Cursors that have not moved for realtime.cursor_ttl are gone. */
extern void rt_cursors_sweep(int64 now_ms);

/* ---- telling ---- */

/* A topic that a gateway tells of; invalid without memory. */
typedef dsa_pointer RtCursorBoard;

extern RtCursorBoard rt_cursor_board_open(int gateway, const char *topic, Size len);
extern void rt_cursor_board_close(int gateway, RtCursorBoard board);

/*
 * Whether anything has changed on a board of the gateway, which has been woken;
 * and the topic of such a board, which counts as looked at.  Returns its length,
 * 0 if there is none.
 */
extern bool rt_cursors_have_moved(int gateway);
extern Size rt_cursors_take_moved(int gateway, char topic[RT_CURSOR_TOPIC_MAX]);

/* Up to where somebody has been told; all zero = nothing. */
typedef struct RtCursorPlace
{
	uint64		seen;			/* the last change */
	uint64		base;			/* what had gone up to here it never knew */
} RtCursorPlace;

#define RT_CURSOR_CHANGES_MAX 1024	/* read at once */
#define RT_CURSOR_CHANGES_BYTES (128 * 1024)

typedef struct RtCursorChange
{
	uint32		off;			/* of the row, or {"key":...} if it is gone */
	uint32		len;
	bool		gone;
} RtCursorChange;

typedef struct RtCursorChanges
{
	bool		all;			/* these are all that there are: what is not among
								 * them is gone */
	bool		more;			/* and there are more */
	int			count;
	Size		used;
	RtCursorChange changes[RT_CURSOR_CHANGES_MAX];
	char		text[RT_CURSOR_CHANGES_BYTES + RT_CURSOR_ROW_MAX];
} RtCursorChanges;

/* What has changed behind a place, which moves on. */
extern void rt_cursors_read(RtCursorBoard board, RtCursorPlace *place,
							RtCursorChanges *changes);

/* ---- of everybody ---- */

typedef struct RtCursorSeen
{
	const char *text;			/* a row; or a topic */
	Size		len;
	int64		moved_ms;
	int64		count;			/* of cursors, for a topic */
} RtCursorSeen;

/* Called with a lock held: no call of this file, and no ERROR but for memory. */
typedef void (*RtCursorVisit) (const RtCursorSeen *seen, void *arg);

extern void rt_cursors_visit(const char *topic, Size len, RtCursorVisit visit, void *arg);
extern void rt_cursors_topics(RtCursorVisit visit, void *arg);

#endif							/* RT_IPC_CURSOR_H */
