/*
 * session.h
 *		Identities of connections: refcounted objects in shared memory.
 *
 * Written once, by authentication, and constant from then on; a changed
 * identity is a new object.  The anonymous session always exists and is not
 * counted.
 *
 * A session belongs to one life of one gateway.  Two kinds of holders refer to
 * it: what that gateway has in its own memory, connections and calls that
 * wait, whose references end with the gateway; and requests, whose reference
 * ends when their slot is freed, by whomever.
 */
#ifndef RT_IPC_SESSION_H
#define RT_IPC_SESSION_H

#include "src/compat.h"

#include "port/atomics.h"
#include "utils/dsa.h"

#define RT_SESSION_ANONYMOUS 0
#define RT_SESSION_NONE (-1)
#define RT_USER_ID_MAX 256		/* bytes */

typedef enum RtSessionHolder
{
	RT_SESSION_GATEWAY,
	RT_SESSION_REQUEST
} RtSessionHolder;

typedef struct RtSession
{
	pg_atomic_uint64 references;	/* of both kinds, see session.c; 0 = free */
	int			next_free;		/* protected by the table's lock, as is: */
	bool		leaves;			/* its connection has ended, and it is counted with
								 * those */

	/* constant while it is referenced */
	int			gateway;		/* to which it belongs */
	uint32		gateway_generation;
	uint64		serial;			/* unique; changes when the slot is reused */
	int64		expires;		/* seconds since 1970; 0 = never */
	uint64		rights;			/* hash of all of it but what only tells when the
								 * identity was vouched for */
	uint16		user_id_len;	/* 0 = anonymous */
	char		user_id[RT_USER_ID_MAX + 1];
	char		role[NAMEDATALEN];	/* "" = the default of its kind */
	uint32		user_data_len;	/* JSON text; 0 = none */
	dsa_pointer user_data;
} RtSession;

extern Size rt_sessions_size(void);
extern void rt_sessions_init(void);

/*
 * Makes a session with one reference, of a request; RT_SESSION_NONE if the
 * table or the payload memory is full.  passing: of who has one already, which ends
 * soon, or of a single request; for these there is room beyond the setting.
 */
extern int	rt_session_create(int gateway, uint32 gateway_generation,
							  const char *user_id, uint32 user_id_len,
							  const char *role,
							  const char *user_data, uint32 user_data_len,
							  int64 expires, uint64 rights, bool passing);

/* How many there are, but for the anonymous one and those that leave. */
extern int64 rt_sessions_used(void);

/*
 * The connection whose it is has ended.  What it has asked is done as who it was, and
 * its end is told so; meanwhile somebody else may have its place, as long as no more
 * leave than may be there.
 */
extern void rt_session_note_leave(int session);

/* Whether what is allowed to one is allowed to the other; both referenced. */
extern bool rt_sessions_are_alike(int a, int b);

/* Only while somebody holds a reference; without a lock. */
extern void rt_session_acquire(int session, RtSessionHolder holder);
extern void rt_session_release(int session, RtSessionHolder holder);

/* A gateway is leaving: what it held in its own memory is released. */
extern void rt_sessions_abandon(int gateway, uint32 gateway_generation);

/* Only while holding a reference. */
extern const RtSession *rt_session_get(int session);
extern const char *rt_session_user_data(const RtSession *session);

#endif							/* RT_IPC_SESSION_H */
