/*
 * touched.h
 *		Notes which tables the functions of clients touch.
 */
#ifndef RT_EXECUTOR_TOUCHED_H
#define RT_EXECUTOR_TOUCHED_H

extern void rt_touched_init(void);

#endif							/* RT_EXECUTOR_TOUCHED_H */
