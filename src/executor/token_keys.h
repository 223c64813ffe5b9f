/*
 * token_keys.h
 *		The keys that the settings name, and tokens checked with them.
 */
#ifndef RT_EXECUTOR_TOKEN_KEYS_H
#define RT_EXECUTOR_TOKEN_KEYS_H

#include "src/compat.h"

#include "src/identity/token.h"

/* Settings may have changed. */
extern void rt_token_keys_settings_changed(void);

/*
 * Whether any key is there.  Looks at the files first, if that was a while ago;
 * one that cannot be read is told in the log, and the keys that it had before
 * stay.
 */
extern bool rt_token_keys_look(void);

/* Whether a source is named that has given no keys yet, which may have signed. */
extern bool rt_token_keys_are_missing(void);

/* Fills token if it is good; then release it. */
extern RtTokenVerdict rt_token_verify(const char *text, size_t len, RtToken *token);

/*
 * When who has it ceases to be its user, in seconds since 1970; 0 = never.  One
 * that is good only because clocks may differ lasts as long as they may.
 */
extern int64 rt_token_end(const RtToken *token);

#endif							/* RT_EXECUTOR_TOKEN_KEYS_H */
