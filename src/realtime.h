/*
 * realtime.h
 *		Entry points of our processes, named when they are registered.
 */
#ifndef RT_REALTIME_H
#define RT_REALTIME_H

#include "src/compat.h"

#define RT_LIBRARY "realtime"

extern PGDLLEXPORT void rt_launcher_main(Datum main_arg);
extern PGDLLEXPORT void rt_gateway_main(Datum main_arg);
extern PGDLLEXPORT void rt_executor_main(Datum main_arg);
extern PGDLLEXPORT void rt_scheduler_main(Datum main_arg);

#endif							/* RT_REALTIME_H */
