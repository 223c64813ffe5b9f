/*
 * verdict_change.h
 *		Changes of declarations after which clients may see less than before.
 */
#ifndef RT_BACKEND_DECLARE_VERDICT_CHANGE_H
#define RT_BACKEND_DECLARE_VERDICT_CHANGE_H

#include "src/compat.h"

#include "commands/trigger.h"

/* Registers callbacks; once, from rt_backend_install(). */
extern void rt_verdict_change_install(void);

/* In the trigger of a table of declarations: has clients asked again at commit. */
extern void rt_verdict_change_note(const TriggerData *trigger);

#endif							/* RT_BACKEND_DECLARE_VERDICT_CHANGE_H */
