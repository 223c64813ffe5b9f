/*
 * readdress.h
 *		One answer for several who have asked the same.
 */
#ifndef RT_PROTOCOL_READDRESS_H
#define RT_PROTOCOL_READDRESS_H

#include <stddef.h>

#include "src/protocol/text.h"

/*
 * Writes the payload of a reply, or of a part of it, as if it had been asked for
 * with another id.
 * id_len: of its own one.  Returns the length, which differs by what the ids do,
 * or 0 if it does not fit into cap bytes.
 */
extern size_t rt_payload_readdress(char *dst, size_t cap, RtText payload,
								   size_t id_len, RtText id_json);

#endif							/* RT_PROTOCOL_READDRESS_H */
