/*
 * breaker.c
 *		The circuit breaker of a path, around what it runs.
 *
 * Refusals that somebody intended, and what is wrong with a client's values,
 * say nothing about whether a service behind a function is there: errors.c says
 * which errors do.
 */
#include "postgres.h"

#include "src/catalog/declaration.h"
#include "src/errcodes.h"
#include "src/executor/function/breaker.h"

static void
fill_in(RtBreakerPass *pass, const RtBreakerDeclaration *declaration)
{
	strlcpy(pass->name, declaration->name, NAMEDATALEN);
	pass->threshold = declaration->threshold;
	pass->reset_ms = declaration->reset_ms;
	pass->failed = false;
	pass->turn = rt_breaker_ask(pass->name, pass->reset_ms);
}

/* One that is not declared, or not any more, refuses nothing. */
bool
rt_breaker_begin(RtBreakerPass *pass, const char *name, const char *fallback,
				 StringInfo result)
{
	const RtBreakerDeclaration *declaration =
		name == NULL ? NULL : rt_declaration_breaker(name);

	rt_breaker_end(pass, NULL);
	if (declaration == NULL)
		return true;
	fill_in(pass, declaration);
	if (pass->turn != RT_TURN_REFUSED)
		return true;
	pass->turn = RT_TURN_NONE;
	if (fallback == NULL)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_SERVICE_UNAVAILABLE)),
				 errmsg_internal("%s", rt_code_message(RT_CODE_SERVICE_UNAVAILABLE))));
	if (result != NULL)
		appendStringInfoString(result, fallback);
	return false;
}

void
rt_breaker_note_error(RtBreakerPass *pass)
{
	pass->failed |= rt_errcode_is_outage(geterrcode());
}

void
rt_breaker_end(RtBreakerPass *pass, const RtFault *fault)
{
	RtBreakerTurn turn = pass->turn;

	pass->turn = RT_TURN_NONE;
	if (turn == RT_TURN_NONE)
		return;
	if (fault == NULL)
		rt_breaker_give_back(pass->name, turn);
	else
		rt_breaker_tell(pass->name, turn,
						pass->failed || (fault->code != NULL && fault->outage),
						pass->threshold, pass->reset_ms);
}
