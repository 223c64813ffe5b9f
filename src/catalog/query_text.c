/*
 * query_text.c
 *		The SELECT of a live query whose rows a function returns.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/catalog/query_text.h"

char *
rt_query_text_of_loader(Oid function)
{
	int			count = get_func_nargs(function);
	bool		is_variadic = OidIsValid(get_func_variadictype(function));
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "SELECT * FROM %s(",
					 quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
												get_func_name(function)));
	for (int i = 1; i <= count; i++)
		appendStringInfo(&text, "%s%s$%d", i > 1 ? ", " : "",
						 is_variadic && i == count ? "VARIADIC " : "", i);
	appendStringInfoChar(&text, ')');
	return text.data;
}
