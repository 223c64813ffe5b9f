/*
 * close_kind.c
 *		The codes with which WebSockets are closed.
 */
#include "postgres.h"

#include "src/ipc/close_kind.h"

/* Those of protocol/close_code.h, and 1000. */
static const struct
{
	int			code;
	const char *name;
}			kinds[] = {
	{1000, "1000"}, {1001, "1001"}, {1002, "1002"}, {1005, "1005"},
	{1006, "1006"}, {1007, "1007"}, {1008, "1008"}, {1009, "1009"},
	{1011, "1011"}, {1012, "1012"}, {1013, "1013"},
	{4401, "4401"}, {4403, "4403"}, {4408, "4408"}, {4429, "4429"},
	{0, "other"}
};

StaticAssertDecl(lengthof(kinds) == RT_CLOSE_KINDS, "each kind has a counter");

int
rt_close_kind(int code)
{
	int			kind = 0;

	while (kind < RT_CLOSE_KINDS - 1 && kinds[kind].code != code)
		kind++;
	return kind;
}

const char *
rt_close_kind_name(int kind)
{
	return kinds[kind].name;
}
