/*
 * call_rate.c
 *		Whether a client has called a path too often.
 *
 * A user is one identity, whatever connections it has; anonymous clients are
 * told apart by their addresses.  It is found out before the call has a role, a
 * snapshot or anything of the user's to run.
 */
#include "postgres.h"

#include "src/executor/identity.h"
#include "src/executor/request/call_rate.h"
#include "src/ipc/rate.h"

#define SALT_USER 1
#define SALT_ADDRESS 2

static uint64
identity_of(const RtRequest *request)
{
	const RtCaller *caller = rt_caller();
	uint64		address = request->asked.address;

	if (!caller->anonymous)
		return rt_rate_digest(caller->session->user_id,
							  caller->session->user_id_len, SALT_USER);
	return rt_rate_digest(&address, sizeof(address), SALT_ADDRESS);
}

bool
rt_call_rate_allows(RtWork *work, const RtRpcDeclaration *declaration)
{
	RtRateVerdict verdict;
	int			retry_after_ms;

	verdict = rt_rate_take(declaration->path, identity_of(work->request),
						   declaration->rate_limit, declaration->rate_window_ms,
						   &retry_after_ms);
	if (verdict == RT_RATE_PASSES)
		return true;
	rt_fault_set(&work->fault, RT_CODE_RATE_LIMITED,
				 verdict == RT_RATE_CROWDED ?
				 "Too many concurrent rate-limit identities" : NULL);
	work->fault.retry_after_ms = retry_after_ms;
	return false;
}
