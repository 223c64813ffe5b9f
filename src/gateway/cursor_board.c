/*
 * cursor_board.c
 *		Subscriptions that are told where cursors are.
 *
 * A board is a topic of whose cursors this gateway tells.  Every TICK_MS what has
 * changed since the last time is read and written once, and sent to all who keep
 * up.  Who does not, because his socket takes nothing, is behind: nothing is
 * kept for him but up to where he has been told, and when he has taken what he
 * was sent he gets what has changed since.  Who has just come is behind, too, by
 * everything.
 *
 * If telling takes long the next time is later, so that cursors have no more
 * than half of a gateway's time, however many they are and however fast they
 * move: what is told then is the newest, too.
 */
#include "postgres.h"

#include "src/gateway/cursor_board.h"
#include "src/gateway/cursor_frame.h"
#include "src/gateway/gateway.h"
#include "src/ipc/clock.h"
#include "src/protocol/frame.h"

#define TICK_MS 16				/* what a screen shows */
#define TURN_MS 100				/* for boards, of which there may be many */

typedef struct Board
{
	RtHashNode	node;			/* by topic */
	RtCursorBoard shared;
	RtCursorPlace place;		/* of those who keep up */
	uint32		keep_up;		/* how many do */
	dlist_head	followers[RT_CURSOR_FORMS];
	uint16		topic_len;
	char		topic[FLEXIBLE_ARRAY_MEMBER];
} Board;

typedef struct RtCursorFollower
{
	RtSubscription *subscription;
	Board	   *board;
	RtCursorForm form;
	bool		behind;
	RtCursorPlace place;		/* up to where it has been told */
	dlist_node	board_node;
	dlist_node	behind_node;	/* of its connection's, if it is behind */
} RtCursorFollower;

/*
 * Who is behind may be told in the middle of telling all, when output is
 * written: so each has memory of its own.
 */
static RtCursorChanges *changes = NULL;
static RtCursorSheet *sheets[RT_CURSOR_FORMS];
static RtCursorChanges *changes_behind = NULL;
static RtCursorSheet *sheet_behind = NULL;

static RtHashTable boards;
static int64 next_tick_ms = 0;

static void *
allocate(Size size)
{
	void	   *memory = malloc(size);

	if (memory == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return memory;
}

void
rt_cursor_boards_init(void)
{
	rt_hash_init(&boards);
	changes = allocate(sizeof(RtCursorChanges));
	changes_behind = allocate(sizeof(RtCursorChanges));
	sheet_behind = allocate(sizeof(RtCursorSheet));
	for (int i = 0; i < RT_CURSOR_FORMS; i++)
		sheets[i] = allocate(sizeof(RtCursorSheet));
}

/* ---- boards ---- */

static Board *
find_board(RtText topic)
{
	RtHashNode *node = rt_hash_first(&boards, rt_topic_secret_hash(topic.ptr, topic.len));

	for (; node != NULL; node = rt_hash_next(node))
	{
		Board	   *board = rt_hash_container(Board, node, node);

		if (board->topic_len == topic.len &&
			memcmp(board->topic, topic.ptr, topic.len) == 0)
			return board;
	}
	return NULL;
}

static Board *
make_board(RtText topic)
{
	Board	   *board = calloc(1, offsetof(Board, topic) + topic.len);

	if (board == NULL)
		return NULL;
	board->shared = rt_cursor_board_open(rt_gateway.index, topic.ptr, topic.len);
	if (!DsaPointerIsValid(board->shared))
	{
		free(board);
		return NULL;
	}
	for (int i = 0; i < RT_CURSOR_FORMS; i++)
		dlist_init(&board->followers[i]);
	board->topic_len = topic.len;
	memcpy(board->topic, topic.ptr, topic.len);
	rt_hash_add(&boards, &board->node, rt_topic_secret_hash(topic.ptr, topic.len));
	return board;
}

static void
free_board_if_unused(Board *board)
{
	for (int i = 0; i < RT_CURSOR_FORMS; i++)
	{
		if (!dlist_is_empty(&board->followers[i]))
			return;
	}
	rt_cursor_board_close(rt_gateway.index, board->shared);
	rt_hash_remove(&boards, &board->node);
	free(board);
}

/* ---- followers ---- */

static RtText
topic_of(const RtCursorFollower *follower)
{
	const RtTopic *topic = follower->subscription->topic;

	return (RtText) {topic->name, topic->name_len};
}

static RtCursorForm
form_of(const RtTopic *topic)
{
	Size		prefix = strlen(RT_CURSOR_PREFIX);

	return topic->name_len > prefix && memcmp(topic->name, RT_CURSOR_PREFIX, prefix) == 0 ?
		RT_CURSOR_PLUGIN : RT_CURSOR_STREAM;
}

/* Looked at when output is written, with or without any. */
static void
set_behind(RtCursorFollower *follower)
{
	RtConnection *connection = follower->subscription->connection;

	if (!follower->behind)
	{
		follower->behind = true;
		follower->board->keep_up--;
		dlist_push_tail(&connection->cursors_behind, &follower->behind_node);
	}
	rt_connection_mark_dirty(connection);
}

/* Who is alone with that says from where on all are told. */
static void
set_keeping_up(RtCursorFollower *follower)
{
	Board	   *board = follower->board;

	follower->behind = false;
	dlist_delete(&follower->behind_node);
	if (board->keep_up++ == 0)
		board->place = follower->place;
}

static RtCursorFollower *
make_follower(RtSubscription *subscription, Board *board)
{
	RtBudgetVerdict verdict;
	RtCursorFollower *follower = rt_budget_alloc(&subscription->connection->budget,
												 sizeof(RtCursorFollower), &verdict);

	if (follower == NULL)
		return NULL;
	memset(follower, 0, sizeof(RtCursorFollower));
	follower->subscription = subscription;
	follower->board = board;
	follower->form = form_of(subscription->topic);
	dlist_push_tail(&board->followers[follower->form], &follower->board_node);
	board->keep_up++;
	subscription->cursors = follower;
	return follower;
}

bool
rt_cursor_follow(RtSubscription *subscription, RtText topic)
{
	Board	   *board;

	if (subscription->cursors != NULL)
	{
		rt_cursor_send_anew(subscription);
		return true;
	}
	board = find_board(topic);
	if (board == NULL)
		board = make_board(topic);
	if (board == NULL)
		return false;
	if (make_follower(subscription, board) == NULL)
	{
		free_board_if_unused(board);
		return false;
	}
	rt_cursor_send_anew(subscription);
	return true;
}

void
rt_cursor_unfollow(RtSubscription *subscription)
{
	RtCursorFollower *follower = subscription->cursors;

	if (follower == NULL)
		return;
	if (follower->behind)
		dlist_delete(&follower->behind_node);
	else
		follower->board->keep_up--;
	dlist_delete(&follower->board_node);
	free_board_if_unused(follower->board);
	subscription->cursors = NULL;
	rt_budget_free(&subscription->connection->budget, follower, sizeof(RtCursorFollower));
}

void
rt_cursor_send_anew(RtSubscription *subscription)
{
	RtCursorFollower *follower = subscription->cursors;

	set_behind(follower);
	memset(&follower->place, 0, sizeof(follower->place));
}

/* ---- sending ---- */

static RtCursorBinding
binding_for(const RtConnection *connection, const RtCursorSheet *sheet)
{
	return connection->caps_batch || sheet->events == 1 ? RT_CURSOR_TOGETHER : RT_CURSOR_APART;
}

/* Returns false without memory: then nothing has happened. */
static bool
send_changes(RtCursorFollower *follower)
{
	RtConnection *connection = follower->subscription->connection;

	rt_cursor_sheet_write(sheet_behind, follower->form, RT_CURSOR_TOGETHER,
						  topic_of(follower), changes_behind);
	if (binding_for(connection, sheet_behind) == RT_CURSOR_APART)
		rt_cursor_sheet_write(sheet_behind, follower->form, RT_CURSOR_APART,
							  topic_of(follower), changes_behind);
	if (!rt_socket_make_room(connection->socket, sheet_behind->frames.len))
		return false;
	rt_connection_send(connection, sheet_behind->frames.ptr, sheet_behind->frames.len);
	rt_count(cursor_frames);
	return true;
}

/* A piece for one; the rest, and others, when that is written. */
bool
rt_cursors_send_behind(RtConnection *connection)
{
	RtCursorFollower *follower;
	RtCursorPlace before;

	if (dlist_is_empty(&connection->cursors_behind))
		return false;
	follower = dlist_head_element(RtCursorFollower, behind_node,
								  &connection->cursors_behind);
	before = follower->place;
	rt_cursors_read(follower->board->shared, &follower->place, changes_behind);
	if ((changes_behind->count > 0 || changes_behind->all) && !send_changes(follower))
	{
		follower->place = before;
		return false;
	}
	if (!changes_behind->more)
		set_keeping_up(follower);
	return true;
}

/* There was no memory, perhaps. */
static void
look_again(RtCursorFollower *follower)
{
	RtConnection *connection = follower->subscription->connection;

	if (!rt_connection_is_blocked(connection))
		rt_connection_mark_dirty(connection);
}

/* Each frame of the sheet; one that is not taken is told later, with what comes then. */
static bool
deliver_apart(RtConnection *connection, const RtCursorSheet *sheet)
{
	RtText		rest = sheet->frames;

	while (rest.len > 0)
	{
		size_t		len = rt_frame_length(rest.ptr);
		RtEventFrame frame = rt_event_frame(rest.ptr, len);

		if (!rt_connection_deliver(connection, &frame))
			return false;
		rest.ptr += len;
		rest.len -= len;
	}
	return true;
}

static bool
deliver(RtConnection *connection, RtCursorBinding binding, const RtCursorSheet *sheet,
		RtEventFrame *frame)
{
	if (rt_connection_is_blocked(connection))
		return false;
	rt_count(cursor_frames);
	if (binding == RT_CURSOR_APART)
		return deliver_apart(connection, sheet);
	return rt_connection_deliver(connection, frame);
}

/* Returns whether there are others, who want it in the other binding. */
static bool
deliver_to_all(Board *board, RtCursorForm form, RtCursorBinding binding,
			   const RtCursorPlace *place)
{
	const RtCursorSheet *sheet = sheets[form];
	RtEventFrame frame = rt_event_frame(sheet->frames.ptr, sheet->frames.len);
	bool		others = false;
	dlist_iter	iter;

	dlist_foreach(iter, &board->followers[form])
	{
		RtCursorFollower *follower = dlist_container(RtCursorFollower, board_node, iter.cur);

		if (follower->behind)
			look_again(follower);
		else if (follower->place.seen >= place->seen)
			 /* it has caught up with this meanwhile */ ;
		else if (binding_for(follower->subscription->connection, sheet) != binding)
			others = true;
		else if (deliver(follower->subscription->connection, binding, sheet, &frame))
			follower->place = *place;
		else
			set_behind(follower);
	}
	return others;
}

static void
tell_form(Board *board, RtCursorForm form, const RtCursorPlace *place)
{
	RtText		topic;

	if (dlist_is_empty(&board->followers[form]))
		return;
	topic = topic_of(dlist_head_element(RtCursorFollower, board_node,
										&board->followers[form]));
	rt_cursor_sheet_write(sheets[form], form, RT_CURSOR_TOGETHER, topic, changes);
	if (!deliver_to_all(board, form, RT_CURSOR_TOGETHER, place) ||
		sheets[form]->events == 1)
		return;
	rt_cursor_sheet_write(sheets[form], form, RT_CURSOR_APART, topic, changes);
	(void) deliver_to_all(board, form, RT_CURSOR_APART, place);
}

/* Who is behind for want of memory is marked by nobody but who tells others. */
static void
look_at_those_behind(Board *board)
{
	dlist_iter	iter;

	for (int form = 0; form < RT_CURSOR_FORMS; form++)
	{
		dlist_foreach(iter, &board->followers[form])
			look_again(dlist_container(RtCursorFollower, board_node, iter.cur));
	}
}

static void
tell_board(Board *board)
{
	if (board->keep_up == 0)
		look_at_those_behind(board);
	while (board->keep_up > 0)
	{
		RtCursorPlace place = board->place;

		rt_cursors_read(board->shared, &place, changes);
		if (changes->count == 0 && !changes->all)
			break;
		for (int form = 0; form < RT_CURSOR_FORMS; form++)
			tell_form(board, (RtCursorForm) form, &place);
		board->place = place;
		if (!changes->more)
			break;
	}
}

/* ---- when ---- */

/* Output is written here, so that it is known what it costs. */
void
rt_cursor_boards_tell(void)
{
	char		topic[RT_CURSOR_TOPIC_MAX];
	Size		len;
	int64		begin = rt_clock_ms();
	int64		end = begin;

	if (!rt_cursors_have_moved(rt_gateway.index) || begin < next_tick_ms)
		return;
	while (end - begin < TURN_MS &&
		   (len = rt_cursors_take_moved(rt_gateway.index, topic)) > 0)
	{
		Board	   *board = find_board((RtText) {topic, len});

		if (board != NULL)
			tell_board(board);
		end = rt_clock_ms();
	}
	rt_sockets_flush();
	end = rt_clock_ms();
	next_tick_ms = Max(begin + TICK_MS, end + (end - begin));
}

long
rt_cursor_boards_timeout(void)
{
	if (!rt_cursors_have_moved(rt_gateway.index))
		return -1;
	return Max(1, next_tick_ms - rt_clock_ms());
}
