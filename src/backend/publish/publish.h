/*
 * publish.h
 *		Events that transactions publish.
 */
#ifndef RT_BACKEND_PUBLISH_PUBLISH_H
#define RT_BACKEND_PUBLISH_PUBLISH_H

#include "src/compat.h"

#include "utils/jsonb.h"

#include "src/ipc/publish_ring.h"
#include "src/ipc/recipient.h"
#include "src/protocol/text.h"

/* An event whose topic, event name and data have passed their checks. */
typedef struct RtEvent
{
	const char *topic;
	Size		topic_len;
	const char *event;			/* UTF-8 */
	Size		event_len;
	const char *data;			/* JSON in UTF-8, never empty */
	Size		data_len;
	RtTopicClass topic_class;	/* from rt_publish_resolve() */
	int			replay_size;	/* likewise, class replay only */
	const struct RtTopicDeclaration *declaration;	/* likewise; NULL = none */
	const char *key;			/* from rt_coalesce_key() */
	Size		key_len;		/* 0 = none */
} RtEvent;

/*
 * What realtime.publish() does: checks an event and adds it.  data NULL is
 * null; another NULL is an ERROR, as is all that fails a check.
 */
extern void rt_publish(text *topic, text *name, Jsonb *data);

/*
 * Makes an event of what realtime.publish() and its like are given, NULL
 * pointers being NULLs; whatever is wrong with it is an ERROR.  Valid as long
 * as the arguments, and until the next call.  Returns false if the transform
 * of a stream leaves it out.
 */
extern bool rt_publish_make_event(RtEvent *event, text *topic, text *name,
								  Jsonb *data);

/* Raise an ERROR unless it can be a topic, or the name of an event. */
extern void rt_publish_check_topic(const char *topic, Size len);
extern void rt_publish_check_name(const char *name, Size len);

/* The same for data of an event, whose name has passed. */
extern void rt_publish_check_data(const RtEvent *event, Jsonb *data);

/* Data as JSON text in UTF-8, NULL as null; valid until the next call. */
extern const char *rt_publish_json_text(Jsonb *data, Size *len);

/*
 * Publishes what throttle() and debounce() have kept and is due, not necessarily
 * all of it.  If the transaction is rolled back it waits again.
 */
extern void rt_publish_due(void);

/*
 * Whoever runs calls says, at each commit, which one publishes: what it returns
 * stands in the rows of events that are kept.  NULL = none.
 */
typedef char *(*RtPublishOrigin) (void);
extern void rt_publish_set_origin(RtPublishOrigin origin);

/*
 * Raises an ERROR where nothing can be published: recovery ...  Returns false if
 * nobody would get it, because clients are connected to another database, of
 * which it warns once in a session: a copy of a database works as the original.
 */
extern bool rt_publish_begin(void);

/* Whether clients are connected to this database. */
extern bool rt_publish_is_possible(void);

/* Fills in what is declared about the event's topic. */
extern void rt_publish_resolve(RtEvent *event);

/*
 * Whether the event can be added: it is neither too long for a frame nor for
 * what is left of the transaction's room.
 */
extern bool rt_pending_fits(const RtEvent *event);

/* Raises an ERROR if rt_pending_add() would, but for want of room. */
extern void rt_pending_check(const RtEvent *event);

/* Adds an event to what this transaction will publish; ERROR if too long. */
extern void rt_pending_add(const RtEvent *event);

/*
 * Adds an event of class volatile that the topic's subscribers get as one about
 * it, on its topic "__system:".
 */
extern void rt_pending_add_about(const RtEvent *event);

/*
 * Adds a complete frame that is sent to whoever is all of the recipients.  An
 * ERROR if it is too long.
 */
extern void rt_pending_add_sent(const RtRecipient *recipients, int count,
								const char *frame, Size frame_len);

/*
 * The same to one recipient: where it cannot be written at once it takes the place
 * of what waits there with the same key, of 1 to RT_RING_KEY_MAX bytes.
 */
extern void rt_pending_add_coalesced(const RtRecipient *recipient, RtText key,
									 const char *frame, Size frame_len);

/*
 * The frame of an event whose parts have passed their checks, palloc'd; data is JSON.
 * An ERROR if it is too long.
 */
extern char *rt_publish_event_frame(RtText topic, RtText event, RtText data_json, Size *len);

/* Adds an event that one recipient gets, whatever topics it follows; data is JSON. */
extern void rt_publish_to(const RtRecipient *recipient, RtText topic, RtText event,
						  RtText data_json);

/* Adds what the gateway of a connection is to do for it. */
extern void rt_pending_add_command(const RtRecipient *connection, const char *command,
								   Size len);

/*
 * Adds that subscribers of the event's topic have lost something; its name
 * and data are not looked at.  In a topic of class replay it takes a number.
 */
extern void rt_pending_add_lost(const RtEvent *event);
extern bool rt_pending_fits_lost(const RtEvent *event);
extern bool rt_pending_fits_template_lost(const char *tpl, Size len);

/*
 * The same for all topics of a partition (once for each there is always room),
 * or all that match a checked template.  If any of them has numbers the epoch
 * of all numbers ends.
 */
extern void rt_pending_add_partition_lost(uint32 partition);
extern void rt_pending_add_template_lost(const char *tpl, Size len);

/*
 * Streams are to be loaded anew: those whose topic matches a pattern
 * (RT_RING_RELOAD_TOPICS), or one by its path (RT_RING_RELOAD_PATH).  Saying it
 * twice is saying it once.
 */
extern void rt_pending_add_reload(uint8 flag, const char *name, Size len);

/* The same for those that depend on a topic; declarations are up to date. */
extern void rt_pending_add_dependents(const char *topic, Size len);

/*
 * Once this commits, no number given before is good to resume from, nor one of
 * the epoch above or earlier ones if above is not -1.
 */
extern void rt_pending_end_epoch(int above);

/* Bytes that this transaction's events take. */
extern Size rt_pending_size(void);

/* What they may take. */
extern Size rt_pending_capacity(void);

/* Raises an ERROR if as many bytes, and what is reserved, are more than that. */
extern void rt_pending_check_size(Size size);

/* Keeps room for events that may have to be added before the commit. */
extern void rt_pending_reserve(Size size);

/*
 * Where the next event will be, the event that is there, good until the next
 * one is added, and taking it out, or not, after all.  Positions are good until
 * the event's subtransaction is rolled back; events are taken out before the
 * commit only (throttle.c, settle.c).
 */
extern Size rt_pending_position(void);
extern RtRingEntry *rt_pending_entry(Size position);
extern void rt_pending_remove(Size position);
extern void rt_pending_keep(Size position);

#endif							/* RT_BACKEND_PUBLISH_PUBLISH_H */
