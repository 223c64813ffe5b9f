/*
 * declaration.c
 *		The declarations as this process knows them.
 *
 * All of them are kept in memory and read again as a whole.  A callback of the
 * invalidation machinery only counts; whoever asks next compares the count
 * with the one at the last reading.  So asking costs next to nothing while
 * nothing changes.  What counts:
 *
 *	- a change of the tables: a trigger for their rows invalidates their
 *	  relcache entries (src/backend/declare/declare.c), as does dropping them;
 *	- any relation's while the extension is not installed, because that is how
 *	  its coming shows;
 *	- a function that a declaration names, and any function while one of those
 *	  is gone, because it may be coming back; likewise any schema.
 *
 * Whoever looked something up may use it until the end of its transaction,
 * and reading again can happen in the middle of that.  So what was replaced is
 * retired, and freed after the transaction.
 *
 * Topics that were looked up lately stand in a hash table with their
 * declaration, or NULL for none, so that a busy topic costs one probe however
 * many templates there are.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "src/catalog/declaration_cache.h"
#include "src/protocol/topic.h"

#define RECENT_TOPICS_MAX 8192	/* kept besides the exact ones */

static RtDeclarations *current = NULL;	/* NULL: not installed */
static RtDeclarations *retired = NULL;

static uint64 invalidations = 1;
static uint64 invalidations_seen = 0;
static bool loading = false;
static bool retired_can_go = false;
static uint64 transaction_number = 0;
static uint64 version = 0;

static void on_relation_invalidation(Datum arg, Oid relation);
static void on_function_invalidation(Datum arg, int cacheid, uint32 hash);
static void on_schema_invalidation(Datum arg, int cacheid, uint32 hash);
static void on_transaction_end(XactEvent event, void *arg);
static const RtDeclarations *needed_declarations(void);
static void load(void);
static void free_retired(void);
static const RtTopicTemplate *find_template(const char *topic, uint32 len);
static void begin_topics(void);
static void remember_topic(RtName name, const RtTopicTemplate *tpl);

void
rt_declarations_install(void)
{
	CacheRegisterRelcacheCallback(on_relation_invalidation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, on_function_invalidation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_schema_invalidation, (Datum) 0);
	RegisterXactCallback(on_transaction_end, NULL);
}

bool
rt_declarations_refresh(void)
{
	if (unlikely(retired_can_go))
		free_retired();
	if (unlikely(invalidations != invalidations_seen))
		load();
	return current != NULL;
}

uint64
rt_declarations_version(void)
{
	return version;
}

uint64
rt_declarations_invalidations(void)
{
	AcceptInvalidationMessages();
	return invalidations;
}

static void *
find_path(rt_names_hash *paths, const char *path, Size len)
{
	RtName		name = {path, (uint32) len};
	RtNameEntry *entry = rt_names_lookup(paths, name);

	return entry != NULL ? entry->value : NULL;
}

RtRpcDeclaration *
rt_declaration_rpc(const char *path, Size len)
{
	return current != NULL ? find_path(current->rpcs, path, len) : NULL;
}

const RtStreamDeclaration *
rt_declaration_stream(const char *path, Size len)
{
	return current != NULL ? find_path(current->streams, path, len) : NULL;
}

const RtPipe *
rt_declaration_pipe(const char *path)
{
	return current != NULL ? find_path(current->pipes, path, strlen(path)) : NULL;
}

const RtStreamDeclaration *
rt_declaration_query(Oid id)
{
	rt_names_iterator iterator;
	RtNameEntry *entry;

	if (current == NULL)
		return NULL;
	rt_names_start_iterate(current->streams, &iterator);
	while ((entry = rt_names_iterate(current->streams, &iterator)) != NULL)
	{
		const RtStreamDeclaration *stream = entry->value;

		if (stream->query != NULL && stream->query->id == id)
			return stream;
	}
	return NULL;
}

/* Those that are live queries, or those that are not. */
static List *
list_streams(bool queries)
{
	List	   *streams = NIL;
	rt_names_iterator iterator;
	RtNameEntry *entry;

	if (current == NULL)
		return NIL;
	rt_names_start_iterate(current->streams, &iterator);
	while ((entry = rt_names_iterate(current->streams, &iterator)) != NULL)
	{
		const RtStreamDeclaration *stream = entry->value;

		if ((stream->query != NULL) == queries)
			streams = lappend(streams, entry->value);
	}
	return streams;
}

static bool
is_name(const char *name, const char *other)
{
	return other != NULL && strcmp(name, other) == 0;
}

bool
rt_declaration_has_breaker(const char *name)
{
	rt_names_iterator iterator;
	RtNameEntry *entry;
	bool		has = false;

	if (current == NULL || rt_declaration_breaker(name) == NULL)
		return false;
	rt_names_start_iterate(current->rpcs, &iterator);
	while (!has && (entry = rt_names_iterate(current->rpcs, &iterator)) != NULL)
		has = is_name(name, ((const RtRpcDeclaration *) entry->value)->breaker);
	rt_names_start_iterate(current->streams, &iterator);
	while (!has && (entry = rt_names_iterate(current->streams, &iterator)) != NULL)
		has = is_name(name, ((const RtStreamDeclaration *) entry->value)->breaker);
	return has;
}

List *
rt_declaration_streams(void)
{
	return list_streams(false);
}

List *
rt_declaration_queries(void)
{
	return list_streams(true);
}

const char *
rt_merge_name(RtMerge merge)
{
	static const char *const names[] = {
		[RT_MERGE_CRUD] = "crud",
		[RT_MERGE_LATEST] = "latest",
		[RT_MERGE_SET] = "set",
		[RT_MERGE_PRESENCE] = "presence",
		[RT_MERGE_CURSOR] = "cursor"
	};

	return names[merge];
}

const RtTopicDeclaration *
rt_declaration_topic(const char *topic, Size len)
{
	RtName		name = {topic, (uint32) len};
	RtNameEntry *entry;
	const RtTopicTemplate *tpl;

	if (current == NULL || len > RT_TOPIC_MAX)
		return NULL;
	if (current->topics == NULL)
		begin_topics();
	entry = rt_names_lookup(current->topics, name);
	if (entry != NULL)
		return entry->value;
	if (current->templates == NIL)
		return NULL;

	tpl = find_template(topic, (uint32) len);
	remember_topic(name, tpl);
	return tpl != NULL ? &tpl->declaration : NULL;
}

List *
rt_declaration_topics(void)
{
	List	   *topics = NIL;
	ListCell   *cell;

	if (current == NULL)
		return NIL;
	foreach(cell, current->exact)
		topics = lappend(topics, &((RtTopicTemplate *) lfirst(cell))->declaration);
	foreach(cell, current->templates)
		topics = lappend(topics, &((RtTopicTemplate *) lfirst(cell))->declaration);
	return topics;
}

static const RtDeclarations *
needed_declarations(void)
{
	if (!rt_declarations_refresh())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"realtime\" is not installed in this database")));
	return current;
}

Oid
rt_message_table(void)
{
	return needed_declarations()->message_table;
}

Oid
rt_intake_table(void)
{
	return needed_declarations()->intake_table;
}

Oid
rt_intake_sequence(void)
{
	return needed_declarations()->intake_sequence;
}

Oid
rt_epoch_table(void)
{
	return needed_declarations()->epoch_table;
}

const List *
rt_declarations_invalidated(void)
{
	return current != NULL ? current->invalidated : NIL;
}

const List *
rt_declaration_bridges(void)
{
	return current != NULL ? current->bridges : NIL;
}

const RtBridgeDeclaration *
rt_declaration_bridge(const char *channel, Size len)
{
	const ListCell *cell;

	foreach(cell, rt_declaration_bridges())
	{
		const RtBridgeDeclaration *bridge = lfirst(cell);

		if (strlen(bridge->channel) == len &&
			memcmp(bridge->channel, channel, len) == 0)
			return bridge;
	}
	return NULL;
}

const List *
rt_declaration_crons(void)
{
	return current != NULL ? current->crons : NIL;
}

const RtCronDeclaration *
rt_declaration_cron(const char *path)
{
	const ListCell *cell;

	foreach(cell, rt_declaration_crons())
	{
		const RtCronDeclaration *cron = lfirst(cell);

		if (strcmp(cron->path, path) == 0)
			return cron;
	}
	return NULL;
}

const RtWebhookDeclaration *
rt_declaration_webhook(const char *path)
{
	const ListCell *cell;

	foreach(cell, current != NULL ? current->webhooks : NIL)
	{
		const RtWebhookDeclaration *webhook = lfirst(cell);

		if (strcmp(webhook->path, path) == 0)
			return webhook;
	}
	return NULL;
}

const List *
rt_declaration_job_queues(void)
{
	return current != NULL ? current->job_queues : NIL;
}

const RtJobQueue *
rt_declaration_job_queue(const char *name)
{
	const ListCell *cell;

	foreach(cell, rt_declaration_job_queues())
	{
		const RtJobQueue *queue = lfirst(cell);

		if (strcmp(queue->name, name) == 0)
			return queue;
	}
	return NULL;
}

const List *
rt_declaration_aggregates(void)
{
	return current != NULL ? current->aggregates : NIL;
}

const RtAggregateDeclaration *
rt_declaration_aggregate(const char *path)
{
	const ListCell *cell;

	foreach(cell, rt_declaration_aggregates())
	{
		const RtAggregateDeclaration *aggregate = lfirst(cell);

		if (strcmp(aggregate->path, path) == 0)
			return aggregate;
	}
	return NULL;
}

const RtEffectDeclaration *
rt_declaration_effect(const char *path)
{
	const ListCell *cell;

	foreach(cell, current != NULL ? current->effects : NIL)
	{
		const RtEffectDeclaration *effect = lfirst(cell);

		if (strcmp(effect->path, path) == 0)
			return effect;
	}
	return NULL;
}

const List *
rt_declaration_sinks(void)
{
	return current != NULL ? current->sinks : NIL;
}

RtNamedFunction
rt_declaration_hook(RtHook hook)
{
	return current != NULL ? current->hooks[hook] : (RtNamedFunction) {false, InvalidOid};
}

const List *
rt_declaration_middlewares(void)
{
	return current != NULL ? current->middlewares : NIL;
}

const RtAdmissionDeclaration *
rt_declaration_admission(const char *name)
{
	ListCell   *cell;

	if (current == NULL)
		return NULL;
	foreach(cell, current->admissions)
	{
		const RtAdmissionDeclaration *admission = lfirst(cell);

		if (strcmp(admission->name, name) == 0)
			return admission;
	}
	return NULL;
}

const RtBreakerDeclaration *
rt_declaration_breaker(const char *name)
{
	ListCell   *cell;

	if (current == NULL)
		return NULL;
	foreach(cell, current->breakers)
	{
		const RtBreakerDeclaration *breaker = lfirst(cell);

		if (strcmp(breaker->name, name) == 0)
			return breaker;
	}
	return NULL;
}

uint32
rt_declaration_hooks(void)
{
	uint32		hooks = 0;

	for (RtHook hook = 0; hook < RT_HOOKS; hook++)
	{
		if (rt_declaration_hook(hook).declared)
			hooks |= (uint32) 1 << hook;
	}
	return hooks;
}

const RtFunctionReference *
rt_declaration_references(int *count)
{
	*count = current != NULL ? current->reference_count : 0;
	return current != NULL ? current->references : NULL;
}

/* ---- noticing changes ---- */

static void
on_relation_invalidation(Datum arg, Oid relation)
{
	if (current == NULL || loading || !OidIsValid(relation))
	{
		invalidations++;
		return;
	}
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
	{
		if (relation == current->tables[i])
			invalidations++;
	}
}

static void
on_function_invalidation(Datum arg, int cacheid, uint32 hash)
{
	if (loading || hash == 0 || (current != NULL && current->gone_count > 0))
	{
		invalidations++;
		return;
	}
	for (int i = 0; current != NULL && i < current->reference_count; i++)
	{
		if (current->reference_hashes[i] == hash)
		{
			invalidations++;
			return;
		}
	}
}

static void
on_schema_invalidation(Datum arg, int cacheid, uint32 hash)
{
	invalidations++;
}

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	transaction_number++;
	retired_can_go = (retired != NULL);
}

/* ---- reading ---- */

static void
load(void)
{
	uint64		seen = invalidations;
	RtDeclarations *fresh;

	/* from here on an invalidation may concern what is being read */
	loading = true;
	PG_TRY();
	{
		fresh = rt_declarations_load();
	}
	PG_FINALLY();
	{
		loading = false;
	}
	PG_END_TRY();

	if (current != NULL)
	{
		current->retired_in = transaction_number;
		current->next_retired = retired;
		retired = current;
	}
	if (current != NULL || fresh != NULL)
		version++;
	current = fresh;
	invalidations_seen = seen;
}

/* Frees what earlier transactions have retired. */
static void
free_retired(void)
{
	RtDeclarations **link = &retired;

	while (*link != NULL)
	{
		RtDeclarations *old = *link;
		if (old->retired_in == transaction_number)
		{
			link = &old->next_retired;
			continue;
		}
		*link = old->next_retired;
		MemoryContextDelete(old->context);
	}
	retired_can_go = false;
}

/* ---- topics ---- */

static const RtTopicTemplate *
find_template(const char *topic, uint32 len)
{
	ListCell   *cell;

	foreach(cell, current->templates)
	{
		const RtTopicTemplate *tpl = lfirst(cell);

		if (tpl->prefix_len <= len &&
			memcmp(tpl->prefix, topic, tpl->prefix_len) == 0 &&
			rt_template_match(tpl->declaration.template, tpl->template_len,
							  topic, len, NULL))
			return tpl;
	}
	return NULL;
}

/* Makes the table of topics, with the exact ones only. */
static void
begin_topics(void)
{
	MemoryContext context;
	rt_names_hash *topics;
	ListCell   *cell;

	current->topics = NULL;
	if (current->topics_context != NULL)
		MemoryContextDelete(current->topics_context);
	current->topics_context = NULL;

	context = AllocSetContextCreate(current->context, "realtime topics",
									ALLOCSET_DEFAULT_SIZES);
	current->topics_context = context;
	topics = rt_names_create(context, Max(64, list_length(current->exact)), NULL);
	foreach(cell, current->exact)
	{
		RtTopicTemplate *tpl = lfirst(cell);
		RtName		name = {tpl->prefix, tpl->prefix_len};
		bool		found;

		rt_names_insert(topics, name, &found)->value = &tpl->declaration;
	}
	current->topics = topics;
}

static void
remember_topic(RtName name, const RtTopicTemplate *tpl)
{
	char	   *copy;
	bool		found;

	if (current->topics->members >=
		list_length(current->exact) + RECENT_TOPICS_MAX)
		begin_topics();
	copy = MemoryContextAlloc(current->topics_context, name.len);
	memcpy(copy, name.ptr, name.len);
	name.ptr = copy;
	rt_names_insert(current->topics, name, &found)->value =
		tpl != NULL ? unconstify(RtTopicDeclaration *, &tpl->declaration) : NULL;
}
