/*
 * client_order.h
 *		What clients are ordered to do.
 *
 * An order is about clients that are there when a transaction commits.  It is
 * noted with each of them, so it cannot be lost, and its gateway carries it
 * out.  Who is only becoming one of them finds it among the last orders.
 */
#ifndef RT_IPC_CLIENT_ORDER_H
#define RT_IPC_CLIENT_ORDER_H

#include "src/ipc/client.h"

#define RT_CLIENT_REASON_MAX 123	/* bytes; what fits into a close frame */
#define RT_CLIENT_ORDERS_MAX 1000	/* in a transaction */

typedef enum RtOrderKind
{
	RT_ORDER_DISCONNECT,
	RT_ORDER_RECHECK			/* what it may see */
} RtOrderKind;

/* What is asked about again, from the most on. */
typedef enum RtRecheckScope
{
	RT_RECHECK_ALL,				/* who follows a stream has to come back */
	RT_RECHECK_STREAMS,			/* as the last, and streams have to be asked for anew */
	RT_RECHECK_JUDGED,			/* likewise those about which functions decide */
	RT_RECHECK_NAMES,			/* what is subscribed to by name */
	RT_RECHECK_SCOPES			/* nothing */
} RtRecheckScope;

typedef struct RtRecheck
{
	RtRecheckScope scope;
	uint32		path_hash;		/* STREAMS: of those with this path; 0 = all */
} RtRecheck;

/* Of a path; not 0. */
extern uint32 rt_recheck_path_hash(const char *path, Size len);

/* Both are asked about, and perhaps more. */
extern RtRecheck rt_recheck_join(RtRecheck one, RtRecheck other);

typedef struct RtOrder
{
	RtOrderKind kind;

	/* whom it is about: all that fits; nothing = everybody */
	uint16		user_id_len;	/* 0 = whoever it is */
	char		user_id[RT_USER_ID_MAX + 1];
	char		connection_id[RT_CONNECTION_ID_SIZE];	/* "" = whichever it is */

	/* DISCONNECT */
	uint16		code;
	char		reason[RT_CLIENT_REASON_MAX + 1];	/* UTF-8 */

	/* RECHECK */
	RtRecheck	what;
	bool		of_topic;		/* only of the topic with this hash */
	uint32		topic_hash;
} RtOrder;

/* An order that is to be carried out with one client. */
typedef struct RtWish
{
	uint32		connection;
	uint64		serial;
	uint64		number;			/* of the last order in it */
	bool		recheck;
	RtRecheck	what;			/* of it */
	bool		of_topic;
	uint32		topic_hash;
	uint16		code;			/* 0 = it is not to be disconnected */
	char		reason[RT_CLIENT_REASON_MAX + 1];
} RtWish;

extern Size rt_client_orders_size(void);
extern void rt_client_orders_init(void);

/* How many clients an order would be about; not of one about everybody. */
extern int	rt_clients_count(const RtOrder *order);

/* Called at commit: does not fail. */
extern void rt_clients_order(const RtOrder *orders, int count);

/* ---- of a gateway ---- */

/* It begins or leaves; after its clients have gone. */
extern void rt_orders_reset(int gateway);

/* Whether there is something to be carried out, and up to max of it. */
extern bool rt_clients_are_wished(int gateway);
extern int	rt_clients_take_wishes(int gateway, RtWish *wishes, int max);

/* The number of the last order. */
extern uint64 rt_orders_number(void);

/*
 * Whether somebody with this session, who was not one of its clients yet, is
 * ordered to disconnect by what came after the order of that number.  Code 0 =
 * it is not known any more.
 */
extern bool rt_orders_concern(uint64 number, const RtSession *session, RtWish *wish);

#endif							/* RT_IPC_CLIENT_ORDER_H */
