/*
 * live_module.h
 *		GET below /realtime/live/: modules of what is declared, and their types; those
 *		of all modules are /realtime/live.d.ts.
 */
#ifndef RT_GATEWAY_LIVE_MODULE_H
#define RT_GATEWAY_LIVE_MODULE_H

#include "src/gateway/door/http.h"

#define RT_LIVE_MODULE_PATH "/realtime/live/"
#define RT_LIVE_TYPES_PATH "/realtime/live.d.ts"	/* of all modules */

extern void rt_live_module_answer(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_LIVE_MODULE_H */
