/*
 * declaration.h
 *		Declarations (realtime.rpc(), realtime.channel() ...) as this process
 *		sees them: read from their tables, kept, and read again when a
 *		committed change invalidates them.
 *
 * All functions need a transaction.  What they return stays valid until the
 * end of that transaction, even if declarations are read again meanwhile (a
 * handler may declare, and publish() refreshes too).
 */
#ifndef RT_CATALOG_DECLARATION_H
#define RT_CATALOG_DECLARATION_H

#include "src/compat.h"

#include "nodes/pg_list.h"

#include "src/ipc/publish_ring.h"

typedef struct RtRpcDeclaration
{
	char	   *path;			/* hash key */
	Oid			handler;		/* InvalidOid: the function is gone */
	char	   *handler_text;	/* qualified signature */
	int			guard_count;
	Oid		   *guards;			/* InvalidOid: gone */
	int			timeout_ms;		/* -1 = realtime.handler_timeout */
	int			read_only;		/* -1 = from the function's volatility */
	int			rate_limit;		/* calls per rate_window_ms; 0 = none */
	int			rate_window_ms;
	Oid			idempotency_key;	/* InvalidOid = none */
	int64		idempotency_ttl_ms;
	Oid			lock_key;		/* InvalidOid = none */
	int			lock_wait_ms;	/* -1 = as long as the call may take */
	char	   *class_of_service;	/* NULL = none */

	void	   *prepared;		/* the executor's own: what it knows about the
								 * function; freed with the declaration through
								 * prepared_context */
	MemoryContext prepared_context;
} RtRpcDeclaration;

typedef struct RtTopicDeclaration
{
	char	   *template;
	RtTopicClass topic_class;
	bool		open;
	Oid			access;			/* InvalidOid = none, or gone; then it is not
								 * open either */
	int			replay_size;
	int64		replay_ttl_ms;	/* -1 = for ever */
	bool		declared;		/* by realtime.topic() */
	bool		stream;			/* by streams: who follows one is subscribed */
} RtTopicDeclaration;

/* How clients put events into the value of a stream. */
typedef enum RtMerge
{
	RT_MERGE_CRUD,
	RT_MERGE_LATEST,
	RT_MERGE_SET,
	RT_MERGE_PRESENCE,
	RT_MERGE_CURSOR
} RtMerge;

/* A stream.  All that there are yet are channels: they have no loader. */
typedef struct RtStreamDeclaration
{
	char	   *path;			/* hash key */
	char	   *topic;			/* template; see src/catalog/stream_topic.h */
	RtTopicClass topic_class;	/* as declared here; what counts for a topic is
								 * rt_declaration_topic() */
	int			replay_size;
	int64		replay_ttl_ms;	/* -1 = for ever */
	RtMerge		merge;
	char	   *key;			/* CRUD */
	bool		prepend;		/* CRUD */
	int			max;			/* CRUD, LATEST: rows kept; 0 = not said */
	bool		has_access;
	Oid			access;			/* InvalidOid = none, or gone; see has_access */
	int			guard_count;
	Oid		   *guards;			/* InvalidOid: gone */
} RtStreamDeclaration;

/* A channel of NOTIFY whose notifications are published. */
typedef struct RtBridgeDeclaration
{
	char	   *channel;
	char	   *topic;			/* NULL = from the notification */
	char	   *event;			/* NULL = the same, or "notify" */
	Oid			parse;			/* InvalidOid = none, or gone */
	char	   *parse_text;		/* its signature, NULL = none */
	char	   *invalidate;		/* topic whose subscribers load anew, or NULL */
} RtBridgeDeclaration;

/* A function that a declaration names. */
typedef struct RtFunctionReference
{
	const char *signature;		/* as stored */
	Oid			function;		/* InvalidOid: gone */
	const char *kind;			/* of the declaration: "rpc", "topic",
								 * "channel" or "bridge" */
	const char *declaration;	/* its path, template or channel of NOTIFY */
	const char *purpose;		/* "handler", "guard", "access" ... */
} RtFunctionReference;

/* Registers the invalidation callbacks; once per process, from _PG_init. */
extern void rt_declarations_install(void);

/*
 * Brings the cache up to date.  Returns false if the extension is not
 * installed in this database.  Counts up rt_declarations_version() when
 * anything was read again.
 */
extern bool rt_declarations_refresh(void);
extern uint64 rt_declarations_version(void);

/* Counts up with all that may have changed a declaration; reads nothing. */
extern uint64 rt_declarations_invalidations(void);

extern RtRpcDeclaration *rt_declaration_rpc(const char *path, Size len);

/* A path is one or the other; of both, written by hand, the rpc counts. */
extern const RtStreamDeclaration *rt_declaration_stream(const char *path, Size len);

/* All declarations of streams (RtStreamDeclaration), in a new list. */
extern List *rt_declaration_streams(void);

/* The word for it in declarations and on the wire. */
extern const char *rt_merge_name(RtMerge merge);

/*
 * The declaration whose template matches the topic (longest literal prefix
 * wins), or NULL.  The templates of streams count as well: a template that
 * both a topic and streams have is one declaration, of the class they share,
 * that keeps as many events and as long as any of them says.
 */
extern const RtTopicDeclaration *rt_declaration_topic(const char *topic, Size len);

/* All declarations of topics (RtTopicDeclaration), in a new list. */
extern List *rt_declaration_topics(void);

/* The tables of replay topics; ERROR if the extension is not installed. */
extern Oid	rt_message_table(void);
extern Oid	rt_epoch_table(void);

/* Bridges (RtBridgeDeclaration): all, in the cache's own list, or one or NULL. */
extern const List *rt_declaration_bridges(void);
extern const RtBridgeDeclaration *rt_declaration_bridge(const char *channel, Size len);

/* All functions that declarations name, in no order. */
extern const RtFunctionReference *rt_declaration_references(int *count);

#endif							/* RT_CATALOG_DECLARATION_H */
