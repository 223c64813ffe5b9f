/*
 * resume.h
 *		Gives clients the events of replay topics that they have missed.
 */
#ifndef RT_EXECUTOR_REQUEST_RESUME_H
#define RT_EXECUTOR_REQUEST_RESUME_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * The frames "replay" and "resume" of clients, and what a gateway asks on
 * behalf of a subscription that has lost events.  They allocate in the current
 * context.
 */
extern RtWorkResult rt_replay_run(RtRequest *request);
extern RtWorkResult rt_resume_run(RtRequest *request);
extern RtWorkResult rt_repair_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_RESUME_H */
