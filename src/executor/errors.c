/*
 * errors.c
 *		What a client is told about an error.
 *
 * An error of class RT was raised for the client and travels as it is: code,
 * message, issues.  Of all others the client learns a code and that code's
 * fixed text, never PostgreSQL's message, which may name tables, values and
 * roles.  The one exception is an argument that does not convert: what is
 * wrong with a value may be told to whoever sent it.  Developers also get the
 * message of an error about data inside of a function.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "src/executor/errors.h"
#include "src/guc.h"
#include "src/protocol/json.h"

#define ISSUES_MAX (64 * 1024)	/* bytes; longer ones are left out */

#define SQLCLASS(error) ERRCODE_TO_CATEGORY((error)->sqlerrcode)
#define CLASS(a, b) MAKE_SQLSTATE(a, b, '0', '0', '0')

void
rt_fault_set(RtFault *fault, RtCode code, const char *message)
{
	fault->code = rt_code_wire(code);
	fault->message = message != NULL ? message : rt_code_message(code);
	fault->issues = NULL;
	fault->retry_after_ms = 0;
	fault->lock_key = NULL;
	fault->has_max_wait = false;
	fault->max_wait_ms = 0;
	fault->sqlstate = 0;
	fault->unexpected = fault->logged = false;
	fault->cause = NULL;
}

void
rt_fault_write(StringInfo out, const RtFault *fault)
{
	initStringInfo(out);
	appendStringInfoString(out, "{\"code\":");
	escape_json(out, fault->code);
	appendStringInfoString(out, ",\"message\":");
	escape_json(out, fault->message);
	appendStringInfoChar(out, '}');
}

bool
rt_code_text_is_valid(const char *code)
{
	size_t		len = strlen(code);

	return len >= 1 && len <= RT_CODE_TEXT_MAX &&
		strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

bool
rt_error_is_about_inner_data(const ErrorData *error, const RtErrorScene *scene)
{
	return SQLCLASS(error) == ERRCODE_DATA_EXCEPTION &&
		(scene->stage == RT_STAGE_HANDLER ||
		 (scene->stage == RT_STAGE_ARGUMENTS && scene->parameter == NULL));
}

bool
rt_error_is_retryable(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/*
 * A text of unknown origin, fit for a frame: cut to a bounded length at a
 * character's end, and valid UTF-8 whatever the database's encoding is.  NULL
 * if there is none.
 */
static const char *
wire_text(const char *text)
{
	int			len;
	char	   *copy;

	if (text == NULL || text[0] == '\0')
		return NULL;
	len = pg_mbcliplen(text, strlen(text), RT_MESSAGE_MAX);
	copy = pnstrdup(text, len);
	return pg_verify_mbstr(PG_UTF8, copy, len, true) ? copy : NULL;
}

static const char *
wire_message(const char *message, RtCode code)
{
	const char *text = wire_text(message);

	return text != NULL ? text : rt_code_message(code);
}

/* Issues come from an error's field that anybody may fill with anything. */
static const char *
wire_issues(const char *issues)
{
	size_t		len;

	if (issues == NULL || issues[0] != '[')
		return NULL;
	len = strlen(issues);
	if (len > ISSUES_MAX ||
		rt_json_check(issues, len, realtime_max_depth) != RT_JSON_OK ||
		!pg_verify_mbstr(PG_UTF8, issues, len, true))
		return NULL;
	return pnstrdup(issues, len);
}

static void
set_issue(RtFault *fault, const char *path, const char *message)
{
	StringInfoData issues;

	initStringInfo(&issues);
	appendStringInfoString(&issues, "[{\"path\":[");
	if (path != NULL && pg_verify_mbstr(PG_UTF8, path, strlen(path), true))
		escape_json(&issues, path);
	appendStringInfoString(&issues, "],\"message\":");
	escape_json(&issues, message);
	appendStringInfoString(&issues, "}]");

	rt_fault_set(fault, RT_CODE_VALIDATION, NULL);
	fault->issues = issues.data;
}

/* As rt_key_refuse() says it. */
static void
set_wait(RtFault *fault, const ErrorData *error)
{
	char	   *end;
	long		ms;

	fault->lock_key = wire_text(error->schema_name);
	if (fault->lock_key == NULL || error->table_name == NULL)
		return;
	ms = strtol(error->table_name, &end, 10);
	fault->has_max_wait = *end == '\0' && ms >= 0 && ms <= PG_INT32_MAX;
	if (fault->has_max_wait)
		fault->max_wait_ms = (int) ms;
}

/* An error of class RT; false if it is none of our codes after all. */
static bool
set_raised(RtFault *fault, const ErrorData *error)
{
	int			code = rt_code_from_sqlstate(unpack_sql_state(error->sqlerrcode));

	if (code < 0)
		return false;
	if (code == RT_CODE_CUSTOM)
	{
		if (error->constraint_name == NULL ||
			!rt_code_text_is_valid(error->constraint_name))
			return false;
		fault->code = pstrdup(error->constraint_name);
	}
	else
		fault->code = rt_code_wire(code);
	fault->message = wire_message(error->message, code);
	if (fault->message[0] == '\0')
		fault->message = fault->code;
	fault->issues = wire_issues(error->datatype_name);
	if (code == RT_CODE_LOCK_TIMEOUT)
		set_wait(fault, error);
	return true;
}

/* Rows that their table or domain refuses. */
static void
set_constraint_issue(RtFault *fault, const ErrorData *error)
{
	const char *path = error->column_name != NULL ? error->column_name :
		error->constraint_name;

	switch (error->sqlerrcode)
	{
		case ERRCODE_NOT_NULL_VIOLATION:
			set_issue(fault, path, "Required");
			break;
		case ERRCODE_FOREIGN_KEY_VIOLATION:
			set_issue(fault, path, "Invalid reference");
			break;
		default:
			set_issue(fault, path, "Invalid value");
	}
}

/*
 * Errors that say something about the server or the moment, not about the
 * code that met them: the same at every stage.
 */
static bool
set_circumstance(RtFault *fault, const ErrorData *error,
				 const RtErrorScene *scene)
{
	RtCode		code;

	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		code = scene->shutting_down ? RT_CODE_SERVICE_UNAVAILABLE :
			scene->deadline_passed ? RT_CODE_TIMEOUT : RT_CODE_CANCELLED;
	else if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		/* before anything of the user's has run, the lock is one of ours */
		code = scene->stage == RT_STAGE_PREPARE ? RT_CODE_OVERLOADED :
			RT_CODE_LOCK_TIMEOUT;
	else if (SQLCLASS(error) == CLASS('4', '0'))
		code = RT_CODE_CONFLICT;
	else if (SQLCLASS(error) == CLASS('5', '3'))
		code = RT_CODE_OVERLOADED;
	else if (SQLCLASS(error) == CLASS('0', '8') ||
			 error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
			 error->sqlerrcode == ERRCODE_CANNOT_CONNECT_NOW)
		code = RT_CODE_SERVICE_UNAVAILABLE;
	else
		return false;

	rt_fault_set(fault, code, NULL);
	return true;
}

/* Errors that PostgreSQL gives a meaning which a client can act upon. */
static bool
set_translated(RtFault *fault, const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
			rt_fault_set(fault, RT_CODE_UNAUTHENTICATED, NULL);
			return true;
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			rt_fault_set(fault, RT_CODE_FORBIDDEN, NULL);
			return true;
		case ERRCODE_NO_DATA_FOUND:
			rt_fault_set(fault, RT_CODE_NOT_FOUND, NULL);
			return true;
		case ERRCODE_UNIQUE_VIOLATION:
		case ERRCODE_EXCLUSION_VIOLATION:
			rt_fault_set(fault, RT_CODE_CONFLICT, NULL);
			return true;
		case ERRCODE_NOT_NULL_VIOLATION:
		case ERRCODE_FOREIGN_KEY_VIOLATION:
		case ERRCODE_CHECK_VIOLATION:
			set_constraint_issue(fault, error);
			return true;
		default:
			if (SQLCLASS(error) != ERRCODE_DATA_EXCEPTION)
				return false;
			set_constraint_issue(fault, error);
			if (realtime_mode == RT_MODE_DEVELOPMENT)
				fault->message = wire_message(error->message, RT_CODE_VALIDATION);
			return true;
	}
}

/* What an input function or a domain may find wrong with a value. */
static bool
is_about_value(const ErrorData *error)
{
	int			category = SQLCLASS(error);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_PLPGSQL_ERROR ||
		category == ERRCODE_FEATURE_NOT_SUPPORTED ||
		(category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
		 error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE);
}

/* A guard that raises plainly, or as somebody without the right would. */
static bool
is_intended_refusal(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_RAISE_EXCEPTION ||
		error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		error->sqlerrcode == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
}

static bool
translate(RtFault *fault, const ErrorData *error, const RtErrorScene *scene)
{
	if (SQLCLASS(error) == CLASS('R', 'T') && set_raised(fault, error))
		return false;
	if (set_circumstance(fault, error, scene))
		return SQLCLASS(error) == CLASS('5', '3');

	switch (scene->stage)
	{
		case RT_STAGE_PREPARE:
			break;
		case RT_STAGE_GUARD:
			rt_fault_set(fault, scene->anonymous ? RT_CODE_UNAUTHENTICATED :
						 RT_CODE_FORBIDDEN, NULL);
			return !is_intended_refusal(error);
		case RT_STAGE_ACCESS:
			if (error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE &&
				error->sqlerrcode != ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)
				break;
			return !set_translated(fault, error);
		case RT_STAGE_ARGUMENTS:
			if (scene->parameter != NULL && is_about_value(error))
			{
				set_issue(fault, scene->parameter,
						  wire_message(error->message, RT_CODE_VALIDATION));
				return false;
			}
			/* FALLTHROUGH */
		case RT_STAGE_HANDLER:
			if (set_translated(fault, error))
				return false;
			break;
	}
	rt_fault_set(fault, RT_CODE_INTERNAL_ERROR, NULL);
	return true;
}

/*
 * Connections, also those of foreign tables, resources, the operator, the
 * system, and internal errors.
 */
bool
rt_errcode_is_outage(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return sqlerrcode != ERRCODE_QUERY_CANCELED &&
		(category == CLASS('0', '8') || category == CLASS('H', 'V') ||
		 category == CLASS('5', '3') || category == CLASS('5', '7') ||
		 category == CLASS('5', '8') || category == CLASS('X', 'X'));
}

static bool
is_outage(const ErrorData *error, const RtErrorScene *scene)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		return scene->deadline_passed && !scene->shutting_down;
	return rt_errcode_is_outage(error->sqlerrcode);
}

bool
rt_fault_from_error(RtFault *fault, const ErrorData *error,
					const RtErrorScene *scene)
{
	bool		is_for_operator;

	memset(fault, 0, sizeof(*fault));
	is_for_operator = translate(fault, error, scene);
	fault->outage = is_outage(error, scene);
	fault->sqlstate = error->sqlerrcode;
	fault->unexpected = is_for_operator;
	/* who has cancelled it is said better by the code */
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		fault->cause = error->message;
	return is_for_operator;
}
