/*
 * test_readdress.c
 *		src/protocol/readdress.c: replies and parts with another id.
 */
#include "src/protocol/frame.h"
#include "src/protocol/readdress.h"
#include "test/unit/unit.h"

#define PAYLOAD_MAX 4096

static const RtText ids[] = {
	{"\"\"", 2}, {"\"1\"", 3}, {"\"a longer one\"", 14}, {"\"\\u0041\\\"\"", 10}
};

#define IDS ((int) (sizeof(ids) / sizeof(ids[0])))

typedef size_t (*WritePayload) (char *dst, size_t cap, RtText id_json);

static size_t
write_success(char *dst, size_t cap, RtText id_json)
{
	return rt_payload_success(dst, cap, id_json, RT_TEXT("[\"id\",{\"id\":\"1\"}]"), false);
}

static size_t
write_failure(char *dst, size_t cap, RtText id_json)
{
	RtFailureText failure = {.code = RT_TEXT("FORBIDDEN"),.message = RT_TEXT("no")};

	return rt_payload_failure(dst, cap, id_json, &failure);
}

static size_t
write_stream(char *dst, size_t cap, RtText id_json)
{
	RtStreamReply reply = {
		.data_json = RT_TEXT("[1]"),
		.topic = RT_TEXT("t"),
		.merge = RT_TEXT("crud"),
		.key = RT_TEXT("id"),
		.seq = 5,
		.more = true
	};

	return rt_payload_stream(dst, cap, id_json, &reply);
}

static size_t
write_part(char *dst, size_t cap, RtText id_json)
{
	return rt_payload_part(dst, cap, id_json, RT_TEXT("[{\"id\":2}]"), true);
}

static size_t
write_last_part(char *dst, size_t cap, RtText id_json)
{
	return rt_payload_part(dst, cap, id_json, RT_TEXT("[]"), false);
}

/* Every id for every other: as if it had been written with that at once. */
static void
check_payload(WritePayload write)
{
	char		from[PAYLOAD_MAX];
	char		expected[PAYLOAD_MAX];

	for (int i = 0; i < IDS; i++)
	{
		RtText		payload = {from, write(from, sizeof(from), ids[i])};

		for (int j = 0; j < IDS; j++)
		{
			size_t		len = write(expected, sizeof(expected), ids[j]);
			char	   *to = malloc(len);

			CHECK(len > 0 && payload.len > 0);
			CHECK(rt_payload_readdress(to, len, payload, ids[i].len, ids[j]) == len);
			CHECK(memcmp(to, expected, len) == 0);
			CHECK(rt_payload_readdress(to, len - 1, payload, ids[i].len, ids[j]) == 0);
			free(to);
		}
	}
}

static void
readdresses_replies(void)
{
	check_payload(write_success);
	check_payload(write_failure);
	check_payload(write_stream);
}

static void
readdresses_parts(void)
{
	check_payload(write_part);
	check_payload(write_last_part);
}

/* What is too short to have the id it is said to have is refused. */
static void
refuses_what_is_none(void)
{
	char		from[PAYLOAD_MAX];
	char		to[PAYLOAD_MAX];
	RtText		payload = {from, write_part(from, sizeof(from), ids[0])};

	payload.ptr = unit_copy(payload.ptr, strlen(RT_PART_HEAD) + 1);
	payload.len = strlen(RT_PART_HEAD) + 1;
	CHECK(rt_payload_readdress(to, sizeof(to), payload, 2, ids[1]) == 0);
	payload.len = 0;
	CHECK(rt_payload_readdress(to, sizeof(to), payload, 2, ids[1]) == 0);
	free((char *) payload.ptr);
}

int
main(void)
{
	RUN(readdresses_replies);
	RUN(readdresses_parts);
	RUN(refuses_what_is_none);
	return unit_done();
}
