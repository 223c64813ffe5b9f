/*
 * budget.c
 *		Counts what clients make a gateway keep.
 *
 * All of it is counted at its size, without what malloc adds.  Nothing here
 * fails or calls anybody: callbacks of libwebsockets may use it.
 */
#include "postgres.h"

#include "src/gateway/budget.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/assertion.h"
#include "src/ipc/limit.h"

#define KEPT_PART \
	4 /* a connection gets at most this part of what
								 * is left */

static size_t kept = 0; /* of all connections */
static size_t buffered = 0;

static void
show_memory(void)
{
	rt_show(memory, kept + buffered);
	rt_limit_note(RT_LIMIT_GATEWAY_MEMORY, kept + buffered);
}

static size_t
gateway_limit(void)
{
	return (size_t) realtime_gateway_memory * 1024;
}

RtCode
rt_budget_code(RtBudgetVerdict refusal)
{
	Assert(refusal != RT_BUDGET_GRANTED);
	switch (refusal)
	{
		case RT_BUDGET_SPENT:
			return RT_CODE_RATE_LIMITED;
		case RT_BUDGET_NEVER:
			return RT_CODE_PAYLOAD_TOO_LARGE;
		default:
			return RT_CODE_OVERLOADED;
	}
}

/* ---- what connections ask for ---- */

static RtBudgetVerdict
charge(RtBudget *budget, size_t bytes)
{
	size_t limit = gateway_limit() / 2;
	size_t left = limit > kept ? limit - kept : 0;
	size_t wanted = budget->kept + bytes;

	if (wanted > limit / KEPT_PART)
		return RT_BUDGET_NEVER;
	if (wanted > left / KEPT_PART)
	{
		rt_limit_hit(RT_LIMIT_GATEWAY_MEMORY);
		return RT_BUDGET_SCARCE;
	}
	budget->kept += bytes;
	kept += bytes;
	show_memory();
	rt_limit_note(RT_LIMIT_CONNECTION_MEMORY, budget->kept);
	return RT_BUDGET_GRANTED;
}

RtBudgetVerdict
rt_budget_charge(RtBudget *budget, size_t bytes)
{
	RtBudgetVerdict verdict;

	if (budget->kept + bytes > (size_t) realtime_connection_memory * 1024)
	{
		rt_limit_hit(RT_LIMIT_CONNECTION_MEMORY);
		return RT_BUDGET_SPENT;
	}
	verdict = charge(budget, bytes);
	return verdict == RT_BUDGET_NEVER ? RT_BUDGET_SCARCE : verdict;
}

void
rt_budget_refund(RtBudget *budget, size_t bytes)
{
	if (!rt_holds(budget->kept >= bytes && kept >= bytes, RT_ASSERTION_MEMORY,
				  "More memory of a connection is given back than it has."))
		bytes = Min(budget->kept, kept);
	budget->kept -= bytes;
	kept -= bytes;
	show_memory();
}

/* What has been charged for. */
static void *
allocate(RtBudget *budget, size_t bytes, RtBudgetVerdict *verdict)
{
	void *memory;

	if (*verdict != RT_BUDGET_GRANTED)
		return NULL;
	memory = malloc(bytes);
	if (memory == NULL)
	{
		rt_budget_refund(budget, bytes);
		*verdict = RT_BUDGET_SCARCE;
	}
	return memory;
}

void *
rt_budget_alloc(RtBudget *budget, size_t bytes, RtBudgetVerdict *verdict)
{
	*verdict = rt_budget_charge(budget, bytes);
	return allocate(budget, bytes, verdict);
}

void *
rt_budget_alloc_shared(RtBudget *budget, size_t bytes, RtBudgetVerdict *verdict)
{
	*verdict = charge(budget, bytes);
	return allocate(budget, bytes, verdict);
}

void
rt_budget_free(RtBudget *budget, void *memory, size_t bytes)
{
	free(memory);
	rt_budget_refund(budget, bytes);
}

/* ---- buffers ---- */

bool
rt_budget_allows_buffer(size_t from, size_t to, int part)
{
	size_t others = kept + buffered - from;
	size_t left = gateway_limit() > others ? gateway_limit() - others : 0;

	if (to <= RT_BUDGET_SMALL_BUFFER || to <= left / part)
		return true;
	rt_limit_hit(RT_LIMIT_GATEWAY_MEMORY);
	return false;
}

void
rt_budget_resize_buffer(RtBudget *budget, size_t from, size_t to)
{
	if (!rt_holds(budget->buffered >= from && buffered >= from, RT_ASSERTION_MEMORY,
				  "A buffer of a connection is larger than it was charged."))
		from = Min(budget->buffered, buffered);
	budget->buffered += to - from;
	buffered += to - from;
	show_memory();
}
