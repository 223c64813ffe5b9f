/*
 * declaration_load.c
 *		Reading the tables of declarations.
 *
 * Tables are read as the system reads catalogs: with the newest snapshot,
 * without looking at anybody's rights, and locked only while they are read.
 * That the tables belong to the extension is checked, because anybody who may
 * create a schema could make tables of the same name before it is installed.
 *
 * Everything is allocated in one context, which hangs on the transaction until
 * all is read, so that an ERROR on the way takes it along.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration_cache.h"
#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_row.h"
#include "src/catalog/query_text.h"
#include "src/catalog/signature.h"
#include "src/ipc/pressure.h"
#include "src/protocol/topic.h"

typedef void (*RowReader) (RtDeclarations *declarations, const RtRow *row);

static bool find_tables(RtDeclarations *declarations);
static Oid	find_table(const char *name, Oid namespace, Oid extension);
static bool read_table(RtDeclarations *declarations, Oid table, int natts,
					   RowReader reader);
static void read_topic(RtDeclarations *declarations, const RtRow *row);
static void read_stream(RtDeclarations *declarations, const RtRow *row);
static void read_bridge(RtDeclarations *declarations, const RtRow *row);
static void read_query(RtDeclarations *declarations, const RtRow *row);
static void read_hook(RtDeclarations *declarations, const RtRow *row);
static void read_admission(RtDeclarations *declarations, const RtRow *row);
static void read_middleware(RtDeclarations *declarations, const RtRow *row);
static void read_breaker(RtDeclarations *declarations, const RtRow *row);
static void join_streams(RtDeclarations *declarations);
static RtTopicTemplate *make_template(RtDeclarations *declarations, char *text,
									  const char *kind, const char *name);
static RtTopicClass topic_class(const char *name);
static RtMerge merge_of_name(const char *name);
static RtName template_form(const RtTopicTemplate *tpl);
static void take_prefix(RtTopicTemplate *tpl);
static int	compare_middlewares(const ListCell *a, const ListCell *b);
static int	compare_templates(const ListCell *a, const ListCell *b);

/* Groups are looked up when somebody joins (club_store.h). */
static void
read_nothing(RtDeclarations *declarations, const RtRow *row)
{
}

/* In the order of rt_declaration_tables. */
static const RowReader readers[RT_DECLARATION_TABLES] = {
	rt_read_rpc, read_topic, read_stream, read_bridge, read_query,
	read_hook, read_admission, rt_read_module, read_breaker,
	read_middleware, rt_read_rate, rt_read_cron, read_nothing, rt_read_job_queue,
	rt_read_aggregate, rt_read_window, rt_read_effect,
	rt_read_webhook, rt_read_pipe
};

RtDeclarations *
rt_declarations_load(void)
{
	MemoryContext load_context;
	MemoryContext old_context;
	RtDeclarations *declarations;
	RtDeclarations tables = {0};
	bool		found = true;

	if (!find_tables(&tables))
		return NULL;

	load_context = AllocSetContextCreate(TopTransactionContext,
										 "realtime declarations",
										 ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(load_context);
	declarations = palloc(sizeof(RtDeclarations));
	*declarations = tables;
	declarations->context = load_context;
	declarations->rpcs = rt_names_create(load_context, 64, NULL);
	declarations->streams = rt_names_create(load_context, 16, NULL);
	declarations->pipes = rt_names_create(load_context, 16, NULL);

	for (int i = 0; i < RT_DECLARATION_TABLES && found; i++)
		found = read_table(declarations, tables.tables[i],
						   rt_declaration_tables[i].natts, readers[i]);
	list_sort(declarations->middlewares, compare_middlewares);
	rt_declarations_join_windows(declarations);
	rt_declarations_join_pipes(declarations);
	rt_declarations_join_modules(declarations);
	rt_declarations_join_rates(declarations);
	join_streams(declarations);
	list_sort(declarations->templates, compare_templates);
	MemoryContextSwitchTo(old_context);

	if (!found)
	{
		MemoryContextDelete(load_context);
		return NULL;
	}
	MemoryContextSetParent(load_context, TopMemoryContext);
	return declarations;
}

/* The extension's tables in this database; false unless all are there. */
static bool
find_tables(RtDeclarations *declarations)
{
	Oid			namespace = get_namespace_oid(RT_SCHEMA, true);
	Oid			extension = get_extension_oid(RT_EXTENSION, true);

	if (!OidIsValid(namespace) || !OidIsValid(extension))
		return false;
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
	{
		declarations->tables[i] = find_table(rt_declaration_tables[i].name,
											 namespace, extension);
		if (!OidIsValid(declarations->tables[i]))
			return false;
	}
	declarations->message_table = find_table(RT_MESSAGE_TABLE, namespace, extension);
	declarations->epoch_table = find_table(RT_EPOCH_TABLE, namespace, extension);
	declarations->intake_table = find_table(RT_INTAKE_TABLE, namespace, extension);
	declarations->intake_sequence = find_table(RT_INTAKE_SEQUENCE, namespace, extension);
	return OidIsValid(declarations->message_table) &&
		OidIsValid(declarations->epoch_table) &&
		OidIsValid(declarations->intake_table) && OidIsValid(declarations->intake_sequence);
}

/* InvalidOid if there is none that belongs to the extension. */
static Oid
find_table(const char *name, Oid namespace, Oid extension)
{
	Oid			table = get_relname_relid(name, namespace);

	if (OidIsValid(table) &&
		getExtensionOfObject(RelationRelationId, table) != extension)
		return InvalidOid;
	return table;
}

/*
 * An older version of the extension serves nobody, but it must be possible to
 * update or drop it, and our hooks come by here on the way.
 */
static bool
is_current_version(Relation rel, int natts)
{
	static bool told = false;

	if (RelationGetDescr(rel)->natts >= natts)
		return true;
	if (!told)
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s.%s\" has fewer columns than expected",
						RT_SCHEMA, RelationGetRelationName(rel)),
				 errhint("Run ALTER EXTENSION realtime UPDATE.")));
	told = true;
	return false;
}

/* Returns false if the table is gone, or too old. */
static bool
read_table(RtDeclarations *declarations, Oid table, int natts,
		   RowReader reader)
{
	Relation	rel = try_table_open(table, AccessShareLock);
	TupleDesc	desc;
	SysScanDesc scan;
	HeapTuple	tuple;
	RtRow			row;

	if (rel == NULL)
		return false;
	if (!is_current_version(rel, natts))
	{
		table_close(rel, AccessShareLock);
		return false;
	}
	desc = RelationGetDescr(rel);
	row.values = palloc(sizeof(Datum) * desc->natts);
	row.nulls = palloc(sizeof(bool) * desc->natts);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		heap_deform_tuple(tuple, desc, row.values, row.nulls);
		reader(declarations, &row);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return true;
}

RtNamedFunction
rt_read_function(RtDeclarations *declarations, const RtRow *row, int anum,
			  const char *kind, const char *declaration, const char *purpose)
{
	RtNamedFunction function = {false, InvalidOid};
	char	   *text = rt_row_text(row, anum);

	function.declared = text != NULL;
	if (text != NULL)
		function.oid = rt_refer(declarations, text, kind, declaration, purpose);
	return function;
}

static void
read_topic(RtDeclarations *declarations, const RtRow *row)
{
	char	   *text = rt_row_text(row, Anum_topic_template);
	RtTopicTemplate *tpl = make_template(declarations, text, "topic", text);
	RtTopicDeclaration *topic;

	if (tpl == NULL)
		return;
	topic = &tpl->declaration;
	topic->declared = true;
	topic->topic_class = topic_class(rt_row_text(row, Anum_topic_class));
	topic->open = DatumGetBool(rt_row_value(row, Anum_topic_open));
	topic->access = rt_read_function(declarations, row, Anum_topic_access, "topic",
								  topic->template, "access function").oid;
	topic->replay_size = DatumGetInt32(rt_row_value(row, Anum_topic_replay_size));
	topic->replay_ttl_ms = rt_row_ms(row, Anum_topic_replay_ttl, -1);
}

static void
read_bridge(RtDeclarations *declarations, const RtRow *row)
{
	RtBridgeDeclaration *bridge = palloc0(sizeof(RtBridgeDeclaration));

	bridge->channel = rt_row_text(row, Anum_bridge_channel);
	bridge->topic = rt_row_text(row, Anum_bridge_topic);
	bridge->event = rt_row_text(row, Anum_bridge_event);
	bridge->invalidate = rt_row_text(row, Anum_bridge_invalidate);
	bridge->parse_text = rt_row_text(row, Anum_bridge_parse);
	if (bridge->parse_text != NULL)
		bridge->parse = rt_refer(declarations, bridge->parse_text, "bridge",
							  bridge->channel, "parse function");
	declarations->bridges = lappend(declarations->bridges, bridge);
}

/* One that is not known here does nothing. */
static void
read_hook(RtDeclarations *declarations, const RtRow *row)
{
	const char *name = rt_row_text(row, Anum_hook_name);
	RtHook		hook = rt_hook_of_name(name);

	if (hook == RT_HOOKS)
		return;
	declarations->hooks[hook] = rt_read_function(declarations, row, Anum_hook_function,
											  "hook", name, "function");
}

static void
read_admission(RtDeclarations *declarations, const RtRow *row)
{
	RtAdmissionDeclaration *admission = palloc0(sizeof(RtAdmissionDeclaration));
	char	  **reasons;
	int			count = rt_row_texts(row, Anum_admission_reasons, &reasons);

	admission->name = rt_row_text(row, Anum_admission_class);
	for (int i = 0; i < count; i++)
		admission->reasons |= (uint32) 1 << rt_pressure_of_name(reasons[i]);
	admission->predicate = rt_read_function(declarations, row, Anum_admission_predicate,
										 "class", admission->name, "predicate");
	declarations->admissions = lappend(declarations->admissions, admission);
}

static void
read_breaker(RtDeclarations *declarations, const RtRow *row)
{
	RtBreakerDeclaration *breaker = palloc(sizeof(RtBreakerDeclaration));

	breaker->name = rt_row_text(row, Anum_breaker_name);
	breaker->threshold = DatumGetInt32(rt_row_value(row, Anum_breaker_threshold));
	breaker->reset_ms = rt_row_ms(row, Anum_breaker_reset, 0);
	declarations->breakers = lappend(declarations->breakers, breaker);
}

/* A function that is named by its parentheses; else it is no function. */
static bool
is_signature(const char *text)
{
	size_t		len = strlen(text);

	return len > 0 && text[len - 1] == ')';
}

static void
read_stream_functions(RtDeclarations *declarations, const RtRow *row,
					  RtStreamDeclaration *stream)
{
	const char *kind = DatumGetBool(rt_row_value(row, Anum_stream_is_room)) ? "room" :
		rt_row_is_null(row, Anum_stream_loader) ? "channel" : "stream";

	for (int i = 0; i < RT_STREAM_FUNCTIONS; i++)
	{
		const RtFunctionColumn *column = &rt_stream_function_columns[i];
		char	   *text = rt_row_text(row, column->anum);

		if (text == NULL)
			continue;
		if (i == RT_STREAM_TRANSFORM)
			stream->transform = text;
		if (i == RT_STREAM_COALESCE_BY)
			stream->coalesce_by = text;
		if (i == RT_STREAM_COALESCE_BY && !is_signature(text))
			continue;
		stream->functions[i] = rt_read_function(declarations, row, column->anum, kind,
											 stream->path, column->purpose);
	}
	stream->guards.count = rt_refer_all(declarations, row, Anum_stream_guards,
										  kind, stream->path, "guard",
										  &stream->guards.functions);
	stream->migrate_count = rt_refer_all(declarations, row, Anum_stream_migrate,
										   kind, stream->path,
										   "step of migration", &stream->migrate);
}

static void
read_stream(RtDeclarations *declarations, const RtRow *row)
{
	RtStreamDeclaration *stream = palloc0(sizeof(RtStreamDeclaration));

	stream->path = rt_row_text(row, Anum_stream_path);
	stream->declared = stream->path;
	stream->topic = rt_row_text(row, Anum_stream_topic);
	stream->base = stream->topic;
	stream->suffix = "";
	stream->topic_class =
		DatumGetBool(rt_row_value(row, Anum_stream_replay)) ? RT_TOPIC_REPLAY :
		DatumGetBool(rt_row_value(row, Anum_stream_volatile)) ? RT_TOPIC_VOLATILE :
		RT_TOPIC_ORDERED;
	stream->replay_size = DatumGetInt32(rt_row_value(row, Anum_stream_replay_size));
	stream->replay_ttl_ms = rt_row_ms(row, Anum_stream_replay_ttl, -1);
	stream->merge = merge_of_name(rt_row_text(row, Anum_stream_merge));
	stream->key = rt_row_text(row, Anum_stream_key);
	stream->prepend = DatumGetBool(rt_row_value(row, Anum_stream_prepend));
	if (!rt_row_is_null(row, Anum_stream_max))
		stream->max = DatumGetInt32(rt_row_value(row, Anum_stream_max));
	read_stream_functions(declarations, row, stream);
	if (!rt_row_is_null(row, Anum_stream_schema_version))
		stream->schema_version = DatumGetInt32(rt_row_value(row, Anum_stream_schema_version));
	stream->stale_after_ms = rt_row_ms(row, Anum_stream_stale_after, -1);
	stream->invalidate_count = rt_row_texts(row, Anum_stream_invalidate_on,
										 &stream->invalidate_on);
	stream->debounce_ms = rt_row_ms(row, Anum_stream_debounce, 0);
	stream->shared = DatumGetBool(rt_row_value(row, Anum_stream_shared));
	stream->class_of_service = rt_row_text(row, Anum_stream_class_of_service);
	stream->breaker = rt_row_text(row, Anum_stream_breaker);
	stream->fallback = rt_row_jsonb(row, Anum_stream_fallback);
	if (DatumGetBool(rt_row_value(row, Anum_stream_is_room)))
	{
		rt_declarations_add_room(declarations, row, stream);
		return;
	}
	if (stream->merge == RT_MERGE_PRESENCE && stream->functions[RT_STREAM_PRESENCE].declared)
		rt_stream_show(stream, RT_STREAM_OF_PRESENCE);
	rt_declarations_add_stream(declarations, stream);
}

/* ---- queries ---- */

/* Relations that have been dropped are left out. */
static List *
row_relations(const RtRow *row, int anum)
{
	List	   *relations = NIL;
	Oid		   *oids;
	int			count = rt_row_oids(row, anum, REGCLASSOID, &oids);

	for (int i = 0; i < count; i++)
	{
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(oids[i])))
			relations = lappend_oid(relations, oids[i]);
	}
	return relations;
}

static void
read_query_functions(RtDeclarations *declarations, const RtRow *row,
					 RtStreamDeclaration *stream)
{
	for (int i = 0; i < RT_STREAM_FUNCTIONS; i++)
	{
		int			anum = rt_query_function_columns[i];
		char	   *text = anum == 0 ? NULL : rt_row_text(row, anum);

		if (text == NULL)
			continue;
		if (i == RT_STREAM_TRANSFORM)
			stream->transform = text;
		stream->functions[i] = rt_read_function(declarations, row, anum, "query", stream->path,
											 rt_stream_function_columns[i].purpose);
	}
	stream->guards.count = rt_refer_all(declarations, row, Anum_query_guards,
										  "query", stream->path, "guard",
										  &stream->guards.functions);
}

/* If its loader is gone, so is the query, which then cannot be understood. */
static RtQueryDeclaration *
make_query(const RtRow *row, const RtStreamDeclaration *stream)
{
	const RtNamedFunction *loader = &stream->functions[RT_STREAM_LOADER];
	RtQueryDeclaration *query = palloc0(sizeof(RtQueryDeclaration));

	query->id = (Oid) DatumGetInt64(rt_row_value(row, Anum_query_id));
	query->path = stream->path;
	query->sql = OidIsValid(loader->oid) ? rt_query_text_of_loader(loader->oid) :
		loader->declared ? "" : rt_row_text(row, Anum_query_sql);
	query->key = rt_row_text(row, Anum_query_key);
	query->parameter_count = rt_row_oids(row, Anum_query_parameters, REGTYPEOID,
									  &query->parameter_types);
	query->depends_on = row_relations(row, Anum_query_depends_on);
	query->max_rows = DatumGetInt32(rt_row_value(row, Anum_query_max_rows));
	query->debounce_ms = rt_row_ms_int(row, Anum_query_debounce, 0);
	return query;
}

static void
read_query(RtDeclarations *declarations, const RtRow *row)
{
	RtStreamDeclaration *stream = palloc0(sizeof(RtStreamDeclaration));

	stream->path = rt_row_text(row, Anum_query_path);
	stream->declared = stream->path;
	stream->topic_class = RT_TOPIC_ORDERED;
	stream->replay_ttl_ms = -1;
	stream->merge = RT_MERGE_CRUD;
	stream->prepend = DatumGetBool(rt_row_value(row, Anum_query_prepend));
	if (!rt_row_is_null(row, Anum_query_max))
		stream->max = DatumGetInt32(rt_row_value(row, Anum_query_max));
	stream->stale_after_ms = rt_row_ms(row, Anum_query_stale_after, -1);
	stream->class_of_service = rt_row_text(row, Anum_query_class_of_service);
	read_query_functions(declarations, row, stream);
	stream->query = make_query(row, stream);
	stream->key = strchr(stream->query->key, ',') == NULL ?
		pstrdup(stream->query->key) : "_key";
	rt_declarations_add_stream(declarations, stream);
}

/* ---- middlewares ---- */

static void
read_middleware(RtDeclarations *declarations, const RtRow *row)
{
	RtMiddlewareDeclaration *middleware = palloc0(sizeof(RtMiddlewareDeclaration));

	middleware->name = rt_row_text(row, Anum_middleware_name);
	middleware->place = DatumGetInt32(rt_row_value(row, Anum_middleware_place));
	middleware->function = rt_refer(declarations, rt_row_text(row, Anum_middleware_function),
									"middleware", middleware->name, "function");
	declarations->middlewares = lappend(declarations->middlewares, middleware);
}

static int
compare_middlewares(const ListCell *a, const ListCell *b)
{
	const RtMiddlewareDeclaration *left = lfirst(a);
	const RtMiddlewareDeclaration *right = lfirst(b);

	if (left->place != right->place)
		return left->place < right->place ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* ---- templates ---- */

/* Adds an empty one; NULL if the text is no template. */
static RtTopicTemplate *
make_template(RtDeclarations *declarations, char *text, const char *kind,
			  const char *name)
{
	RtTopicTemplate *tpl = palloc0(sizeof(RtTopicTemplate));
	RtTemplateFault fault;

	tpl->declaration.template = text;
	tpl->template_len = strlen(text);
	fault = rt_template_check(text, tpl->template_len);
	if (fault != RT_TEMPLATE_OK)
	{
		/* somebody has written into the table */
		ereport(LOG,
				(errmsg("topics of %s \"%.100s\" are ignored", kind, name),
				 errdetail("The template %s.", rt_template_fault_text(fault))));
		return NULL;
	}

	take_prefix(tpl);
	if (tpl->exact)
		declarations->exact = lappend(declarations->exact, tpl);
	else
		declarations->templates = lappend(declarations->templates, tpl);
	return tpl;
}

/* Templates of one form are one, whoever declares them. */
static void
join_stream(RtDeclarations *declarations, RtStreamDeclaration *stream,
			rt_names_hash *forms)
{
	RtTopicTemplate probe = {
		.declaration.template = stream->topic,
		.template_len = strlen(stream->topic)
	};
	RtNameEntry *entry;
	RtTopicTemplate *tpl;
	RtTopicDeclaration *topic;
	bool		found;

	entry = rt_names_insert(forms, template_form(&probe), &found);
	if (!found)
		entry->value = make_template(declarations, stream->topic, "stream",
									 stream->path);
	tpl = entry->value;
	if (tpl == NULL)
		return;

	/*
	 * Different classes cannot be declared, only written; then the same one
	 * must win everywhere.
	 */
	topic = &tpl->declaration;
	topic->topic_class = found ? Max(topic->topic_class, stream->topic_class) :
		stream->topic_class;
	topic->replay_size = Max(topic->replay_size, stream->replay_size);
	if (!found || (topic->replay_ttl_ms >= 0 &&
				   (stream->replay_ttl_ms < 0 ||
					stream->replay_ttl_ms > topic->replay_ttl_ms)))
		topic->replay_ttl_ms = stream->replay_ttl_ms;
	topic->stream = true;
	topic->merge = stream->merge;
	topic->key = stream->key;
	if (stream->pipe != NULL && stream->pipe->live != NULL)
		topic->pipe = stream->pipe;
	if (stream->functions[RT_STREAM_TRANSFORM].declared)
		topic->transform = stream->functions[RT_STREAM_TRANSFORM];
	if (stream->coalesce_by != NULL)
	{
		topic->coalesce_by = stream->coalesce_by;
		topic->coalesce = stream->functions[RT_STREAM_COALESCE_BY];
	}
}

/* Makes the templates of streams known as templates of topics. */
static void
join_streams(RtDeclarations *declarations)
{
	rt_names_hash *forms;
	rt_names_iterator iterator;
	RtNameEntry *entry;
	ListCell   *cell;
	bool		found;

	if (declarations->streams->members == 0)
		return;
	forms = rt_names_create(CurrentMemoryContext, 64, NULL);
	foreach(cell, declarations->exact)
		rt_names_insert(forms, template_form(lfirst(cell)), &found)->value =
			lfirst(cell);
	foreach(cell, declarations->templates)
		rt_names_insert(forms, template_form(lfirst(cell)), &found)->value =
			lfirst(cell);
	rt_names_start_iterate(declarations->streams, &iterator);
	while ((entry = rt_names_iterate(declarations->streams, &iterator)) != NULL)
	{
		RtStreamDeclaration *stream = entry->value;

		if (stream->query == NULL)
			join_stream(declarations, stream, forms);
	}
	rt_names_destroy(forms);
}

static RtName
template_form(const RtTopicTemplate *tpl)
{
	char	   *form = palloc(tpl->template_len + 1);
	RtName		name;

	name.ptr = form;
	name.len = rt_template_form(tpl->declaration.template, tpl->template_len,
								form);
	return name;
}

/* ---- functions and templates ---- */

static RtTopicClass
topic_class(const char *name)
{
	if (strcmp(name, "volatile") == 0)
		return RT_TOPIC_VOLATILE;
	if (strcmp(name, "replay") == 0)
		return RT_TOPIC_REPLAY;
	return RT_TOPIC_ORDERED;
}

/* What nobody knows counts as what needs least of the rows. */
static RtMerge
merge_of_name(const char *name)
{
	for (RtMerge merge = RT_MERGE_CRUD; merge <= RT_MERGE_CURSOR; merge++)
	{
		if (strcmp(rt_merge_name(merge), name) == 0)
			return merge;
	}
	return RT_MERGE_SET;
}

/* The literal text in front, its doubled braces made single. */
static void
take_prefix(RtTopicTemplate *tpl)
{
	const char *from = tpl->declaration.template;
	RtSpan		names[RT_PLACEHOLDERS_MAX];

	tpl->exact = rt_template_names(from, tpl->template_len, names) == 0;
	tpl->prefix_len = rt_template_prefix_len(from, tpl->template_len);
	tpl->prefix = palloc(tpl->prefix_len + 1);
	for (uint32 i = 0; i < tpl->prefix_len; i++)
	{
		tpl->prefix[i] = *from;
		from += (*from == '{' || *from == '}') ? 2 : 1;
	}
	tpl->prefix[tpl->prefix_len] = '\0';
}

/* Longest prefix first; else by text, so that all processes agree. */
static int
compare_templates(const ListCell *a, const ListCell *b)
{
	const RtTopicTemplate *left = lfirst(a);
	const RtTopicTemplate *right = lfirst(b);

	if (left->prefix_len != right->prefix_len)
		return left->prefix_len > right->prefix_len ? -1 : 1;
	return strcmp(left->declaration.template, right->declaration.template);
}
