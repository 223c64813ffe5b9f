/*
 * limits.h
 *		What those who only carry tokens have to know of them.
 */
#ifndef RT_IDENTITY_LIMITS_H
#define RT_IDENTITY_LIMITS_H

#define RT_TOKEN_MAX 8192		/* bytes, as of a line of HTTP */

#endif							/* RT_IDENTITY_LIMITS_H */
