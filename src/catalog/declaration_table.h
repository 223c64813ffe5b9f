/*
 * declaration_table.h
 *		The tables of declarations as src/sql creates them.
 *
 * Columns keep their numbers; new ones are added behind the last.
 */
#ifndef RT_CATALOG_DECLARATION_TABLE_H
#define RT_CATALOG_DECLARATION_TABLE_H

#define RT_SCHEMA "realtime"
#define RT_EXTENSION "realtime"

#define RT_RPC_TABLE "rpc_declaration"
enum
{
	Anum_rpc_path = 1,
	Anum_rpc_handler,
	Anum_rpc_guards,
	Anum_rpc_timeout,
	Anum_rpc_read_only,
	Anum_rpc_rate_limit,
	Anum_rpc_rate_window,
	Anum_rpc_idempotency_key,
	Anum_rpc_idempotency_ttl,
	Anum_rpc_lock_key,
	Anum_rpc_lock_wait,
	Anum_rpc_class_of_service,
	Natts_rpc = Anum_rpc_class_of_service
};

#define RT_TOPIC_TABLE "topic_declaration"
enum
{
	Anum_topic_template = 1,
	Anum_topic_class,
	Anum_topic_open,
	Anum_topic_access,
	Anum_topic_replay_size,
	Anum_topic_replay_ttl,
	Natts_topic = Anum_topic_replay_ttl
};

#endif							/* RT_CATALOG_DECLARATION_TABLE_H */
