/*
 * backlog.c
 *		Questions that wait in the gateway until they may be asked.
 */
#include "postgres.h"

#include "src/gateway/backlog.h"
#include "src/gateway/gateway.h"
#include "src/ipc/session.h"

static dlist_head row = DLIST_STATIC_INIT(row);
static int	count = 0;

static void
count_more(int n)
{
	count += n;
	pg_atomic_write_u64(&rt_gateway.counters->waiting, count);
}

/* ---- texts ---- */

size_t
rt_texts_len(const RtQuestionTexts *texts)
{
	return texts->path.len + texts->id.len + texts->args.len +
		texts->idempotency_key.len + texts->version.len + texts->cursor.len +
		texts->trace.len + texts->payload.len;
}

static RtRequestSpan
append_text(const char *start, char **p, RtText text)
{
	RtRequestSpan result = {*p - start, text.len};

	if (text.len > 0)
		memcpy(*p, text.ptr, text.len);
	*p += text.len;
	return result;
}

void
rt_texts_write(char *to, const RtQuestionTexts *texts, RtQuestion *question)
{
	char	   *p = to;

	question->path = append_text(to, &p, texts->path);
	question->id = append_text(to, &p, texts->id);
	question->args = append_text(to, &p, texts->args);
	question->idempotency_key = append_text(to, &p, texts->idempotency_key);
	question->version = append_text(to, &p, texts->version);
	question->cursor = append_text(to, &p, texts->cursor);
	question->trace = append_text(to, &p, texts->trace);
	question->payload = append_text(to, &p, texts->payload);
}

RtQuestionTexts
rt_texts_in(const char *text, const RtQuestion *question)
{
	return (RtQuestionTexts) {
		.path = {text + question->path.off, question->path.len},
		.id = {text + question->id.off, question->id.len},
		.args = {text + question->args.off, question->args.len},
		.idempotency_key = {text + question->idempotency_key.off,
			question->idempotency_key.len},
		.version = {text + question->version.off, question->version.len},
		.cursor = {text + question->cursor.off, question->cursor.len},
		.trace = {text + question->trace.off, question->trace.len},
		.payload = {text + question->payload.off, question->payload.len}
	};
}

/* ---- questions ---- */

static size_t
size_of(size_t len)
{
	return offsetof(RtWaitingQuestion, text) + len;
}

bool
rt_backlog_keep(RtBacklog *backlog, RtBudget *budget,
				const RtQuestion *question, const RtQuestionTexts *texts)
{
	size_t		len = rt_texts_len(texts);
	RtBudgetVerdict verdict;
	RtWaitingQuestion *waiting = rt_budget_alloc(budget, size_of(len), &verdict);

	if (waiting == NULL)
		return false;
	waiting->next = NULL;
	waiting->question = *question;
	waiting->len = len;
	rt_texts_write(waiting->text, texts, &waiting->question);
	waiting->texts = rt_texts_in(waiting->text, &waiting->question);
	rt_session_acquire(question->session, RT_SESSION_GATEWAY);
	if (backlog->first == NULL)
		backlog->first = waiting;
	else
		backlog->last->next = waiting;
	backlog->last = waiting;
	count_more(1);
	return true;
}

void
rt_backlog_drop_first(RtBacklog *backlog, RtBudget *budget)
{
	RtWaitingQuestion *waiting = backlog->first;

	backlog->first = waiting->next;
	if (backlog->first == NULL)
	{
		backlog->last = NULL;
		rt_row_leave(backlog);
	}
	rt_session_release(waiting->question.session, RT_SESSION_GATEWAY);
	rt_budget_free(budget, waiting, size_of(waiting->len));
	count_more(-1);
}

int
rt_backlog_count(void)
{
	return count;
}

/* ---- the row ---- */

void
rt_row_enter(RtBacklog *backlog)
{
	if (backlog->in_row)
		return;
	dlist_push_tail(&row, &backlog->row_node);
	backlog->in_row = true;
}

void
rt_row_leave(RtBacklog *backlog)
{
	if (!backlog->in_row)
		return;
	dlist_delete(&backlog->row_node);
	backlog->in_row = false;
}

RtBacklog *
rt_row_first(void)
{
	if (dlist_is_empty(&row))
		return NULL;
	return dlist_head_element(RtBacklog, row_node, &row);
}
