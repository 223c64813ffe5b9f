/*
 * file.h
 *		The files of realtime.document_root.
 */
#ifndef RT_GATEWAY_DOOR_FILE_H
#define RT_GATEWAY_DOOR_FILE_H

#include "src/gateway/door/http.h"

/* Answers a request with the file or folder at a path, which begins with '/'. */
extern void rt_file_answer(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_DOOR_FILE_H */
