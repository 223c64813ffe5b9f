/*
 * upload.h
 *		Runs the handler of an upload, which reads what its client sends.
 */
#ifndef RT_EXECUTOR_REQUEST_UPLOAD_H
#define RT_EXECUTOR_REQUEST_UPLOAD_H

#include "src/compat.h"

#include "src/catalog/declaration.h"
#include "src/executor/work.h"
#include "src/ipc/request.h"

/* Runs it, or only its guards; as rt_call_run(). */
extern void rt_upload_run(RtRequest *request, RtWorkResult *result);

/*
 * Steps of the call that is run: whether its path has one more at a time, raised
 * if not; its handler begins, and may read; it is done and will be committed,
 * raised if its client has taken it back.
 */
extern void rt_upload_enter(const RtRpcDeclaration *declaration);
extern void rt_upload_begin_reading(const RtRpcDeclaration *declaration);
extern void rt_upload_conclude(void);

#endif							/* RT_EXECUTOR_REQUEST_UPLOAD_H */
