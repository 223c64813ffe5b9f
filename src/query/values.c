/*
 * values.c
 *		The values of a cut that changed rows give.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_operator.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "src/plan_size.h"
#include "src/query/run.h"
#include "src/query/tally.h"

#define HASH_OF_NULL UINT64CONST(0x6e756c6c)

/* What leads over a hop; lives as long as the query's plans. */
typedef struct RtQueryWay
{
	SPIPlanPtr	plan;
	MemoryContextCallback forget;
} RtQueryWay;

/* Values on their way, without NULLs. */
typedef struct Values
{
	int			count;
	Datum	   *values;
	bool		null;			/* there was one, too */
} Values;

static Values values_of(AttrNumber attnum, TupleTableSlot **images, int count);
static Values hop_over(RtQuery *query, RtQueryHop *hop, const Values *values,
					   Snapshot snapshot);
static SPIPlanPtr hop_plan(RtQuery *query, RtQueryHop *hop);
static void forget_way(void *arg);
static char *hop_sql(const RtQueryHop *hop);
static char *operator_name(Oid operator);
static Values rows_as_values(void);

void
rt_query_values(RtQuery *query, RtQueryRelation *relation,
				TupleTableSlot **images, int count, Snapshot snapshot,
				RtQueryValueFunction function, void *arg)
{
	const RtQueryCut *cut = list_nth(query->cuts, relation->cut);
	Values		values = values_of(relation->source, images, count);
	ListCell   *cell;

	foreach(cell, relation->path)
		values = hop_over(query, lfirst(cell), &values,
						  snapshot != NULL ? snapshot : GetActiveSnapshot());
	for (int i = 0; i < values.count; i++)
		function(values.values[i], false, arg);
	if (values.null && cut->nulls)
		function((Datum) 0, true, arg);
}

int
rt_query_key_cut(const RtQuery *query)
{
	for (int i = 0; i < list_length(query->cuts) && query->key_count == 1; i++)
	{
		const RtQueryCut *cut = list_nth(query->cuts, i);

		if (cut->column == query->key_columns[0])
			return rt_query_has_plain_texts(cut->type, cut->collation) ? i : -1;
	}
	return -1;
}

uint64
rt_query_cuts_hash(const RtQuery *query)
{
	uint64		hash = 0;
	ListCell   *cell;

	foreach(cell, query->cuts)
	{
		const RtQueryCut *cut = lfirst(cell);
		uint32		what[] = {cut->column, cut->type, cut->operator, cut->collation};

		hash = hash_bytes_extended((unsigned char *) what, sizeof(what), hash);
		hash = hash_bytes_extended((unsigned char *) cut->name, strlen(cut->name), hash);
	}
	for (int i = 0; query->tally != NULL && i < query->tally->desc->natts; i++)
	{
		Oid			type = TupleDescAttr(query->tally->desc, i)->atttypid;

		hash = hash_bytes_extended((unsigned char *) &type, sizeof(type), hash);
	}
	return hash;
}

uint64
rt_query_cut_hash(const RtQueryCut *cut, Datum value, bool is_null)
{
	TypeCacheEntry *cache;

	if (is_null)
		return HASH_OF_NULL;
	cache = lookup_type_cache(cut->type, TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	return DatumGetUInt64(FunctionCall2Coll(&cache->hash_extended_proc_finfo,
											cut->collation, value, UInt64GetDatum(0)));
}

static Values
values_of(AttrNumber attnum, TupleTableSlot **images, int count)
{
	Values		values = {.values = palloc(sizeof(Datum) * Max(count, 1))};

	for (int i = 0; i < count; i++)
	{
		bool		is_null;
		Datum		value = slot_getattr(images[i], attnum, &is_null);

		if (is_null)
			values.null = true;
		else
			values.values[values.count++] = value;
	}
	return values;
}

/*
 * As the relation's owner and past its policies: what a caller may see of a row
 * on the way may have changed together with the row.
 */
static Values
hop_over(RtQuery *query, RtQueryHop *hop, const Values *values, Snapshot snapshot)
{
	Relation	relation = table_open(hop->relation, AccessShareLock);
	Datum		argument;
	int16		length;
	bool		by_value;
	char		align;
	Oid			user;
	int			security;
	int			result;

	if (values->count == 0)
	{
		table_close(relation, NoLock);
		return (Values) {0};
	}
	get_typlenbyvalalign(hop->type, &length, &by_value, &align);
	argument = PointerGetDatum(construct_array(values->values, values->count,
											   hop->type, length, by_value, align));
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	result = SPI_execute_snapshot(hop_plan(query, hop), &argument, NULL, snapshot,
								  InvalidSnapshot, true, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not follow a path: %s", SPI_result_code_string(result));
	SetUserIdAndSecContext(user, security);
	table_close(relation, NoLock);
	return rows_as_values();
}

/* Prepared as who it is run as. */
static SPIPlanPtr
hop_plan(RtQuery *query, RtQueryHop *hop)
{
	Oid			type;
	RtQueryWay *way;
	SPIPlanPtr	plan;

	if (hop->way != NULL)
		return hop->way->plan;
	type = get_array_type(hop->type);
	plan = SPI_prepare_cursor(hop_sql(hop), 1, &type, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare a path: %s", SPI_result_code_string(SPI_result));
	way = MemoryContextAllocZero(rt_query_plans_context(query), sizeof(RtQueryWay));
	way->plan = plan;
	way->forget.func = forget_way;
	way->forget.arg = way;
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of a path");
	MemoryContextRegisterResetCallback(query->plans_context, &way->forget);
	hop->way = way;
	return plan;
}

static void
forget_way(void *arg)
{
	SPI_freeplan(((RtQueryWay *) arg)->plan);
}

void
rt_query_forget_paths(RtQuery *query)
{
	ListCell   *relation;
	ListCell   *hop;

	foreach(relation, query->relations)
	{
		foreach(hop, ((const RtQueryRelation *) lfirst(relation))->path)
			((RtQueryHop *) lfirst(hop))->way = NULL;
	}
}

static Size
path_size(const RtQueryRelation *relation)
{
	Size		bytes = 0;
	ListCell   *cell;

	foreach(cell, relation->path)
	{
		const RtQueryHop *hop = lfirst(cell);

		bytes += hop->way == NULL ? 0 : rt_plan_size(hop->way->plan);
	}
	return bytes;
}

Size
rt_query_paths_size(const RtQuery *query)
{
	Size		bytes = 0;
	ListCell   *cell;

	foreach(cell, query->relations)
		bytes += path_size(lfirst(cell));
	return bytes;
}

static char *
hop_sql(const RtQueryHop *hop)
{
	const char *schema = get_namespace_name(get_rel_namespace(hop->relation));

	return psprintf("SELECT DISTINCT %s::%s FROM %s WHERE %s::%s %s ANY ($1)",
					quote_identifier(get_attname(hop->relation, hop->to, false)),
					format_type_extended(hop->to_type, -1, FORMAT_TYPE_FORCE_QUALIFY),
					quote_qualified_identifier(schema, get_rel_name(hop->relation)),
					quote_identifier(get_attname(hop->relation, hop->from, false)),
					format_type_extended(hop->type, -1, FORMAT_TYPE_FORCE_QUALIFY),
					operator_name(hop->operator));
}

static char *
operator_name(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

static Values
rows_as_values(void)
{
	Values		values = {.values = palloc(sizeof(Datum) * Max(SPI_processed, 1))};

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
										  1, &is_null);

		if (is_null)
			values.null = true;
		else
			values.values[values.count++] = value;
	}
	return values;
}
