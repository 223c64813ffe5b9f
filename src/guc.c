/*
 * guc.c
 *		Definition of the settings, by theme and then in alphabetical order.
 *
 * Settings that size shared memory or name a process's connection need a
 * restart (PGC_POSTMASTER); limits take effect at a reload (PGC_SIGHUP).
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "src/guc.h"
#include "src/guc_check.h"
#include "src/protocol/forwarded.h"

char	   *realtime_allowed_hosts = NULL;
char	   *realtime_trusted_proxies = NULL;
char	   *realtime_tls_cert_file = NULL;
char	   *realtime_tls_key_file = NULL;
int			realtime_forwarded_header = RT_FORWARDED_X_FOR;
char	   *realtime_allowed_origins = NULL;
char	   *realtime_anonymous_role = NULL;
char	   *realtime_auth_path = NULL;
char	   *realtime_authenticated_role = NULL;
int			realtime_bridge_queue = 64 * 1024;
int			realtime_cleanup_interval = 60000;
bool		realtime_cron_enabled = true;
int			realtime_cron_grace = 60000;
int			realtime_cron_history = 100;
char	   *realtime_cron_clock = NULL;
bool		realtime_intake_enabled = true;
bool		realtime_jobs_enabled = true;
int			realtime_job_executors = -1;
int			realtime_max_aggregate_buckets = 1000;
bool		realtime_compression = false;
int			realtime_compression_min_size = 256;
int			realtime_connection_memory = 16 * 1024;
char	   *realtime_database = NULL;
char	   *realtime_document_root = NULL;
bool		realtime_early_release = true;
int			realtime_executor_idle_timeout = 60000;
int			realtime_executor_max_calls = 0;
char	   *realtime_executor_role = NULL;
int			realtime_executors = 2;
int			realtime_gateway_memory = 256 * 1024;
int			realtime_gateways = 1;
int			realtime_handler_timeout = 25000;
int			realtime_handshake_timeout = 10000;
int			realtime_idle_timeout = 120000;
char	   *realtime_jwks_file = NULL;
char	   *realtime_attribute_claims = NULL;
char	   *realtime_jwt_audiences = NULL;
char	   *realtime_jwt_cookie = NULL;
char	   *realtime_jwt_issuers = NULL;
char	   *realtime_jwt_key_file = NULL;
int			realtime_jwt_leeway = 30;
char	   *realtime_jwt_role_claim = NULL;
char	   *realtime_jwt_secret = NULL;
char	   *realtime_listen_addresses = NULL;
int			realtime_live_table_memory = 16 * 1024;
int			realtime_log_repeat_interval = 60000;
int			realtime_error_log = 0;
int			realtime_log_repeats = 10;
int			realtime_max_backpressure = 1024 * 1024;
int			realtime_max_batch = 50;
int			realtime_max_calls_in_flight = 64;
int			realtime_max_connections = 10000;
int			realtime_max_connections_per_address = 0;
int			realtime_max_connections_per_user = 1000;
int			realtime_max_calls_in_flight_per_user = 1000;
int			realtime_max_depth = 64;
int			realtime_max_executors = -1;
int			realtime_max_lock_waiters = 256;
int			realtime_max_members = 10000;
int			realtime_max_payload = 1024 * 1024;
int			realtime_max_retries = 3;
int			realtime_max_sessions = 10000;
int			realtime_max_subscriptions = 1000000;
int			realtime_max_timers = 5000;
int			realtime_max_watched_topics = 10000;
bool		realtime_metrics = true;
bool		realtime_assert_error = false;
char	   *realtime_metrics_addresses = NULL;
char	   *realtime_metrics_path = NULL;
char	   *realtime_metrics_token = NULL;
int			realtime_mode = RT_MODE_PRODUCTION;
char	   *realtime_path = NULL;
int			realtime_payload_memory = 64 * 1024;
int			realtime_plan_memory = 32 * 1024;
int			realtime_ping_interval = 60000;
bool		realtime_pipelined_commits = true;
int			realtime_port = 7432;
int			realtime_pressure_executors = 50;
int			realtime_pressure_memory = 85;
int			realtime_pressure_publish_rate = 10000;
int			realtime_pressure_subscribers = 50;
int			realtime_publish_rate_interval = 5000;
int			realtime_publish_rate_warning = 200;
int			realtime_query_changes_max = 1000;
int			realtime_query_linger = 5000;
int			realtime_query_tally_rows = 500;
int			realtime_query_ring_size = 4 * 1024;
int			realtime_max_query_groups = 10000;
int			realtime_query_memory = 64 * 1024;
int			realtime_query_timeout = 5000;
int			realtime_query_check = RT_QUERY_CHECK_OFF;
int			realtime_queue_depth = 4096;
int			realtime_rate_identities = 5000;
bool		realtime_recycle_executors = true;
int			realtime_cursor_interval = 50;
int			realtime_cursor_memory = 8 * 1024;
int			realtime_cursor_ttl = 30000;
bool		realtime_devtools = false;
int			realtime_presence_grace = 5000;
int			realtime_presence_heartbeat = 30000;
int			realtime_presence_memory = 16 * 1024;
int			realtime_replay_memory = 4 * 1024;
int			realtime_ring_size = 64 * 1024;
bool		realtime_serve_client = true;
int			realtime_serve_modules = RT_SERVE_ON;
int			realtime_shutdown_timeout = 5000;
char	   *realtime_silent_topic_suppress = NULL;
int			realtime_silent_topic_warning = 30000;
int			realtime_stall_timeout = 60000;
int			realtime_stat_paths = 1000;
int			realtime_topic_count_warning = 1000000;
int			realtime_upgrade_rate = 10;
int			realtime_max_uploads = -1;
int			realtime_max_uploads_per_connection = 4;
int			realtime_upload_buffer = 512;
int			realtime_upload_idle_timeout = 30000;
int			realtime_upload_timeout = 3600000;
int			realtime_webhook_rate = 100;

static const struct config_enum_entry forwarded_options[] = {
	{"x-forwarded-for", RT_FORWARDED_X_FOR, false},
	{"forwarded", RT_FORWARDED_STANDARD, false},
	{NULL, 0, false}
};

static const struct config_enum_entry mode_options[] = {
	{"production", RT_MODE_PRODUCTION, false},
	{"development", RT_MODE_DEVELOPMENT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry serve_options[] = {
	{"off", RT_SERVE_OFF, false},
	{"development", RT_SERVE_DEVELOPMENT, false},
	{"on", RT_SERVE_ON, false},
	{NULL, 0, false}
};

static const struct config_enum_entry check_options[] = {
	{"off", RT_QUERY_CHECK_OFF, false},
	{"on", RT_QUERY_CHECK_ON, false},
	{"all", RT_QUERY_CHECK_ALL, false},
	{"without_old", RT_QUERY_CHECK_WITHOUT_OLD, false},
	{"without_null", RT_QUERY_CHECK_WITHOUT_NULL, false},
	{"without_one", RT_QUERY_CHECK_WITHOUT_ONE, false},
	{NULL, 0, false}
};

static void
define_string(const char *name, const char *description, char **variable,
			  const char *boot_value, GucContext context, int flags)
{
	DefineCustomStringVariable(name, description, NULL, variable, boot_value,
							   context, flags, NULL, NULL, NULL);
}

static void
define_int(const char *name, const char *description, int *variable,
		   int min_value, int max_value, GucContext context, int flags)
{
	DefineCustomIntVariable(name, description, NULL, variable, *variable,
							min_value, max_value, context, flags,
							NULL, NULL, NULL);
}

static void
define_switch(const char *name, const char *description, bool *variable)
{
	DefineCustomBoolVariable(name, description, NULL, variable, *variable,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
define_names(void)
{
	DefineCustomStringVariable("realtime.allowed_hosts",
							   "Host names and addresses by which clients may know the server, besides the local ones.",
							   NULL, &realtime_allowed_hosts, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   rt_check_allowed_hosts, NULL, NULL);
	DefineCustomStringVariable("realtime.allowed_origins",
							   "Origins that browsers may connect from.", NULL,
							   &realtime_allowed_origins, "same-origin",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   rt_check_allowed_origins, NULL, NULL);
	define_string("realtime.tls_cert_file",
				  "File with the certificate of the gateways, and those that sign it.",
				  &realtime_tls_cert_file, "", PGC_SIGHUP, 0);
	define_string("realtime.tls_key_file",
				  "File with the private key of that certificate.",
				  &realtime_tls_key_file, "", PGC_SIGHUP, 0);
	DefineCustomStringVariable("realtime.trusted_proxies",
							   "Addresses and networks of proxies that say whom requests are from.",
							   NULL, &realtime_trusted_proxies, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   rt_check_trusted_proxies, NULL, NULL);
	DefineCustomBoolVariable("realtime.metrics",
							 "Serves metrics over HTTP.", NULL, &realtime_metrics,
							 true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("realtime.metrics_addresses",
							   "Addresses and networks from which metrics are read without a token.",
							   NULL, &realtime_metrics_addresses, "127.0.0.0/8, ::1",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   rt_check_metrics_addresses, NULL, NULL);
	DefineCustomStringVariable("realtime.metrics_path",
							   "Path of the URL that metrics are read from.", NULL,
							   &realtime_metrics_path, "/metrics", PGC_SIGHUP, 0,
							   rt_check_path, NULL, NULL);
	DefineCustomStringVariable("realtime.metrics_token",
							   "Token with which metrics are read from anywhere.",
							   NULL, &realtime_metrics_token, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, rt_check_metrics_token, NULL, NULL);
	DefineCustomEnumVariable("realtime.forwarded_header",
							 "The header in which trusted proxies say it.",
							 NULL, &realtime_forwarded_header, RT_FORWARDED_X_FOR,
							 forwarded_options, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("realtime.assert_error",
							 "Makes realtime.assert() an error.", NULL,
							 &realtime_assert_error, false, PGC_USERSET, 0, NULL, NULL, NULL);
	define_string("realtime.anonymous_role",
				  "Role that calls of anonymous connections run as.",
				  &realtime_anonymous_role, "realtime_anonymous",
				  PGC_SIGHUP, 0);
	define_string("realtime.authenticated_role",
				  "Role that calls of authenticated connections run as, unless their identity names one.",
				  &realtime_authenticated_role, "realtime_authenticated",
				  PGC_SIGHUP, 0);
	define_string("realtime.database",
				  "Database whose functions are called.",
				  &realtime_database, "postgres", PGC_POSTMASTER, 0);
	DefineCustomStringVariable("realtime.document_root",
							   "Folder of files that gateways serve over HTTP; empty serves none.",
							   NULL, &realtime_document_root, "",
							   PGC_POSTMASTER, GUC_SUPERUSER_ONLY,
							   rt_check_document_root, NULL, NULL);
	define_string("realtime.executor_role",
				  "Role that executors log in as.",
				  &realtime_executor_role, "realtime_executor",
				  PGC_POSTMASTER, 0);
	define_string("realtime.listen_addresses",
				  "Host names or addresses that gateways listen on.",
				  &realtime_listen_addresses, "localhost",
				  PGC_POSTMASTER, GUC_LIST_INPUT);
	DefineCustomStringVariable("realtime.auth_path",
							   "Path of the question who somebody is, over HTTP.", NULL,
							   &realtime_auth_path, "/__ws/auth", PGC_POSTMASTER, 0,
							   rt_check_path, NULL, NULL);
	DefineCustomStringVariable("realtime.path",
							   "Path of the WebSocket.", NULL,
							   &realtime_path, "/ws", PGC_POSTMASTER, 0,
							   rt_check_path, NULL, NULL);
}

static void
define_tokens(void)
{
	DefineCustomStringVariable("realtime.attribute_claims",
							   "Claims by which realtime.send_to() finds connections.", NULL,
							   &realtime_attribute_claims, "", PGC_SIGHUP,
							   GUC_LIST_INPUT, rt_check_any_list, NULL, NULL);
	define_string("realtime.jwks_file",
				  "File with the JSON Web Key Set that may sign tokens.",
				  &realtime_jwks_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY);
	DefineCustomStringVariable("realtime.jwt_audiences",
							   "Audiences that a token may be for; empty takes any.", NULL,
							   &realtime_jwt_audiences, "", PGC_SIGHUP,
							   GUC_LIST_INPUT, rt_check_any_list, NULL, NULL);
	DefineCustomStringVariable("realtime.jwt_cookie",
							   "Name of the cookie that a token may come in.", NULL,
							   &realtime_jwt_cookie, "access_token", PGC_SIGHUP, 0,
							   rt_check_cookie, NULL, NULL);
	DefineCustomStringVariable("realtime.jwt_issuers",
							   "Issuers whose tokens are taken; empty takes any.", NULL,
							   &realtime_jwt_issuers, "", PGC_SIGHUP,
							   GUC_LIST_INPUT, rt_check_any_list, NULL, NULL);
	define_string("realtime.jwt_key_file",
				  "PEM file with public keys or certificates that may sign tokens.",
				  &realtime_jwt_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY);
	define_int("realtime.jwt_leeway",
			   "Time that the clocks of issuers of tokens may differ from ours.",
			   &realtime_jwt_leeway, 0, 3600, PGC_SIGHUP, GUC_UNIT_S);
	define_string("realtime.jwt_role_claim",
				  "Claim of a token that names the database role.",
				  &realtime_jwt_role_claim, "role", PGC_SIGHUP, 0);
	define_string("realtime.jwt_secret",
				  "Secret that may sign tokens.",
				  &realtime_jwt_secret, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY);
}

static void
define_pressure(void)
{
	define_int("realtime.pressure_executors",
			   "Part of realtime.queue_depth in percent from which executors count as scarce; 0 is never.",
			   &realtime_pressure_executors, 0, 100, PGC_SIGHUP, 0);
	define_int("realtime.pressure_memory",
			   "Part of the memory in percent from which it counts as scarce; 0 is never.",
			   &realtime_pressure_memory, 0, 100, PGC_SIGHUP, 0);
	define_int("realtime.pressure_publish_rate",
			   "Events per second from which there are too many; 0 is never.",
			   &realtime_pressure_publish_rate, 0, INT_MAX, PGC_SIGHUP, 0);
	define_int("realtime.pressure_subscribers",
			   "Topics of a connection, on average, from which there are too many; 0 is never.",
			   &realtime_pressure_subscribers, 0, INT_MAX, PGC_SIGHUP, 0);
}

static void
define_processes(void)
{
	define_int("realtime.executor_idle_timeout",
			   "Time without a call after which an executor beyond realtime.executors ends; 0 never ends it.",
			   &realtime_executor_idle_timeout, 0, INT_MAX,
			   PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.executors", "Number of executors at least.",
			   &realtime_executors, 1, RT_EXECUTORS_MAX, PGC_POSTMASTER, 0);
	define_int("realtime.gateways", "Number of gateways, which share the port.",
			   &realtime_gateways, 1, RT_GATEWAYS_MAX, PGC_POSTMASTER, 0);
	define_int("realtime.max_connections", "Connections of one gateway.",
			   &realtime_max_connections, 1, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.max_connections_per_address",
			   "Connections from one address; 0 is any number.",
			   &realtime_max_connections_per_address, 0, INT_MAX, PGC_SIGHUP, 0);
	define_int("realtime.max_connections_per_user",
			   "Connections of one user; 0 is any number.",
			   &realtime_max_connections_per_user, 0, INT_MAX, PGC_SIGHUP, 0);
	define_int("realtime.max_executors",
			   "Number of executors at most; -1 is as many as there are worker processes for, up to 16.",
			   &realtime_max_executors, -1, RT_EXECUTORS_MAX, PGC_POSTMASTER, 0);
	define_int("realtime.max_members",
			   "Connections that can follow streams with on_subscribe or on_unsubscribe, or be told of to an unsubscribe hook.",
			   &realtime_max_members, 1, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.max_query_groups",
			   "Groups of live queries: who asks the same is one.",
			   &realtime_max_query_groups, 1, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.max_sessions", "Identities that can be connected at once.",
			   &realtime_max_sessions, 1, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.max_timers",
			   "Throttled and debounced events that can be under way.",
			   &realtime_max_timers, 1, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.payload_memory",
			   "Shared memory for long requests and answers.",
			   &realtime_payload_memory, 8 * 1024, 64 * 1024 * 1024,
			   PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.port", "TCP port that gateways listen on.",
			   &realtime_port, 1, 65535, PGC_POSTMASTER, 0);
	define_int("realtime.query_ring_size",
			   "Shared memory for committed changes on their way to live queries.",
			   &realtime_query_ring_size, 64, 4 * 1024 * 1024,
			   PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.query_memory",
			   "Shared memory for what live queries know of the rows of their clients.",
			   &realtime_query_memory, 1024, 64 * 1024 * 1024,
			   PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.queue_depth", "Calls that can be in flight at once.",
			   &realtime_queue_depth, 16, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.rate_identities",
			   "Users and addresses that are counted for the limit of one call.",
			   &realtime_rate_identities, 1, 1000000, PGC_POSTMASTER, 0);
	define_int("realtime.ring_size",
			   "Shared memory for committed events on their way to the gateways.",
			   &realtime_ring_size, 256, 64 * 1024 * 1024,
			   PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.stat_paths",
			   "Paths whose calls are counted each for itself.",
			   &realtime_stat_paths, 1, 100000, PGC_POSTMASTER, 0);
}

static void
define_scheduler(void)
{
	define_int("realtime.bridge_queue",
			   "Memory for notifications that wait to be published.",
			   &realtime_bridge_queue, 16, 64 * 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_KB);
	define_int("realtime.cleanup_interval",
			   "Time between looks at all topics for events that are kept too long; 0 never looks.",
			   &realtime_cleanup_interval, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	DefineCustomStringVariable("realtime.cron_clock",
							   "Time by which jobs are due and windows end, in seconds since 1970, for tests; empty is the system's.",
							   NULL, &realtime_cron_clock, "", PGC_SIGHUP,
							   GUC_NOT_IN_SAMPLE, rt_check_seconds, NULL, NULL);
	define_int("realtime.cron_grace",
			   "Time for which a missed time of a job is not too late.",
			   &realtime_cron_grace, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.cron_history",
			   "Runs of each job that are kept.",
			   &realtime_cron_history, 0, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.job_executors",
			   "Executors that may run jobs of queues at once; -1 is half of those that there may be.",
			   &realtime_job_executors, -1, RT_EXECUTORS_MAX, PGC_SIGHUP, 0);
	define_int("realtime.max_aggregate_buckets",
			   "Parts that a sliding window of an aggregate may have.",
			   &realtime_max_aggregate_buckets, 1, 100000, PGC_SIGHUP, 0);
}

static void
define_switches(void)
{
	define_switch("realtime.compression",
				  "Compresses messages for clients that offer permessage-deflate.",
				  &realtime_compression);
	define_switch("realtime.cron", "Runs jobs at their times.", &realtime_cron_enabled);
	define_switch("realtime.devtools", "Opens the stream that shows what the server does.",
				  &realtime_devtools);
	define_switch("realtime.early_release",
				  "Lets go of topics that several sessions want before the flush of the commit.",
				  &realtime_early_release);
	define_switch("realtime.intake", "Has aggregates and effects take events.",
				  &realtime_intake_enabled);
	define_switch("realtime.jobs", "Runs jobs of queues.", &realtime_jobs_enabled);
	define_switch("realtime.pipelined_commits",
				  "Lets calls that wait together share one flush of the write-ahead log.",
				  &realtime_pipelined_commits);
	define_switch("realtime.recycle_executors",
				  "Replaces an executor by another process after a call that may have left what cannot be removed.",
				  &realtime_recycle_executors);
	define_switch("realtime.serve_client",
				  "Serves the client for pages over HTTP.",
				  &realtime_serve_client);
	DefineCustomEnumVariable("realtime.serve_modules",
							 "Serves modules of what is declared, and their types, over HTTP.",
							 NULL, &realtime_serve_modules, RT_SERVE_ON,
							 serve_options, PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
define_times(void)
{
	define_int("realtime.handler_timeout", "Time that a call may take.",
			   &realtime_handler_timeout, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.plan_memory",
			   "Memory of each executor for plans of SQL functions and live queries that it keeps for roles.",
			   &realtime_plan_memory, 64, 16 * 1024 * 1024, PGC_SIGHUP, GUC_UNIT_KB);
	define_int("realtime.query_timeout",
			   "Time that a run of a live query may take.",
			   &realtime_query_timeout, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.handshake_timeout",
			   "Time that a client may take to complete its handshake.",
			   &realtime_handshake_timeout, 1000, 3600000,
			   PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.idle_timeout",
			   "Silence after which a connection is closed; 0 never closes it.",
			   &realtime_idle_timeout, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.ping_interval",
			   "Silence after which a connection is sent a ping; 0 sends none.",
			   &realtime_ping_interval, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.shutdown_timeout",
			   "Time that running calls get when their process is stopped.",
			   &realtime_shutdown_timeout, 0, 600000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.stall_timeout",
			   "Time after which a connection that takes nothing of its output is ended; 0 never ends it.",
			   &realtime_stall_timeout, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
}

static void
define_limits(void)
{
	define_int("realtime.compression_min_size",
			   "Bytes from which on a message is compressed.",
			   &realtime_compression_min_size, 0, 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_BYTE);
	define_int("realtime.connection_memory",
			   "Memory of a gateway that one connection may use for subscriptions and calls that wait.",
			   &realtime_connection_memory, 64, 16 * 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_KB);
	define_int("realtime.error_log",
			   "Errors that realtime.error_log keeps; 0 is none.",
			   &realtime_error_log, 0, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.executor_max_calls",
			   "Calls after which an executor is replaced by another process; 0 is never.",
			   &realtime_executor_max_calls, 0, INT_MAX, PGC_SIGHUP, 0);
	define_int("realtime.gateway_memory",
			   "Memory of a gateway that all its connections may use.",
			   &realtime_gateway_memory, 4 * 1024, 1024 * 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_KB);
	define_int("realtime.live_table_memory",
			   "Memory for what a transaction changes in live tables.",
			   &realtime_live_table_memory, 64, 16 * 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_KB);
	define_int("realtime.max_backpressure",
			   "Bytes that may wait for a slow reader.",
			   &realtime_max_backpressure, 16 * 1024, 1024 * 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_BYTE);
	define_int("realtime.max_batch", "Calls in one batch.",
			   &realtime_max_batch, 1, 10000, PGC_SIGHUP, 0);
	define_int("realtime.max_calls_in_flight",
			   "Requests of one connection that executors have at a time.",
			   &realtime_max_calls_in_flight, 1, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.max_calls_in_flight_per_user",
			   "Calls of one user that executors have at a time; 0 is no limit.",
			   &realtime_max_calls_in_flight_per_user, 0, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.max_depth", "Nesting of a frame's JSON.",
			   &realtime_max_depth, 4, 1000, PGC_SIGHUP, 0);
	define_int("realtime.max_lock_waiters",
			   "Calls that may wait for others with the same key, without an executor.",
			   &realtime_max_lock_waiters, 1, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.max_payload", "Bytes of a client's message.",
			   &realtime_max_payload, 1024, 64 * 1024 * 1024,
			   PGC_SIGHUP, GUC_UNIT_BYTE);
	define_int("realtime.log_repeat_interval",
			   "Time in which errors of one kind are counted for the log.",
			   &realtime_log_repeat_interval, 1000, 24 * 60 * 60 * 1000,
			   PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.log_repeats",
			   "Errors of one kind that are logged in that time; -1 is all.",
			   &realtime_log_repeats, -1, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.max_retries",
			   "Times that a call is run again after a serialization failure or deadlock.",
			   &realtime_max_retries, 0, 100, PGC_SIGHUP, 0);
	define_int("realtime.max_subscriptions", "Topics of one connection.",
			   &realtime_max_subscriptions, 1, 100000000, PGC_SIGHUP, 0);
	define_int("realtime.query_changes_max",
			   "Rows of one table up to which a transaction tells live queries what it has changed.",
			   &realtime_query_changes_max, 0, 1000000, PGC_SIGHUP, 0);
	define_int("realtime.query_linger",
			   "Time for which a live query that nobody follows is run, for who comes back.",
			   &realtime_query_linger, 5000, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.query_tally_rows",
			   "Rows of a group from which on live queries count what has changed in it instead of reading it.",
			   &realtime_query_tally_rows, 0, INT_MAX, PGC_SIGHUP, 0);
	define_int("realtime.cursor_interval",
			   "Time between positions of a cursor that others are told.",
			   &realtime_cursor_interval, 0, 60 * 1000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.cursor_memory",
			   "Shared memory for where cursors are.",
			   &realtime_cursor_memory, 1024, 64 * 1024 * 1024, PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.cursor_ttl",
			   "Time after which a cursor that does not move is gone.",
			   &realtime_cursor_ttl, 100, 24 * 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.presence_grace",
			   "Time for which who is present stays so without a connection.",
			   &realtime_presence_grace, 0, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.presence_heartbeat",
			   "Time between lists of who is present for clients that ask for them; 0 sends none.",
			   &realtime_presence_heartbeat, 0, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.presence_memory",
			   "Shared memory for who is present.",
			   &realtime_presence_memory, 1024, 64 * 1024 * 1024, PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.replay_memory",
			   "Memory of a gateway for the latest events of replay topics; 0 keeps none.",
			   &realtime_replay_memory, 0, 64 * 1024 * 1024, PGC_SIGHUP, GUC_UNIT_KB);
	define_int("realtime.upgrade_rate",
			   "Connections that one address may open in 10 seconds; 0 is no limit.",
			   &realtime_upgrade_rate, 0, 1000000, PGC_SIGHUP, 0);
}

/* What does not come as a frame of text. */
static void
define_bytes(void)
{
	define_int("realtime.max_uploads",
			   "Uploads at a time; -1 is three in four of the executors that may wait.",
			   &realtime_max_uploads, -1, RT_EXECUTORS_MAX, PGC_POSTMASTER, 0);
	define_int("realtime.max_uploads_per_connection",
			   "Uploads of one connection at a time.",
			   &realtime_max_uploads_per_connection, 1, RT_EXECUTORS_MAX, PGC_SIGHUP, 0);
	define_int("realtime.upload_buffer",
			   "Shared memory of each upload for what its handler has not read.",
			   &realtime_upload_buffer, 128, 64 * 1024, PGC_POSTMASTER, GUC_UNIT_KB);
	define_int("realtime.upload_idle_timeout",
			   "Time after which an upload of which nothing comes is aborted; 0 never aborts it.",
			   &realtime_upload_idle_timeout, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.upload_timeout",
			   "Time that an upload may take, with its handler.",
			   &realtime_upload_timeout, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.webhook_rate",
			   "Webhooks that one address may send in 10 seconds; 0 is no limit.",
			   &realtime_webhook_rate, 0, 1000000, PGC_SIGHUP, 0);
}

static void
define_development(void)
{
	DefineCustomEnumVariable("realtime.mode",
							 "Whether gateways warn of what developers want to know.",
							 NULL, &realtime_mode, RT_MODE_PRODUCTION, mode_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("realtime.query_check",
							 "Whether each restricted run of a live query is compared with all of the query, at the same snapshot.",
							 NULL, &realtime_query_check, RT_QUERY_CHECK_OFF,
							 check_options, PGC_SIGHUP, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	define_int("realtime.max_watched_topics",
			   "Topics that each gateway watches (mode development).",
			   &realtime_max_watched_topics, 10, 10000000, PGC_SIGHUP, 0);
	define_int("realtime.publish_rate_interval",
			   "Time over which the events of a topic are counted (mode development).",
			   &realtime_publish_rate_interval, 1000, 3600000,
			   PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.publish_rate_warning",
			   "Events per second of one topic that are warned of (mode development); 0 is never.",
			   &realtime_publish_rate_warning, 0, INT_MAX, PGC_SIGHUP, 0);
	DefineCustomStringVariable("realtime.silent_topic_suppress",
							   "Topics, or templates, whose silence is not warned of.",
							   NULL, &realtime_silent_topic_suppress, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   rt_check_silent_topic_suppress, NULL, NULL);
	define_int("realtime.silent_topic_warning",
			   "Time without any event on a subscribed topic that is warned of (mode development); 0 is never.",
			   &realtime_silent_topic_warning, 0, INT_MAX,
			   PGC_SIGHUP, GUC_UNIT_MS);
	define_int("realtime.topic_count_warning",
			   "Topics with subscribers of one gateway that are warned of; 0 is never.",
			   &realtime_topic_count_warning, 0, INT_MAX, PGC_SIGHUP, 0);
}

void
rt_guc_define(void)
{
	define_names();
	define_tokens();
	define_processes();
	define_pressure();
	define_scheduler();
	define_switches();
	define_times();
	define_limits();
	define_bytes();
	define_development();
	MarkGUCPrefixReserved("realtime");
}
