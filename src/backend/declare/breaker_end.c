/*
 * breaker_end.c
 *		Breakers that nothing uses any more.
 *
 * One that is broken is mended by a call that succeeds.  If there is no path left
 * that has it, or it is declared no more, nobody calls, and the server would say for
 * ever that something is out of order.  So a transaction that changes declarations
 * looks, before it commits, which of those that are broken are still in use, and
 * forgets the others when it has committed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "src/backend/declare/breaker_end.h"
#include "src/catalog/declaration.h"
#include "src/ipc/breaker.h"

static bool noted = false;
static char unused[RT_BREAKERS_MAX][NAMEDATALEN];
static int	unused_count = 0;

void
rt_breaker_end_note(void)
{
	noted = true;
}

static void
find_unused(void)
{
	RtBreaker	breaker;

	if (!rt_breakers_any_broken())
		return;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (rt_declarations_refresh())
	{
		for (int i = 0; rt_breaker_read(i, &breaker) && unused_count < RT_BREAKERS_MAX; i++)
		{
			if (breaker.state != RT_BREAKER_HEALTHY &&
				!rt_declaration_has_breaker(breaker.name))
				strlcpy(unused[unused_count++], breaker.name, NAMEDATALEN);
		}
	}
	PopActiveSnapshot();
}

static void
on_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
	{
		if (noted)
			find_unused();
		noted = false;
		return;
	}
	if (event == XACT_EVENT_COMMIT)
	{
		for (int i = 0; i < unused_count; i++)
			rt_breaker_forget(unused[i]);
	}
	noted = false;
	unused_count = 0;
}

void
rt_breaker_end_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
}
