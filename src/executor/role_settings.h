/*
 * role_settings.h
 *		Settings of roles (ALTER ROLE ... SET), which PostgreSQL looks at when
 *		somebody logs in, and which are to hold for whoever a call runs as.
 */
#ifndef RT_EXECUTOR_ROLE_SETTINGS_H
#define RT_EXECUTOR_ROLE_SETTINGS_H

#include "src/compat.h"

typedef struct RtRoleSettings
{
	Oid			role;			/* hash key */
	int			statement_timeout_ms;	/* 0 = none */
	int			isolation;		/* XACT_*; -1 = not said */
	int			count;
	char	  **names;
	char	  **values;
} RtRoleSettings;

/*
 * Those of a role in this database; in a transaction.  Good until this is called
 * again.
 */
extern const RtRoleSettings *rt_role_settings_get(Oid role);

/*
 * Sets them, until the present level of settings ends.  What executors may not
 * set is left out.
 */
extern void rt_role_settings_apply(const RtRoleSettings *settings);

/* ---- those with which this process has begun ---- */

/* Before it connects, and afterwards, in a transaction. */
extern void rt_session_settings_connect(void);
extern void rt_session_settings_connected(void);

/*
 * Whether somebody who connects now would begin with others than we have.  The
 * first is a cheap look that may be wrong; the second is right, in a transaction.
 */
extern bool rt_session_settings_may_differ(void);
extern bool rt_session_settings_differ(void);

#endif							/* RT_EXECUTOR_ROLE_SETTINGS_H */
