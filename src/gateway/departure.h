/*
 * departure.h
 *		Connections whose end the close hook is to be told, after all else that
 *		they have asked.
 */
#ifndef RT_GATEWAY_DEPARTURE_H
#define RT_GATEWAY_DEPARTURE_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"

/* Has those told that this gateway has left behind in an earlier life. */
extern void rt_departures_inherit(void);

/*
 * A connection opens, and perhaps its end is to be told: it is when an executor
 * answers that it has opened.  Returns false if there is no memory.
 */
extern bool rt_departure_expect(RtConnection *connection);
extern void rt_departure_opened(uint64 connection_serial, RtRequest *login);

/*
 * The end of a connection is to be told to its groups; that of one that is gone
 * already, of which no more than its id is known.
 */
extern void rt_departure_of_member(RtConnection *connection);
extern void rt_departure_of_missed(RtText connection_id);

/* It ends, with a code. */
extern void rt_departure_begin(RtConnection *connection, int code);

/*
 * Something more is to be told before its end is: returns its serial, or 0 if
 * that is not.
 */
extern uint64 rt_departure_owe(const RtConnection *connection);

/*
 * An answer to what it had asked has come since it has ended, or what was owed
 * has been told.
 */
extern void rt_departure_settle(uint64 connection_serial);

/* Whether so many have ended that others wait until these are told. */
extern bool rt_departures_are_many(void);

/* Asks executors to tell of those whose time it is, as many as may be asked. */
extern void rt_departures_tell(void);
extern bool rt_departures_waiting(void);

/* An answer of kind CLOSE. */
extern void rt_departure_answer(const RtRequest *request);

#endif							/* RT_GATEWAY_DEPARTURE_H */
