/*
 * club_store.c
 *		Groups of connections and who is in them, as their tables keep it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "src/catalog/declaration_table.h"
#include "src/catalog/club_store.h"
#include "src/catalog/statement.h"
#include "src/ipc/service.h"

#define MEMBER_COLUMNS \
	"name, connection_id, role, user_id, db_role, user_data, gateway, generation, connection, serial, joined_at"

static Oid
group_table(void)
{
	return get_relname_relid(RT_CLUB_TABLE, get_namespace_oid(RT_SCHEMA, false));
}

/* ---- groups ---- */

RtClub *
rt_club_find(const char *name)
{
	RtStatement statement = {
		.sql = "SELECT max_members, closed_at IS NOT NULL, on_join, on_leave, on_full, on_close"
		" FROM realtime.group_declaration WHERE name OPERATOR(pg_catalog.=) $1"
	};
	List	   *rows;
	char	  **row;
	RtClub    *group;

	rt_statement_put_text(&statement, name);
	rows = rt_statement_run_rows(&statement, group_table(), SPI_OK_SELECT);
	if (rows == NIL)
		return NULL;
	row = linitial(rows);
	group = palloc(sizeof(RtClub));
	group->name = pstrdup(name);
	group->max_members = row[0] != NULL ? pg_strtoint32(row[0]) : 0;
	group->closed = strcmp(row[1], "t") == 0;
	group->on_join = row[2];
	group->on_leave = row[3];
	group->on_full = row[4];
	group->on_close = row[5];
	return group;
}

static int
run_count(RtStatement *statement, int expected)
{
	List	   *rows = rt_statement_run_rows(statement, group_table(), expected);

	return rows == NIL ? 0 : pg_strtoint32(((char **) linitial(rows))[0]);
}

int
rt_club_lock(const char *name)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.group_state AS s (name, members) VALUES ($1, 0)"
		" ON CONFLICT (name) DO UPDATE SET members = s.members RETURNING members"
	};

	rt_statement_put_text(&statement, name);
	return run_count(&statement, SPI_OK_INSERT_RETURNING);
}

int
rt_club_count(const char *name)
{
	RtStatement statement = {
		.sql = "SELECT members FROM realtime.group_state WHERE name OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, name);
	return run_count(&statement, SPI_OK_SELECT);
}

void
rt_club_close(const char *name, const char *reason)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.group_declaration"
		" SET closed_at = pg_catalog.now(), close_reason = $2"
		" WHERE name OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, name);
	rt_statement_put_text(&statement, reason);
	(void) rt_statement_run(&statement, group_table(), SPI_OK_UPDATE);
}

Jsonb *
rt_club_meta(const char *name)
{
	RtStatement statement = {
		.sql = "SELECT meta FROM realtime.group_declaration"
		" WHERE name OPERATOR(pg_catalog.=) $1"
	};
	List	   *rows;

	rt_statement_put_text(&statement, name);
	rows = rt_statement_run_rows(&statement, group_table(), SPI_OK_SELECT);
	if (rows == NIL)
		return NULL;
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(((char **) linitial(rows))[0])));
}

bool
rt_club_set_meta(const char *name, Jsonb *meta)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.group_declaration SET meta = $2"
		" WHERE name OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, name);
	rt_statement_put(&statement, JSONBOID, JsonbPGetDatum(meta), false);
	return rt_statement_run(&statement, group_table(), SPI_OK_UPDATE) > 0;
}

/* ---- members ---- */

static uint64
number(const char *text)
{
	return (uint64) DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text)));
}

/* Of the columns MEMBER_COLUMNS. */
static List *
read_members(RtStatement *statement)
{
	List	   *members = NIL;
	ListCell   *cell;

	foreach(cell, rt_statement_run_rows(statement, group_table(), SPI_OK_SELECT))
	{
		char	  **row = lfirst(cell);
		RtClubMember *member = palloc(sizeof(RtClubMember));

		*member = (RtClubMember) {
			.group = row[0],.connection_id = row[1],.role = row[2],.user_id = row[3],
				.db_role = row[4],.user_data = row[5],.gateway = (int) number(row[6]),
				.generation = number(row[7]),.connection = number(row[8]),
				.serial = number(row[9]),.joined_at = row[10]
		};
		members = lappend(members, member);
	}
	return members;
}

List *
rt_club_members(const char *name, const char *role)
{
	RtStatement statement = {
		.sql = "SELECT " MEMBER_COLUMNS " FROM realtime.group_member"
		" WHERE name OPERATOR(pg_catalog.=) $1"
		" AND ($2 IS NULL OR role OPERATOR(pg_catalog.=) $2)"
		" ORDER BY joined_at, connection_id"
	};

	rt_statement_put_text(&statement, name);
	rt_statement_put_text(&statement, role);
	return read_members(&statement);
}

List *
rt_club_members_old(const char *name)
{
	RtStatement statement = {
		.sql = "SELECT " MEMBER_COLUMNS " FROM realtime.group_member m"
		" WHERE name OPERATOR(pg_catalog.=) $1 AND joined_at OPERATOR(pg_catalog.<)"
		" (pg_catalog.now() OPERATOR(pg_catalog.-) (SELECT d.member_ttl FROM realtime.group_declaration d"
		" WHERE d.name OPERATOR(pg_catalog.=) $1))"
	};

	rt_statement_put_text(&statement, name);
	return read_members(&statement);
}

List *
rt_club_members_of_connection(const char *connection_id)
{
	RtStatement statement = {
		.sql = "SELECT " MEMBER_COLUMNS " FROM realtime.group_member"
		" WHERE connection_id OPERATOR(pg_catalog.=) $1"
		" ORDER BY name"
	};

	rt_statement_put_text(&statement, connection_id);
	return read_members(&statement);
}

List *
rt_club_members_lost(int gateway, uint32 generation, int max)
{
	RtStatement statement = {
		.sql = "SELECT DISTINCT ON (connection_id) " MEMBER_COLUMNS " FROM realtime.group_member"
		" WHERE life OPERATOR(pg_catalog.<>) $1"
		" OR (gateway OPERATOR(pg_catalog.=) $2"
		" AND generation OPERATOR(pg_catalog.<>) $3) LIMIT $4"
	};

	rt_statement_put(&statement, INT8OID, Int64GetDatum(rt_service_life()), false);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(gateway), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(generation), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(max), false);
	return read_members(&statement);
}

RtClubMember *
rt_club_member_find(const char *name, const char *connection_id)
{
	RtStatement statement = {
		.sql = "SELECT " MEMBER_COLUMNS " FROM realtime.group_member"
		" WHERE name OPERATOR(pg_catalog.=) $1"
		" AND connection_id OPERATOR(pg_catalog.=) $2"
	};
	List	   *members;

	rt_statement_put_text(&statement, name);
	rt_statement_put_text(&statement, connection_id);
	members = read_members(&statement);
	return members == NIL ? NULL : linitial(members);
}

static int
change_count(const char *name, int by)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.group_state SET members = members OPERATOR(pg_catalog.+) $2"
		" WHERE name OPERATOR(pg_catalog.=) $1 RETURNING members"
	};

	rt_statement_put_text(&statement, name);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(by), false);
	return run_count(&statement, SPI_OK_UPDATE_RETURNING);
}

int
rt_club_member_add(const RtClubMember *member)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.group_member"
		" (name, connection_id, role, user_id, db_role, user_data, life, gateway, generation, connection, serial, joined_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, pg_catalog.clock_timestamp())"
	};

	rt_statement_put_text(&statement, member->group);
	rt_statement_put_text(&statement, member->connection_id);
	rt_statement_put_text(&statement, member->role);
	rt_statement_put_text(&statement, member->user_id);
	rt_statement_put_text(&statement, member->db_role);
	rt_statement_put_text(&statement, member->user_data);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(rt_service_life()), false);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(member->gateway), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(member->generation), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(member->connection), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(member->serial), false);
	(void) rt_statement_run(&statement, group_table(), SPI_OK_INSERT);
	return change_count(member->group, 1);
}

int
rt_club_member_remove(const char *name, const char *connection_id)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.group_member"
		" WHERE name OPERATOR(pg_catalog.=) $1"
		" AND connection_id OPERATOR(pg_catalog.=) $2"
	};
	int			removed;

	rt_statement_put_text(&statement, name);
	rt_statement_put_text(&statement, connection_id);
	removed = (int) rt_statement_run(&statement, group_table(), SPI_OK_DELETE);
	return change_count(name, -removed);
}
