/*
 * scrape.h
 *		Metrics over HTTP, for who watches over servers.
 */
#ifndef RT_GATEWAY_SCRAPE_H
#define RT_GATEWAY_SCRAPE_H

#include "src/gateway/door/http.h"

/* Reads realtime.metrics_addresses, anew. */
extern void rt_scrape_configure(void);

/* Answers with all metrics, if who asks may read them. */
extern void rt_scrape(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_SCRAPE_H */
