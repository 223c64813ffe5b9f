/*
 * attempt.h
 *		Runs something that may fail without the transaction failing with it.
 */
#ifndef RT_ATTEMPT_H
#define RT_ATTEMPT_H

#include "src/compat.h"

/*
 * Runs it in a subtransaction.  Returns NULL, or
 * the error that has ended it, in the current memory context; then nothing that
 * it did is left.
 */
extern ErrorData *rt_attempt(void (*run) (void *arg), void *arg);

#endif							/* RT_ATTEMPT_H */
