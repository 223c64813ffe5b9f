/*
 * answer_store.h
 *		Answers of calls that must happen once, as their table keeps them.
 *
 * Whoever looks or writes holds the key (src/ipc/parking.h).  Reading needs no
 * rights; rows are written as the owner of the table.
 */
#ifndef RT_CATALOG_ANSWER_STORE_H
#define RT_CATALOG_ANSWER_STORE_H

#include "src/compat.h"

/* Columns of realtime.idempotency */
enum
{
	Anum_answer_path = 1,
	Anum_answer_user_id,
	Anum_answer_key,
	Anum_answer_answer,
	Anum_answer_request_id,
	Anum_answer_created_at,
	Anum_answer_expires_at,
	Natts_answer = Anum_answer_expires_at
};

/*
 * Whether there is one that has been committed and has not expired; its JSON is
 * put into *answer, NULL if it has none.  user NULL: anonymous.
 */
extern bool rt_answer_find(const char *path, const char *user, const char *key,
						   char **answer);

/* Keeps one, in the current transaction. */
extern void rt_answer_keep(const char *path, const char *user, const char *key,
						   const char *answer, const char *request_id,
						   int64 ttl_ms);

/* Whether there is one that another transaction has kept, and it has not expired. */
extern bool rt_answer_is_of_others(const char *path, const char *user, const char *key);

/* Another answer of one that is kept. */
extern void rt_answer_set(const char *path, const char *user, const char *key,
						  const char *answer);

/* Removes at most max that have expired; returns how many. */
extern uint64 rt_answers_remove_expired(int max);

/*
 * Notes that something has come, without an answer: false if it has before and that
 * has not expired.  Who does the same at the same time waits.
 */
extern bool rt_answer_claim(const char *path, const char *key, int64 ttl_ms);

#endif							/* RT_CATALOG_ANSWER_STORE_H */
