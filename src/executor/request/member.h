/*
 * member.h
 *		Runs what a stream wants to be run when somebody begins or ceases to
 *		follow it.
 */
#ifndef RT_EXECUTOR_REQUEST_MEMBER_H
#define RT_EXECUTOR_REQUEST_MEMBER_H

#include "src/executor/work.h"
#include "src/ipc/request.h"

/* Requests of kind JOIN and LEAVE.  Nobody is told what became of it. */
extern RtWorkResult rt_member_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_MEMBER_H */
