/*
 * webhook.h
 *		What other services tell by HTTP: POST /__webhook/<path>.
 */
#ifndef RT_GATEWAY_WEBHOOK_H
#define RT_GATEWAY_WEBHOOK_H

#include "src/gateway/door/http.h"

#define RT_WEBHOOK_PATH "/__webhook/"

extern void rt_webhook(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_WEBHOOK_H */
