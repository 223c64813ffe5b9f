/*
 * budget.h
 *		How much memory clients make a gateway keep, and how much they may.
 *
 * Whatever a client makes a gateway keep beyond the turn of the loop is
 * charged to its connection and so to the gateway.  There are two sorts:
 *
 * What it asks for: subscriptions, batches and calls that wait.  A connection
 * has realtime.connection_memory for these, all have one half of
 * realtime.gateway_memory.  As memory gets scarce nobody gets more than a part
 * of what is left, so that who comes late and asks for little still finds
 * room, however many others ask for all that they can get.
 *
 * Its buffers, of input and of output: each has a limit of its own, and all
 * together have what is left of realtime.gateway_memory.
 */
#ifndef RT_GATEWAY_BUDGET_H
#define RT_GATEWAY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "src/errcodes.h"

/* Part of a connection; begins as zero. */
typedef struct RtBudget
{
	size_t kept;     /* bytes that it has asked for */
	size_t buffered; /* size of its buffers, bytes */
} RtBudget;

typedef enum RtBudgetVerdict
{
	RT_BUDGET_GRANTED,
	RT_BUDGET_SPENT, /* the connection has all that it may have */
	RT_BUDGET_SCARCE, /* the gateway has no more to give */
	RT_BUDGET_NEVER /* nor ever will have */
} RtBudgetVerdict;

/*
 * What a client is told: RATE_LIMITED if it is its own doing, OVERLOADED if
 * trying again may help, or PAYLOAD_TOO_LARGE.
 */
extern RtCode rt_budget_code(RtBudgetVerdict refusal);

/* Charges a connection for what it asks for, unless that is refused. */
extern RtBudgetVerdict rt_budget_charge(RtBudget *budget, size_t bytes);
extern void rt_budget_refund(RtBudget *budget, size_t bytes);

/*
 * The same, together with the memory: malloc'd, NULL if refused.  It is given
 * back with the size that was asked for.
 */
extern void *
rt_budget_alloc(RtBudget *budget, size_t bytes, RtBudgetVerdict *verdict);
extern void rt_budget_free(RtBudget *budget, void *memory, size_t bytes);

/* The same for what no connection has asked for alone: only the gateway's counts. */
extern void *
rt_budget_alloc_shared(RtBudget *budget, size_t bytes, RtBudgetVerdict *verdict);

/*
 * Whether a buffer may grow: a small one always, another up to a part (1 =
 * all, 4 = a quarter) of what is left.  resize charges for it, or for less,
 * and is not refused.
 */
extern bool rt_budget_allows_buffer(size_t from, size_t to, int part);
extern void rt_budget_resize_buffer(RtBudget *budget, size_t from, size_t to);

#define RT_BUDGET_SMALL_BUFFER 4096 /* bytes */

#endif /* RT_GATEWAY_BUDGET_H */
