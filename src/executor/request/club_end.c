/*
 * club_end.c
 *		Connections that have ended leave their groups.
 *
 * As who it was, because on_leave is called; if that fails, without calling it.
 * Whoever deletes a member's row tells the others, in the same transaction, so
 * that it is told once, whoever comes to tell and however often.
 */
#include "postgres.h"

#include "src/errcodes.h"
#include "src/executor/club.h"
#include "src/executor/request/club_end.h"
#include "src/executor/work.h"

#define LOST_MAX 64				/* connections that leave in one request */

typedef struct EndWork
{
	RtWork		work;			/* first */
	const char *connection_id;
	bool		calls;			/* on_leave */
	List	   *members;
} EndWork;

static bool
prepare(RtWork *work)
{
	return rt_work_refresh_declarations(work);
}

static void
run_find(RtWork *work)
{
	EndWork    *end = (EndWork *) work;

	end->members = rt_club_members_of_connection(end->connection_id);
}

static void
run_find_lost(RtWork *work)
{
	EndWork    *end = (EndWork *) work;

	end->members = rt_club_members_lost(work->request->owner,
										work->request->owner_generation, LOST_MAX);
}

static void
leave(const RtClubMember *member, bool calls)
{
	RtClub	   *club = rt_club_find(member->group);

	if (club == NULL)
		(void) rt_club_member_remove(member->group, member->connection_id);
	else if (rt_club_leave(club, member) && calls)
		rt_club_call(club->on_leave, club->name, member->role);
}

static void
run_end(RtWork *work)
{
	EndWork    *end = (EndWork *) work;
	ListCell   *cell;

	work->stage = RT_STAGE_HANDLER;
	foreach(cell, rt_club_members_of_connection(end->connection_id))
		leave(lfirst(cell), end->calls);
}

static void
run_work(EndWork *end, RtRequest *request, void (*run) (RtWork *work), RtWorkResult *result)
{
	end->work.request = rt_work_copy_request(request);
	end->work.activity = "close";
	end->work.prepare = prepare;
	end->work.run = run;
	rt_work_run(&end->work);
	rt_work_add_result(result, &end->work);
}

/* Nobody is there who could do it, now; later, perhaps. */
static bool
has_no_service(const RtWork *work)
{
	return work->unavailable ||
		(work->fault.code != NULL &&
		 strcmp(work->fault.code, rt_code_wire(RT_CODE_SERVICE_UNAVAILABLE)) == 0);
}

static void
fill_session(RtSession *session, const RtClubMember *member)
{
	memset(session, 0, sizeof(*session));
	if (member->user_id != NULL)
		session->user_id_len = strlcpy(session->user_id, member->user_id,
									   sizeof(session->user_id));
	strlcpy(session->role, member->db_role, sizeof(session->role));
}

/* Returns false if it cannot be now. */
static bool
end_connection(RtRequest *request, const RtClubMember *member, RtWorkResult *result)
{
	EndWork		end = {.connection_id = member->connection_id,.calls = true};
	EndWork		without = {.connection_id = member->connection_id};
	RtSession	session;

	fill_session(&session, member);
	end.work.session = &session;
	end.work.user_data = member->user_data != NULL ? member->user_data : "";
	run_work(&end, request, run_end, result);
	if (has_no_service(&end.work) || result->session_is_spoiled)
		return false;
	if (end.work.fault.code == NULL)
		return true;
	without.work.as_executor = true;
	run_work(&without, request, run_end, result);
	return without.work.fault.code == NULL;
}

bool
rt_club_end(RtRequest *request, RtWorkResult *result)
{
	EndWork		find = {.connection_id = request->asked.connection_id};

	find.work.as_executor = true;
	run_work(&find, request, run_find, result);
	if (find.work.fault.code != NULL)
		return false;
	return find.members == NIL || end_connection(request, linitial(find.members), result);
}

bool
rt_club_end_lost(RtRequest *request, RtWorkResult *result)
{
	EndWork		find = {.connection_id = NULL};
	ListCell   *cell;

	find.work.as_executor = true;
	run_work(&find, request, run_find_lost, result);
	if (find.work.fault.code != NULL)
		return false;
	foreach(cell, find.members)
	{
		if (!end_connection(request, lfirst(cell), result))
			return false;
	}
	return list_length(find.members) < LOST_MAX;
}
