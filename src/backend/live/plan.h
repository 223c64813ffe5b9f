/*
 * plan.h
 *		What is known about a live table's trigger: how a row becomes a topic
 *		and JSON.
 */
#ifndef RT_BACKEND_LIVE_PLAN_H
#define RT_BACKEND_LIVE_PLAN_H

#include "src/compat.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "src/backend/trigger_plan.h"
#include "src/catalog/value_writer.h"
#include "src/protocol/topic.h"

/* Arguments of the trigger; after these come the columns, none = all. */
enum
{
	RT_LIVE_TOPIC,
	RT_LIVE_KEY,
	RT_LIVE_COLUMNS
};

typedef struct RtLiveColumn
{
	int			attnum;			/* from 1 */
	bool		by_value;
	int16		length;			/* pg_type.typlen */
	int			prefix_len;
	char	   *prefix;			/* {"name": or ,"name": */
	RtValueWriter *value;
} RtLiveColumn;

/* A piece of the topic: literal text, then perhaps the value of a column. */
typedef struct RtLivePiece
{
	char	   *literal;
	int			literal_len;
	RtLiveColumn *column;		/* NULL = none, only at the end */
} RtLivePiece;

typedef struct RtLivePlan
{
	RtTriggerPlan base;
	const char *fault;			/* why there can be no events; NULL = there can */
	bool		heap;			/* rows are versions in a heap */
	bool		poisoned;		/* clients would not take the rows */
	int			last_attnum;	/* the highest that is looked at */
	int			buffer_size;	/* what rows have needed so far */
	RtLiveColumn key;			/* its prefix begins the object */
	int			column_count;
	RtLiveColumn *columns;
	bool		literal;		/* the topic is the same for all rows */
	int			piece_count;
	RtLivePiece pieces[RT_PLACEHOLDERS_MAX + 1];
	bool		warned_fault;	/* once per session */
	bool		warned_topic;
} RtLivePlan;

/* Registers the invalidation callback; once, from rt_live_table_install(). */
extern void rt_live_plan_install(void);

/* The plan of a trigger of ours; valid to the end of the transaction. */
extern RtLivePlan *rt_live_plan(Relation relation, const Trigger *trigger);

/*
 * The length of the topic of a row, written into a buffer of RT_TOPIC_MAX bytes.
 * 0: it has none, because a value is NULL or empty; -1: because it would be too
 * long or one of the server's own.
 */
extern int	rt_live_plan_topic(RtLivePlan *plan, TupleTableSlot *slot, char *topic);

/* Begins a text that is likely long enough for a row. */
extern void rt_live_plan_begin(const RtLivePlan *plan, StringInfo out);

/*
 * A row as JSON, and where its key stands in that.  Returns false if clients
 * cannot be sent it: it is too long, has no key or a column that they stumble
 * over.
 */
extern bool rt_live_plan_row(RtLivePlan *plan, TupleTableSlot *slot,
							 StringInfo out, RtSpan *key);

/* Only the key. */
extern bool rt_live_plan_key(RtLivePlan *plan, TupleTableSlot *slot,
							 StringInfo out, RtSpan *key);

/* Whether two rows have the same key and topic; the same columns. */
extern bool rt_live_plan_same_place(const RtLivePlan *plan,
									TupleTableSlot *a, TupleTableSlot *b);
extern bool rt_live_plan_same_row(const RtLivePlan *plan,
								  TupleTableSlot *a, TupleTableSlot *b);

/*
 * Writes the literal text of a part of a template that has no placeholders in
 * it; never longer than that part.
 */
extern int	rt_live_plan_literal(const char *tpl, size_t begin, size_t end,
								 char *to);

/*
 * Whether a column of this type may stand in a template: each value has one
 * text, and that is short.
 */
extern bool rt_live_may_name_topic(Oid type);

/* Whether it may be the key: each value has one JSON. */
extern bool rt_live_may_be_key(Oid type);

#endif							/* RT_BACKEND_LIVE_PLAN_H */
