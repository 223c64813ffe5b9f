/*
 * trigger_argument.c
 *		The arguments of triggers of ours, which name columns.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "src/backend/trigger_argument.h"
#include "src/catalog/declaration_table.h"

Oid
rt_trigger_function(const char *name)
{
	Oid			namespace = get_namespace_oid(RT_SCHEMA, true);

	if (!OidIsValid(namespace))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(namespace));
}

const Trigger *
rt_trigger_find(Relation relation, const char *name, int16 type)
{
	const TriggerDesc *triggers = relation->trigdesc;
	Oid			function;

	if (triggers == NULL)
		return NULL;
	function = rt_trigger_function(name);
	if (!OidIsValid(function))
		return NULL;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		if (triggers->triggers[i].tgfoid == function &&
			(triggers->triggers[i].tgtype & type) != 0)
			return &triggers->triggers[i];
	}
	return NULL;
}

void
rt_trigger_store_arguments(Oid trigger, List *arguments)
{
	Relation	catalog = table_open(TriggerRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	StringInfoData packed;
	ListCell   *cell;
	Datum		values[Natts_pg_trigger] = {0};
	bool		nulls[Natts_pg_trigger] = {0};
	bool		replaces[Natts_pg_trigger] = {0};

	initStringInfo(&packed);
	foreach(cell, arguments)
		appendBinaryStringInfo(&packed, lfirst(cell), strlen(lfirst(cell)) + 1);
	values[Anum_pg_trigger_tgargs - 1] =
		PointerGetDatum(cstring_to_text_with_len(packed.data, packed.len));
	replaces[Anum_pg_trigger_tgargs - 1] = true;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(catalog, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "could not find trigger %u", trigger);
	tuple = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls,
							  replaces);
	CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
}
