/*
 * shmem.c
 *		The table of our areas of shared memory, and the two hooks that size
 *		and build them.
 *
 * The startup hook runs in the postmaster, again after a crash: every init
 * function then finds nothing and builds a clean area.  Forked children
 * inherit the pointers.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/ipc/address_rate.h"
#include "src/ipc/assertion.h"
#include "src/ipc/breaker.h"
#include "src/ipc/busy_topic.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/client.h"
#include "src/ipc/client_index.h"
#include "src/ipc/client_order.h"
#include "src/ipc/command_box.h"
#include "src/ipc/commit_slot.h"
#include "src/ipc/cursor.h"
#include "src/ipc/expected_time.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/job.h"
#include "src/ipc/intake.h"
#include "src/ipc/limit.h"
#include "src/ipc/limiter.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/member.h"
#include "src/ipc/newest_hint.h"
#include "src/ipc/number_mark.h"
#include "src/ipc/parking.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/payload.h"
#include "src/ipc/presence.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/push.h"
#include "src/ipc/query_group.h"
#include "src/ipc/query_maker.h"
#include "src/ipc/query_round.h"
#include "src/ipc/rate.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/retention.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/ipc/shmem.h"
#include "src/ipc/subscriber_count.h"
#include "src/ipc/tail_hint.h"
#include "src/ipc/score.h"
#include "src/ipc/task.h"
#include "src/ipc/timer.h"
#include "src/ipc/unflushed.h"
#include "src/ipc/upload.h"
#include "src/ipc/user_calls.h"
#include "src/ipc/vacate.h"
#include "src/ipc/waiting.h"
#include "src/ipc/worker_slot.h"

typedef struct SharedArea
{
	Size		(*size) (void);
	void		(*init) (void);
} SharedArea;

/* sessions keep user data in the payload area: it comes first */
static const SharedArea areas[] = {
	{rt_worker_slots_size, rt_worker_slots_init},
	{rt_service_size, rt_service_init},
	{rt_vacate_size, rt_vacate_init},
	{rt_payload_size, rt_payload_init},
	{rt_requests_size, rt_requests_init},
	{rt_request_queue_size, rt_request_queue_init},
	{rt_parking_size, rt_parking_init},
	{rt_expected_times_size, rt_expected_times_init},
	{rt_path_stats_size, rt_path_stats_init},
	{rt_rates_size, rt_rates_init},
	{rt_address_rates_size, rt_address_rates_init},
	{rt_limits_size, rt_limits_init},
	{rt_limiters_size, rt_limiters_init},
	{rt_log_limits_size, rt_log_limits_init},
	{rt_scores_size, rt_scores_init},
	{rt_assertions_size, rt_assertions_init},
	{rt_client_index_size, rt_client_index_init},
	{rt_clients_size, rt_clients_init},
	{rt_client_orders_size, rt_client_orders_init},
	{rt_user_calls_size, rt_user_calls_init},
	{rt_command_boxes_size, rt_command_boxes_init},
	{rt_pushes_size, rt_pushes_init},
	{rt_uploads_size, rt_uploads_init},
	{rt_presence_size, rt_presence_init},
	{rt_cursors_size, rt_cursors_init},
	{rt_sessions_size, rt_sessions_init},
	{rt_ring_size, rt_ring_init},
	{rt_unflushed_size, rt_unflushed_init},
	{rt_flush_request_size, rt_flush_request_init},
	{rt_newest_hints_size, rt_newest_hints_init},
	{rt_number_mark_size, rt_number_mark_init},
	{rt_retention_size, rt_retention_init},
	{rt_timers_size, rt_timers_init},
	{rt_intake_size, rt_intake_init},
	{rt_members_size, rt_members_init},
	{rt_subscriber_counts_size, rt_subscriber_counts_init},
	{rt_tail_hints_size, rt_tail_hints_init},
	{rt_busy_topics_size, rt_busy_topics_init},
	{rt_breakers_size, rt_breakers_init},
	{rt_commit_slots_size, rt_commit_slots_init},
	{rt_change_ring_size, rt_change_ring_init},
	{rt_query_groups_size, rt_query_groups_init},
	{rt_query_makers_size, rt_query_makers_init},
	{rt_query_round_size, rt_query_round_init},
	{rt_jobs_size, rt_jobs_init},
	{rt_tasks_size, rt_tasks_init},
	{rt_waiting_size, rt_waiting_init},
};

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();

	for (int i = 0; i < lengthof(areas); i++)
		RequestAddinShmemSpace(areas[i].size());
	RequestNamedLWLockTranche("RealtimePublishRing", 1);
	RequestNamedLWLockTranche("RealtimeSession", 1);
	RequestNamedLWLockTranche("RealtimeClient", 1);
	RequestNamedLWLockTranche("RealtimeClientIndex", RT_CLIENT_INDEX_LOCKS);
	RequestNamedLWLockTranche("RealtimeCommandBox", 1);
	RequestNamedLWLockTranche("RealtimePayload", 1);
	RequestNamedLWLockTranche("RealtimePush", 1);
	RequestNamedLWLockTranche("RealtimeUpload", 1);
	RequestNamedLWLockTranche("RealtimePresence", 1);
	RequestNamedLWLockTranche("RealtimePresenceMemory", 1);
	RequestNamedLWLockTranche("RealtimeCursor", 1);
	RequestNamedLWLockTranche("RealtimeCursorMemory", 1);
	RequestNamedLWLockTranche("RealtimeParking", 1);
	RequestNamedLWLockTranche("RealtimePathStat", 1);
	RequestNamedLWLockTranche("RealtimeRate", 1);
	RequestNamedLWLockTranche("RealtimeLimiter", 1);
	RequestNamedLWLockTranche("RealtimeLogLimit", 1);
	RequestNamedLWLockTranche("RealtimeTimer", 1);
	RequestNamedLWLockTranche("RealtimeMember", 1);
	RequestNamedLWLockTranche("RealtimeChangeRing", 1);
	RequestNamedLWLockTranche("RealtimeQueryGroup", 1);
	RequestNamedLWLockTranche("RealtimeQueryMemory", 1);
	RequestNamedLWLockTranche("RealtimeJob", rt_jobs_locks());
	RequestNamedLWLockTranche("RealtimeTask", 1);
	RequestNamedLWLockTranche("RealtimeWaiting", 1);
}

static void
startup_shmem(void)
{
	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < lengthof(areas); i++)
		areas[i].init();
	LWLockRelease(AddinShmemInitLock);
}

void
rt_shmem_install(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}
