/*
 * error_store.h
 *		What has gone wrong, as realtime.error_log keeps it.
 */
#ifndef RT_CATALOG_ERROR_STORE_H
#define RT_CATALOG_ERROR_STORE_H

#include "src/compat.h"

/* NULL pointers are NULLs. */
typedef struct RtErrorRow
{
	const char *path;
	const char *code;
	const char *sqlstate;
	const char *message;
	const char *user_id;
	const char *connection_id;
	const char *request_id;
} RtErrorRow;

/*
 * Keeps one, in the current transaction, and removes those of before that are more
 * than as many as are kept.  Returns its number.
 */
extern int64 rt_error_keep(const RtErrorRow *row, int kept);

#endif							/* RT_CATALOG_ERROR_STORE_H */
