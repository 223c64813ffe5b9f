/*
 * buffer.c
 *		Buffers of input and output.
 *
 * Most are small and short-lived, so small ones are kept for the next that
 * asks.  Callbacks of libwebsockets use them: nothing here throws.
 */
#include "postgres.h"

#include "src/gateway/door/buffer.h"

#define SMALL_SIZE RT_BUDGET_SMALL_BUFFER
#define SMALL_KEPT 1024        /* small ones that wait for use, at most */
#define SMALL_RESERVED 64		/* from the beginning */
#define STEP_MAX (1024 * 1024) /* by which a large one grows */

static char *small_buffers[SMALL_KEPT];
static int small_count = 0;

void
rt_buffers_init(void)
{
	while (small_count < SMALL_RESERVED)
	{
		char	   *data = malloc(SMALL_SIZE);

		if (data == NULL)
			return;
		small_buffers[small_count++] = data;
	}
}

static char *
take_small(void)
{
	if (small_count > 0)
		return small_buffers[--small_count];
	return malloc(SMALL_SIZE);
}

static void
give_back(char *data, uint32 size)
{
	if (size == SMALL_SIZE && small_count < SMALL_KEPT)
		small_buffers[small_count++] = data;
	else
		free(data);
}

static size_t
grown_size(size_t size, size_t needed)
{
	size = Max(size, SMALL_SIZE);
	while (size < needed)
		size += Min(size, STEP_MAX);
	return size;
}

/* Memory of that size with the buffer's bytes at its beginning, or NULL. */
static char *
move_to(RtBuffer *buffer, size_t size)
{
	char *data;

	if (buffer->size > SMALL_SIZE)
		return realloc(buffer->data, size);
	data = size == SMALL_SIZE ? take_small() : malloc(size);
	if (data == NULL || buffer->data == NULL)
		return data;
	memcpy(data, buffer->data, buffer->end);
	give_back(buffer->data, buffer->size);
	return data;
}

static void
move_to_front(RtBuffer *buffer)
{
	if (buffer->start == 0)
		return;
	memmove(buffer->data, buffer->data + buffer->start,
			rt_buffer_used(buffer));
	buffer->end -= buffer->start;
	buffer->start = 0;
}

bool
rt_buffer_reserve(RtBuffer *buffer, RtBudget *budget, size_t len, int part)
{
	size_t size;
	char *data;

	if (buffer->end + len <= buffer->size)
		return true;
	move_to_front(buffer);
	if (buffer->end + len <= buffer->size)
		return true;

	size = grown_size(buffer->size, buffer->end + len);
	if (size > PG_UINT32_MAX ||
		!rt_budget_allows_buffer(buffer->size, size, part))
		return false;
	data = move_to(buffer, size);
	if (data == NULL)
		return false;
	rt_budget_resize_buffer(budget, buffer->size, size);
	buffer->data = data;
	buffer->size = size;
	return true;
}

void
rt_buffer_release(RtBuffer *buffer, RtBudget *budget)
{
	if (buffer->data == NULL)
		return;
	give_back(buffer->data, buffer->size);
	rt_budget_resize_buffer(budget, buffer->size, 0);
	memset(buffer, 0, sizeof(*buffer));
}
