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
	const char *user_data;		/* JSON text, user_data_len of it */
	uint32		user_data_len;
	const char *because_of;		/* the request that has had this one made, as logs
								 * name it; NULL = none */
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

/* The same for a session that is in no table, with its user data, terminated. */
extern void rt_identity_begin_as(RtRequest *request, const RtSession *session,
								 const char *user_data);

/* What runs does so because of a request before, whose id this is, or NULL. */
extern void rt_identity_set_request(const char *request_id);

/*
 * Finds the caller's role; in a transaction.  Returns false if it does not exist
 * or the executor is stale, and raises if it is refused.
 */
extern bool rt_identity_find(void);

/* The same for a role that is taken for granted, if it exists. */
extern bool rt_identity_find_owner(Oid owner);

/*
 * Whether calls could run as a role, by its name; in a transaction.
 */
extern bool rt_identity_may_become(const char *role);

/*
 * The settings of the caller's role, in a transaction; NULL if there is none.  Good
 * until others are asked for.
 */
extern const struct RtRoleSettings *rt_identity_settings(void);

/* Switches to the role that was found. */
extern void rt_identity_assume(void);

/*
 * Whether the role that this executor has logged in as is another one now, or
 * none: it has been dropped, and perhaps created again.  In a transaction.
 */
extern bool rt_identity_is_stale(void);

/* Whether realtime.anonymous_role exists; in a transaction. */
extern bool rt_identity_has_anonymous(void);

/* Back to the executor's own role; nobody is the caller. */
extern void rt_identity_end(void);

/*
 * The same for a moment of any session's transaction: its user, who must be
 * able to become the role, lends itself to somebody, and not to another one
 * meanwhile.  Whoever is the caller is so again afterwards.  Give it back; or, if an error passes, forget it, and leave role and
 * claims to the end of the (sub)transaction.
 */
extern void rt_identity_borrow(RtRequest *request, const RtSession *session,
							   const char *user_data, uint32 user_data_len);
extern void rt_identity_give_back(void);
extern void rt_identity_forget(void);

/* The name of the role that the caller has, or would have. */
extern const char *rt_caller_role_name(void);

/* The caller, or NULL. */
extern const RtCaller *rt_caller(void);

/* The request's id as in logs: connection id and, if there is one, frame id. */
extern char *rt_caller_request_id(void);

/* The same for functions: NULL if no client has asked for what is run. */
extern char *rt_caller_request(void);

/*
 * Counts changes of roles, memberships, schemas and databases: what was found
 * out about privileges before the last one is void.
 */
extern uint64 rt_privilege_generation(void);

#endif							/* RT_EXECUTOR_IDENTITY_H */
