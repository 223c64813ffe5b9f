/*
 * order.c
 *		Carrying out what transactions order about connections: to end them, or
 *		to ask again what they may see.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/order.h"
#include "src/gateway/topic/recheck.h"
#include "src/ipc/client_order.h"
#include "src/protocol/close_code.h"

#define TURN_MAX 64				/* clients in a turn */

/* What is asked from now on is answered by what the order knew. */
static void
recheck(RtConnection *connection, const RtWish *wish)
{
	uint64	   *rechecked = &connection->rechecked[wish->what.scope];

	*rechecked = Max(*rechecked, wish->number);
	if (wish->of_topic)
		rt_recheck_topic(connection, wish->topic_hash);
	else
		rt_recheck_what(connection, wish->what);
}

static void
carry_out(const RtWish *wish)
{
	RtConnection *connection = rt_connection_find(wish->connection, wish->serial);

	if (connection == NULL)
		return;
	if (wish->code != 0)
		rt_connection_close(connection, wish->code, wish->reason);
	else if (wish->recheck)
		recheck(connection, wish);
}

void
rt_orders_carry_out(void)
{
	RtWish		wishes[TURN_MAX];
	int			count;

	if (!rt_clients_are_wished(rt_gateway.index))
		return;
	count = rt_clients_take_wishes(rt_gateway.index, wishes, TURN_MAX);
	for (int i = 0; i < count; i++)
		carry_out(&wishes[i]);
}

/*
 * It may have been in between when orders looked who is there.  If so many have
 * come that nobody knows, it comes back to find out.
 */
bool
rt_order_reaches(RtConnection *connection, uint64 number)
{
	RtWish		wish = {.number = rt_orders_number()};

	if (wish.number == number)
		return false;
	if (!rt_orders_concern(number, rt_session_get(connection->session), &wish))
	{
		recheck(connection, &wish);
		return connection->state != RT_CONNECTION_OPEN;
	}
	if (wish.code != 0)
		rt_connection_close(connection, wish.code, wish.reason);
	else
		rt_connection_close(connection, RT_CLOSE_TRY_AGAIN, "Please try again");
	return true;
}
