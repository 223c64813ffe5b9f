/*
 * service.h
 *		What the service as a whole can do at the moment, and what has changed
 *		for all of its processes.
 */
#ifndef RT_IPC_SERVICE_H
#define RT_IPC_SERVICE_H

#include "src/compat.h"

#include "src/hook.h"

/* Whether calls can be answered, or what keeps them from it. */
typedef enum RtServiceState
{
	RT_SERVICE_STARTING,		/* since server start; may last */
	RT_SERVICE_READY,
	RT_SERVICE_NO_DATABASE,
	RT_SERVICE_NO_ROLE,			/* realtime.executor_role is missing */
	RT_SERVICE_NO_EXTENSION,
	RT_SERVICE_NO_CLIENT_ROLE,	/* realtime.anonymous_role is missing */
	RT_SERVICE_VACATED,			/* the database is being dropped, renamed ... */
	RT_SERVICE_NO_EXECUTOR		/* none could be started for some time */
} RtServiceState;

extern Size rt_service_size(void);
extern void rt_service_init(void);

/*
 * A number for what is in shared memory, the time at which it began: another one
 * after each start of the server, also that after a crash.
 */
extern int64 rt_service_life(void);

/* The service's state and the words for it in a close or refusal. */
extern RtServiceState rt_service_state(void);

/* Returns whether it was another one before; then wakes the gateways. */
extern bool rt_service_set_state(RtServiceState state);
extern const char *rt_service_state_text(RtServiceState state);

/*
 * Whether who runs the application says that something is out of order, until he says
 * that it is not, or the server starts anew.  A change wakes the gateways.
 */
extern void rt_service_mark_degraded(bool degraded);
extern bool rt_service_is_marked_degraded(void);

/* Whether clients have been told that anything is, since the server's start. */
extern void rt_service_note_degraded(void);
extern bool rt_service_was_degraded(void);

/*
 * The beginning of the service in a database, since the server's start, is whose who
 * asks first; the others wait for it to be over, when they are woken.  The end is
 * claimed once.
 */
typedef enum RtBegin
{
	RT_BEGIN_OURS,
	RT_BEGIN_OTHERS,
	RT_BEGIN_DONE
} RtBegin;

extern RtBegin rt_service_begin(Oid database);
extern void rt_service_has_begun(Oid database);
extern bool rt_service_claim_end(void);

/*
 * Counts committed changes of declarations and roles; gateways forget cached
 * verdicts when it moves.  Never 0.
 */
extern uint32 rt_catalog_generation(void);
extern void rt_catalog_changed(void);

/*
 * Counts commits that have changed settings of roles or databases (ALTER ROLE,
 * ALTER DATABASE ... SET).  Never 0.
 */
extern uint64 rt_settings_generation(void);
extern void rt_settings_changed(void);

/*
 * Which hooks are declared, bits, as of a generation of the catalog; gateways,
 * which see no tables, then need not ask.  While nobody has said so for the
 * present generation, any may be.
 */
extern void rt_service_set_hooks(uint32 catalog_generation, uint32 hooks);
extern bool rt_service_may_have_hook(RtHook hook);

/*
 * Whether a gateway of ours listens, so that the port cannot be another
 * program's; each says when it begins and ends.
 */
extern bool rt_port_is_ours(void);
extern void rt_port_taken(int gateway);
extern void rt_port_left(int gateway);

/* What has kept a gateway from listening on an address; 0 = nothing. */
extern void rt_port_set_error(int gateway, uint32 error);

#define RT_LISTEN_NO_ADDRESS PG_UINT32_MAX	/* a listen address has no meaning */

/* Whether the postmaster has been told to stop (so a worker may exit 0). */
extern bool rt_postmaster_is_stopping(void);

#endif							/* RT_IPC_SERVICE_H */
