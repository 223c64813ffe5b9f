/*
 * token.h
 *		JSON Web Tokens (RFC 7519) that are signed (RFC 7515): whether one is
 *		good, and what it says.
 *
 * Plain C; nothing here raises.
 */
#ifndef RT_IDENTITY_TOKEN_H
#define RT_IDENTITY_TOKEN_H

#include "src/identity/key_ring.h"
#include "src/identity/limits.h"

typedef enum RtTokenVerdict
{
	RT_TOKEN_GOOD,
	RT_TOKEN_MALFORMED,
	RT_TOKEN_UNKNOWN_KEY,		/* no key has its kid and can have its algorithm */
	RT_TOKEN_FORGED,			/* no such key has signed it */
	RT_TOKEN_EXPIRED,
	RT_TOKEN_TOO_EARLY,			/* its time has not come */
	RT_TOKEN_WRONG_ISSUER,
	RT_TOKEN_WRONG_AUDIENCE,
	RT_TOKEN_NO_MEMORY
} RtTokenVerdict;

/* A sentence for logs; says nothing of the token's content. */
extern const char *rt_token_verdict_text(RtTokenVerdict verdict);

/* What a token has to be.  Lists end with NULL; NULL or empty = anything. */
typedef struct RtTokenRules
{
	const char *const *issuers;
	const char *const *audiences;
	int64_t		now;			/* seconds since 1970 */
	int64_t		leeway;			/* seconds that clocks may differ */
} RtTokenRules;

/* Of a good one. */
typedef struct RtToken
{
	char	   *claims;			/* JSON text of an object; no NUL at its end */
	size_t		claims_len;
	int64_t		expires;		/* seconds since 1970, without leeway; 0 = never */
} RtToken;

/* Whether a text can be a token at all, judged by its letters. */
extern bool rt_token_is_possible(const char *text, size_t len);

/* Fills token if it is good; then release it. */
extern RtTokenVerdict rt_token_check(const RtKeyRing *ring, const char *text,
									 size_t len, const RtTokenRules *rules,
									 RtToken *token);
extern void rt_token_release(RtToken *token);

#endif							/* RT_IDENTITY_TOKEN_H */
