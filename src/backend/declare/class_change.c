/*
 * class_change.c
 *		What follows from a change of the class of topics.
 *
 * Events of topics that are not of class replay have no numbers.  So if topics
 * that have had numbers change their class, no client may go on from one: what
 * came in between would be missing, and nothing would show it.
 *
 * Declarations are rows, and rows change in many ways: by the declaring
 * functions, by hand, by logical replication.  The trigger of the tables notes
 * the templates; before the commit the class of each is compared with the one
 * that it had before the first of the changes.  So nothing follows from what is
 * rolled back, also to a savepoint, or declared again in the same transaction.
 */
#include "postgres.h"

#include "access/xact.h"
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
} Change;

#define UNDECLARED (-1)

static List *changes = NIL;		/* in TopTransactionContext */

static void on_transaction(XactEvent event, void *arg);

void
rt_class_change_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
}

/* The class that topics of a template have by a declaration of this form. */
static int
class_of(const char *tpl)
{
	ListCell   *cell;

	if (!rt_declarations_refresh())
		return UNDECLARED;
	foreach(cell, rt_declaration_topics())
	{
		const RtTopicDeclaration *topic = lfirst(cell);

		if (rt_template_same_form(topic->template, tpl))
			return topic->topic_class;
	}
	return UNDECLARED;
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
	change->class_before = class_of(tpl);
	changes = lappend(changes, change);
	MemoryContextSwitchTo(old_context);
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

		if (class_of(change->template) == change->class_before ||
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
