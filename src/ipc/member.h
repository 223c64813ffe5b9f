/*
 * member.h
 *		Connections that follow streams which want to be told of it.
 *
 * A member is a connection that follows a topic by a stream with on_subscribe
 * or on_unsubscribe, or has subscribed to it by name while there is an
 * unsubscribe hook: then it has no path, and that it has joined is known.  Its
 * gateway makes it when it grants the stream, and frees
 * it when these functions have run.  It lies in shared memory because it
 * outlives the gateway: who takes the gateway's place does what is left to do.
 *
 * An executor claims each of the two before it runs the function, so that it
 * runs at most once, whoever has asked for it.  The claim says who it is until
 * the function has ended, so that who asks for the other one can wait for that.
 */
#ifndef RT_IPC_MEMBER_H
#define RT_IPC_MEMBER_H

#include "src/compat.h"

#include "port/atomics.h"

#define RT_MEMBER_NONE (-1)
#define RT_MEMBER_TEXT_MAX 256	/* bytes of a path, or a topic */

typedef enum RtMemberTold
{
	RT_MEMBER_JOINED,
	RT_MEMBER_LEFT
} RtMemberTold;

typedef struct RtMember
{
	int			next_free;		/* protected by the table's lock */

	/* constant while the place is in use */
	bool		used;
	int			gateway;
	uint32		gateway_generation;
	uint64		serial;			/* changes when the place is used again */
	int			session;		/* referenced, as by a request */
	char		connection_id[40];
	char		path[RT_MEMBER_TEXT_MAX + 1];
	char		topic[RT_MEMBER_TEXT_MAX + 1];

	/* the gateway's own */
	uint64		connection_serial;	/* whose end waits for it; 0 = nobody's */
	bool		queued;			/* something is to be asked, or is */
	bool		joined;			/* that it has joined is told */
	bool		left;
	int			remaining;		/* when it left: others on the topic */

	/* the serial = unclaimed; an executor's mark = it tells; 0 = told */
	pg_atomic_uint64 claims[RT_MEMBER_LEFT + 1];
} RtMember;

extern Size rt_members_size(void);
extern void rt_members_init(void);

/* How many places are taken. */
extern int64 rt_members_used(void);

/* Makes one; RT_MEMBER_NONE if the table is full. */
extern int	rt_member_join(int gateway, uint32 gateway_generation, int session,
						   const char *connection_id,
						   const char *path, Size path_len,
						   const char *topic, Size topic_len);

/* It follows no longer: notes how many others are left on its topic. */
extern void rt_member_leave(int member);

/* All has been told.  One that has not left leaves. */
extern void rt_member_free(int member);

extern RtMember *rt_member_get(int member);

/*
 * The members of a gateway, one after the other: returns the first after
 * member, or RT_MEMBER_NONE.  Only for that gateway.
 */
extern int	rt_member_next(int gateway, int member);

/*
 * Whether the caller is to tell it: the place is still that member's, and nobody
 * else does.  An executor, by its number, says afterwards that it has; nobody
 * (RT_MEMBER_NONE) has at once.
 */
extern bool rt_member_claim(int member, uint64 serial, RtMemberTold told,
							int executor);
extern void rt_member_told(int member, RtMemberTold told, int executor);

/* Whether an executor that lives is telling it. */
extern bool rt_member_is_being_told(int member, RtMemberTold told);

#endif							/* RT_IPC_MEMBER_H */
