/*
 * presence_frame.h
 *		What clients are told of who is present: the events of a room's stream,
 *		"join" and "leave" on "<topic>:presence", and those of the presence
 *		plugin on "__presence:<topic>".
 */
#ifndef RT_GATEWAY_PRESENCE_FRAME_H
#define RT_GATEWAY_PRESENCE_FRAME_H

#include "src/ipc/presence.h"
#include "src/protocol/text.h"

#define RT_PRESENCE_PREFIX "__presence:"
#define RT_PRESENCE_NAME_MAX (RT_PRESENCE_TOPIC_MAX + 16)

/* Once per gateway; an ERROR without memory. */
extern void rt_presence_frames_init(void);

/* Appends changes to the ring, for those who follow them.  An RtPresenceTell. */
extern void rt_presence_publish(const char *topic, Size len, const RtPresent *changes,
								int count);

/*
 * All who are present, in pieces that fit into frames, written one behind the
 * other: begin, add each, end; take() is called with each piece.
 */
typedef enum RtPresenceForm
{
	RT_PRESENCE_ROWS,			/* an array of {"key":...,"data":...}, and if that
								 * is not all of them frames with "join" */
	RT_PRESENCE_STATE,			/* frames: "presence_state", and if that is not all
								 * of them "presence_diff" */
	RT_PRESENCE_HEARTBEAT		/* frames: "heartbeat" */
} RtPresenceForm;

typedef struct RtPresenceRoll
{
	RtPresenceForm form;
	RtText		topic;			/* of the room */
	bool		batch;			/* ROWS: several of these frames may be one */
	void		(*take) (RtText piece, void *arg);	/* at the end */
	void	   *arg;
	size_t		bytes;			/* of all pieces, when they are taken */

	/* private to presence_frame.c */
	int			pieces;
	int			count;			/* in this piece */
	struct RtPresencePiece *first;	/* those that are complete; malloc'd */
	struct RtPresencePiece **last;
	bool		failed;			/* there is no memory for one */
} RtPresenceRoll;

/*
 * add may be called with a lock.  end has all pieces taken, in order, when it is known
 * how many bytes they are; without one, for want of memory, it returns false.
 */
extern void rt_presence_roll_begin(RtPresenceRoll *roll);
extern void rt_presence_roll_add(const RtPresent *present, void *roll);
extern bool rt_presence_roll_end(RtPresenceRoll *roll);

#endif							/* RT_GATEWAY_PRESENCE_FRAME_H */
