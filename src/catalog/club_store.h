/*
 * club_store.h
 *		Groups of connections and who is in them, as their tables keep it.
 *
 * Whoever changes who is in a group locks it first, which changes a row, so that
 * nobody counts with an old snapshot.
 */
#ifndef RT_CATALOG_CLUB_STORE_H
#define RT_CATALOG_CLUB_STORE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef struct RtClub
{
	const char *name;
	int			max_members;	/* 0 = any number */
	bool		closed;
	const char *on_join;		/* signatures; NULL = none */
	const char *on_leave;
	const char *on_full;
	const char *on_close;
} RtClub;

typedef struct RtClubMember
{
	const char *group;
	const char *connection_id;
	const char *role;
	const char *user_id;		/* NULL = anonymous */
	const char *db_role;		/* "" = the default of its kind */
	const char *user_data;		/* JSON; NULL = none */
	int			gateway;
	uint32		generation;		/* of the gateway */
	uint32		connection;
	uint64		serial;
	const char *joined_at;
} RtClubMember;

/* NULL if it is not declared. */
extern RtClub *rt_club_find(const char *name);

/* Nobody else changes who is in it until the transaction ends; returns how many are. */
extern int	rt_club_lock(const char *name);
extern int	rt_club_count(const char *name);
extern void rt_club_close(const char *name, const char *reason);
extern Jsonb *rt_club_meta(const char *name);
extern bool rt_club_set_meta(const char *name, Jsonb *meta);

/*
 * Lists of RtClubMember: of a group, with a role or any (NULL), or those longer
 * in it than its member_ttl; of a connection; and those of connections that no
 * gateway holds any more, of whom no connection is listed twice.
 */
extern List *rt_club_members(const char *name, const char *role);
extern List *rt_club_members_old(const char *name);
extern List *rt_club_members_of_connection(const char *connection_id);
extern List *rt_club_members_lost(int gateway, uint32 generation, int max);

/* NULL if it is not in it. */
extern RtClubMember *rt_club_member_find(const char *name, const char *connection_id);

/* Both in a group that is locked; they return how many are in it then. */
extern int	rt_club_member_add(const RtClubMember *member);
extern int	rt_club_member_remove(const char *name, const char *connection_id);

#endif							/* RT_CATALOG_CLUB_STORE_H */
