/*
 * login.h
 *		Finds out who is on a connection.
 */
#ifndef RT_EXECUTOR_REQUEST_LOGIN_H
#define RT_EXECUTOR_REQUEST_LOGIN_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

extern RtWorkResult rt_login_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_LOGIN_H */
