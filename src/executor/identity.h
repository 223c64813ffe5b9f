/*
 * identity.h
 *		On whose behalf the executor works at the moment.
 *
 * begin -> assume -> end, for every transaction; end may be called at any
 * time and any number of times.
 */
#ifndef RT_EXECUTOR_IDENTITY_H
#define RT_EXECUTOR_IDENTITY_H

#include "src/compat.h"

#include "src/ipc/request.h"
#include "src/ipc/session.h"

typedef struct RtCaller
{
	RtRequest  *request;
	const RtSession *session;
	bool		anonymous;
} RtCaller;

/* Once per executor, connected to its database. */
extern void rt_identity_init(void);

/* A reload may have changed the names of the default roles. */
extern void rt_identity_settings_changed(void);

/*
 * Makes the sender of a request the caller and puts the claims into
 * request.jwt.claims.  Outside a transaction.
 */
extern void rt_identity_begin(RtRequest *request);

/* Switches to the caller's role; in a transaction.  Raises if it is refused. */
extern void rt_identity_assume(void);

/* Back to the executor's own role; nobody is the caller. */
extern void rt_identity_end(void);

/* The caller, or NULL. */
extern const RtCaller *rt_caller(void);

/* The request's id as in logs: connection id and, if there is one, frame id. */
extern char *rt_caller_request_id(void);

/*
 * Counts changes of roles, memberships, schemas and databases: what was found
 * out about privileges before the last one is void.
 */
extern uint64 rt_privilege_generation(void);

#endif							/* RT_EXECUTOR_IDENTITY_H */
