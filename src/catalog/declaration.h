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

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "src/hook.h"
#include "src/ipc/publish_ring.h"

/* A function that a declaration may name. */
typedef struct RtNamedFunction
{
	bool		declared;
	Oid			oid;			/* InvalidOid = none, or gone */
} RtNamedFunction;

/* Who may go on to what a declaration declares: its modules' guards, then its own. */
typedef struct RtGuards
{
	bool		authenticated;	/* a module lets no anonymous caller in */
	int			module_count;	/* of the functions, those of modules */
	int			count;
	Oid		   *functions;		/* InvalidOid: gone */
} RtGuards;

/* How a path is called. */
typedef enum RtRpcKind
{
	RT_RPC_CALL,				/* realtime.rpc() */
	RT_RPC_BINARY,				/* with a payload, which is the first argument */
	RT_RPC_UPLOAD				/* with chunks, which the handler reads */
} RtRpcKind;

typedef struct RtRpcDeclaration
{
	char	   *path;			/* hash key */
	RtRpcKind	kind;
	Oid			handler;		/* InvalidOid: the function is gone */
	char	   *handler_text;	/* qualified signature */
	RtGuards	guards;
	int			timeout_ms;		/* -1 = realtime.handler_timeout */
	int			read_only;		/* -1 = from the function's volatility */
	int			rate_limit;		/* calls per rate_window_ms; 0 = none */
	int			rate_window_ms;
	bool		idempotent;		/* by the key that the client sends */
	RtNamedFunction idempotency_key;
	int64		idempotency_ttl_ms; /* 0 = answers are not kept */
	RtNamedFunction lock_key;
	int			lock_wait_ms;	/* -1 = as long as the call may take */
	bool		share_result;	/* with those that wait for it */
	char	   *class_of_service;	/* NULL = none */
	char	   *breaker;		/* its name; NULL = none */
	char	   *fallback;		/* JSON; NULL = none */
	int64		max_size;		/* BINARY, UPLOAD: bytes */
	int			max_per_session;	/* UPLOAD: at a time */
	int			max_total;		/* UPLOAD: likewise; 0 = any number */
	int64		reauth_every;	/* UPLOAD: bytes behind which guards are run again;
								 * 0 = never */
	const struct RtStreamDeclaration *room; /* it is an action of */

	void	   *prepared;		/* the executor's own: what it knows about the
								 * function */
} RtRpcDeclaration;

/* How clients put events into the value of a stream. */
typedef enum RtMerge
{
	RT_MERGE_CRUD,
	RT_MERGE_LATEST,
	RT_MERGE_SET,
	RT_MERGE_PRESENCE,
	RT_MERGE_CURSOR
} RtMerge;

/* What a step of a pipe does with the items of a value. */
typedef enum RtPipeKind
{
	RT_PIPE_FILTER,				/* leaves some out */
	RT_PIPE_SORT,
	RT_PIPE_LIMIT,				/* leaves out all behind the first */
	RT_PIPE_JOIN				/* gives each a member more */
} RtPipeKind;

typedef struct RtPipeStep
{
	RtPipeKind	kind;
	const char *signature;		/* FILTER, JOIN: as declared */
	Oid			function;		/* of that; InvalidOid: gone */
	const char *field;			/* SORT, JOIN: member of an item, "a.b" */
	const char *name;			/* JOIN: the member that it gets */
	bool		descending;		/* SORT */
	int			most;			/* LIMIT */
	bool		live;			/* FILTER, JOIN: events go through it, too */
} RtPipeStep;

typedef struct RtPipe
{
	int			count;
	RtPipeStep *steps;
	bool		cuts;			/* what a value has depends on its other items, too */
	bool		filters_events;
	const char *live;			/* all that becomes of events as text; NULL = nothing */
} RtPipe;

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
	RtMerge		merge;			/* of one of these */
	const char *key;			/* likewise, CRUD */
	const RtPipe *pipe;			/* what events go through; NULL = none.  They all
								 * have it, or none has, as what follows */
	RtNamedFunction transform;
	char	   *coalesce_by;	/* likewise; NULL = none */
	RtNamedFunction coalesce;	/* the function that it names, if it does */
} RtTopicDeclaration;

/* Those of a stream; guards and steps of migration are lists of their own. */
typedef enum RtStreamFunction
{
	RT_STREAM_LOADER,
	RT_STREAM_COALESCE_BY,
	RT_STREAM_ACCESS,
	RT_STREAM_GATE,
	RT_STREAM_TRANSFORM,
	RT_STREAM_DELTA_VERSION,
	RT_STREAM_DELTA_DIFF,
	RT_STREAM_DELTA_FROM_SEQ,
	RT_STREAM_ON_SUBSCRIBE,
	RT_STREAM_ON_UNSUBSCRIBE,
	RT_STREAM_ON_ERROR,
	RT_STREAM_TOPIC_BY,
	RT_STREAM_PRESENCE,
	RT_STREAM_FUNCTIONS
} RtStreamFunction;

/* What a stream has more that is a live query. */
typedef struct RtQueryDeclaration
{
	Oid			id;				/* of this declaration, not of another one of the
								 * same path */
	const char *path;
	const char *sql;
	int			parameter_count;
	Oid		   *parameter_types;
	const char *key;			/* columns, separated by commas; the stream's is
								 * what clients look at */
	List	   *depends_on;		/* relations that functions read, by OID */
	int			max_rows;
	int			debounce_ms;	/* 0 = none */
} RtQueryDeclaration;

/* Where the value of a stream comes from, and who tells what changes. */
typedef enum RtStreamKind
{
	RT_STREAM_OF_EVENTS,		/* its loader, if it has one; who publishes */
	RT_STREAM_OF_PRESENCE,		/* who is present (ipc/presence.h) */
	RT_STREAM_OF_CURSORS		/* where they point (ipc/cursor.h) */
} RtStreamKind;

/* How a window of an aggregate moves on. */
typedef enum RtWindowKind
{
	RT_WINDOW_LIFETIME,			/* it does not */
	RT_WINDOW_TUMBLING,
	RT_WINDOW_SLIDING
} RtWindowKind;

/* A window of an aggregate; all of it is one without a name. */
typedef struct RtWindowDeclaration
{
	const char *path;			/* of the aggregate */
	const char *name;
	RtWindowKind kind;
	const char *period;			/* of the calendar; NULL = duration_us */
	const char *time_zone;		/* of that */
	int64		duration_us;
	int64		slide_us;
	bool		has_anchor;
	TimestampTz anchor;
	const char *definition;		/* all of this, and the aggregate's id, as text */
	const char *initial;		/* that of the aggregate */
} RtWindowDeclaration;

/* What events of topics come to. */
typedef struct RtAggregateDeclaration
{
	const char *path;
	const char *id;				/* of this declaration, not of another one of the
								 * same path */
	char	   *source;			/* a topic, a pattern or a template */
	const char *topic;
	int			count;			/* of reducers: */
	char	  **names;
	char	  **signatures;
	Oid		   *functions;		/* InvalidOid: gone */
	char	  **fields;			/* NULL = none */
	RtNamedFunction access;
	RtNamedFunction snapshot;
	RtGuards	guards;
	const char *class_of_service;	/* NULL = none */
	Oid			owner;			/* role */
	const char *initial;		/* value of no events, JSON */
	List	   *windows;		/* RtWindowDeclaration, the first that of all */
} RtAggregateDeclaration;

/* What is run for events, or enqueued. */
typedef struct RtEffectDeclaration
{
	const char *path;
	Oid			handler;		/* InvalidOid = none, or gone */
	const char *handler_text;	/* its signature; NULL = events become jobs */
	const char *queue;			/* of which */
	Oid			owner;			/* role */
} RtEffectDeclaration;

/* Who gets events of topics to do something about them. */
typedef struct RtSinkDeclaration
{
	const char *path;
	bool		is_effect;		/* else it is an aggregate */
	int			source_count;
	char	  **sources;		/* topics, patterns or templates */
} RtSinkDeclaration;

/* A stream; one without a loader is a channel, or a live query. */
typedef struct RtStreamDeclaration
{
	char	   *path;			/* hash key */
	const char *declared;		/* the path that it has been declared under: that
								 * of its room, or the same */
	RtStreamKind kind;
	char	   *topic;			/* template; see src/catalog/stream_topic.h */
	const char *base;			/* what it is without the suffix of its kind, which
								 * the arguments, or TOPIC_BY, make a name of */
	const char *suffix;			/* "" = none */
	RtTopicClass topic_class;	/* as declared here; what counts for a topic is
								 * rt_declaration_topic() */
	int			replay_size;
	int64		replay_ttl_ms;	/* -1 = for ever */
	RtMerge		merge;
	char	   *key;			/* CRUD */
	bool		prepend;		/* CRUD */
	int			max;			/* CRUD, LATEST: rows kept; 0 = not said */
	RtNamedFunction functions[RT_STREAM_FUNCTIONS];
	RtGuards	guards;
	const RtPipe *pipe;			/* NULL = none */
	char	   *transform;		/* as declared; NULL = none */
	char	   *coalesce_by;	/* likewise: a member of the data, "a.b", or a
								 * function */
	int			schema_version; /* 0 = not said */
	int			migrate_count;
	Oid		   *migrate;		/* from version 1 on; InvalidOid: gone */
	int64		stale_after_ms; /* -1 = never */
	int			invalidate_count;
	char	  **invalidate_on;	/* patterns, or templates */
	int64		debounce_ms;	/* 0 = it is loaded anew at once */
	bool		shared;
	char	   *class_of_service;	/* NULL = none */
	char	   *breaker;		/* likewise */
	char	   *fallback;		/* JSON while that is broken; NULL = an error */
	const RtQueryDeclaration *query;	/* NULL = not a live query */
	const RtWindowDeclaration *window;	/* NULL = not of an aggregate */
} RtStreamDeclaration;

/* One of presence or cursors has a loader only for its parameters. */
#define rt_stream_is_channel(stream) \
	((stream)->kind != RT_STREAM_OF_EVENTS || \
	 (!(stream)->functions[RT_STREAM_LOADER].declared && (stream)->query == NULL && \
	  (stream)->window == NULL))

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

/* What all paths of a module have. */
typedef struct RtModuleDeclaration
{
	const char *name;			/* the first words of the paths */
	bool		authenticated;
	int			guard_count;
	Oid		   *guards;			/* InvalidOid: gone */
} RtModuleDeclaration;

/* What runs around all that clients ask for. */
typedef struct RtMiddlewareDeclaration
{
	const char *name;
	int			place;
	Oid			function;		/* InvalidOid: gone */
} RtMiddlewareDeclaration;

/* A class of service. */
typedef struct RtAdmissionDeclaration
{
	const char *name;
	uint32		reasons;		/* RtPressureReason, bits */
	RtNamedFunction predicate;
} RtAdmissionDeclaration;

/* How often a path, or all of them, may be called. */
typedef struct RtRateDeclaration
{
	const char *path;
	int			rate_limit;		/* 0 = as often as you like */
	int			rate_window_ms;
} RtRateDeclaration;

#define RT_RATE_OF_ALL "*"

/* A circuit breaker. */
typedef struct RtBreakerDeclaration
{
	const char *name;
	int			threshold;
	int64		reset_ms;
} RtBreakerDeclaration;

/* What becomes of times at which a job could not be run. */
typedef enum RtMissed
{
	RT_MISSED_SKIP,				/* the last is run, unless it is long over */
	RT_MISSED_ONCE,				/* the last is run */
	RT_MISSED_ALL				/* each is */
} RtMissed;

/* What is run at times. */
typedef struct RtCronDeclaration
{
	char	   *path;
	char	   *schedule;
	Oid			handler;		/* InvalidOid = gone */
	char	   *handler_text;	/* its signature */
	char	   *topic;			/* NULL = none */
	char	   *time_zone;		/* NULL = the database's */
	RtMissed	missed;
	int			timeout_ms;		/* 0 = no limit */
	bool		active;
	Oid			owner;			/* role */
} RtCronDeclaration;

/* What another service tells by HTTP. */
typedef struct RtWebhookDeclaration
{
	char	   *path;
	char	   *topic;			/* NULL = as the transform says */
	Oid			verify;			/* InvalidOid: gone */
	Oid			transform;		/* likewise */
	int			max_body;		/* bytes */
} RtWebhookDeclaration;

/* A queue of jobs. */
typedef struct RtJobQueue
{
	char	   *name;
	Oid			handler;		/* InvalidOid = none, or gone */
	char	   *handler_text;	/* its signature; NULL = none: sessions take the
								 * jobs */
	int			max_attempts;
	int64		backoff_ms;		/* before the second attempt; doubled each time */
	int64		max_backoff_ms;
	double		jitter;			/* the part by which that is longer, at most */
	int			timeout_ms;		/* 0 = no limit */
	int64		visibility_ms;
	int			concurrency;	/* executors at once; 0 = as many as there may be */
	int			priority;
	int64		retention_ms;
	int64		dead_retention_ms;
	char	   *topic;			/* what its jobs' topics begin with; NULL = none */
	bool		active;
	int			max_size;		/* jobs that may wait; 0 = as many as there are */
	Oid			owner;			/* role */
} RtJobQueue;

/* A function that a declaration names. */
typedef struct RtFunctionReference
{
	const char *signature;		/* as stored */
	Oid			function;		/* InvalidOid: gone */
	const char *kind;			/* of the declaration: "rpc", "topic",
								 * "stream", "channel", "room", "query", "bridge",
								 * "hook", "class", "module", "middleware",
								 * "cron", "queue", "webhook" or "pipe" */
	const char *declaration;	/* its path, template, channel of NOTIFY or name */
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

/* The live query with an id, or NULL. */
extern const RtStreamDeclaration *rt_declaration_query(Oid id);

/*
 * All declarations of streams (RtStreamDeclaration), in a new list: live queries
 * are in a list of their own.
 */
extern List *rt_declaration_streams(void);
extern List *rt_declaration_queries(void);

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

/* Likewise where events wait for who takes them, and what numbers those. */
extern Oid	rt_intake_table(void);
extern Oid	rt_intake_sequence(void);

/* Jobs (RtCronDeclaration): all, in the cache's own list, or one or NULL. */
extern const List *rt_declaration_crons(void);
extern const RtCronDeclaration *rt_declaration_cron(const char *path);

/* A webhook by its path, or NULL. */
extern const RtWebhookDeclaration *rt_declaration_webhook(const char *path);

/* Queues (RtJobQueue): all, in the cache's own list, or one or NULL. */
extern const List *rt_declaration_job_queues(void);
extern const RtJobQueue *rt_declaration_job_queue(const char *name);
/* Aggregates (RtAggregateDeclaration): likewise. */
extern const List *rt_declaration_aggregates(void);
extern const RtAggregateDeclaration *rt_declaration_aggregate(const char *path);

/* An effect, or NULL. */
extern const RtEffectDeclaration *rt_declaration_effect(const char *path);

/* All that gets events (RtSinkDeclaration), and whether one has a topic as source. */
extern const List *rt_declaration_sinks(void);
extern bool rt_sink_takes(const RtSinkDeclaration *sink, const char *topic, Size len);

/* The pipe that is declared for a path, whatever that is; NULL = none. */
extern const RtPipe *rt_declaration_pipe(const char *path);

/* Whether a topic is that, or matches that pattern or template. */
extern bool rt_source_matches(const char *source, const char *topic, Size len);

/* Bridges (RtBridgeDeclaration): all, in the cache's own list, or one or NULL. */
extern const List *rt_declaration_bridges(void);

/* Streams that events of other topics have loaded anew. */
extern const List *rt_declarations_invalidated(void);
extern const RtBridgeDeclaration *rt_declaration_bridge(const char *channel, Size len);

/* The function of a hook. */
extern RtNamedFunction rt_declaration_hook(RtHook hook);

/* Those that are declared, bits. */
extern uint32 rt_declaration_hooks(void);

/* All middlewares (RtMiddlewareDeclaration), the outermost first. */
extern const List *rt_declaration_middlewares(void);

/* A class of service by its name, or NULL. */
extern const RtAdmissionDeclaration *rt_declaration_admission(const char *name);

/* A circuit breaker by its name, or NULL. */
extern const RtBreakerDeclaration *rt_declaration_breaker(const char *name);

/* Whether it is declared, and a path has it. */
extern bool rt_declaration_has_breaker(const char *name);

/* All functions that declarations name, in no order. */
extern const RtFunctionReference *rt_declaration_references(int *count);

#endif							/* RT_CATALOG_DECLARATION_H */
