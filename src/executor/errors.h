/*
 * errors.h
 *		What a client is told about an error.
 */
#ifndef RT_EXECUTOR_ERRORS_H
#define RT_EXECUTOR_ERRORS_H

#include "src/compat.h"

#include "lib/stringinfo.h"
#include "utils/elog.h"

#include "src/errcodes.h"

#define RT_CODE_TEXT_MAX 64		/* bytes of a code */
#define RT_MESSAGE_MAX 4096		/* bytes of a message on the wire */

/* How far a call had come. */
typedef enum RtStage
{
	RT_STAGE_PREPARE,			/* nothing of the user's has run */
	RT_STAGE_GUARD,
	RT_STAGE_ARGUMENTS,
	RT_STAGE_ACCESS,			/* a topic's access function */
	RT_STAGE_HANDLER			/* to the end of the commit */
} RtStage;

/* code NULL = none.  Texts live as long as the context they were made in. */
typedef struct RtFault
{
	const char *code;
	const char *message;
	const char *issues;			/* JSON array, or NULL */
	int			retry_after_ms; /* when it is worth trying; 0 = not known */
	const char *lock_key;		/* of LOCK_TIMEOUT: what was waited for ... */
	bool		has_max_wait;
	int			max_wait_ms;	/* ... for so long; NULL = not known */
	int			sqlstate;		/* of the error; 0 = there was none */
	bool		unexpected;		/* nobody has meant to refuse */
	bool		logged;			/* the error is in the server's log */
	const char *cause;			/* what the error itself says, which clients are
								 * not told; NULL = the message */
	bool		outage;			/* something that was needed is not there */
	const char *request_id;		/* of what has failed; NULL = not known */
} RtFault;

typedef struct RtErrorScene
{
	RtStage		stage;
	const char *parameter;		/* being converted, in RT_STAGE_ARGUMENTS */
	bool		anonymous;
	bool		deadline_passed;
	bool		shutting_down;
} RtErrorScene;

/* One of our own codes; message NULL = the code's default. */
extern void rt_fault_set(RtFault *fault, RtCode code, const char *message);

/* Begins a text with it, as events tell it: {"code": ..., "message": ...}. */
extern void rt_fault_write(StringInfo out, const RtFault *fault);

/*
 * Translates an error.  Returns whether the operator should see it: whatever
 * is not a refusal that some code intended.
 */
extern bool rt_fault_from_error(RtFault *fault, const ErrorData *error,
								const RtErrorScene *scene);

/*
 * Whether it is an error about data inside of the user's code: a client cannot
 * know what was wrong, and who can may never hear of it.
 */
extern bool rt_error_is_about_inner_data(const ErrorData *error,
										 const RtErrorScene *scene);

/*
 * Whether an error says that a service, the server or its means are out of
 * order, and not that something was refused or wrong.
 */
extern bool rt_errcode_is_outage(int sqlerrcode);

/* Whether running the transaction again may help. */
extern bool rt_error_is_retryable(const ErrorData *error);

/* Whether a text can be a code: 1 to 64 characters of [A-Z0-9_]. */
extern bool rt_code_text_is_valid(const char *code);

#endif							/* RT_EXECUTOR_ERRORS_H */
