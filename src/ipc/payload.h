/*
 * payload.h
 *		Memory for texts in shared memory that do not fit into their slot.
 */
#ifndef RT_IPC_PAYLOAD_H
#define RT_IPC_PAYLOAD_H

#include "src/compat.h"

#include "src/ipc/fixed_area.h"

#define RT_TEXT_IN_PLACE 1024	/* bytes of a text kept in the slot itself */

/* A text in shared memory: in place or, if longer, in DSA. */
typedef struct RtSharedText
{
	uint32		len;
	dsa_pointer dsa;			/* InvalidDsaPointer = in place */
	char		in_place[RT_TEXT_IN_PLACE];
} RtSharedText;

extern Size rt_payload_size(void);
extern void rt_payload_init(void);

/* Every process that touches texts attaches once. */
extern void rt_payload_attach(void);
extern const RtFixedArea *rt_payload_area(void);

/* Whether little of it is left, so that who has some should not take more. */
extern bool rt_payload_is_scarce(void);

/* Bytes of it that are taken, by texts and by what else lies in it. */
extern int64 rt_payload_used(void);

/* The part of it that is taken, 0 to 1. */
extern double rt_payload_part_used(void);

/*
 * set returns false, and reserve NULL, if the payload memory is used up.  A
 * text that was set is freed before it is set again.
 */
extern void rt_shared_text_init(RtSharedText *shared);
extern bool rt_shared_text_set(RtSharedText *shared, const char *text, uint32 len);
extern char *rt_shared_text_reserve(RtSharedText *shared, uint32 len);
extern const char *rt_shared_text_get(RtSharedText *shared);
extern void rt_shared_text_free(RtSharedText *shared);

#endif							/* RT_IPC_PAYLOAD_H */
