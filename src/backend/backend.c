/*
 * backend.c
 *		The entrance of src/backend.
 */
#include "postgres.h"

#include "src/backend/after_commit.h"
#include "src/backend/backend.h"
#include "src/backend/command.h"
#include "src/backend/declare/breaker_end.h"
#include "src/backend/declare/class_change.h"
#include "src/backend/declare/verdict_change.h"
#include "src/backend/live/table.h"
#include "src/backend/order.h"
#include "src/backend/publish/due.h"
#include "src/backend/publish/early_release.h"
#include "src/backend/publish/handover.h"
#include "src/backend/publish/health.h"
#include "src/backend/publish/settle.h"
#include "src/backend/publish/throttle.h"
#include "src/backend/unflushed_commit.h"
#include "src/backend/watch/watch.h"

void
rt_backend_install(void)
{
	rt_after_commit_install();
	rt_early_release_install();
	/*
	 * called in the reverse order: what is published comes before timers, and
	 * what may end an epoch before that; whether it waits is known last
	 */
	rt_unflushed_commit_install();
	rt_due_install();
	rt_throttle_install();
	rt_settle_install();
	rt_handover_install();
	rt_class_change_install();
	rt_verdict_change_install();
	rt_breaker_end_install();
	rt_live_table_install();
	rt_watch_install();
	rt_order_install();
	rt_health_install();
	rt_command_install();
}
