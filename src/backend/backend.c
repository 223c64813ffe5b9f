/*
 * backend.c
 *		The entrance of src/backend.
 */
#include "postgres.h"

#include "src/backend/at_commit.h"
#include "src/backend/backend.h"
#include "src/backend/database_guard.h"
#include "src/backend/dependency.h"
#include "src/backend/live_table.h"
#include "src/backend/publish.h"
#include "src/backend/throttle.h"
#include "src/backend/timer_publish.h"

void
rt_backend_install(void)
{
	rt_at_commit_install();
	/* called in the reverse order: what is published comes before timers */
	rt_timer_publish_install();
	rt_throttle_install();
	rt_publish_install();
	rt_live_table_install();
	rt_dependency_install();
	rt_database_guard_install();
}
