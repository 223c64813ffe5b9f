/*
 * scores.c
 *		Metrics of what processes of any kind do.
 */
#include "postgres.h"

#include "src/ipc/score.h"
#include "src/metrics/metrics.h"

#define SAMPLES_MAX 4

/* A metric without a label has one sample. */
typedef struct ScoreMetric
{
	RtMetric	metric;
	const char *label;			/* NULL = none */
	struct
	{
		RtScore		score;
		const char *value;		/* of the label */
	}			samples[SAMPLES_MAX];
	int			count;
} ScoreMetric;

static const ScoreMetric metrics[] = {
	{{"realtime_push_sends", RT_METRIC_COUNTER, NULL,
	"Messages of realtime.signal(), notify(), send(), send_to() and those to one connection, counted for each connection: ok, dropped for want of room, or not_found."},
	"result", {{RT_SCORE_SEND_OK, "ok"}, {RT_SCORE_SEND_DROPPED, "dropped"}, {RT_SCORE_SEND_NOT_FOUND, "not_found"}}, 3},
	{{"realtime_push_coalesced", RT_METRIC_COUNTER, NULL,
	"Messages of realtime.send_coalesced(): sent, replaced the one that waited, dropped with the connection, or not_found."},
	"result", {{RT_SCORE_COALESCED_SENT, "sent"}, {RT_SCORE_COALESCED_REPLACED, "replaced"},
	{RT_SCORE_COALESCED_DROPPED, "dropped"}, {RT_SCORE_COALESCED_NOT_FOUND, "not_found"}}, 4},
	{{"realtime_push_sendto", RT_METRIC_COUNTER, NULL,
	"Times of realtime.send_to(): ok, empty if nobody was as it said, or error."},
	"result", {{RT_SCORE_SEND_TO_OK, "ok"}, {RT_SCORE_SEND_TO_EMPTY, "empty"}, {RT_SCORE_SEND_TO_ERROR, "error"}}, 3},

	{{"realtime_group_joins", RT_METRIC_COUNTER, NULL,
	"Connections that have joined a group."}, NULL, {{RT_SCORE_GROUP_JOINS, NULL}}, 1},
	{{"realtime_group_joins_rejected", RT_METRIC_COUNTER, NULL,
	"Connections that have not, because the group was full or closed."}, NULL, {{RT_SCORE_GROUP_REJECTED, NULL}}, 1},
	{{"realtime_group_leaves", RT_METRIC_COUNTER, NULL,
	"Connections that have left a group."}, NULL, {{RT_SCORE_GROUP_LEAVES, NULL}}, 1},
	{{"realtime_group_publishes", RT_METRIC_COUNTER, NULL,
	"Times of realtime.group_publish()."}, NULL, {{RT_SCORE_GROUP_PUBLISHES, NULL}}, 1},

	{{"realtime_idempotency_acquired", RT_METRIC_COUNTER, NULL,
	"Calls that happen once and have been run for their key, and keys that functions acquired."}, NULL, {{RT_SCORE_ONCE_ACQUIRED, NULL}}, 1},
	{{"realtime_idempotency_hits", RT_METRIC_COUNTER, NULL,
	"Calls that happen once and got the answer that was kept, and functions that found a key acquired."}, NULL, {{RT_SCORE_ONCE_HITS, NULL}}, 1},
	{{"realtime_idempotency_pending", RT_METRIC_COUNTER, NULL,
	"Calls that happen once and got the answer of the one that was under way."}, NULL, {{RT_SCORE_ONCE_SHARED, NULL}}, 1},
	{{"realtime_idempotency_commits", RT_METRIC_COUNTER, NULL,
	"Answers of calls that happen once that were kept."}, NULL, {{RT_SCORE_ONCE_KEPT, NULL}}, 1},

	{{"realtime_lock_acquired", RT_METRIC_COUNTER, NULL,
	"Keys of calls, of lock_key and of those that happen once, that were taken."}, NULL, {{RT_SCORE_LOCK_ACQUIRED, NULL}}, 1},
	{{"realtime_lock_awaited", RT_METRIC_COUNTER, NULL,
	"Times that a call had to wait for its key."}, NULL, {{RT_SCORE_LOCK_AWAITED, NULL}}, 1},
	{{"realtime_lock_acquire_timeouts", RT_METRIC_COUNTER, NULL,
	"Calls that have waited for their key for too long."}, NULL, {{RT_SCORE_LOCK_LATE, NULL}}, 1},

	{{"realtime_limiter", RT_METRIC_COUNTER, NULL,
	"Times of realtime.consume(), by what it has said."},
	"result", {{RT_SCORE_LIMITER_ALLOWED, "allowed"}, {RT_SCORE_LIMITER_DENIED, "denied"}}, 2},
	{{"realtime_ratelimit_bans", RT_METRIC_COUNTER, NULL,
	"Keys of limiters that were banned, by realtime.limiter_ban() or a block of realtime.consume()."}, NULL, {{RT_SCORE_LIMITER_BANS, NULL}}, 1},

	{{"realtime_uploads_finished", RT_METRIC_COUNTER, NULL,
	"Uploads whose handlers have come to their end."}, NULL, {{RT_SCORE_UPLOADS_DONE, NULL}}, 1},
	{{"realtime_uploads_aborted", RT_METRIC_COUNTER, NULL,
	"Uploads that clients, their connections' ends, limits or guards have ended."}, NULL, {{RT_SCORE_UPLOADS_ABORTED, NULL}}, 1},
	{{"realtime_upload_bytes", RT_METRIC_COUNTER, "bytes",
	"Bytes of uploads that handlers have read."}, NULL, {{RT_SCORE_UPLOAD_BYTES, NULL}}, 1},

	{{"realtime_jobs_enqueued", RT_METRIC_COUNTER, NULL,
	"Jobs that were put into queues, before their commit."}, NULL, {{RT_SCORE_JOBS_ENQUEUED, NULL}}, 1},
	{{"realtime_jobs_taken", RT_METRIC_COUNTER, NULL,
	"Jobs that sessions have taken."}, NULL, {{RT_SCORE_JOBS_TAKEN, NULL}}, 1},
	{{"realtime_jobs_finished", RT_METRIC_COUNTER, NULL,
	"Jobs that sessions have finished."}, NULL, {{RT_SCORE_JOBS_FINISHED, NULL}}, 1},
	{{"realtime_jobs_failed", RT_METRIC_COUNTER, NULL,
	"Jobs that have failed in sessions."}, NULL, {{RT_SCORE_JOBS_FAILED, NULL}}, 1},
	{{"realtime_jobs_dead", RT_METRIC_COUNTER, NULL,
	"Jobs whose last attempt has failed, wherever."}, NULL, {{RT_SCORE_JOBS_DEAD, NULL}}, 1},

	{{"realtime_replay_publishes", RT_METRIC_COUNTER, NULL,
	"Events of class replay that were written, before their commit."}, NULL, {{RT_SCORE_REPLAY_PUBLISHES, NULL}}, 1},
	{{"realtime_replay_messages_replayed", RT_METRIC_COUNTER, NULL,
	"Events of class replay that executors have read for who had missed them."}, NULL, {{RT_SCORE_REPLAY_MESSAGES, NULL}}, 1},
	{{"realtime_replay_truncations", RT_METRIC_COUNTER, NULL,
	"Times that some of these were gone."}, NULL, {{RT_SCORE_REPLAY_TRUNCATIONS, NULL}}, 1},
};

void
rt_metrics_write_scores(RtExposition *exposition)
{
	for (int i = 0; i < lengthof(metrics); i++)
	{
		const ScoreMetric *metric = &metrics[i];

		rt_exposition_begin(exposition, &metric->metric);
		for (int n = 0; n < metric->count; n++)
		{
			RtLabel		labels[] = {{metric->label, metric->samples[n].value}, {NULL, NULL}};

			rt_exposition_count(exposition, labels, rt_score_read(metric->samples[n].score));
		}
	}
}
