/*
 * short_wait.c
 *		Waiting for locks on tables, but not for long.
 */
#include "postgres.h"

#include "storage/proc.h"
#include "utils/guc.h"

#include "src/backend/short_wait.h"

#define LOCK_WAIT_MAX 5000		/* ms */

int
rt_short_waits_begin(void)
{
	int			guc_level = NewGUCNestLevel();

	if (LockTimeout == 0 || LockTimeout > LOCK_WAIT_MAX)
		(void) set_config_option("lock_timeout", psprintf("%d", LOCK_WAIT_MAX),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return guc_level;
}

void
rt_short_waits_end(int guc_level)
{
	AtEOXact_GUC(true, guc_level);
}
