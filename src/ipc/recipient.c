/*
 * recipient.c
 *		Who gets a message that is sent to somebody.
 *
 * The first byte says of what kind a recipient is.
 */
#include "postgres.h"

#include "src/ipc/publish_ring.h"
#include "src/ipc/recipient.h"

#define KIND_CONNECTION 'c'
#define KIND_USER 'u'
#define KIND_ATTRIBUTE 'a'

static void
append(RtRecipient *recipient, const void *bytes, Size len)
{
	Assert(recipient->len + len <= RT_RECIPIENT_MAX);
	memcpy(recipient->text + recipient->len, bytes, len);
	recipient->len += len;
}

static RtRecipient
begin(char kind)
{
	RtRecipient recipient;

	recipient.len = 1;
	recipient.text[0] = kind;
	return recipient;
}

RtRecipient
rt_recipient_connection(int gateway, uint32 connection, uint64 serial)
{
	RtRecipient recipient = begin(KIND_CONNECTION);

	append(&recipient, &gateway, sizeof(gateway));
	append(&recipient, &connection, sizeof(connection));
	append(&recipient, &serial, sizeof(serial));
	return recipient;
}

RtRecipient
rt_recipient_user(const char *user_id, Size len)
{
	RtRecipient recipient = begin(KIND_USER);

	append(&recipient, user_id, len);
	return recipient;
}

/* Neither of the two has a NUL. */
RtRecipient
rt_recipient_attribute(const char *name, Size name_len, const char *value, Size value_len)
{
	RtRecipient recipient = begin(KIND_ATTRIBUTE);

	append(&recipient, name, name_len);
	append(&recipient, "", 1);
	append(&recipient, value, value_len);
	return recipient;
}

uint32
rt_recipient_hash(const char *text, Size len)
{
	if (len > 0 && text[0] == KIND_CONNECTION)
		len = Min(len, 1 + sizeof(int));
	return rt_topic_hash(text, len);
}

uint32
rt_recipient_connections_hash(int gateway)
{
	RtRecipient recipient = rt_recipient_connection(gateway, 0, 0);

	return rt_recipient_hash(recipient.text, recipient.len);
}

bool
rt_recipient_is_connection(const char *text, Size len, int *gateway, uint32 *connection,
						   uint64 *serial)
{
	if (len != 1 + sizeof(*gateway) + sizeof(*connection) + sizeof(*serial) ||
		text[0] != KIND_CONNECTION)
		return false;
	memcpy(gateway, text + 1, sizeof(*gateway));
	memcpy(connection, text + 1 + sizeof(*gateway), sizeof(*connection));
	memcpy(serial, text + 1 + sizeof(*gateway) + sizeof(*connection), sizeof(*serial));
	return true;
}

bool
rt_recipient_is_attribute(const char *text, Size len)
{
	return len > 0 && text[0] == KIND_ATTRIBUTE;
}

Size
rt_recipients_pack(char *dst, const RtRecipient *recipients, int count)
{
	char	   *at = dst;

	for (int i = 0; i < count; i++)
	{
		memcpy(at, &recipients[i].len, sizeof(uint16));
		memcpy(at + sizeof(uint16), recipients[i].text, recipients[i].len);
		at += sizeof(uint16) + recipients[i].len;
	}
	return at - dst;
}

bool
rt_recipients_next(const char *packed, Size len, Size *at, const char **text, Size *text_len)
{
	uint16		next_len;

	if (*at + sizeof(next_len) > len)
		return false;
	memcpy(&next_len, packed + *at, sizeof(next_len));
	*at += sizeof(next_len);
	if (next_len > len - *at)
		return false;
	*text = packed + *at;
	*text_len = next_len;
	*at += next_len;
	return true;
}

/* What SQL calls it. */
void
rt_recipient_describe(const char *text, Size len, const char **kind, RtRecipientName *name)
{
	const char *end;

	*name = (RtRecipientName) {NULL, 0};
	if (len == 0 || text[0] == KIND_CONNECTION)
	{
		*kind = "connection";
		return;
	}
	end = memchr(text, '\0', len);
	*kind = text[0] == KIND_USER || end == NULL ? "user" : pnstrdup(text + 1, end - text - 1);
	*name = text[0] == KIND_USER || end == NULL ? (RtRecipientName) {text + 1, len - 1} :
		(RtRecipientName) {end + 1, text + len - end - 1};
}
