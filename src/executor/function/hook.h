/*
 * hook.h
 *		The functions of realtime.hook(), as an executor finds and calls them.
 */
#ifndef RT_EXECUTOR_FUNCTION_HOOK_H
#define RT_EXECUTOR_FUNCTION_HOOK_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/executor/function/function.h"
#include "src/executor/work.h"
#include "src/hook.h"

/*
 * In prepare, after a refresh of the declarations: the function of a hook, and
 * how long it is expected to take; NULL = none is declared.  Raises for one that
 * is gone.
 */
extern RtFunction *rt_hook_find(RtHook hook, RtWork *work);

/* Its work has ended.  function NULL = there was none. */
extern void rt_hook_note_run(RtFunction *function, const RtWork *work);

/* What a hook is told, an object: its members one after the other, then as jsonb. */
extern void rt_hook_tell(StringInfo object, const char *name, const char *text);
extern void rt_hook_tell_json(StringInfo object, const char *name, const char *json);
extern Datum rt_hook_told(StringInfo object);

#endif							/* RT_EXECUTOR_FUNCTION_HOOK_H */
