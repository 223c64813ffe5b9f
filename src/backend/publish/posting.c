/*
 * posting.c
 *		Commands of a transaction, on their way to the boxes of gateways.
 *
 * Until the end of the transaction a command is an entry like an event, so it goes
 * with its subtransaction.  Memory for it is taken before the commit, where that may
 * fail.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/backend/publish/posting.h"
#include "src/errcodes.h"
#include "src/ipc/command_box.h"

#define COMMANDS_MIN 8

static RtBoxedCommand **commands = NULL;	/* of this transaction */
static int	count = 0;
static int	space = 0;

StaticAssertDecl(sizeof(RtCommand) >= sizeof(uint64), "a number fits where a command was");

static void
make_room(void)
{
	if (count < space)
		return;
	if (commands == NULL)
		commands = MemoryContextAlloc(TopTransactionContext, COMMANDS_MIN * sizeof(*commands));
	else
		commands = repalloc_huge(commands, 2 * space * sizeof(*commands));
	space = Max(COMMANDS_MIN, 2 * space);
}

static RtBoxedCommand *
make_command(RtRingEntry *entry)
{
	const char *text;
	Size		len;
	Size		at = 0;
	int			gateway;
	uint32		connection;
	uint64		serial;

	if (!rt_recipients_next(rt_ring_entry_topic(entry), entry->topic_len, &at, &text, &len) ||
		!rt_recipient_is_connection(text, len, &gateway, &connection, &serial))
		elog(ERROR, "a command for nobody");
	return rt_boxed_command_make(gateway, connection, serial, entry->frame_len);
}

static void
take_out(RtRingEntry *entry)
{
	char	   *bytes = unconstify(char *, rt_ring_entry_frame(entry));
	RtBoxedCommand *command;

	make_room();
	command = make_command(entry);
	if (command == NULL)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_OVERLOADED)),
				 errmsg("too much waits to be done with connections"),
				 errdetail("Of realtime.payload_memory an eighth may wait for gateways.")));
	memcpy(command->bytes, bytes, entry->frame_len);
	commands[count++] = command;
	memcpy(bytes, &command->number, sizeof(command->number));
	entry->frame_len = sizeof(command->number);
}

void
rt_posting_prepare(const RtPending *pending)
{
	for (Size done = 0; done < pending->size;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending->buffer + done);

		if (entry->topic_class == RT_TOPIC_COMMAND)
			take_out(entry);
		done += entry->size;
	}
}

static void
forget(void)
{
	commands = NULL;
	count = space = 0;
}

void
rt_posting_commit(RtDurability needed)
{
	for (int i = 0; i < count; i++)
		rt_boxed_command_post(commands[i], needed);
	forget();
}

void
rt_posting_abort(void)
{
	for (int i = 0; i < count; i++)
		rt_boxed_command_free(commands[i]);
	forget();
}
