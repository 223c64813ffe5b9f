/*
 * flight.h
 *		Many connections that ask for the same stream are served by one request.
 *
 * A flight is the request of the connection that has asked first, and those who
 * have asked the same since.  Its value is of one moment, after which everybody
 * gets the events, so it does not matter when somebody has come: except that
 * nobody gets a value that is older than what it has been told before it asked.
 */
#ifndef RT_GATEWAY_TOPIC_FLIGHT_H
#define RT_GATEWAY_TOPIC_FLIGHT_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"

extern void rt_flights_init(void);

/*
 * Asks for a stream, as rt_ask(), or joins who has.  Returns false if there is
 * no room for it.
 */
extern bool rt_flight_ask(RtConnection *connection, RtQuestion *question,
						  const RtQuestionTexts *texts);

/* Something has been told to a connection, which may ask because of it. */
extern void rt_flight_note_told(RtConnection *connection);

/* Whether others wait for the answer to a request. */
extern bool rt_flight_is_followed(const RtRequest *request);

/*
 * A request has been answered: so are those who have joined, or they ask anew.
 * Its time is up: likewise.  It will never be asked: somebody else asks.
 */
extern void rt_flight_land(RtRequest *request, bool asker_is_gone);
extern void rt_flight_tell_overdue(RtRequest *request);
extern void rt_flight_give_up(uint64 ticket);

/* A connection is about to be freed. */
extern void rt_flights_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_FLIGHT_H */
