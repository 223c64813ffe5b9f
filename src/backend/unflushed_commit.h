/*
 * unflushed_commit.h
 *		Says of each commit that does not wait for its flush that others can
 *		see it (src/ipc/unflushed.h).
 */
#ifndef RT_BACKEND_UNFLUSHED_COMMIT_H
#define RT_BACKEND_UNFLUSHED_COMMIT_H

/* To be called before all others that register transaction callbacks. */
extern void rt_unflushed_commit_install(void);

#endif							/* RT_BACKEND_UNFLUSHED_COMMIT_H */
