/*
 * type_text.c
 *		Types whose values have one text, whatever the settings of the session
 *		that writes it.
 *
 * PostgreSQL says so itself: the output function of such a type is IMMUTABLE,
 * and one that looks at settings or catalogs is STABLE.  What it says is not
 * true of floats and bytea, whose functions are older than extra_float_digits
 * and bytea_output; nor of the geometric types, which consist of floats.  It says
 * too little of types that are made of others, whose functions are STABLE for
 * the worst of them, and of enums, whose labels are in a catalog.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "src/catalog/type_text.h"

static bool is_fixed(Oid type);

static bool
is_fixed_base(Oid type)
{
	Oid			output;
	bool		is_varlena;
	char		category;
	bool		is_preferred;

	getTypeOutputInfo(type, &output, &is_varlena);
	if (func_volatile(output) != PROVOLATILE_IMMUTABLE)
		return false;
	if (output == F_FLOAT4OUT || output == F_FLOAT8OUT || output == F_BYTEAOUT)
		return false;
	get_type_category_preferred(type, &category, &is_preferred);
	return category != TYPCATEGORY_GEOMETRIC;
}

static bool
is_fixed_row(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	bool		fixed = true;

	for (int i = 0; i < desc->natts && fixed; i++)
		fixed = TupleDescAttr(desc, i)->attisdropped ||
			is_fixed(TupleDescAttr(desc, i)->atttypid);
	ReleaseTupleDesc(desc);
	return fixed;
}

static bool
is_fixed(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	check_stack_depth();
	if (OidIsValid(element))
		return is_fixed(element);
	switch (get_typtype(base))
	{
		case TYPTYPE_BASE:
			return is_fixed_base(base);
		case TYPTYPE_ENUM:
			return true;
		case TYPTYPE_COMPOSITE:
			return is_fixed_row(base);
		case TYPTYPE_RANGE:
			return is_fixed(get_range_subtype(base));
		case TYPTYPE_MULTIRANGE:
			return is_fixed(get_multirange_range(base));
		default:
			return false;
	}
}

bool
rt_type_has_fixed_text(Oid type)
{
	switch (getBaseType(type))
	{
		case DATEOID:			/* written by us, in ISO 8601 and UTC */
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return is_fixed(type);
	}
}
