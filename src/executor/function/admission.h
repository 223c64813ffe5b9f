/*
 * admission.h
 *		Whether what belongs to a class of service is refused now
 *		(realtime.admission()).
 */
#ifndef RT_EXECUTOR_FUNCTION_ADMISSION_H
#define RT_EXECUTOR_FUNCTION_ADMISSION_H

#include "src/compat.h"

/*
 * As the caller, in a transaction with a snapshot: it may run a function of the
 * class.  A class that is not declared gives way when memory or executors are
 * scarce.
 */
extern bool rt_class_gives_way(const char *name);

/* Raises OVERLOADED if it does; NULL = no class. */
extern void rt_class_admit(const char *name);

#endif							/* RT_EXECUTOR_FUNCTION_ADMISSION_H */
