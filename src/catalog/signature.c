/*
 * signature.c
 *		Functions named by qualified signature text.
 *
 * A signature is resolved by comparison, not by parsing: the functions of its
 * schema and name are few, and the one whose own signature equals the text is
 * meant.  So a type that is gone or a text written by hand gives "not found"
 * and not an ERROR, as regprocedurein() would.
 *
 * Nothing here depends on search_path.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/catalog/signature.h"

#define BUILTIN_PREFIX "pg_catalog."

static void append_type(StringInfo buf, Oid type);
static bool read_identifier(const char **pos, char *name);
static const char *skip_blanks_behind(char before, const char *pos);

char *
rt_signature(Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	StringInfoData buf;
	char	   *schema;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	schema = get_namespace_name(form->pronamespace);
	if (schema == NULL)
	{
		ReleaseSysCache(tuple);
		return NULL;
	}

	initStringInfo(&buf);
	appendStringInfoString(&buf,
						   quote_qualified_identifier(schema,
													  NameStr(form->proname)));
	appendStringInfoChar(&buf, '(');
	for (int i = 0; i < form->pronargs; i++)
	{
		if (i > 0)
			appendStringInfoChar(&buf, ',');
		append_type(&buf, form->proargtypes.values[i]);
	}
	appendStringInfoChar(&buf, ')');
	ReleaseSysCache(tuple);
	return buf.data;
}

Oid
rt_signature_resolve(const char *signature)
{
	char		schema[NAMEDATALEN];
	char		name[NAMEDATALEN];
	const char *pos = signature;
	CatCList   *candidates;
	Oid			namespace;
	Oid			found = InvalidOid;

	if (!read_identifier(&pos, schema) || *pos++ != '.' ||
		!read_identifier(&pos, name) || *pos != '(')
		return InvalidOid;
	namespace = get_namespace_oid(schema, true);
	if (!OidIsValid(namespace))
		return InvalidOid;

	candidates = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < candidates->n_members && !OidIsValid(found); i++)
	{
		Form_pg_proc form =
		(Form_pg_proc) GETSTRUCT(&candidates->members[i]->tuple);
		char	   *other;

		if (form->pronamespace != namespace)
			continue;
		other = rt_signature(form->oid);
		if (other != NULL && rt_signatures_equal(signature, other))
			found = form->oid;
	}
	ReleaseSysCacheList(candidates);
	return found;
}

bool
rt_signatures_equal(const char *a, const char *b)
{
	char		before = '\0';

	for (;;)
	{
		a = skip_blanks_behind(before, a);
		b = skip_blanks_behind(before, b);
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
		before = *a;
		a++;
		b++;
	}
}

static void
append_type(StringInfo buf, Oid type)
{
	char	   *text = format_type_extended(type, -1,
												 FORMAT_TYPE_FORCE_QUALIFY |
												 FORMAT_TYPE_ALLOW_INVALID);

	if (strncmp(text, BUILTIN_PREFIX, strlen(BUILTIN_PREFIX)) == 0)
		text += strlen(BUILTIN_PREFIX);
	appendStringInfoString(buf, text);
}

/*
 * Reads an identifier as quote_identifier() writes it, into NAMEDATALEN
 * bytes, and moves behind it.
 */
static bool
read_identifier(const char **pos, char *name)
{
	const char *p = *pos;
	bool		quoted = (*p == '"');
	int			len = 0;

	if (quoted)
		p++;
	for (;; p++)
	{
		if (*p == '\0')
			return false;
		if (quoted && p[0] == '"' && p[1] == '"')
			p++;
		else if (quoted ? *p == '"' : (*p == '.' || *p == '('))
			break;
		if (len == NAMEDATALEN - 1)
			return false;
		name[len++] = *p;
	}
	name[len] = '\0';
	*pos = quoted ? p + 1 : p;
	return len > 0;
}

static const char *
skip_blanks_behind(char before, const char *pos)
{
	if (before == '(' || before == ',')
	{
		while (*pos == ' ')
			pos++;
	}
	return pos;
}
