/*
 * fuzz_token.c
 *		Input: a letter that says what the rest is.
 *
 *		t  a token, as it is sent
 *		s  header, newline, claims: what an issuer signs with a secret that we know
 *		j  a JSON Web Key Set, and perhaps a newline and a token
 *		p  keys in PEM, and perhaps a newline and a token
 *
 * Nobody can make a signature here but this program and whose examples the
 * standards print, so no other token may be found good.
 */
#include "src/identity/token.h"
#include "test/fuzz/fuzz.h"

#include <cjose/base64.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NOW 1300819000			/* when the examples are good */
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MAC_MAX 64

/* RFC 7515, A.1 and A.3; RFC 8037, A.1 */
#define EXAMPLE_KEYS \
	"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}," \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}," \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

/* What they have signed. */
static const char *const examples[] = {
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
};

static const struct
{
	const char *name;
	const EVP_MD *(*digest) (void);
} macs[] = {
	{"HS256", EVP_sha256}, {"HS384", EVP_sha384}, {"HS512", EVP_sha512}
};

static const char *const issuers[] = {"joe", "https://a.example/", NULL};
static const char *const audiences[] = {"b", NULL};

static RtKeyRing known;			/* those of the examples, and the secret */
static RtKeyRing strange;		/* another secret */

static void
know_keys(void)
{
	const char *reason;

	if (known.count > 0)
		return;
	FUZZ_ASSERT(rt_key_ring_add_jwks(&known, EXAMPLE_KEYS, strlen(EXAMPLE_KEYS), &reason) == 3);
	FUZZ_ASSERT(rt_key_ring_add_secret(&known, SECRET, strlen(SECRET), &reason) == 1);
	FUZZ_ASSERT(rt_key_ring_add_secret(&strange, SECRET "x", strlen(SECRET) + 1, &reason) == 1);
}

/* What a good token says is an object, and has not ended. */
static void
check_good(const RtToken *token, const RtTokenRules *rules)
{
	json_t	   *claims = json_loadb(token->claims, token->claims_len,
									JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	const json_t *issuer = json_object_get(claims, "iss");
	const json_t *end = json_object_get(claims, "exp");

	FUZZ_ASSERT(json_is_object(claims));
	FUZZ_ASSERT(end == NULL || json_is_number(end));
	FUZZ_ASSERT(end == NULL ||
				json_number_value(end) + (double) rules->leeway > (double) rules->now);
	FUZZ_ASSERT(token->expires == 0 || token->expires + rules->leeway > rules->now ||
				(double) token->expires + 1 > json_number_value(end));
	if (rules->issuers != NULL)
		FUZZ_ASSERT(json_is_string(issuer) &&
					(strcmp(json_string_value(issuer), issuers[0]) == 0 ||
					 strcmp(json_string_value(issuer), issuers[1]) == 0));
	json_decref(claims);
}

static RtTokenVerdict
judge_by(const RtKeyRing *ring, const char *text, size_t len, const RtTokenRules *rules)
{
	char	   *exact = fuzz_alloc(len);
	RtToken		token;
	RtTokenVerdict verdict;

	memcpy(exact, text, len);
	verdict = rt_token_check(ring, exact, len, rules, &token);
	FUZZ_ASSERT((verdict == RT_TOKEN_GOOD) == (token.claims != NULL));
	FUZZ_ASSERT(rt_token_verdict_text(verdict)[0] != '\0');
	FUZZ_ASSERT(verdict == RT_TOKEN_MALFORMED || rt_token_is_possible(text, len));
	if (verdict == RT_TOKEN_GOOD)
		check_good(&token, rules);
	rt_token_release(&token);
	FUZZ_ASSERT(token.claims == NULL);
	free(exact);
	return verdict;
}

/* Who asks for more gets no more. */
static RtTokenVerdict
judge(const RtKeyRing *ring, const char *text, size_t len)
{
	const RtTokenRules plain = {.now = NOW};
	const RtTokenRules strict = {
		.now = NOW,.leeway = 0,.issuers = issuers,.audiences = audiences
	};
	RtTokenVerdict verdict = judge_by(ring, text, len, &plain);

	FUZZ_ASSERT(judge_by(ring, text, len, &strict) != RT_TOKEN_GOOD ||
				verdict == RT_TOKEN_GOOD);
	return verdict;
}

static bool
is_example(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
	{
		if (len > strlen(examples[i]) &&
			memcmp(text, examples[i], strlen(examples[i])) == 0)
			return true;
	}
	return false;
}

static void
try_token(const char *text, size_t len)
{
	FUZZ_ASSERT(judge(&known, text, len) != RT_TOKEN_GOOD || is_example(text, len));
	FUZZ_ASSERT(judge(&strange, text, len) != RT_TOKEN_GOOD);
}

/* ---- what an issuer signs ---- */

static size_t
append(char *at, const void *bytes, size_t len)
{
	char	   *text = NULL;
	size_t		text_len = 0;
	cjose_err	error;

	if (len == 0)
		return 0;
	FUZZ_ASSERT(cjose_base64url_encode(bytes, len, &text, &text_len, &error));
	memcpy(at, text, text_len);
	free(text);
	return text_len;
}

/* The way of signing that a header names; -1 = none of these. */
static int
find_mac(const char *header, size_t len)
{
	json_t	   *json = json_loadb(header, len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(json, "alg"));
	int			found = -1;

	for (int i = 0; i < 3 && name != NULL; i++)
	{
		if (strcmp(name, macs[i].name) == 0)
			found = i;
	}
	json_decref(json);
	return found;
}

static size_t
write_signed(char *token, const char *header, size_t header_len,
			 const char *claims, size_t claims_len, int mac)
{
	unsigned char code[MAC_MAX];
	unsigned	code_len = 0;
	size_t		len = append(token, header, header_len);

	token[len++] = '.';
	len += append(token + len, claims, claims_len);
	FUZZ_ASSERT(HMAC(macs[mac].digest(), SECRET, strlen(SECRET),
					 (unsigned char *) token, len, code, &code_len) != NULL);
	token[len++] = '.';
	return len + append(token + len, code, code_len);
}

/* What the secret has signed is judged by what it says; another one has not. */
static void
try_signed(const char *header, size_t header_len, const char *claims, size_t claims_len)
{
	int			mac = find_mac(header, header_len);
	char	   *token = fuzz_alloc((header_len + claims_len + MAC_MAX) * 2 + 16);
	size_t		len = write_signed(token, header, header_len, claims, claims_len,
								   mac < 0 ? 0 : mac);
	RtTokenVerdict verdict = judge(&known, token, len);

	FUZZ_ASSERT(mac >= 0 || verdict != RT_TOKEN_GOOD);
	FUZZ_ASSERT(verdict != RT_TOKEN_FORGED || mac < 0);
	FUZZ_ASSERT(judge(&strange, token, len) != RT_TOKEN_GOOD);
	/* one letter of what was signed is another one */
	token[0] = token[0] == 'e' ? 'f' : 'e';
	FUZZ_ASSERT(judge(&known, token, len) != RT_TOKEN_GOOD);
	free(token);
}

/* ---- keys ---- */

static void
check_ring(const RtKeyRing *ring, int count)
{
	FUZZ_ASSERT(ring->count <= RT_KEYS_MAX);
	FUZZ_ASSERT(ring->count == (count > 0 ? count : 0));
	for (int i = 0; i < ring->count; i++)
	{
		const RtKey *key = &ring->keys[i];

		FUZZ_ASSERT((key->jwk != NULL) != (key->eddsa != NULL));
		FUZZ_ASSERT(key->algorithms != 0);
		FUZZ_ASSERT((key->algorithms & RT_EDDSA) == 0 || key->eddsa != NULL);
	}
}

/* A token of the standard's is good if the key is there, and only then. */
static void
try_keys(int (*add) (RtKeyRing *ring, const char *text, size_t len, const char **reason),
		 const char *text, size_t len, const char *token, size_t token_len)
{
	RtKeyRing	ring = {0};
	const char *reason = NULL;
	char	   *exact = fuzz_alloc(len);
	int			count;

	memcpy(exact, text, len);
	count = add(&ring, exact, len, &reason);
	FUZZ_ASSERT(count >= 0 || reason != NULL);
	check_ring(&ring, count);
	if (token != NULL)
		(void) judge(&ring, token, token_len);
	rt_key_ring_clear(&ring);
	FUZZ_ASSERT(token == NULL || judge(&ring, token, token_len) != RT_TOKEN_GOOD);
	free(exact);
}

/* ---- one input ---- */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data + 1;
	const char *newline;
	const char *rest = NULL;
	size_t		rest_len = 0;
	size_t		len;

	if (size == 0)
		return 0;
	know_keys();
	len = size - 1;
	/* PEM has many lines: the last one is the token */
	newline = len == 0 ? NULL :
		data[0] == 'p' ? memrchr(text, '\n', len) : memchr(text, '\n', len);
	if (newline != NULL)
	{
		rest = newline + 1;
		rest_len = len - (size_t) (rest - text);
		len = (size_t) (newline - text);
	}
	switch (data[0])
	{
		case 't':
			try_token(text, size - 1);
			break;
		case 's':
			try_signed(text, len, rest, rest_len);
			break;
		case 'j':
			try_keys(rt_key_ring_add_jwks, text, len, rest, rest_len);
			break;
		case 'p':
			try_keys(rt_key_ring_add_pem, text, len, rest, rest_len);
			break;
	}
	return 0;
}
