/*
 * command.h
 *		What a handler orders for the connection that has called.
 */
#ifndef RT_EXECUTOR_COMMAND_H
#define RT_EXECUTOR_COMMAND_H

#include "src/compat.h"

#include "fmgr.h"

#include "src/ipc/command.h"
#include "src/ipc/recipient.h"
#include "src/ipc/request.h"
#include "src/protocol/text.h"

/*
 * Its gateway does it once the transaction commits.  topic NULL = of all; data:
 * JSON, or nothing.  An ERROR where no connection has called.
 */
extern void rt_command_give(RtCommandVerb verb, text *topic, const char *data, Size data_len);

/* The same for any connection, and anything that is there. */
extern void rt_command_give_to(const RtRecipient *connection, RtCommandVerb verb,
							   RtText topic, RtText data);

/* What the connection has asked that has called; an ERROR if none has. */
extern const RtRequest *rt_command_connection(void);

/* An ERROR unless a topic has room for what is put before or behind it. */
extern void rt_command_check_topic(Size len, const char *purpose);

/* The topic that is a function's first argument, checked. */
extern text *rt_command_topic(FunctionCallInfo fcinfo, const char *purpose);

/* JSON that is argument n, "" if it is NULL; an ERROR beyond max bytes. */
extern const char *rt_command_json(FunctionCallInfo fcinfo, int n, const char *what,
								   Size max, Size *len);

#endif							/* RT_EXECUTOR_COMMAND_H */
