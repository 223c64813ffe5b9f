/*
 * backlog.h
 *		Questions that wait in the gateway until they may be asked.
 *
 * A connection has so many requests in the shared queue and no more; what it
 * asks beyond them waits here, in order, and is charged to its budget.  As
 * soon as it may ask again it stands in the row, in which connections take
 * turns.
 */
#ifndef RT_GATEWAY_BACKLOG_H
#define RT_GATEWAY_BACKLOG_H

#include "src/compat.h"

#include "lib/ilist.h"

#include "src/gateway/budget.h"
#include "src/ipc/request.h"
#include "src/protocol/frame.h"

/* The texts of a question; those that it has not are empty. */
typedef struct RtQuestionTexts
{
	RtText		path;
	RtText		id;
	RtText		args;
	RtText		idempotency_key;
	RtText		version;
	RtText		cursor;
	RtText		trace;
	RtText		payload;
} RtQuestionTexts;

typedef struct RtWaitingQuestion
{
	struct RtWaitingQuestion *next;
	RtQuestion	question;
	RtQuestionTexts texts;		/* in text */
	uint32		len;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} RtWaitingQuestion;

/* Part of a connection; begins as zero. */
typedef struct RtBacklog
{
	RtWaitingQuestion *first;
	RtWaitingQuestion *last;
	dlist_node	row_node;
	bool		in_row;
} RtBacklog;

/* How long the texts are one behind the other. */
extern size_t rt_texts_len(const RtQuestionTexts *texts);

/*
 * Writes them so, and sets the spans of the question; from then on the texts
 * that were given are not needed any more.
 */
extern void rt_texts_write(char *to, const RtQuestionTexts *texts,
						   RtQuestion *question);

/* The texts where they have been written. */
extern RtQuestionTexts rt_texts_in(const char *text, const RtQuestion *question);

/* keep copies a question behind the others; false if the budget refuses it. */
extern bool rt_backlog_keep(RtBacklog *backlog, RtBudget *budget,
							const RtQuestion *question,
							const RtQuestionTexts *texts);
extern void rt_backlog_drop_first(RtBacklog *backlog, RtBudget *budget);

/* How many questions wait, of all connections. */
extern int	rt_backlog_count(void);

/* The row: enter puts at its end who is not in it, leave takes out who is. */
extern void rt_row_enter(RtBacklog *backlog);
extern void rt_row_leave(RtBacklog *backlog);
extern RtBacklog *rt_row_first(void);	/* NULL = nobody */

#endif							/* RT_GATEWAY_BACKLOG_H */
