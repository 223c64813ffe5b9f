/*
 * function.h
 *		What the executor knows about a function it calls: found out once,
 *		kept until the function changes.
 */
#ifndef RT_EXECUTOR_FUNCTION_FUNCTION_H
#define RT_EXECUTOR_FUNCTION_FUNCTION_H

#include "src/compat.h"

#include "access/tupdesc.h"
#include "executor/functions.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/plancache.h"

#include "src/catalog/value_writer.h"
#include "src/executor/function/role_plan.h"

typedef enum RtParameterKind
{
	RT_PARAMETER_TEXT,
	RT_PARAMETER_JSON,
	RT_PARAMETER_JSONB,
	RT_PARAMETER_SCALAR,		/* through the type's input function */
	RT_PARAMETER_STRUCTURED		/* arrays, rows and domains over them */
} RtParameterKind;

typedef struct RtParameter
{
	const char *name;			/* or "$1" */
	Oid			type;
	RtParameterKind kind;
	bool		is_domain;		/* NULL is checked too */
	FmgrInfo	input;			/* SCALAR */
	Oid			io_param;
	FmgrInfo	populate;		/* STRUCTURED: jsonb_populate_record */
	TupleDesc	row;			/* its one column has the type */
	bool		keeps_populate; /* what populate caches cannot become stale */
} RtParameter;

/* What a parameter is if it is not sent. */
typedef struct RtDefault
{
	Node	   *expression;
	CachedExpression *planned;	/* NULL = not yet */
	uint64		functions;		/* rt_function_changes() when it was planned */
} RtDefault;

typedef enum RtResultKind
{
	RT_RESULT_VOID,
	RT_RESULT_SCALAR,
	RT_RESULT_NAMED_SCALAR,		/* one OUT parameter: an object of one member */
	RT_RESULT_ROW
} RtResultKind;

#define RT_PRIVILEGES_KEPT 256

/* What a role may do; void once privileges have changed. */
typedef struct RtPrivileges
{
	Oid			role;
	uint64		generation;		/* of privileges; 0 = nothing known */
	bool		may_execute;
	bool		may_use_schema;
} RtPrivileges;

typedef struct RtFunction
{
	Oid			oid;			/* hash key */
	bool		valid;			/* what follows is up to date */
	uint32		syscache_hash;	/* of the function in PROCOID */
	MemoryContext context;		/* holds all that follows */
	double		mean_us;		/* of a call; < 0 = not known */

	const char *schema;
	const char *name;
	Oid			namespace;
	char		volatility;		/* PROVOLATILE_* */
	bool		strict;
	bool		returns_set;
	bool		state_is_safe;	/* an error leaves nothing odd in flinfo */
	FmgrInfo	flinfo;
	Oid			collation;
	Oid			kept_row_type;	/* flinfo is for it as it was; InvalidOid = for
								 * whatever the row type becomes */
	uint64		kept_row_version;

	int			nargs;
	RtParameter *parameters;
	bool		variadic;		/* the last parameter takes the rest */
	bool		checks_values;	/* by something that is kept, see refused() */
	int			default_count;
	RtDefault  *defaults;		/* of the last parameters */

	Oid			result_type;
	int16		result_len;		/* of sql_body */
	bool		result_by_value;
	RtResultKind result;
	const char *result_name;	/* NAMED_SCALAR, escaped, with colon */
	RtValueWriter *result_value;	/* SCALAR, NAMED_SCALAR */
	TupleDesc	result_row;		/* ROW: NULL = to be asked for each time */
	RtRowWriter *row_writer;	/* ROW: of the last row type met */

	bool		inlinable;		/* a query around it would be planned whole */
	RtRolePlan *recent_plans[RT_PLANS]; /* used last, of whichever role; or NULL */
	const char *sql_body;		/* NULL = not one that we plan */
	SQLFunctionParseInfoPtr sql_names;	/* of its parameters */
	RtPrivileges privileges[RT_PRIVILEGES_KEPT];	/* by role */
} RtFunction;

/* Before the first of them; may be called again. */
extern void rt_functions_init(void);

/*
 * Between requests, within a transaction: nothing is kept of functions that have
 * been dropped, and pointers to these are good no more.
 */
extern void rt_functions_drop_gone(void);

/*
 * The function, described.  Raises if it cannot be called.  The pointer stays
 * good as long as the function is there, what it points to until the next
 * transaction.
 */
extern RtFunction *rt_function_get(Oid oid);

/*
 * The same as one of its own, in the current context, for who may be within a call
 * of that function.
 */
extern RtFunction *rt_function_make(Oid oid);
extern void rt_function_free(RtFunction *function);

/* Whether that would return it as it is; for who keeps the pointer. */
extern bool rt_function_is_up_to_date(const RtFunction *function);

/*
 * What stands for a function with such parameters, in the current context; it
 * cannot be called.
 */
extern RtFunction *rt_function_of_types(const char *name, const Oid *types,
										int count);

/* Grows whenever any function of the database may have changed. */
extern uint64 rt_function_changes(void);

/* What is known of all functions is found out again. */
extern void rt_functions_forget(void);

/* An error has passed through the conversion of an argument. */
extern void rt_function_refused(RtFunction *function);

/* Whether the current role may call it, or name it in a query. */
extern bool rt_function_may_execute(RtFunction *function);
extern bool rt_function_may_use_schema(RtFunction *function);

/* Keeps the mean of run times. */
extern void rt_function_timed(RtFunction *function, double us);

#endif							/* RT_EXECUTOR_FUNCTION_FUNCTION_H */
