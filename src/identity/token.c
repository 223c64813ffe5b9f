/*
 * token.c
 *		Signatures first, then claims.
 *
 * Who can have signed it is found by the token's key id and algorithm among
 * keys that fix theirs; extensions that must be understood ("crit") are not.
 */
#include "src/identity/token.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjose/base64.h>
#include <cjose/header.h>
#include <cjose/jws.h>
#include <jansson.h>
#include <openssl/err.h>

#define SECONDS_MAX 9007199254740992.0	/* 2^53 */
#define DAY 86400

/* A token, and what its header says. */
typedef struct Signed
{
	const char *text;
	size_t		header_len;		/* of its pieces */
	size_t		claims_len;
	size_t		signature_len;
	json_t	   *header;
	const char *kid;			/* in header; NULL = it does not say */
	unsigned	algorithm;
	bool		starved;		/* something was not read for want of memory */
} Signed;

const char *
rt_token_verdict_text(RtTokenVerdict verdict)
{
	switch (verdict)
	{
		case RT_TOKEN_GOOD:
			return "The token is good.";
		case RT_TOKEN_MALFORMED:
			return "The token is not a signed JSON Web Token.";
		case RT_TOKEN_UNKNOWN_KEY:
			return "No key fits the token's key id and algorithm.";
		case RT_TOKEN_FORGED:
			return "The token's signature is not that of a known key.";
		case RT_TOKEN_EXPIRED:
			return "The token has expired.";
		case RT_TOKEN_TOO_EARLY:
			return "The token is not valid yet.";
		case RT_TOKEN_WRONG_ISSUER:
			return "The token is of an issuer that is not listed.";
		case RT_TOKEN_WRONG_AUDIENCE:
			return "The token is for another audience.";
		case RT_TOKEN_NO_MEMORY:
			return "There is no memory to read the token.";
	}
	return "";
}

/* Three pieces of base64url with dots between them. */
bool
rt_token_is_possible(const char *text, size_t len)
{
	int			dots = 0;

	if (len == 0 || len > RT_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char		c = text[i];

		if (c == '.')
			dots++;
		else if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
				   (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return dots == 2;
}

/* ---- pieces ---- */

static const char *
claims_of(const Signed *token)
{
	return token->text + token->header_len + 1;
}

static const char *
signature_of(const Signed *token)
{
	return claims_of(token) + token->claims_len + 1;
}

/* What a library says of its failure. */
static void
note_error(Signed *token, const cjose_err *error)
{
	token->starved |= error->code == CJOSE_ERR_NO_MEMORY;
}

/* Free what it returns; NULL if the piece is empty or no base64url. */
static uint8_t *
decode(Signed *token, const char *piece, size_t piece_len, size_t *len)
{
	uint8_t    *bytes = NULL;
	cjose_err	error = {.code = CJOSE_ERR_NONE};

	if (piece_len == 0)
		return NULL;
	if (!cjose_base64url_decode(piece, piece_len, &bytes, len, &error))
	{
		note_error(token, &error);
		return NULL;
	}
	return bytes;
}

static void
find_pieces(Signed *token, size_t len)
{
	token->header_len = strcspn(token->text, ".");
	token->claims_len = strcspn(claims_of(token), ".");
	token->signature_len = len - token->header_len - token->claims_len - 2;
}

static json_t *
decode_json(Signed *token, const char *piece, size_t piece_len, size_t flags)
{
	size_t		len = 0;
	uint8_t    *bytes = decode(token, piece, piece_len, &len);
	json_t	   *json = NULL;
	json_error_t error;

	if (bytes != NULL)
		json = json_loadb((char *) bytes, len, JSON_REJECT_DUPLICATES | flags, &error);
	if (bytes != NULL && json == NULL)
		token->starved |= json_error_code(&error) == json_error_out_of_memory;
	free(bytes);
	return json;
}

static bool
read_header(Signed *token)
{
	const char *algorithm;
	const json_t *kid;

	token->header = decode_json(token, token->text, token->header_len, 0);
	kid = json_object_get(token->header, "kid");
	algorithm = json_string_value(json_object_get(token->header, "alg"));
	if (algorithm == NULL || json_object_get(token->header, "crit") != NULL ||
		(kid != NULL && !json_is_string(kid)))
		return false;
	token->kid = json_string_value(kid);
	token->algorithm = rt_algorithm(algorithm);
	return true;
}

/* ---- signatures ---- */

/*
 * How long a signature is that always has one length, else 0: cjose compares codes
 * of HMAC without a look at the length of what it was given.
 */
static size_t
signature_size(unsigned algorithm)
{
	switch (algorithm)
	{
		case RT_HS256:
			return 32;
		case RT_HS384:
			return 48;
		case RT_HS512:
		case RT_ES256:
			return 64;
		case RT_ES384:
			return 96;
		case RT_ES512:
			return 132;
		default:
			return 0;
	}
}

static bool
verify_jws(Signed *token, const cjose_jwk_t *jwk)
{
	size_t		size = signature_size(token->algorithm);
	cjose_err	error = {.code = CJOSE_ERR_NONE};
	cjose_jws_t *jws;
	bool		good;

	if (size > 0 && token->signature_len * 3 / 4 != size)
		return false;
	jws = cjose_jws_import(token->text, strlen(token->text), &error);
	good = jws != NULL && cjose_jws_verify(jws, jwk, &error);
	if (!good)
		note_error(token, &error);
	cjose_jws_release(jws);
	return good;
}

/* cjose does not know EdDSA (RFC 8037, 3.1). */
static bool
verify_eddsa(Signed *token, EVP_PKEY *pkey)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t		len = 0;
	uint8_t    *signature = decode(token, signature_of(token), token->signature_len, &len);
	bool		good;

	token->starved |= context == NULL;
	good = context != NULL && signature != NULL &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestVerify(context, signature, len, (const unsigned char *) token->text,
						 token->header_len + 1 + token->claims_len) == 1;
	free(signature);
	EVP_MD_CTX_free(context);
	return good;
}

static bool
can_have_signed(const RtKey *key, const Signed *token)
{
	if ((key->algorithms & token->algorithm) == 0)
		return false;
	return key->kid == NULL || token->kid == NULL ||
		strcmp(key->kid, token->kid) == 0;
}

static RtTokenVerdict
verify(const RtKeyRing *ring, Signed *token)
{
	RtTokenVerdict verdict = RT_TOKEN_UNKNOWN_KEY;

	for (int i = 0; i < ring->count; i++)
	{
		const RtKey *key = &ring->keys[i];

		if (!can_have_signed(key, token))
			continue;
		verdict = RT_TOKEN_FORGED;
		if (key->eddsa != NULL ? verify_eddsa(token, key->eddsa) :
			verify_jws(token, key->jwk))
			return RT_TOKEN_GOOD;
	}
	return verdict;
}

/* ---- claims ---- */

/* Seconds of a NumericDate; false if there is something else. */
static bool
get_time(const json_t *claims, const char *name, double otherwise, double *time)
{
	const json_t *value = json_object_get(claims, name);

	*time = otherwise;
	if (value == NULL)
		return true;
	if (!json_is_number(value))
		return false;
	*time = json_number_value(value);
	return fabs(*time) < SECONDS_MAX;
}

static RtTokenVerdict
check_times(const json_t *claims, const RtTokenRules *rules, int64_t *expires)
{
	double		exp;
	double		nbf;

	if (!get_time(claims, "exp", SECONDS_MAX, &exp) ||
		!get_time(claims, "nbf", -SECONDS_MAX, &nbf))
		return RT_TOKEN_MALFORMED;
	if (exp + rules->leeway <= rules->now)
		return RT_TOKEN_EXPIRED;
	if (nbf - rules->leeway > rules->now)
		return RT_TOKEN_TOO_EARLY;
	/* one that would last longer than clocks can count lasts for ever */
	*expires = exp < SECONDS_MAX / DAY ? (int64_t) exp : 0;
	return RT_TOKEN_GOOD;
}

static bool
is_listed(const json_t *value, const char *const *list)
{
	const char *text = json_string_value(value);

	for (; text != NULL && *list != NULL; list++)
	{
		if (strcmp(text, *list) == 0)
			return true;
	}
	return false;
}

/* A text, or a list of them of which one will do. */
static bool
satisfies(const json_t *value, const char *const *list)
{
	const json_t *element;
	size_t		i;

	if (list == NULL || *list == NULL || is_listed(value, list))
		return true;
	json_array_foreach(value, i, element)
	{
		if (is_listed(element, list))
			return true;
	}
	return false;
}

static RtTokenVerdict
check_claims(const json_t *claims, const RtTokenRules *rules, int64_t *expires)
{
	const json_t *issuer = json_object_get(claims, "iss");

	if (!json_is_object(claims))
		return RT_TOKEN_MALFORMED;
	if (json_is_array(issuer) || !satisfies(issuer, rules->issuers))
		return RT_TOKEN_WRONG_ISSUER;
	if (!satisfies(json_object_get(claims, "aud"), rules->audiences))
		return RT_TOKEN_WRONG_AUDIENCE;
	return check_times(claims, rules, expires);
}

/* ---- a token ---- */

static RtTokenVerdict
read_claims(Signed *from, const RtTokenRules *rules, RtToken *token)
{
	/* numbers may have any length; those of the claims that matter have not */
	json_t	   *claims = decode_json(from, claims_of(from), from->claims_len,
									 JSON_DECODE_INT_AS_REAL);
	RtTokenVerdict verdict = check_claims(claims, rules, &token->expires);

	json_decref(claims);
	if (verdict != RT_TOKEN_GOOD)
		return verdict;
	token->claims = (char *) decode(from, claims_of(from), from->claims_len,
									&token->claims_len);
	return token->claims != NULL ? RT_TOKEN_GOOD : RT_TOKEN_NO_MEMORY;
}

static RtTokenVerdict
check(const RtKeyRing *ring, Signed *from, const RtTokenRules *rules, RtToken *token)
{
	RtTokenVerdict verdict;

	if (!read_header(from))
		return RT_TOKEN_MALFORMED;
	verdict = verify(ring, from);
	if (verdict != RT_TOKEN_GOOD)
		return verdict;
	return read_claims(from, rules, token);
}

RtTokenVerdict
rt_token_check(const RtKeyRing *ring, const char *text, size_t len,
			   const RtTokenRules *rules, RtToken *token)
{
	char		copy[RT_TOKEN_MAX + 1];
	Signed		from = {.text = copy};
	RtTokenVerdict verdict;

	memset(token, 0, sizeof(*token));
	if (!rt_token_is_possible(text, len))
		return RT_TOKEN_MALFORMED;
	memcpy(copy, text, len);
	copy[len] = '\0';
	find_pieces(&from, len);
	verdict = check(ring, &from, rules, token);
	if (verdict != RT_TOKEN_GOOD && from.starved)
		verdict = RT_TOKEN_NO_MEMORY;
	json_decref(from.header);
	ERR_clear_error();			/* others of this process look at its queue */
	return verdict;
}

void
rt_token_release(RtToken *token)
{
	free(token->claims);
	memset(token, 0, sizeof(*token));
}
