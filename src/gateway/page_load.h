/*
 * page_load.h
 *		GET below /__realtime/load/: the value of a stream for a page that is
 *		rendered elsewhere, as realtime.load() gives it.
 */
#ifndef RT_GATEWAY_PAGE_LOAD_H
#define RT_GATEWAY_PAGE_LOAD_H

#include "src/gateway/door/http.h"

#define RT_PAGE_LOAD_PATH "/__realtime/load/"

/* The query has the arguments, a JSON array: ?args=["berlin"]. */
extern void rt_page_load(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_PAGE_LOAD_H */
