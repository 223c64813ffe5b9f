/*
 * errcodes.c
 *		Look-ups in the table of codes.
 *
 * No PostgreSQL header is included, so that the unit tests of src/protocol
 * can link this file alone.
 */
#include <string.h>

#include "src/errcodes.h"

typedef struct CodeEntry
{
	const char *wire;
	const char *sqlstate;
	int			status;
	const char *message;
} CodeEntry;

static const CodeEntry entries[] = {
#define RT_CODE(symbol, wire, sqlstate, status, message) {wire, sqlstate, status, message},
	RT_CODE_LIST(RT_CODE)
#undef RT_CODE
};

const char *
rt_code_wire(RtCode code)
{
	return entries[code].wire;
}

const char *
rt_code_sqlstate(RtCode code)
{
	return entries[code].sqlstate;
}

const char *
rt_code_message(RtCode code)
{
	return entries[code].message;
}

int
rt_code_status(RtCode code)
{
	return entries[code].status;
}

RtCode
rt_code_from_wire(const char *wire)
{
	for (int i = RT_CODE_CUSTOM + 1; i < RT_CODE_COUNT; i++)
	{
		if (strcmp(entries[i].wire, wire) == 0)
			return (RtCode) i;
	}
	return RT_CODE_CUSTOM;
}

int
rt_code_from_sqlstate(const char *sqlstate)
{
	for (int i = 0; i < RT_CODE_COUNT; i++)
	{
		if (strcmp(entries[i].sqlstate, sqlstate) == 0)
			return i;
	}
	return -1;
}
