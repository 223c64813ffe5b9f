/*
 * signature.c
 *		Functions named by qualified signature text.
 *
 * A signature is resolved by comparison, not by parsing: the functions of its
 * schema and name are few, and the one whose own signature equals the text is
 * meant.  So a type that is gone or a text written by hand gives "not found"
 * and not an ERROR, as regprocedurein() would.
 *
 * Nothing here depends on search_path or another setting, and not on what the
 * server's version takes for a keyword: quotes and blanks that make no
 * difference are none.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/catalog/signature.h"

#define BUILTIN_PREFIX "pg_catalog."

/* A character of syntax, as read_character() tells it from one of a name. */
#define SYNTAX(c) ((c) + 256)

/* A position in a signature; begin with {text}. */
typedef struct Reader
{
	const char *pos;
	bool		quoted;			/* inside of quotes */
	char		before;			/* the last character of syntax, or 0 */
} Reader;

static void visit_parts(Oid function, void (*visit) (Oid class_id, Oid part, void *arg),
						void *arg);
static char *make_signature(Form_pg_proc form, const char *schema);
static void append_type(StringInfo buf, Oid type);
static int	read_character(Reader *reader);
static bool read_identifier(Reader *reader, int end, char *name);

char *
rt_signature(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		users_choice = quote_all_identifiers;
	char	   *schema;
	char	   *signature = NULL;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	schema = get_namespace_name(form->pronamespace);
	if (schema != NULL)
	{
		quote_all_identifiers = false;
		PG_TRY();
		{
			signature = make_signature(form, schema);
		}
		PG_FINALLY();
		{
			quote_all_identifiers = users_choice;
		}
		PG_END_TRY();
	}
	ReleaseSysCache(tuple);
	return signature;
}

Oid
rt_signature_resolve(const char *signature)
{
	char		schema[NAMEDATALEN];
	char		name[NAMEDATALEN];
	Reader		reader = {.pos = signature};
	CatCList   *candidates;
	Oid			namespace;
	Oid			found = InvalidOid;

	if (!read_identifier(&reader, SYNTAX('.'), schema) ||
		!read_identifier(&reader, SYNTAX('('), name))
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
	Reader		left = {.pos = a};
	Reader		right = {.pos = b};
	int			c;

	do
	{
		c = read_character(&left);
		if (c != read_character(&right))
			return false;
	} while (c != '\0');
	return true;
}

/* ---- what a signature has names of ---- */

typedef struct PartLook
{
	Oid			class_id;
	Oid			part;
	bool		found;
} PartLook;

static Oid
schema_of_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			schema = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
		ReleaseSysCache(tuple);
	}
	return schema;
}

/* A type before its schema, which may change until the type is locked. */
static void
visit_parts(Oid function, void (*visit) (Oid class_id, Oid part, void *arg),
			void *arg)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	visit(NamespaceRelationId, form->pronamespace, arg);
	for (int i = 0; i < form->pronargs; i++)
	{
		Oid			type = form->proargtypes.values[i];
		Oid			element = get_element_type(type);

		visit(TypeRelationId, type, arg);
		if (OidIsValid(element))
			visit(TypeRelationId, element, arg);
		visit(NamespaceRelationId, schema_of_type(type), arg);
	}
	ReleaseSysCache(tuple);
}

static void
lock_part(Oid class_id, Oid part, void *arg)
{
	if (OidIsValid(part) && !IsPinnedObject(class_id, part))
		LockDatabaseObject(class_id, part, 0, RowShareLock);
}

static void
look_at_part(Oid class_id, Oid part, void *arg)
{
	PartLook   *look = arg;

	look->found = look->found ||
		(look->class_id == class_id && look->part == part);
}

/*
 * Not as strong as the locks of those who drop, and of another kind than those
 * of who creates something in a schema.
 */
void
rt_signature_lock(Oid function)
{
	visit_parts(function, lock_part, NULL);
}

void
rt_signature_part_lock(Oid class_id, Oid part)
{
	LockDatabaseObject(class_id, part, 0, ExclusiveLock);
}

bool
rt_signature_has_part(Oid function, Oid class_id, Oid part)
{
	PartLook	look = {.class_id = class_id, .part = part};

	visit_parts(function, look_at_part, &look);
	return look.found;
}

/* With quote_all_identifiers off. */
static char *
make_signature(Form_pg_proc form, const char *schema)
{
	StringInfoData buf;

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
	return buf.data;
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
 * The next character of the text's meaning: of a name, or SYNTAX(); '\0' at the
 * end.  Letters that are not quoted are small ones.
 */
static int
read_character(Reader *reader)
{
	char		c;

	if (!reader->quoted && (reader->before == '(' || reader->before == ','))
		reader->pos += strspn(reader->pos, " ");
	reader->before = '\0';
	while (*reader->pos == '"')
	{
		reader->pos++;
		if (reader->quoted && *reader->pos == '"')
			break;
		reader->quoted = !reader->quoted;
	}
	c = *reader->pos;
	if (c == '\0')
		return '\0';
	reader->pos++;
	if (reader->quoted)
		return (unsigned char) c;
	if (strchr(".(,)[] ", c) != NULL)
	{
		reader->before = c;
		return SYNTAX(c);
	}
	return pg_ascii_tolower((unsigned char) c);
}

/* Reads a name into NAMEDATALEN bytes, and what ends it. */
static bool
read_identifier(Reader *reader, int end, char *name)
{
	int			len = 0;
	int			c;

	while ((c = read_character(reader)) != end)
	{
		if (c == '\0' || c >= SYNTAX(0) || len == NAMEDATALEN - 1)
			return false;
		name[len++] = (char) c;
	}
	name[len] = '\0';
	return len > 0;
}
