/*
 * webhook.h
 *		Runs what a webhook declares: who is it, and what does it tell?
 */
#ifndef RT_EXECUTOR_REQUEST_WEBHOOK_H
#define RT_EXECUTOR_REQUEST_WEBHOOK_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

extern RtWorkResult rt_webhook_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_WEBHOOK_H */
