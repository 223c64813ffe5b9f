/*
 * group_key.h
 *		What a group of a live query has in common: all that a run of it needs.
 *
 * The query and its arguments; the role, because what it may see is a matter of
 * it; and, if the result depends on who asks, the user's id and data.  Nothing
 * else: so that as many as possible share a group.
 */
#ifndef RT_EXECUTOR_QUERY_GROUP_KEY_H
#define RT_EXECUTOR_QUERY_GROUP_KEY_H

#include "src/compat.h"

#include "lib/stringinfo.h"
#include "nodes/params.h"

#include "src/ipc/query_group.h"
#include "src/ipc/session.h"
#include "src/query/analysis.h"

typedef struct RtQueryGroupKey
{
	Oid			declaration;
	bool		has_identity;	/* user id and data count */
	int			argument_count;
	const char *path;
	const char *role;
	const char *user_id;		/* "" = nobody */
	const char *user_data;		/* JSON, "" = none */
	const char *arguments;		/* of each: 'v' and its text, or 'n' for NULL;
								 * all of them terminated */
} RtQueryGroupKey;

/* The text of arguments, from the values of a query's parameters. */
extern char *rt_query_arguments_text(const Oid *types, const NullableDatum *values,
									 int count, int *length);

/* As a piece of memory, and back: what is read points into that. */
extern void rt_query_group_key_write(StringInfo out, const RtQueryGroupKey *key,
									 int arguments_length);
extern void rt_query_group_key_read(const char *text, RtQueryGroupKey *key);

/* The values for a query's parameters, in the current context. */
extern void rt_query_group_key_values(const RtQueryGroupKey *key, const Oid *types,
									  NullableDatum *values);

/* The same as a JSON array of texts and nulls, for people. */
extern char *rt_query_group_key_describe(const RtQueryGroupKey *key);

/* The name of the topic, terminated. */
extern char *rt_query_group_topic(const char *path, const RtQueryGroupHash *hash);

/* Who asks, as a session that is nobody's. */
extern void rt_query_group_key_session(const RtQueryGroupKey *key, RtSession *session);

/* What is kept with the group to find it by. */
extern void rt_query_group_key_marks(const RtQueryGroupKey *key,
									 RtQueryGroupMarks *marks);

/* The hash of an argument's text among them. */
extern uint32 rt_query_argument_hash(const char *text);

#endif							/* RT_EXECUTOR_QUERY_GROUP_KEY_H */
