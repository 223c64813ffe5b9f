/*
 * group_key.c
 *		What a group of a live query has in common.
 *
 * Arguments are texts as their types' output functions write them and their
 * input functions read them: equal values that are written alike are one group,
 * and each run has exactly the values that the first client has asked with.
 */
#include "postgres.h"

#include <inttypes.h>

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "src/executor/query/group_key.h"
#include "src/protocol/topic.h"

#define HASH_DIGITS 32
#define UINT64_HEX "%016" PRIx64

/* ---- arguments ---- */

char *
rt_query_arguments_text(const Oid *types, const NullableDatum *values, int count,
						int *length)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < count; i++)
	{
		Oid			output;
		bool		is_varlena;

		appendStringInfoChar(&text, values[i].isnull ? 'n' : 'v');
		if (!values[i].isnull)
		{
			getTypeOutputInfo(types[i], &output, &is_varlena);
			appendStringInfoString(&text, OidOutputFunctionCall(output, values[i].value));
		}
		appendStringInfoChar(&text, '\0');
	}
	*length = text.len;
	return text.data;
}

void
rt_query_group_key_values(const RtQueryGroupKey *key, const Oid *types,
						  NullableDatum *values)
{
	const char *text = key->arguments;

	for (int i = 0; i < key->argument_count; i++)
	{
		Oid			input;
		Oid			io_param;

		values[i].isnull = text[0] == 'n';
		getTypeInputInfo(types[i], &input, &io_param);
		values[i].value = OidInputFunctionCall(input, values[i].isnull ? NULL :
											   unconstify(char *, text + 1),
											   io_param, -1);
		text += strlen(text) + 1;
	}
}

char *
rt_query_group_key_describe(const RtQueryGroupKey *key)
{
	const char *text = key->arguments;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < key->argument_count; i++)
	{
		if (i > 0)
			appendStringInfoChar(&out, ',');
		if (text[0] == 'n')
			appendStringInfoString(&out, "null");
		else
			escape_json(&out, text + 1);
		text += strlen(text) + 1;
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

/* ---- as memory ---- */

static void
append_terminated(StringInfo out, const char *text)
{
	appendBinaryStringInfo(out, text, strlen(text) + 1);
}

void
rt_query_group_key_write(StringInfo out, const RtQueryGroupKey *key,
						 int arguments_length)
{
	appendBinaryStringInfo(out, (const char *) &key->declaration, sizeof(Oid));
	appendBinaryStringInfo(out, (const char *) &key->argument_count, sizeof(int));
	appendStringInfoChar(out, key->has_identity ? 'i' : '-');
	append_terminated(out, key->path);
	append_terminated(out, key->role);
	append_terminated(out, key->has_identity ? key->user_id : "");
	append_terminated(out, key->has_identity ? key->user_data : "");
	appendBinaryStringInfo(out, key->arguments, arguments_length);
}

static const char *
take_terminated(const char **text)
{
	const char *taken = *text;

	*text += strlen(taken) + 1;
	return taken;
}

void
rt_query_group_key_read(const char *text, RtQueryGroupKey *key)
{
	memcpy(&key->declaration, text, sizeof(Oid));
	text += sizeof(Oid);
	memcpy(&key->argument_count, text, sizeof(int));
	text += sizeof(int);
	key->has_identity = *text++ == 'i';
	key->path = take_terminated(&text);
	key->role = take_terminated(&text);
	key->user_id = take_terminated(&text);
	key->user_data = take_terminated(&text);
	key->arguments = text;
}

/* ---- what is made of it ---- */

uint32
rt_query_argument_hash(const char *text)
{
	return hash_bytes((const unsigned char *) text, strlen(text));
}

void
rt_query_group_key_marks(const RtQueryGroupKey *key, RtQueryGroupMarks *marks)
{
	StringInfoData family;
	const char *text = key->arguments;

	memset(marks, 0, sizeof(*marks));
	initStringInfo(&family);
	appendBinaryStringInfo(&family, (const char *) &key->declaration, sizeof(Oid));
	appendBinaryStringInfo(&family, (const char *) &key->argument_count, sizeof(int));
	appendStringInfoString(&family, key->role);
	marks->family = rt_query_group_hash(family.data, family.len).words[0];
	pfree(family.data);
	for (int i = 0; i < Min(key->argument_count, RT_QUERY_ARGUMENTS_HASHED); i++)
	{
		marks->arguments[i] = rt_query_argument_hash(text + 1);
		text += strlen(text) + 1;
	}
}

char *
rt_query_group_topic(const char *path, const RtQueryGroupHash *hash)
{
	char	   *topic = palloc(RT_TOPIC_MAX + 1);
	int			prefix = strlen(RT_QUERY_TOPIC);
	int			room = RT_TOPIC_MAX - prefix - 1 - HASH_DIGITS;
	int			len = rt_percent_encode(path, strlen(path), topic + prefix, room);

	memcpy(topic, RT_QUERY_TOPIC, prefix);
	len = prefix + Max(len, 0); /* a path that is too long is left out */
	snprintf(topic + len, RT_TOPIC_MAX + 1 - len, ":" UINT64_HEX UINT64_HEX,
			 hash->words[0], hash->words[1]);
	return topic;
}

void
rt_query_group_key_session(const RtQueryGroupKey *key, RtSession *session)
{
	memset(session, 0, sizeof(RtSession));
	strlcpy(session->user_id, key->user_id, sizeof(session->user_id));
	session->user_id_len = strlen(session->user_id);
	strlcpy(session->role, key->role, sizeof(session->role));
}
