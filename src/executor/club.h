/*
 * club.h
 *		Members of groups that leave, for who tells it.
 */
#ifndef RT_EXECUTOR_CLUB_H
#define RT_EXECUTOR_CLUB_H

#include "src/catalog/club_store.h"
#include "src/protocol/text.h"

/*
 * A member leaves its group, and the others are told once the transaction commits.
 * Returns false if it is not in it.
 */
extern bool rt_club_leave(const RtClub *group, const RtClubMember *member);

/* The frame with the roles that there are. */
extern RtText rt_club_roll(const char *group);

/* Calls one of a group's functions, as the user; NULL = there is none. */
extern void rt_club_call(const char *signature, const char *name, const char *argument);

#endif							/* RT_EXECUTOR_CLUB_H */
