/*
 * stream_load.c
 *		The value of a stream: what its loader returns, through the stream's pipe,
 *		and then item by item through transform and the steps of migration.
 *
 * Without these the loader's rows are written as they come.  With them the
 * value is taken apart once, as jsonb, in which numbers stay exact.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "src/catalog/aggregate_store.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/json_member.h"
#include "src/executor/function/invoke.h"
#include "src/executor/cursor.h"
#include "src/executor/presence.h"
#include "src/executor/query/join.h"
#include "src/executor/request/stream.h"
#include "src/ipc/cursor.h"
#include "src/ipc/presence.h"

#define PAGE_TYPE "page"
#define PIPED_MAX (16 * 1024 * 1024)	/* bytes of JSON that a pipe may make less of */

/* Columns of realtime.page */
enum
{
	PAGE_DATA,
	PAGE_HAS_MORE,
	PAGE_CURSOR,
	PAGE_COLUMNS
};

JsonbValue *
rt_jsonb_member(Jsonb *object, const char *name)
{
	JsonbValue	key = {.type = jbvString};

	if (!JB_ROOT_IS_OBJECT(object))
		return NULL;
	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	return findJsonbValueFromContainer(&object->root, JB_FOBJECT, &key);
}

/* ---- items ---- */

/* What happens to each item before it is sent. */
typedef struct ItemChanger
{
	RtStreamWork *stream;
	RtFunction *transform;		/* NULL = none */
	int			first_step;		/* of migration */
	int			last_step;		/* behind the last; first = none */
	bool		keeps_deleted;	/* rows that are gone tell no more than their key */
} ItemChanger;

static ItemChanger
changer_of(RtStreamWork *stream, bool migrates)
{
	const RtStreamDeclaration *declaration = stream->declaration;
	ItemChanger changer = {.stream = stream};
	int			version;

	changer.transform = rt_stream_function(stream, RT_STREAM_TRANSFORM);
	if (!migrates)				/* there may be no request */
		return changer;
	version = stream->work.request->asked.schema_version;
	if (version > 0 && version < declaration->schema_version)
	{
		changer.first_step = version - 1;
		changer.last_step = declaration->migrate_count;
	}
	return changer;
}

static bool
changes_items(const ItemChanger *changer)
{
	return changer->stream->declaration->pipe != NULL || changer->transform != NULL ||
		changer->first_step < changer->last_step;
}

static RtFunction *
step_of_migration(const RtStreamDeclaration *declaration, int number)
{
	Oid			function = declaration->migrate[number];

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("step %d of the migration of \"%s\" does not exist",
						number + 1, declaration->path)));
	return rt_function_get(function);
}

static bool
is_deleted_row(Jsonb *row)
{
	JsonbValue *deleted = rt_jsonb_member(row, "_deleted");

	return deleted != NULL && deleted->type == jbvBool && deleted->val.boolean;
}

/* One item; NULL = it is left out. */
static Jsonb *
change_item(const ItemChanger *changer, Jsonb *item)
{
	NullableDatum value = {.value = JsonbPGetDatum(item),.isnull = false};

	if (changer->keeps_deleted && is_deleted_row(item))
		return item;
	if (changer->transform != NULL)
		value = rt_stream_invoke(changer->stream, changer->transform, &value, 1);
	for (int i = changer->first_step; i < changer->last_step && !value.isnull; i++)
		value = rt_stream_invoke(changer->stream,
								 step_of_migration(changer->stream->declaration, i),
								 &value, 1);
	return value.isnull ? NULL : DatumGetJsonbP(value.value);
}

void
rt_stream_append(const RtStreamWork *stream, StringInfo out, Jsonb *value)
{
	(void) JsonbToCString(out, &value->root, VARSIZE(value));
	rt_stream_check_length(out->len, rt_stream_value_max(stream));
}

/* Those that are left out are not there. */
static void
append_items(const ItemChanger *changer, StringInfo out, const List *items)
{
	const ListCell *cell;

	foreach(cell, items)
	{
		Jsonb	   *item = change_item(changer, lfirst(cell));

		if (item == NULL)
			continue;
		if (out->len > 1)
			appendStringInfoChar(out, ',');
		rt_stream_append(changer->stream, out, item);
	}
}

/* The elements of an array, or else the whole, as they come out of the pipe. */
static RtText
change_items(const ItemChanger *changer, Jsonb *value)
{
	bool		is_array = rt_jsonb_is_array(value);
	List	   *items = rt_stream_pipe(changer->stream, is_array ? rt_json_elements(value) :
									   list_make1(value));
	StringInfoData out;
	Jsonb	   *item;

	initStringInfo(&out);
	if (is_array)
	{
		appendStringInfoChar(&out, '[');
		append_items(changer, &out, items);
		appendStringInfoChar(&out, ']');
		return (RtText) {out.data, out.len};
	}
	item = items == NIL ? NULL : change_item(changer, linitial(items));
	if (item == NULL)
		appendStringInfoString(&out, "null");
	else
		rt_stream_append(changer->stream, &out, item);
	return (RtText) {out.data, out.len};
}

static Jsonb *
jsonb_of_text(RtText text)
{
	char	   *copy = pnstrdup(text.ptr, text.len);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(copy)));
}

static RtText
text_of_jsonb(const RtStreamWork *stream, Jsonb *value)
{
	StringInfoData out;

	initStringInfo(&out);
	rt_stream_append(stream, &out, value);
	return (RtText) {out.data, out.len};
}

/* ---- pages ---- */

static Oid
page_type(void)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum(PAGE_TYPE),
						   ObjectIdGetDatum(get_namespace_oid(RT_SCHEMA, true)));
}

/* A realtime.page; returns its data, NULL if there is none. */
static Jsonb *
take_page(RtStreamWork *stream, Datum value)
{
	RtStreamReply *reply = &stream->reply;
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											  HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_data = header};
	Datum		values[PAGE_COLUMNS];
	bool		nulls[PAGE_COLUMNS];

	Assert(desc->natts == PAGE_COLUMNS);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);

	reply->paged = true;
	reply->has_more = !nulls[PAGE_HAS_MORE] && DatumGetBool(values[PAGE_HAS_MORE]);
	if (!nulls[PAGE_CURSOR])
		reply->cursor_json = text_of_jsonb(stream, DatumGetJsonbP(values[PAGE_CURSOR]));
	return nulls[PAGE_DATA] ? NULL : DatumGetJsonbP(values[PAGE_DATA]);
}

/* A jsonb {data, hasMore, cursor} is a page as well; anything else is not. */
static Jsonb *
take_page_object(RtStreamWork *stream, Jsonb *value)
{
	RtStreamReply *reply = &stream->reply;
	JsonbValue *data;
	JsonbValue *has_more;
	JsonbValue *cursor;

	data = rt_jsonb_member(value, "data");
	has_more = rt_jsonb_member(value, "hasMore");
	if (data == NULL || has_more == NULL || has_more->type != jbvBool)
		return value;

	cursor = rt_jsonb_member(value, "cursor");
	reply->paged = true;
	reply->has_more = has_more->val.boolean;
	if (cursor != NULL && cursor->type != jbvNull)
		reply->cursor_json = text_of_jsonb(stream, JsonbValueToJsonb(cursor));
	return JsonbValueToJsonb(data);
}

/* ---- the value ---- */

/* What clients of a merge take for nothing. */
static RtText
empty_value(const RtStreamWork *stream)
{
	return stream->declaration->merge == RT_MERGE_SET ? RT_TEXT("null") :
		RT_TEXT("[]");
}

static void
set_value(RtStreamWork *stream, Jsonb *value)
{
	ItemChanger changer = changer_of(stream, true);

	if (value == NULL || rt_jsonb_is_null(value))
		stream->reply.data_json = empty_value(stream);
	else if (changes_items(&changer))
		stream->reply.data_json = change_items(&changer, value);
	else
		stream->reply.data_json = text_of_jsonb(stream, value);
}

/* A loader that returns one value that must be looked into. */
static void
load_one(RtStreamWork *stream, RtFunction *loader, bool is_page)
{
	NullableDatum value = rt_function_invoke(loader, &stream->guarded.arguments);

	if (value.isnull)
		set_value(stream, NULL);
	else if (is_page)
		set_value(stream, take_page(stream, value.value));
	else
		set_value(stream, take_page_object(stream,
										   DatumGetJsonbP(value.value)));
}

static Size
loaded_max(const RtStreamWork *stream)
{
	Size		most = rt_stream_value_max(stream);

	return stream->declaration->pipe == NULL ? most : Max(most, PIPED_MAX);
}

static void
load_as_json(RtStreamWork *stream, RtFunction *loader)
{
	ItemChanger changer = changer_of(stream, true);
	StringInfoData out;
	RtText		text;

	initStringInfo(&out);
	rt_function_invoke_json(loader, &stream->guarded.arguments, &out,
							(int) loaded_max(stream));
	text = (RtText) {out.data, out.len};
	if (text.len == strlen("null") && memcmp(text.ptr, "null", text.len) == 0)
		text = empty_value(stream);
	else if (changes_items(&changer))
		text = change_items(&changer, jsonb_of_text(text));
	stream->reply.data_json = text;
}

/* Computed already, by who takes the events. */
static void
load_aggregate(RtStreamWork *stream)
{
	const RtWindowDeclaration *window = stream->declaration->window;
	const char *value = rt_aggregate_value(window->path, window->name, window->definition);

	if (value == NULL)
		value = window->initial;
	stream->reply.data_json = (RtText) {value, strlen(value)};
}

void
rt_stream_load(RtStreamWork *stream)
{
	RtFunction *loader = rt_stream_function(stream, RT_STREAM_LOADER);

	if (stream->declaration->query != NULL)
		rt_query_load(stream);
	else if (stream->declaration->kind == RT_STREAM_OF_CURSORS)
		stream->reply.data_json =
			rt_cursor_rows(stream->topic, stream->topic_len - strlen(RT_CURSOR_SUFFIX),
						   rt_stream_value_max(stream));
	else if (stream->declaration->kind == RT_STREAM_OF_PRESENCE)
		stream->reply.data_json =
			rt_presence_rows(stream->topic, stream->topic_len - strlen(RT_PRESENCE_SUFFIX),
							 rt_stream_value_max(stream));
	else if (stream->declaration->window != NULL)
		load_aggregate(stream);
	else if (loader == NULL)
		stream->reply.data_json = stream->work.request->asked.cursor.len > 0 ?
			RT_TEXT("[]") : empty_value(stream);
	else if (!loader->returns_set && loader->result_type == page_type())
		load_one(stream, loader, true);
	else if (!loader->returns_set && loader->result_type == JSONBOID &&
			 loader->result == RT_RESULT_SCALAR)
		load_one(stream, loader, false);
	else
		load_as_json(stream, loader);
}

/* ---- what is not the whole value ---- */

void
rt_stream_set_rows(RtStreamWork *stream, Jsonb *rows)
{
	ItemChanger changer = changer_of(stream, false);
	StringInfoData out;

	changer.keeps_deleted = true;
	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	append_items(&changer, &out, rt_stream_pipe_changed(stream, rt_json_elements(rows)));
	appendStringInfoChar(&out, ']');
	stream->reply.data_json = (RtText) {out.data, out.len};
}

Jsonb *
rt_stream_transform(RtStreamWork *stream, Jsonb *data)
{
	ItemChanger changer = changer_of(stream, false);

	return change_item(&changer, data);
}
