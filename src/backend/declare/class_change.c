/*
 * class_change.c
 *		What follows from a change of the class of topics, and of what their
 *		events go through.
 *
 * Events of topics that are not of class replay have no numbers.  So if topics
 * that have had numbers change their class, no client may go on from one: what
 * came in between would be missing, and nothing would show it.
 *
 * What is stored for a replay is what was sent.  So if a filter, a join or a
 * transform has changed since, nobody may get it any more: it could be what is to
 * be hidden now.
 *
 * Declarations are rows, and rows change in many ways: by the declaring
 * functions, by hand, by logical replication.  The trigger of the tables notes
 * the templates; before the commit the class of each is compared with the one
 * that it had before the first of the changes.  So nothing follows from what is
 * rolled back, also to a savepoint, or declared again in the same transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "src/backend/declare/class_change.h"
#include "src/backend/declare/template_check.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/protocol/topic.h"

/* A template whose declarations have changed. */
typedef struct Change
{
	char	   *template;
	int			class_before;	/* RtTopicClass or UNDECLARED */
	char	   *handling_before;
} Change;

#define UNDECLARED (-1)

static List *changes = NIL;		/* in TopTransactionContext */

static void on_transaction(XactEvent event, void *arg);

void
rt_class_change_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
}

/* The declaration that topics of a template have by one of this form; NULL = none. */
static const RtTopicDeclaration *
find_topic(const char *tpl)
{
	ListCell   *cell;

	if (!rt_declarations_refresh())
		return NULL;
	foreach(cell, rt_declaration_topics())
	{
		const RtTopicDeclaration *topic = lfirst(cell);

		if (rt_template_same_form(topic->template, tpl))
			return topic;
	}
	return NULL;
}

static int
class_of(const RtTopicDeclaration *topic)
{
	return topic != NULL ? (int) topic->topic_class : UNDECLARED;
}

/* What events go through; functions by their OIDs, because they may be renamed. */
static char *
handling_of(const RtTopicDeclaration *topic)
{
	StringInfoData text;

	initStringInfo(&text);
	if (topic != NULL && topic->transform.declared)
		appendStringInfo(&text, "transform %u", topic->transform.oid);
	for (int i = 0; topic != NULL && topic->pipe != NULL && i < topic->pipe->count; i++)
	{
		const RtPipeStep *step = &topic->pipe->steps[i];

		if (step->live)
			appendStringInfo(&text, " %d %u %s %s", step->kind, step->function,
							 step->kind == RT_PIPE_JOIN ? step->field : "",
							 step->kind == RT_PIPE_JOIN ? step->name : "");
	}
	return text.data;
}

void
rt_class_change_note(const char *tpl)
{
	MemoryContext old_context;
	Change	   *change;
	ListCell   *cell;

	if (rt_template_check(tpl, strlen(tpl)) != RT_TEMPLATE_OK)
		return;					/* written by hand, and nobody's */
	foreach(cell, changes)
	{
		change = lfirst(cell);
		if (strcmp(change->template, tpl) == 0)
			return;
	}

	old_context = MemoryContextSwitchTo(TopTransactionContext);
	change = palloc(sizeof(Change));
	change->template = pstrdup(tpl);
	change->class_before = class_of(find_topic(tpl));
	change->handling_before = handling_of(find_topic(tpl));
	changes = lappend(changes, change);
	MemoryContextSwitchTo(old_context);
}

void
rt_class_change_note_stream(const char *path)
{
	const RtStreamDeclaration *stream;

	if (!rt_declarations_refresh())
		return;
	stream = rt_declaration_stream(path, strlen(path));
	if (stream != NULL)
		rt_class_change_note(stream->topic);
}

void
rt_class_change_note_all(void)
{
	ListCell   *cell;

	if (!rt_declarations_refresh())
		return;
	foreach(cell, rt_declaration_topics())
		rt_class_change_note(((RtTopicDeclaration *) lfirst(cell))->template);
}

/* The last command's rows cannot be seen yet. */
static void
settle(void)
{
	ListCell   *cell;

	CommandCounterIncrement();
	if (!rt_declarations_refresh())
		return;
	foreach(cell, changes)
	{
		const Change *change = lfirst(cell);
		const RtTopicDeclaration *topic = find_topic(change->template);

		if ((class_of(topic) == change->class_before &&
			 strcmp(handling_of(topic), change->handling_before) == 0) ||
			!rt_replay_any(change->template, strlen(change->template)))
			continue;
		rt_pending_end_epoch(-1);
		return;
	}
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (changes != NIL)
				settle();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			changes = NIL;
			break;
		default:
			break;
	}
}
