/*
 * live_module.h
 *		GET below /realtime/live/: modules of what is declared, and their types.
 */
#ifndef RT_GATEWAY_LIVE_MODULE_H
#define RT_GATEWAY_LIVE_MODULE_H

#include "src/gateway/door/http.h"

#define RT_LIVE_MODULE_PATH "/realtime/live/"

extern void rt_live_module_answer(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_LIVE_MODULE_H */
