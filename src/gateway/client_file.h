/*
 * client_file.h
 *		GET /realtime/client.js: the client for pages, and its further entries,
 *		such as /realtime/client/svelte.js.
 */
#ifndef RT_GATEWAY_CLIENT_FILE_H
#define RT_GATEWAY_CLIENT_FILE_H

#include "src/gateway/door/http.h"

#define RT_CLIENT_FILE_PATH "/realtime/client"	/* and what follows */

/* Reads the files into memory; when a gateway begins. */
extern void rt_client_files_init(void);

extern void rt_client_file_answer(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_CLIENT_FILE_H */
