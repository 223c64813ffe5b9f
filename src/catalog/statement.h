/*
 * statement.h
 *		SQL on the extension's tables, run as their owner.
 *
 * For statements of fixed text that name everything with its schema, operators
 * too: the search_path is the user's.  Whoever the user is, the statement runs
 * in a security context in which nobody can change roles or leave anything in
 * the session.  An ERROR restores the identity with the end of the
 * (sub)transaction.
 */
#ifndef RT_CATALOG_STATEMENT_H
#define RT_CATALOG_STATEMENT_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#define RT_STATEMENT_ARGUMENTS_MAX 36

/* A statement and its arguments; begin with {.sql = ...}. */
typedef struct RtStatement
{
	const char *sql;
	bool		is_frequent;	/* its plan is kept: sql is a constant, and so are types */
	int			count;
	Oid			types[RT_STATEMENT_ARGUMENTS_MAX];
	Datum		values[RT_STATEMENT_ARGUMENTS_MAX];
	char		nulls[RT_STATEMENT_ARGUMENTS_MAX];
} RtStatement;

/* The next argument; NULL pointers are NULLs. */
extern void rt_statement_put(RtStatement *statement, Oid type, Datum value,
							 bool is_null);
/* Of type integer or bigint; 0 = NULL. */
extern void rt_statement_put_number(RtStatement *statement, Oid type, int64 number);
extern void rt_statement_put_text(RtStatement *statement, const char *text);
extern void rt_statement_put_text_array(RtStatement *statement, List *texts);
extern void rt_statement_put_interval(RtStatement *statement, Interval *interval);

/*
 * Runs it as the owner of a table.  expected is what SPI is to answer, such as
 * SPI_OK_INSERT.  Returns the number of rows.
 */
extern uint64 rt_statement_run(RtStatement *statement, Oid table,
							   int expected);

/*
 * The same for what gives rows of texts: returns a list of arrays of char *, each
 * NULL or a value as text, in the caller's memory context.
 */
extern List *rt_statement_run_rows(RtStatement *statement, Oid table, int expected);

/* A row of values, of the types that the statement gives. */
typedef struct RtStatementRow
{
	Datum	   *values;
	bool	   *nulls;
} RtStatementRow;

/* The same for what gives rows: a list of RtStatementRow, in the caller's context. */
extern List *rt_statement_run_values(RtStatement *statement, Oid table, int expected);

/* The same for a query that gives one bigint. */
extern int64 rt_statement_run_int64(RtStatement *statement, Oid table);

#endif							/* RT_CATALOG_STATEMENT_H */
