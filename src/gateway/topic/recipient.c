/*
 * recipient.c
 *		Connections as recipients.
 *
 * A role is what a recipient names, a user or an attribute, and who has it; a
 * part is that a connection has one.  A connection has a few of them.
 */
#include "postgres.h"

#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/hash_table.h"
#include "src/gateway/topic/recipient.h"
#include "src/gateway/topic/topic_table.h"
#include "src/guc.h"
#include "src/ipc/recipient.h"
#include "src/ipc/session.h"
#include "src/ipc/score.h"
#include "src/protocol/json.h"
#include "src/protocol/topic.h"

typedef struct Role
{
	RtHashNode	node;			/* by what the recipient names */
	dlist_head	parts;
	uint16		len;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} Role;

typedef struct Part
{
	Role	   *role;
	RtConnection *connection;
	dlist_node	role_node;
	dlist_node	connection_node;
} Part;

static RtHashTable roles;

void
rt_recipients_init(void)
{
	rt_hash_init(&roles);
	rt_ring_interest_add(rt_gateway.index, rt_recipient_connections_hash(rt_gateway.index));
}

bool
rt_recipients_any(void)
{
	return rt_connection_count() > 0;
}

/* ---- roles ---- */

static Role *
find_role(const char *text, Size len)
{
	RtHashNode *node = rt_hash_first(&roles, rt_topic_secret_hash(text, len));

	for (; node != NULL; node = rt_hash_next(node))
	{
		Role	   *role = rt_hash_container(Role, node, node);

		if (role->len == len && memcmp(role->text, text, len) == 0)
			return role;
	}
	return NULL;
}

static Role *
make_role(const RtRecipient *recipient)
{
	Role	   *role = malloc(offsetof(Role, text) + recipient->len);

	if (role == NULL)
		return NULL;
	dlist_init(&role->parts);
	role->len = recipient->len;
	memcpy(role->text, recipient->text, recipient->len);
	rt_hash_add(&roles, &role->node, rt_topic_secret_hash(role->text, role->len));
	rt_ring_interest_add(rt_gateway.index, rt_recipient_hash(role->text, role->len));
	return role;
}

static void
free_role_if_unused(Role *role)
{
	if (!dlist_is_empty(&role->parts))
		return;
	rt_ring_interest_remove(rt_gateway.index, rt_recipient_hash(role->text, role->len));
	rt_hash_remove(&roles, &role->node);
	free(role);
}

static bool
has_role(const RtConnection *connection, const char *text, Size len)
{
	dlist_iter	iter;

	dlist_foreach(iter, unconstify(dlist_head *, &connection->recipients))
	{
		const Role *role = dlist_container(Part, connection_node, iter.cur)->role;

		if (role->len == len && memcmp(role->text, text, len) == 0)
			return true;
	}
	return false;
}

/* ---- who is what ---- */

static bool
add_part(RtConnection *connection, const RtRecipient *recipient)
{
	Part	   *part = malloc(sizeof(Part));
	Role	   *role = find_role(recipient->text, recipient->len);

	if (part != NULL && role == NULL)
		role = make_role(recipient);
	if (part == NULL || role == NULL)
	{
		free(part);
		return false;
	}
	part->role = role;
	part->connection = connection;
	dlist_push_tail(&role->parts, &part->role_node);
	dlist_push_tail(&connection->recipients, &part->connection_node);
	return true;
}

void
rt_recipient_leave(RtConnection *connection)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connection->recipients)
	{
		Part	   *part = dlist_container(Part, connection_node, iter.cur);

		dlist_delete(&part->role_node);
		dlist_delete(&part->connection_node);
		free_role_if_unused(part->role);
		free(part);
	}
}

/* Whether a claim is among the comma-separated names of a list. */
static bool
is_attribute(const char *name, Size len)
{
	const char *at = realtime_attribute_claims;

	while (*at != '\0')
	{
		Size		begin = strspn(at, ", ");
		Size		entry_len = strcspn(at + begin, ", ");

		if (entry_len == len && memcmp(at + begin, name, len) == 0)
			return true;
		at += begin + entry_len;
	}
	return false;
}

/* The text of a scalar, as of a string; returns -1 if it is none, or too long. */
static int
scalar_text(const char *json, RtSpan value, char *dst, Size cap)
{
	if (rt_json_is_string(json, value))
		return rt_json_string_decode(json, value, dst, cap);
	if (rt_json_is_object(json, value) || rt_json_is_array(json, value) ||
		rt_json_is_null(json, value) || value.len >= cap)
		return -1;
	memcpy(dst, json + value.off, value.len);
	return value.len;
}

static bool
add_attribute(RtConnection *connection, const char *json, RtSpan key, RtSpan value)
{
	char		name[RT_ATTRIBUTE_NAME_MAX + 1];
	char		text[RT_ATTRIBUTE_VALUE_MAX + 1];
	int			name_len = rt_json_string_decode(json, key, name, sizeof(name));
	int			len = scalar_text(json, value, text, sizeof(text));
	RtRecipient recipient;

	if (name_len <= 0 || len < 0 || !is_attribute(name, name_len))
		return true;
	recipient = rt_recipient_attribute(name, name_len, text, len);
	return has_role(connection, recipient.text, recipient.len) ||
		add_part(connection, &recipient);
}

static bool
add_attributes(RtConnection *connection, const RtSession *session)
{
	const char *json = rt_session_user_data(session);
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		value;

	if (json == NULL || realtime_attribute_claims[0] == '\0' ||
		rt_json_check(json, session->user_data_len, RT_JSON_DEPTH_MAX) != RT_JSON_OK ||
		!rt_json_walk_object(&walk, json, rt_json_whole(json, session->user_data_len)))
		return true;
	while (rt_json_walk_member(&walk, &key, &value))
	{
		if (!add_attribute(connection, json, key, value))
			return false;
	}
	return true;
}

bool
rt_recipient_enroll(RtConnection *connection)
{
	const RtSession *session = rt_session_get(connection->session);
	RtRecipient user;

	rt_recipient_leave(connection);
	if (session->user_id_len == 0)
		return true;
	user = rt_recipient_user(session->user_id, session->user_id_len);
	return add_part(connection, &user) && add_attributes(connection, session);
}

/* ---- what is missed ---- */

static void
miss(RtConnection *connection)
{
	connection->missed = true;
	/* looked at when output is written, with or without any */
	rt_connection_mark_dirty(connection);
}

static void
all_miss(const Role *role)
{
	dlist_iter	iter;

	dlist_foreach(iter, unconstify(dlist_head *, &role->parts))
		miss(dlist_container(Part, role_node, iter.cur)->connection);
}

static bool
has_moved(uint32 hash, uint64 since)
{
	return rt_ring_partition_position(rt_topic_partition(hash)) > since;
}

void
rt_recipients_miss(uint64 since)
{
	bool		any = has_moved(rt_recipient_connections_hash(rt_gateway.index), since);

	for (uint32 i = 0; i < roles.count; i++)
	{
		for (RtHashNode *node = roles.buckets[i]; node != NULL; node = node->next)
		{
			const Role *role = rt_hash_container(Role, node, node);

			if (any || has_moved(rt_recipient_hash(role->text, role->len), since))
				all_miss(role);
		}
	}
}

/* On the topic of signals, whatever it was; who is nobody has none. */
void
rt_recipient_tell_missed(RtConnection *connection)
{
	char		topic[RT_USER_ID_MAX + sizeof(RT_SIGNAL_PREFIX)];
	const RtSession *session = rt_session_get(connection->session);
	int			len;

	if (likely(!connection->missed))
		return;
	connection->missed = false;
	len = snprintf(topic, sizeof(topic), RT_SIGNAL_PREFIX "%.*s",
				   (int) session->user_id_len, session->user_id);
	if (rt_signal_names_user(session->user_id, session->user_id_len))
		rt_outbox_send_marker(connection, (RtText) {topic, len});
}

/* ---- delivering ---- */

/* What is sent to somebody; frame NULL: it must not be told. */
typedef struct Message
{
	const RtRingEntry *entry;
	RtEventFrame *frame;
} Message;

static bool
deliver(RtConnection *connection, const Message *message)
{
	return message->frame != NULL && rt_connection_deliver(connection, message->frame);
}

static void
send_to(RtConnection *connection, const Message *message)
{
	const RtRingEntry *entry = message->entry;
	bool		coalesces = rt_ring_entry_key_len(entry) > 0;

	if (connection->state != RT_CONNECTION_OPEN)
		return;
	if (!rt_conflate_wants_sent(connection, entry) && deliver(connection, message))
		rt_score(coalesces ? RT_SCORE_COALESCED_SENT : RT_SCORE_SEND_OK);
	else if (coalesces && message->frame != NULL)
		rt_conflate_keep_sent(connection, entry);
	else
	{
		rt_count(dropped);
		rt_score(coalesces ? RT_SCORE_COALESCED_DROPPED : RT_SCORE_SEND_DROPPED);
		miss(connection);
	}
}

static RtConnection *
find_connection(uint32 index, uint64 serial)
{
	if (index >= (uint32) realtime_max_connections)
		return NULL;
	return rt_connection_find(index, serial);
}

/* Whether a connection is the rest of an entry's recipients, too. */
static bool
is_all(const RtConnection *connection, const RtRingEntry *entry, Size at)
{
	const char *text;
	Size		len;

	while (rt_recipients_next(rt_ring_entry_topic(entry), entry->topic_len, &at, &text, &len))
	{
		if (!has_role(connection, text, len))
			return false;
	}
	return true;
}

/* Returns whether there is one. */
static bool
deliver_to_role(const Role *role, const Message *message, Size rest)
{
	dlist_iter	iter;
	bool		found = false;

	dlist_foreach(iter, unconstify(dlist_head *, &role->parts))
	{
		RtConnection *connection = dlist_container(Part, role_node, iter.cur)->connection;

		if (!is_all(connection, message->entry, rest))
			continue;
		send_to(connection, message);
		found = true;
	}
	return found;
}

static void
deliver_to_connection(RtConnection *connection, const Message *message)
{
	if (connection != NULL)
		send_to(connection, message);
	else
		rt_score(rt_ring_entry_key_len(message->entry) > 0 ? RT_SCORE_COALESCED_NOT_FOUND :
				 RT_SCORE_SEND_NOT_FOUND);
}

void
rt_recipients_deliver(const RtRingEntry *entry, uint64 position, bool durable)
{
	RtEventFrame frame = rt_event_frame(rt_ring_entry_frame(entry), entry->frame_len);
	Message		message = {entry, durable ? &frame : NULL};
	Size		at = 0;
	const char *text;
	Size		len;
	int			gateway;
	uint32		index;
	uint64		serial;
	Role	   *role;
	bool		found;

	if (!rt_recipients_next(rt_ring_entry_topic(entry), entry->topic_len, &at, &text, &len))
		return;
	if (rt_recipient_is_connection(text, len, &gateway, &index, &serial))
	{
		if (gateway == rt_gateway.index)
			deliver_to_connection(find_connection(index, serial), &message);
		return;
	}
	role = find_role(text, len);
	found = role != NULL && deliver_to_role(role, &message, at);
	if (durable && rt_recipient_is_attribute(text, len))
		rt_score_sent_to(position, found);
}
