/*
 * verdict_change.h
 *		Changes of declarations after which somebody may perhaps see less.
 */
#ifndef RT_BACKEND_DECLARE_VERDICT_CHANGE_H
#define RT_BACKEND_DECLARE_VERDICT_CHANGE_H

#include "src/compat.h"

#include "commands/trigger.h"

#include "src/ipc/client_order.h"

/* Registers its callback; once, from rt_backend_install(). */
extern void rt_verdict_change_install(void);

/* A row of a table of declarations is written, or all are removed. */
extern void rt_verdict_change_note(const TriggerData *trigger);

/* What a function of that name says to clients, in whatever schema it is. */
extern RtRecheck rt_verdict_change_of_function(const char *name);

#endif							/* RT_BACKEND_DECLARE_VERDICT_CHANGE_H */
