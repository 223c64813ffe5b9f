/*
 * presence.h
 *		Who is present: keys on topics, over all gateways.
 *
 * A key is a user, or a connection that is nobody's; on a topic it is present
 * as long as a connection of it is there, and for a while after the last has
 * gone.  Gateways count their connections, so when one ends its part is known.
 *
 * What others know of a key is what they were told last: changes are noted, and
 * whoever tells them, tells all that have come until then; what has come and
 * gone in between is not told at all.
 */
#ifndef RT_IPC_PRESENCE_H
#define RT_IPC_PRESENCE_H

#include "src/compat.h"

#include "datatype/timestamp.h"

#define RT_PRESENCE_SUFFIX ":presence"	/* of the topic of a stream of it */
#define RT_PRESENCE_DATA_MAX 8192	/* bytes of JSON */
#define RT_PRESENCE_TOPIC_MAX 240	/* with what is put before or behind it, a topic */
#define RT_PRESENCE_CHANGES_MAX 1000	/* told at once */

typedef struct RtPresent
{
	const char *key;
	Size		key_len;
	const char *data;			/* JSON */
	Size		data_len;
	int			connections;
	TimestampTz since;
	bool		leaves;			/* a change: else it joins, or its data are new */
} RtPresent;

/* All of these are called with a lock held: no call of this file, and no ERROR but in rt_presence_read(). */
typedef void (*RtPresenceTell) (const char *topic, Size len, const RtPresent *changes,
								int count);
typedef void (*RtPresenceVisit) (const RtPresent *present, void *arg);

extern Size rt_presence_size(void);
extern void rt_presence_init(void);

/* Bytes of realtime.presence_memory that are taken. */
extern int64 rt_presence_memory_used(void);

/* Every process that calls what is below attaches once. */
extern void rt_presence_attach(void);

/* ---- of gateways ---- */

/*
 * One connection more of a key, or none more and new data.  Data NULL leaves
 * what is there, or {}.  If there is no memory keys that have no connection leave
 * before their time, which is told.  Returns false if that is not enough; then
 * nothing has happened.
 */
extern bool rt_presence_enter(int gateway, const char *topic, Size topic_len,
							  const char *key, Size key_len,
							  const char *data, Size data_len, bool more,
							  RtPresenceTell tell);

/* One less; if it is the last the key leaves at this time (monotonic, ms; 0 = now). */
extern void rt_presence_leave(int gateway, const char *topic, Size topic_len,
							  const char *key, Size key_len, int64 leave_at_ms);

/* The gateway has ended: it has no connections any more. */
extern void rt_presence_abandon(int gateway, int64 leave_at_ms);

/* Whoever is expected back later leaves at this time at the latest. */
extern void rt_presence_hasten(int64 leave_at_ms);

/* Whether changes wait to be told; and when the next key leaves, 0 = none does. */
extern bool rt_presence_has_changed(void);
extern int64 rt_presence_leaves_at_ms(void);

/* Tells what has changed, with those whose time has come by now. */
extern void rt_presence_tell_changes(int64 now_ms, RtPresenceTell tell);

/*
 * Who is present, as it is told where the returned position of the ring is:
 * changes of the topic that wait are told before.
 */
extern uint64 rt_presence_snapshot(const char *topic, Size topic_len, RtPresenceTell tell,
								   RtPresenceVisit visit, void *arg);

/* ---- of everybody ---- */

extern void rt_presence_read(const char *topic, Size topic_len, RtPresenceVisit visit,
							 void *arg);

/* Calls visit() with each topic's name as the key, and how many are present. */
extern void rt_presence_topics(RtPresenceVisit visit, void *arg);

/* Since the server has started. */
typedef struct RtPresenceCounts
{
	uint64		joins;			/* of keys, as they have been told */
	uint64		leaves;
	uint64		evicted;		/* of these: before their time, for others */
	uint64		refused;		/* nobody could make room for them */
	uint64		present;		/* now, on all topics */
} RtPresenceCounts;

extern void rt_presence_count(RtPresenceCounts *counts);

#endif							/* RT_IPC_PRESENCE_H */
