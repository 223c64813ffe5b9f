/*
 * leftover.c
 *		What a call leaves in its process that nobody can take out again.
 *
 * Procedural languages keep variables for a whole session, as they are meant
 * to: %_SHARED of PL/Perl, GD and SD of PL/Python, the interpreter of PL/Tcl,
 * and globals, modules and packages in any of them.  Connections of dblink stay
 * open.  PostgreSQL knows nothing of these, so the only way to be rid of them is
 * another process.
 *
 * A function that is about to be called for the first time is looked up, and
 * fmgr asks here whether it wants to be accompanied.  It does not; but its
 * language, or what it is if it is written in C, says whether something may
 * stay.  SQL, PL/pgSQL and functions in C leave nothing that session_reset.c
 * does not know.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/executor/leftover.h"

#define INLINE_HANDLER "_inline_handler"	/* of DO, in every language */

static needs_fmgr_hook_type previous_hook = NULL;
static bool found = false;

static bool
ends_with(const char *text, const char *end)
{
	size_t		len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* A function in C, by the name of its symbol. */
static bool
symbol_leaves(const char *symbol)
{
	return strcmp(symbol, "dblink_connect") == 0 ||
		(ends_with(symbol, INLINE_HANDLER) &&
		 strcmp(symbol, "plpgsql" INLINE_HANDLER) != 0);
}

static bool
language_leaves(Oid language)
{
	char	   *name = get_language_name(language, true);

	return name != NULL && strcmp(name, "plpgsql") != 0;
}

static bool
function_leaves(HeapTuple tuple)
{
	Oid			language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	bool		is_null;
	Datum		symbol;

	if (language == INTERNALlanguageId || language == SQLlanguageId)
		return false;
	if (language != ClanguageId)
		return language_leaves(language);
	symbol = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
	return !is_null && symbol_leaves(TextDatumGetCString(symbol));
}

static bool
on_lookup(Oid function)
{
	HeapTuple	tuple;

	if (!found && function >= FirstNormalObjectId)
	{
		tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
		if (HeapTupleIsValid(tuple))
		{
			found = function_leaves(tuple);
			ReleaseSysCache(tuple);
		}
	}
	return previous_hook != NULL && previous_hook(function);
}

void
rt_leftover_init(void)
{
	previous_hook = needs_fmgr_hook;
	needs_fmgr_hook = on_lookup;
}

bool
rt_leftover_found(void)
{
	return found || get_backup_status() != SESSION_BACKUP_NONE;
}
