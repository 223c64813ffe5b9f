/*
 * guc.h
 *		The settings, realtime.*: C variables named after them.
 *
 * Units are those of the C variable; docs/configuration.md has the table.
 */
#ifndef RT_GUC_H
#define RT_GUC_H

/* Where we are and who we are */
extern char *realtime_database;
extern char *realtime_executor_role;
extern char *realtime_anonymous_role;
extern char *realtime_authenticated_role;

/* Tokens */
extern char *realtime_jwt_secret;
extern char *realtime_jwt_key_file;
extern char *realtime_jwks_file;
extern char *realtime_jwt_issuers;	/* list */
extern char *realtime_jwt_audiences;	/* list */
extern int	realtime_jwt_leeway;	/* s */
extern char *realtime_attribute_claims;
extern char *realtime_jwt_cookie;
extern char *realtime_jwt_role_claim;

/* The listener */
extern char *realtime_listen_addresses;
extern int	realtime_port;
extern char *realtime_path;
extern char *realtime_auth_path;
extern char *realtime_allowed_hosts;
extern char *realtime_trusted_proxies;
extern char *realtime_tls_cert_file;	/* both or none */
extern char *realtime_tls_key_file;
extern bool realtime_metrics;
extern bool realtime_assert_error;
extern int	realtime_error_log;	/* 0 = none */
extern int	realtime_log_repeats;	/* -1 = all */
extern int	realtime_log_repeat_interval;	/* ms */
extern char *realtime_metrics_addresses;	/* list */
extern char *realtime_metrics_path;
extern char *realtime_metrics_token;
extern int	realtime_forwarded_header;	/* RtForwardedHeader */
extern char *realtime_allowed_origins;
extern char *realtime_document_root;
extern int	realtime_max_calls_in_flight;
extern int	realtime_max_lock_waiters;
extern bool realtime_early_release;
extern int	realtime_max_connections;
extern int	realtime_max_connections_per_address;	/* 0 = any number */
extern int	realtime_max_connections_per_user;	/* likewise */
extern int	realtime_max_calls_in_flight_per_user;	/* likewise */
extern int	realtime_upgrade_rate;
extern int	realtime_webhook_rate;
extern int	realtime_handshake_timeout; /* ms */
extern int	realtime_idle_timeout;	/* ms, 0 = never */
extern int	realtime_stall_timeout; /* ms, 0 = never */
extern int	realtime_ping_interval; /* ms, 0 = never */
extern bool realtime_compression;
extern int	realtime_compression_min_size;	/* bytes */

/* Limits of a connection, and of all of a gateway */
extern int	realtime_connection_memory; /* kB */
extern int	realtime_gateway_memory;	/* kB */
extern int	realtime_max_members;
extern int	realtime_max_payload;	/* bytes */
extern int	realtime_cursor_interval;	/* ms */
extern int	realtime_cursor_memory; /* kB */
extern int	realtime_cursor_ttl;	/* ms */
extern bool realtime_devtools;
extern int	realtime_presence_grace;	/* ms */
extern int	realtime_presence_heartbeat;	/* ms, 0 = none */
extern int	realtime_presence_memory;	/* kB */
extern int	realtime_replay_memory; /* kB, 0 = none */
extern int	realtime_max_backpressure;	/* bytes */
extern int	realtime_max_subscriptions;
extern int	realtime_max_batch;
extern int	realtime_max_depth;
extern int	realtime_max_uploads;	/* -1 = most of those that executors may wait for */
extern int	realtime_max_uploads_per_connection;
extern int	realtime_upload_buffer; /* kB */
extern int	realtime_upload_idle_timeout;	/* ms, 0 = never */
extern int	realtime_upload_timeout;	/* ms */

/* Processes and shared memory */
extern int	realtime_gateways;
extern int	realtime_executors;	/* at least */
extern int	realtime_max_executors; /* -1 = as many as there is room for */
extern int	realtime_executor_idle_timeout; /* ms, 0 = never */
extern int	realtime_executor_max_calls; /* 0 = no limit */
extern bool realtime_recycle_executors;
extern int	realtime_queue_depth;
extern int	realtime_rate_identities;
extern int	realtime_ring_size; /* kB */
extern int	realtime_stat_paths;
extern int	realtime_payload_memory;
extern int	realtime_plan_memory;	/* kB */
extern int	realtime_query_changes_max; /* rows */
extern int	realtime_query_linger;	/* ms */
extern int	realtime_query_tally_rows;	/* of a group */
extern int	realtime_query_ring_size;	/* kB */
extern int	realtime_live_table_memory; /* kB */
extern int	realtime_max_query_groups;
extern int	realtime_query_memory;	/* kB */
extern int	realtime_query_timeout; /* ms */
extern int	realtime_max_sessions;
extern int	realtime_max_timers;

/* Calls */
extern int	realtime_handler_timeout;	/* ms */
extern bool realtime_serve_client;
extern int	realtime_serve_modules; /* RtServeModules */
extern int	realtime_shutdown_timeout;	/* ms */
extern bool realtime_pipelined_commits;
extern int	realtime_max_retries;

/* The scheduler */
extern int	realtime_bridge_queue;	/* kB */
extern int	realtime_cleanup_interval;	/* ms, 0 = never */
extern bool realtime_cron_enabled;		/* whether jobs are run */
extern int	realtime_cron_grace;	/* ms */
extern int	realtime_cron_history;	/* runs of each job */
extern int	realtime_max_aggregate_buckets;	/* of a sliding window */
extern char *realtime_cron_clock;	/* "" = the system's, or seconds since 1970 */

extern bool realtime_intake_enabled;	/* whether aggregates and effects take events */
extern bool realtime_jobs_enabled;		/* whether jobs of queues are run */
extern int	realtime_job_executors; /* -1 = half of them */

/* Development */
typedef enum RtMode
{
	RT_MODE_PRODUCTION,
	RT_MODE_DEVELOPMENT
} RtMode;

extern int	realtime_mode;		/* RtMode */

typedef enum RtServeModules
{
	RT_SERVE_OFF,
	RT_SERVE_DEVELOPMENT,		/* in that mode */
	RT_SERVE_ON
} RtServeModules;

/* How a restricted run is checked, or made wrong, so that the check finds it. */
typedef enum RtQueryCheck
{
	RT_QUERY_CHECK_OFF,
	RT_QUERY_CHECK_ON,
	RT_QUERY_CHECK_ALL,			/* groups, also those that nothing concerns */
	RT_QUERY_CHECK_WITHOUT_OLD, /* what a row was before is not looked at */
	RT_QUERY_CHECK_WITHOUT_NULL,	/* nor rows whose cut is NULL */
	RT_QUERY_CHECK_WITHOUT_ONE	/* one row more or less is not counted */
} RtQueryCheck;

extern int	realtime_query_check;	/* RtQueryCheck */
extern int	realtime_publish_rate_warning;	/* events per second, 0 = off */
extern int	realtime_pressure_executors;	/* percent */
extern int	realtime_pressure_memory;	/* percent */
extern int	realtime_pressure_publish_rate;	/* 1/s */
extern int	realtime_pressure_subscribers;
extern int	realtime_publish_rate_interval; /* ms */
extern int	realtime_silent_topic_warning;	/* ms, 0 = off */
extern char *realtime_silent_topic_suppress;	/* list of templates */
extern int	realtime_topic_count_warning;	/* 0 = never */
extern int	realtime_max_watched_topics;

#define RT_GATEWAYS_MAX 16
#define RT_EXECUTORS_MAX 64

/* Defines them all; called once from _PG_init. */
extern void rt_guc_define(void);

#endif							/* RT_GUC_H */
