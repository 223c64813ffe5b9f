/*
 * setting_list.c
 *		Settings that are lists, taken apart.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "src/gateway/door/setting_list.h"
#include "src/gateway/gateway.h"

MemoryContext
rt_setting_begin(MemoryContext *context, const char *name)
{
	if (*context == NULL)
		*context = AllocSetContextCreate(rt_gateway.context, "realtime setting",
										 ALLOCSET_SMALL_SIZES);
	MemoryContextSetIdentifier(*context, name);
	MemoryContextReset(*context);
	return MemoryContextSwitchTo(*context);
}

List *
rt_setting_split(const char *value)
{
	List	   *entries = NIL;

	return SplitGUCList(pstrdup(value), ',', &entries) ? entries : NIL;
}
