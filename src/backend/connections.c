/*
 * connections.c
 *		What the view realtime.connections shows.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/client.h"

#define COLUMNS 8

PG_FUNCTION_INFO_V1(realtime_stat_get_connections);

/* NULL if it is empty, or not of this database's encoding. */
static Datum
text_or_null(const char *value, bool *is_null)
{
	*is_null = value[0] == '\0' ||
		!pg_verify_mbstr(GetDatabaseEncoding(), value, strlen(value), true);
	return *is_null ? (Datum) 0 : CStringGetTextDatum(value);
}

static Datum
address_or_null(const char *value, bool *is_null)
{
	*is_null = value[0] == '\0';
	return *is_null ? (Datum) 0 :
		DirectFunctionCall1(inet_in, CStringGetDatum(value));
}

static void
show(ReturnSetInfo *result, int gateway, const RtClient *client)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};

	values[0] = CStringGetTextDatum(client->id);
	values[1] = Int32GetDatum(gateway);
	values[2] = text_or_null(client->user_id, &nulls[2]);
	values[3] = CStringGetTextDatum(client->role[0] != '\0' ? client->role :
									client->user_id_len > 0 ? realtime_authenticated_role :
									realtime_anonymous_role);
	values[4] = address_or_null(client->address, &nulls[4]);
	values[5] = TimestampTzGetDatum(client->since);
	nulls[6] = client->expires == 0;
	values[6] = TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) client->expires));
	values[7] = Int32GetDatum((int32) client->subscriptions);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
realtime_stat_get_connections(PG_FUNCTION_ARGS)
{
	RtClient	client;

	InitMaterializedSRF(fcinfo, 0);
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		for (uint32 i = 0; i < rt_clients_end(gateway); i++)
		{
			if (rt_client_read(gateway, i, &client))
				show((ReturnSetInfo *) fcinfo->resultinfo, gateway, &client);
		}
	}
	return (Datum) 0;
}
