/*
 * test_cursor_frame.c
 *		src/gateway/cursor_frame.c: what clients are told of changes of cursors, in
 *		each form, together and apart.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf
#undef sprintf

#include "src/gateway/cursor_frame.c"
#include "test/unit/unit.h"

static RtCursorChanges changes;
static RtCursorSheet sheet;

static void
begin(bool all)
{
	memset(&changes, 0, sizeof(changes));
	changes.all = all;
}

static void
add(const char *row, bool gone)
{
	RtCursorChange *change = &changes.changes[changes.count++];

	change->off = changes.used;
	change->len = strlen(row);
	change->gone = gone;
	memcpy(changes.text + changes.used, row, change->len);
	changes.used += change->len;
}

/* The payloads of all frames, one a line. */
static const char *
written(RtCursorForm form, RtCursorBinding binding)
{
	static char text[4096];
	char	   *at = text;
	RtText		rest;

	memset(&sheet, 0x7F, sizeof(sheet));
	rt_cursor_sheet_write(&sheet, form, binding, RT_TEXT("t"), &changes);
	rest = sheet.frames;
	while (rest.len > 0)
	{
		size_t		len = rt_frame_length(rest.ptr);
		RtText		payload = rt_frame_payload(rest.ptr);

		at += sprintf(at, "%.*s\n", (int) payload.len, payload.ptr);
		rest.ptr += len;
		rest.len -= len;
	}
	*at = '\0';
	return text;
}

#define EVENT(name, data) "{\"topic\":\"t\",\"event\":\"" name "\",\"data\":" data "}"
#define ANN "{\"key\":\"ann\",\"user\":{},\"data\":1}"
#define BEN "{\"key\":\"ben\",\"user\":{},\"data\":2}"
#define CID "{\"key\":\"cid\"}"

#define CHECK_WRITTEN(form, binding, text) \
	CHECK_CASE(strcmp(written(form, binding), text) == 0, written(form, binding))

static void
writes_a_row(void)
{
	RtCursorRow row = rt_cursor_row(RT_TEXT("a\"b"), RT_TEXT("{}"), RT_TEXT("[1]"));

	CHECK(row.len == strlen("{\"key\":\"a\\\"b\",\"user\":{},\"data\":[1]}"));
	CHECK(memcmp(row.text, "{\"key\":\"a\\\"b\",\"user\":{},\"data\":[1]}", row.len) == 0);
	CHECK(row.head_len == strlen("{\"key\":\"a\\\"b\""));
}

static void
writes_one_change(void)
{
	begin(false);
	add(ANN, false);
	CHECK_WRITTEN(RT_CURSOR_PLUGIN, RT_CURSOR_TOGETHER, EVENT("update", ANN) "\n");
	CHECK(sheet.events == 1);
	CHECK_WRITTEN(RT_CURSOR_STREAM, RT_CURSOR_TOGETHER, EVENT("update", ANN) "\n");
	begin(false);
	add(CID, true);
	CHECK_WRITTEN(RT_CURSOR_PLUGIN, RT_CURSOR_TOGETHER, EVENT("remove", CID) "\n");
}

static void
writes_several_changes(void)
{
	begin(false);
	add(ANN, false);
	add(CID, true);
	add(BEN, false);
	CHECK_WRITTEN(RT_CURSOR_PLUGIN, RT_CURSOR_TOGETHER,
				  "{\"type\":\"batch\",\"events\":[" EVENT("bulk", "[" ANN "," BEN "]") ","
				  EVENT("remove", CID) "]}\n");
	CHECK(sheet.events == 2);
	CHECK_WRITTEN(RT_CURSOR_PLUGIN, RT_CURSOR_APART,
				  EVENT("bulk", "[" ANN "," BEN "]") "\n" EVENT("remove", CID) "\n");
	CHECK_WRITTEN(RT_CURSOR_STREAM, RT_CURSOR_TOGETHER,
				  "{\"type\":\"batch\",\"events\":[" EVENT("update", ANN) "," EVENT("update", BEN)
				  "," EVENT("remove", CID) "]}\n");
	CHECK_WRITTEN(RT_CURSOR_STREAM, RT_CURSOR_APART,
				  EVENT("update", ANN) "\n" EVENT("update", BEN) "\n" EVENT("remove", CID) "\n");
}

static void
writes_all(void)
{
	begin(true);
	CHECK_WRITTEN(RT_CURSOR_PLUGIN, RT_CURSOR_TOGETHER, EVENT("snapshot", "[]") "\n");
	add(ANN, false);
	add(BEN, false);
	CHECK_WRITTEN(RT_CURSOR_PLUGIN, RT_CURSOR_TOGETHER, EVENT("snapshot", "[" ANN "," BEN "]") "\n");
	CHECK_WRITTEN(RT_CURSOR_STREAM, RT_CURSOR_TOGETHER, EVENT("set", "[" ANN "," BEN "]") "\n");
}

/* The most that can be read at once fits, in the longest way to write it. */
static void
has_room_for_the_most(void)
{
	static char topic[RT_TOPIC_MAX];
	size_t		each = RT_CURSOR_CHANGES_BYTES / RT_CURSOR_CHANGES_MAX;

	memset(topic, 't', sizeof(topic));
	begin(false);
	for (int i = 0; i < RT_CURSOR_CHANGES_MAX; i++)
	{
		changes.changes[i] = (RtCursorChange) {.off = i * each,.len = each,.gone = i % 2};
		memset(changes.text + i * each, '1', each);
	}
	changes.count = RT_CURSOR_CHANGES_MAX;
	changes.changes[changes.count - 1].len += RT_CURSOR_ROW_MAX;
	memset(changes.text + RT_CURSOR_CHANGES_BYTES, '1', RT_CURSOR_ROW_MAX);
	for (int form = 0; form < RT_CURSOR_FORMS; form++)
	{
		rt_cursor_sheet_write(&sheet, form, RT_CURSOR_TOGETHER,
							  (RtText) {topic, sizeof(topic)}, &changes);
		CHECK(rt_frame_length(sheet.frames.ptr) == sheet.frames.len);
		CHECK(sheet.frames.len > RT_CURSOR_CHANGES_BYTES &&
			  sheet.frames.len < RT_FRAME_PAYLOAD_MAX);
		rt_cursor_sheet_write(&sheet, form, RT_CURSOR_APART,
							  (RtText) {topic, sizeof(topic)}, &changes);
		CHECK(sheet.frames.len > RT_CURSOR_CHANGES_BYTES);
	}
}

int
main(void)
{
	RUN(writes_a_row);
	RUN(writes_one_change);
	RUN(writes_several_changes);
	RUN(writes_all);
	RUN(has_room_for_the_most);
	return unit_done();
}
