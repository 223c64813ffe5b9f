/*
 * command.h
 *		Watching utility commands.
 *
 * What watchers do around a command, and when it drops, alters or truncates
 * an object.  A command inside of another one, a trigger's for example, is a
 * command of its own.
 */
#ifndef RT_BACKEND_COMMAND_H
#define RT_BACKEND_COMMAND_H

#include "src/compat.h"

#include "catalog/objectaccess.h"
#include "nodes/nodes.h"
#include "utils/rel.h"

typedef struct RtCommand
{
	Node	   *statement;
	bool		top_level;
	MemoryContext memory;		/* see rt_command_memory() */
} RtCommand;

/* As object_access_hook is told. */
typedef struct RtObjectAccess
{
	ObjectAccessType type;
	Oid			class_id;
	Oid			object_id;
	int			sub_id;
	bool		internal;		/* dropped, but not because a user wants it */
} RtObjectAccess;

/*
 * Each may be NULL, and may raise an ERROR.  *notes is the watcher's own for
 * this command, NULL at first.
 */
typedef struct RtCommandWatcher
{
	void		(*before) (RtCommand *command, void **notes);

	/* command and notes are NULL outside of commands */
	void		(*object) (RtCommand *command, void **notes,
						   const RtObjectAccess *access);

	/* not if it has failed */
	void		(*after) (RtCommand *command, void **notes);
} RtCommandWatcher;

/* Installs the hooks; once, from rt_backend_install(). */
extern void rt_command_install(void);

/* Where notes live that are to last until the command is done. */
extern MemoryContext rt_command_memory(RtCommand *command);

/*
 * Once the command is done, opens a relation that it has truncated, which is
 * locked; NULL if it has not.  A hook is told of one before TRUNCATE has its
 * lock, and perhaps of another that had its name.
 */
extern Relation rt_command_open_truncated(Oid oid);

#endif							/* RT_BACKEND_COMMAND_H */
