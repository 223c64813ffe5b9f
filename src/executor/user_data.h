/*
 * user_data.h
 *		Who somebody is by what a token or an authenticate hook says.
 */
#ifndef RT_EXECUTOR_USER_DATA_H
#define RT_EXECUTOR_USER_DATA_H

#include "src/compat.h"

#include "utils/jsonb.h"

/* A string, or a number as it is written; NULL if there is none of these. */
extern char *rt_user_data_text(Jsonb *data, const char *member);

/* "" = nobody that is known. */
extern char *rt_user_data_id(Jsonb *data);

/* That it says; NULL or "" = none. */
extern char *rt_user_data_role(Jsonb *data);

#endif							/* RT_EXECUTOR_USER_DATA_H */
