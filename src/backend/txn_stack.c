/*
 * txn_stack.c
 *		What a transaction gathers, and loses with its subtransactions.
 *
 * A mark tells where the part of a level begins.  A level that has added
 * nothing has no mark, so a savepoint for each row costs nothing here.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "src/backend/txn_stack.h"

#define MARKS_MIN 8

/* Where the part of a subtransaction begins. */
typedef struct RtTxnMark
{
	int			nest_level;
	uint64		begin;
} RtTxnMark;

static void on_transaction(XactEvent event, void *arg);
static void on_subtransaction(SubXactEvent event, SubTransactionId my_id,
							  SubTransactionId parent_id, void *arg);
static void join_parent(RtTxnStack *stack, int nest_level);
static void cut(RtTxnStack *stack, int nest_level);
static RtTxnMark *new_mark(RtTxnStack *stack);

void
rt_txn_stack_install(RtTxnStack *stack)
{
	RegisterXactCallback(on_transaction, stack);
	RegisterSubXactCallback(on_subtransaction, stack);
}

void
rt_txn_stack_note(RtTxnStack *stack, uint64 height)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	RtTxnMark  *mark;

	if (nest_level == 1 ||
		(stack->mark_count > 0 &&
		 stack->marks[stack->mark_count - 1].nest_level == nest_level))
		return;
	mark = new_mark(stack);
	mark->nest_level = nest_level;
	mark->begin = height;
}

uint64
rt_txn_stack_begin(const RtTxnStack *stack)
{
	return stack->mark_count > 0 ? stack->marks[stack->mark_count - 1].begin : 0;
}

/* The memory of the marks goes with the transaction. */
static void
on_transaction(XactEvent event, void *arg)
{
	RtTxnStack *stack = arg;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	stack->marks = NULL;
	stack->mark_count = stack->mark_space = 0;
}

static void
on_subtransaction(SubXactEvent event, SubTransactionId my_id,
				  SubTransactionId parent_id, void *arg)
{
	RtTxnStack *stack = arg;
	int			nest_level = GetCurrentTransactionNestLevel();

	if (stack->mark_count == 0 ||
		stack->marks[stack->mark_count - 1].nest_level < nest_level)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		join_parent(stack, nest_level);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		cut(stack, nest_level);
}

/* The parent has no mark if it is the transaction or has added nothing. */
static void
join_parent(RtTxnStack *stack, int nest_level)
{
	RtTxnMark  *top = &stack->marks[stack->mark_count - 1];
	uint64		begin = top->begin;

	if (nest_level == 2 ||
		(stack->mark_count > 1 && top[-1].nest_level == nest_level - 1))
		stack->mark_count--;
	else
		top->nest_level--;
	if (stack->join != NULL)
		stack->join(begin, rt_txn_stack_begin(stack));
}

static void
cut(RtTxnStack *stack, int nest_level)
{
	uint64		begin = 0;

	while (stack->mark_count > 0 &&
		   stack->marks[stack->mark_count - 1].nest_level >= nest_level)
		begin = stack->marks[--stack->mark_count].begin;
	stack->cut(begin);
}

static RtTxnMark *
new_mark(RtTxnStack *stack)
{
	if (stack->marks == NULL)
	{
		stack->marks = MemoryContextAlloc(TopTransactionContext,
										  sizeof(RtTxnMark) * MARKS_MIN);
		stack->mark_space = MARKS_MIN;
	}
	else if (stack->mark_count == stack->mark_space)
	{
		stack->marks = repalloc(stack->marks,
								sizeof(RtTxnMark) * stack->mark_space * 2);
		stack->mark_space *= 2;
	}
	return &stack->marks[stack->mark_count++];
}
