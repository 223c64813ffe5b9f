/*
 * key_ring.h
 *		The keys that may have signed a token (RFC 7517), and what each of them
 *		may have signed it with: a key fixes its algorithms, so that a token
 *		cannot choose one that makes something else of the key.
 *
 * Plain C upon cjose, jansson and OpenSSL; nothing here raises.
 */
#ifndef RT_IDENTITY_KEY_RING_H
#define RT_IDENTITY_KEY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjose/jwk.h>
#include <openssl/evp.h>

#define RT_KEYS_MAX 64			/* of a ring */
#define RT_RSA_BITS_MIN 2048	/* RFC 7518, 3.3 */
#define RT_SECRET_BYTES_MIN 32	/* what RFC 7518, 3.2 asks of HS256 */

/* Algorithms of signatures (RFC 7518, 3.1; RFC 8037); one bit each. */
typedef enum RtAlgorithm
{
	RT_HS256 = 1 << 0,
	RT_HS384 = 1 << 1,
	RT_HS512 = 1 << 2,
	RT_RS256 = 1 << 3,
	RT_RS384 = 1 << 4,
	RT_RS512 = 1 << 5,
	RT_PS256 = 1 << 6,
	RT_PS384 = 1 << 7,
	RT_PS512 = 1 << 8,
	RT_ES256 = 1 << 9,
	RT_ES384 = 1 << 10,
	RT_ES512 = 1 << 11,
	RT_EDDSA = 1 << 12
} RtAlgorithm;

/* The algorithm of a name, or 0; "none" is none. */
extern unsigned rt_algorithm(const char *name);

typedef struct RtKey
{
	char	   *kid;			/* NULL = it has none */
	unsigned	algorithms;		/* RT_HS256 | ... */
	cjose_jwk_t *jwk;			/* NULL for EdDSA, which cjose does not know */
	EVP_PKEY   *eddsa;			/* NULL for all others */
} RtKey;

/* Begins as zero. */
typedef struct RtKeyRing
{
	int			count;
	RtKey		keys[RT_KEYS_MAX];
} RtKeyRing;

/*
 * Add to a ring.  They return how many keys were added, or -1 if the text is
 * not what it should be; reason is a sentence about it, or about what was left
 * out, or NULL.
 *
 * pem: public keys and certificates, one behind the other (RFC 7468).
 * jwks: {"keys": [...]}, or one key; those that are not for signatures, or of
 * a kind that we do not know, are left out, as RFC 7517, 5 wants it.
 */
extern int	rt_key_ring_add_secret(RtKeyRing *ring, const char *secret,
								   size_t len, const char **reason);
extern int	rt_key_ring_add_pem(RtKeyRing *ring, const char *text, size_t len,
								const char **reason);
extern int	rt_key_ring_add_jwks(RtKeyRing *ring, const char *text, size_t len,
								 const char **reason);

/* Empties it. */
extern void rt_key_ring_clear(RtKeyRing *ring);

#endif							/* RT_IDENTITY_KEY_RING_H */
