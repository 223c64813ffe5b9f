/*
 * cursor_frame.h
 *		What clients are told of cursors: the events of the cursor plugin on
 *		"__cursor:<topic>", and those of a stream of merge "cursor".
 */
#ifndef RT_GATEWAY_CURSOR_FRAME_H
#define RT_GATEWAY_CURSOR_FRAME_H

#include "src/ipc/cursor.h"
#include "src/protocol/text.h"
#include "src/protocol/topic.h"

#define RT_CURSOR_PREFIX "__cursor:"
#define RT_CURSOR_NAME_MAX (RT_CURSOR_TOPIC_MAX + 16)

typedef enum RtCursorForm
{
	RT_CURSOR_PLUGIN,			/* snapshot, bulk, update, remove */
	RT_CURSOR_STREAM,			/* set, update, remove */
	RT_CURSOR_FORMS
} RtCursorForm;

/* One frame with all events; or, if they are several, a frame for each, too. */
typedef enum RtCursorBinding
{
	RT_CURSOR_TOGETHER,
	RT_CURSOR_APART
} RtCursorBinding;

#define RT_CURSOR_SHEET_MAX \
	(RT_CURSOR_CHANGES_BYTES + RT_CURSOR_ROW_MAX + \
	 RT_CURSOR_CHANGES_MAX * (RT_TOPIC_MAX + 64) + 1024)

/* Some frames, one behind the other. */
typedef struct RtCursorSheet
{
	int			events;
	RtText		frames;
	char		buffer[RT_CURSOR_SHEET_MAX];
} RtCursorSheet;

/* topic: that clients see. */
extern void rt_cursor_sheet_write(RtCursorSheet *sheet, RtCursorForm form,
								  RtCursorBinding binding, RtText topic,
								  const RtCursorChanges *changes);

/*
 * The row of a cursor, in memory that is written over by the next.  Its length is 0
 * if it is too long.
 */
extern RtCursorRow rt_cursor_row(RtText key, RtText user_json, RtText data_json);

#endif							/* RT_GATEWAY_CURSOR_FRAME_H */
