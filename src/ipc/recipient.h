/*
 * recipient.h
 *		Who gets a message that is sent to somebody and not published on a topic.
 *
 * An entry of the publish ring of class RT_TOPIC_SENT has recipients in the
 * place of a topic: whoever is all of them gets its frame.  The first one says
 * which gateways are woken, so these are interested in each one that they have.
 */
#ifndef RT_IPC_RECIPIENT_H
#define RT_IPC_RECIPIENT_H

#include "src/compat.h"

#define RT_RECIPIENT_MAX 512	/* bytes of one */
#define RT_RECIPIENTS_MAX 16	/* of an entry; attributes of a connection */
#define RT_ATTRIBUTE_NAME_MAX 63	/* bytes */
#define RT_ATTRIBUTE_VALUE_MAX 256

/* A connection, all connections of a user, or all with an attribute. */
typedef struct RtRecipient
{
	uint16		len;
	char		text[RT_RECIPIENT_MAX];
} RtRecipient;

extern RtRecipient rt_recipient_connection(int gateway, uint32 connection, uint64 serial);

/* At most RT_USER_ID_MAX, RT_ATTRIBUTE_NAME_MAX, RT_ATTRIBUTE_VALUE_MAX bytes. */
extern RtRecipient rt_recipient_user(const char *user_id, Size len);
extern RtRecipient rt_recipient_attribute(const char *name, Size name_len,
										  const char *value, Size value_len);

/*
 * What a gateway is interested in.  All connections of a gateway, as
 * recipients, have the same.
 */
extern uint32 rt_recipient_hash(const char *text, Size len);
extern uint32 rt_recipient_connections_hash(int gateway);

/* Whether a recipient is a connection, and which one. */
extern bool rt_recipient_is_connection(const char *text, Size len, int *gateway,
									   uint32 *connection, uint64 *serial);

/* Whether it is all who have an attribute. */
extern bool rt_recipient_is_attribute(const char *text, Size len);

/* Several, one behind the other, as they lie in an entry; returns the length. */
extern Size rt_recipients_pack(char *dst, const RtRecipient *recipients, int count);
#define RT_RECIPIENTS_SIZE_MAX (RT_RECIPIENTS_MAX * sizeof(RtRecipient))

/* The one that begins at *at, which is moved behind it; false at the end. */
extern bool rt_recipients_next(const char *packed, Size len, Size *at,
							   const char **text, Size *text_len);

/*
 * For people and tests: "user" with an id, "connection" without a name, or the name
 * and value of an attribute.
 */
typedef struct RtRecipientName
{
	const char *ptr;
	Size		len;
} RtRecipientName;

extern void rt_recipient_describe(const char *text, Size len, const char **kind,
								  RtRecipientName *name);

#endif							/* RT_IPC_RECIPIENT_H */
