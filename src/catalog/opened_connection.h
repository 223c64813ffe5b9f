/*
 * opened_connection.h
 *		Connections of which a close hook is to be told, as their table keeps
 *		them.
 *
 * A row is written by the transaction that opens the connection, and whoever
 * deletes it tells the hook in the same transaction: so it is told once, also
 * of connections that a crash has ended.
 */
#ifndef RT_CATALOG_OPENED_CONNECTION_H
#define RT_CATALOG_OPENED_CONNECTION_H

#include "src/compat.h"

#include "nodes/pg_list.h"

typedef struct RtOpenedConnection
{
	const char *id;
	int			gateway;
	uint32		generation;		/* of the gateway */
	const char *user_id;		/* NULL = anonymous */
	const char *role;			/* "" = the default of its kind */
	const char *user_data;		/* JSON; NULL = none */
	const char *remote_address;
} RtOpenedConnection;

extern void rt_opened_connection_add(const RtOpenedConnection *connection);

/* It is somebody else now; nothing happens if it has no row. */
extern void rt_opened_connection_change(const RtOpenedConnection *connection);

/*
 * Deletes it.  Returns false if somebody else has; else when it opened and from
 * where, NULL = not known, as texts.
 */
extern bool rt_opened_connection_take(const char *id, char **since,
									  char **remote_address);

/*
 * Some, at most max, of those that no gateway holds any more: of another life of
 * the server, or of an earlier one of a gateway.  A list of
 * RtOpenedConnection; of their fields id, user_id, role and user_data are set.
 */
extern List *rt_opened_connections_lost(int gateway, uint32 generation, int max);

#endif							/* RT_CATALOG_OPENED_CONNECTION_H */
