/*
 * txn_stack.h
 *		What a transaction gathers, and loses with its subtransactions.
 *
 * The owner keeps things in the order of their coming and counts them by a
 * height that only grows while things come: bytes, entries, numbers.  Before
 * each it notes the height.  As subtransactions nest, the part of the innermost
 * is always on top.
 */
#ifndef RT_BACKEND_TXN_STACK_H
#define RT_BACKEND_TXN_STACK_H

#include "src/compat.h"

typedef struct RtTxnStack
{
	/* A subtransaction was rolled back: what stands from begin on is to go. */
	void		(*cut) (uint64 begin);

	/*
	 * A subtransaction is over: what stands from begin on is its parent's, as
	 * what stands from parent_begin on is.  May be NULL.  Must not fail.
	 */
	void		(*join) (uint64 begin, uint64 parent_begin);

	struct RtTxnMark *marks;	/* of ever deeper levels, all above 1 */
	int			mark_count;
	int			mark_space;
} RtTxnStack;

/* Once per process; the stack must stay where it is. */
extern void rt_txn_stack_install(RtTxnStack *stack);

/* To be called before something is added at this height. */
extern void rt_txn_stack_note(RtTxnStack *stack, uint64 height);

/* Where the part of the innermost subtransaction that has one begins. */
extern uint64 rt_txn_stack_begin(const RtTxnStack *stack);

#endif							/* RT_BACKEND_TXN_STACK_H */
