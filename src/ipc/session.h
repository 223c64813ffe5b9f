/*
 * session.h
 *		Identities of connections: refcounted objects in shared memory.
 *
 * Written once, by authentication, and constant from then on; a changed
 * identity is a new object.  The anonymous session always exists.
 */
#ifndef RT_IPC_SESSION_H
#define RT_IPC_SESSION_H

#include "src/compat.h"

#include "utils/dsa.h"

#define RT_SESSION_ANONYMOUS 0
#define RT_SESSION_NONE (-1)
#define RT_USER_ID_MAX 256		/* bytes */

typedef struct RtSession
{
	/* protected by the table's lock */
	int			references;
	int			next_free;

	/* constant while references > 0 */
	uint64		serial;			/* unique; changes when the slot is reused */
	uint16		user_id_len;	/* 0 = anonymous */
	char		user_id[RT_USER_ID_MAX + 1];
	char		role[NAMEDATALEN];	/* "" = the default of its kind */
	uint32		user_data_len;	/* JSON text; 0 = none */
	dsa_pointer user_data;
} RtSession;

extern Size rt_sessions_size(void);
extern void rt_sessions_init(void);

/*
 * Makes a session with one reference; RT_SESSION_NONE if the table or the
 * payload memory is full.
 */
extern int	rt_session_create(const char *user_id, uint32 user_id_len,
							  const char *role,
							  const char *user_data, uint32 user_data_len);
extern void rt_session_acquire(int session);
extern void rt_session_release(int session);

/* Only while holding a reference. */
extern const RtSession *rt_session_get(int session);
extern const char *rt_session_user_data(const RtSession *session);

#endif							/* RT_IPC_SESSION_H */
