/*
 * test_token.c
 *		src/identity: keys and tokens.  Tokens are made by cjose and OpenSSL, and
 *		some are those of RFC 7515 and RFC 8037.
 */
#include "src/identity/token.h"

#include <time.h>

#include <cjose/base64.h>
#include <cjose/header.h>
#include <cjose/jws.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "test/unit/unit.h"

#define NOW 1800000000
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const RtTokenRules rules = {.now = NOW,.leeway = 30};

/* ---- making them ---- */

static char *
sign(const cjose_jwk_t *jwk, const char *algorithm, const char *kid, const char *claims)
{
	cjose_err	error;
	cjose_header_t *header = cjose_header_new(&error);
	cjose_jws_t *jws;
	const char *text;
	char	   *result;

	cjose_header_set(header, CJOSE_HDR_ALG, algorithm, &error);
	if (kid != NULL)
		cjose_header_set(header, CJOSE_HDR_KID, kid, &error);
	jws = cjose_jws_sign(jwk, header, (const uint8_t *) claims, strlen(claims), &error);
	if (jws == NULL || !cjose_jws_export(jws, &text, &error))
		abort();
	result = strdup(text);
	cjose_jws_release(jws);
	cjose_header_release(header);
	return result;
}

static cjose_jwk_t *
secret_jwk(const char *secret)
{
	cjose_err	error;

	return cjose_jwk_create_oct_spec((const uint8_t *) secret, strlen(secret), &error);
}

/* A token of the usual secret. */
static char *
plain(const char *claims)
{
	cjose_jwk_t *jwk = secret_jwk(SECRET);
	char	   *token = sign(jwk, "HS256", NULL, claims);

	cjose_jwk_release(jwk);
	return token;
}

static char *
encode(const char *text, size_t len)
{
	char	   *result;
	size_t		result_len;
	cjose_err	error;

	if (!cjose_base64url_encode((const uint8_t *) text, len, &result, &result_len, &error))
		abort();
	return result;
}

/* header.claims.signature, each given plain. */
static char *
assemble(const char *header, const char *claims, const char *signature)
{
	char	   *pieces[] = {
		encode(header, strlen(header)), encode(claims, strlen(claims)),
		encode(signature, strlen(signature))
	};
	char	   *token = malloc(strlen(pieces[0]) + strlen(pieces[1]) + strlen(pieces[2]) + 3);

	sprintf(token, "%s.%s.%s", pieces[0], pieces[1], pieces[2]);
	for (int i = 0; i < 3; i++)
		free(pieces[i]);
	return token;
}

/* ---- looking at them ---- */

static RtKeyRing ring;

static void
know_secret(const char *secret)
{
	const char *reason;

	rt_key_ring_clear(&ring);
	CHECK(rt_key_ring_add_secret(&ring, secret, strlen(secret), &reason) == 1);
}

static RtTokenVerdict
judge_by(const char *text, const RtTokenRules *by)
{
	RtToken		token;
	char	   *exact = unit_copy(text, strlen(text));
	RtTokenVerdict verdict = rt_token_check(&ring, exact, strlen(text), by, &token);

	CHECK((verdict == RT_TOKEN_GOOD) == (token.claims != NULL));
	CHECK(rt_token_verdict_text(verdict)[0] != '\0');
	rt_token_release(&token);
	free(exact);
	return verdict;
}

static RtTokenVerdict
judge(const char *text)
{
	return judge_by(text, &rules);
}

/* Makes the token, judges and frees it. */
static RtTokenVerdict
judge_claims(const char *claims, const RtTokenRules *by)
{
	char	   *token = plain(claims);
	RtTokenVerdict verdict = judge_by(token, by);

	free(token);
	return verdict;
}

/* ---- tests ---- */

static void
claims_come_out_as_they_are(void)
{
	const char *claims = "{\"sub\":\"ann\",\"n\":123456789012345678901234567890,\"exp\":1800000100.5}";
	char	   *text = plain(claims);
	RtToken		token;

	know_secret(SECRET);
	CHECK(rt_token_check(&ring, text, strlen(text), &rules, &token) == RT_TOKEN_GOOD);
	CHECK(token.claims_len == strlen(claims) && memcmp(token.claims, claims, token.claims_len) == 0);
	CHECK(token.expires == 1800000100);
	rt_token_release(&token);
	free(text);
}

static void
every_algorithm_of_secrets_works(void)
{
	static const char *const algorithms[] = {"HS256", "HS384", "HS512"};
	cjose_jwk_t *jwk = secret_jwk(SECRET);
	cjose_jwk_t *other = secret_jwk("another");

	know_secret(SECRET);
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
	{
		char	   *good = sign(jwk, algorithms[i], NULL, "{}");
		char	   *forged = sign(other, algorithms[i], NULL, "{}");

		CHECK_CASE(judge(good) == RT_TOKEN_GOOD, algorithms[i]);
		CHECK_CASE(judge(forged) == RT_TOKEN_FORGED, algorithms[i]);
		free(good);
		free(forged);
	}
	cjose_jwk_release(jwk);
	cjose_jwk_release(other);
}

static void
check_pem(EVP_PKEY *pkey, cjose_jwk_t *jwk, const char *const *algorithms, int count)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	const char *reason;
	char	   *pem;
	long		len;
	char	   *secret;
	char	   *confused;

	PEM_write_bio_PUBKEY(bio, pkey);
	len = BIO_get_mem_data(bio, &pem);
	rt_key_ring_clear(&ring);
	CHECK(rt_key_ring_add_pem(&ring, pem, len, &reason) == 1);
	for (int i = 0; i < count; i++)
	{
		char	   *token = sign(jwk, algorithms[i], NULL, "{\"sub\":\"ann\"}");

		CHECK_CASE(judge(token) == RT_TOKEN_GOOD, algorithms[i]);
		token[strlen(token) - 10] ^= 1;
		CHECK_CASE(judge(token) == RT_TOKEN_FORGED || judge(token) == RT_TOKEN_MALFORMED,
				   algorithms[i]);
		free(token);
	}

	/* the public key is no secret */
	secret = strndup(pem, len);
	{
		cjose_jwk_t *as_secret = secret_jwk(secret);

		confused = sign(as_secret, "HS256", NULL, "{\"sub\":\"root\"}");
		cjose_jwk_release(as_secret);
	}
	CHECK(judge(confused) == RT_TOKEN_UNKNOWN_KEY);
	free(confused);
	free(secret);
	BIO_free(bio);
}

static void
every_algorithm_of_rsa_works(void)
{
	static const char *const algorithms[] = {
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"
	};
	EVP_PKEY   *pkey = EVP_RSA_gen(2048);
	BIGNUM	   *numbers[3] = {NULL, NULL, NULL};
	uint8_t		bytes[3][256];
	cjose_jwk_rsa_keyspec spec = {0};
	cjose_jwk_t *jwk;
	cjose_err	error;

	EVP_PKEY_get_bn_param(pkey, "n", &numbers[0]);
	EVP_PKEY_get_bn_param(pkey, "e", &numbers[1]);
	EVP_PKEY_get_bn_param(pkey, "d", &numbers[2]);
	spec.n = bytes[0];
	spec.nlen = BN_bn2bin(numbers[0], bytes[0]);
	spec.e = bytes[1];
	spec.elen = BN_bn2bin(numbers[1], bytes[1]);
	spec.d = bytes[2];
	spec.dlen = BN_bn2bin(numbers[2], bytes[2]);
	jwk = cjose_jwk_create_RSA_spec(&spec, &error);
	check_pem(pkey, jwk, algorithms, COUNT_OF(algorithms));
	cjose_jwk_release(jwk);
	for (int i = 0; i < 3; i++)
		BN_free(numbers[i]);
	EVP_PKEY_free(pkey);
}

static void
check_curve(const char *group, cjose_jwk_ec_curve curve, const char *algorithm)
{
	EVP_PKEY   *pkey = EVP_EC_gen(group);
	BIGNUM	   *numbers[3] = {NULL, NULL, NULL};
	uint8_t		bytes[3][66];
	size_t		len = (EVP_PKEY_get_bits(pkey) + 7) / 8;
	cjose_jwk_ec_keyspec spec = {.crv = curve};
	cjose_jwk_t *jwk;
	cjose_err	error;

	EVP_PKEY_get_bn_param(pkey, "qx", &numbers[0]);
	EVP_PKEY_get_bn_param(pkey, "qy", &numbers[1]);
	EVP_PKEY_get_bn_param(pkey, "priv", &numbers[2]);
	for (int i = 0; i < 3; i++)
		BN_bn2binpad(numbers[i], bytes[i], len);
	spec.x = bytes[0];
	spec.y = bytes[1];
	spec.d = bytes[2];
	spec.xlen = spec.ylen = spec.dlen = len;
	jwk = cjose_jwk_create_EC_spec(&spec, &error);
	check_pem(pkey, jwk, &algorithm, 1);
	cjose_jwk_release(jwk);
	for (int i = 0; i < 3; i++)
		BN_free(numbers[i]);
	EVP_PKEY_free(pkey);
}

static void
every_curve_works(void)
{
	check_curve("P-256", CJOSE_JWK_EC_P_256, "ES256");
	check_curve("P-384", CJOSE_JWK_EC_P_384, "ES384");
	check_curve("P-521", CJOSE_JWK_EC_P_521, "ES512");
}

/* RFC 7515, A.1 and A.3 */
static void
examples_of_the_standard_work(void)
{
	static const char *const jwks =
	"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"},"
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
	const RtTokenRules then = {.now = 1300819000};
	const RtTokenRules late = {.now = 1300819380};
	static const char *const tokens[] = {
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	};
	const char *reason;

	rt_key_ring_clear(&ring);
	CHECK(rt_key_ring_add_jwks(&ring, jwks, strlen(jwks), &reason) == 2);
	for (size_t i = 0; i < COUNT_OF(tokens); i++)
	{
		CHECK(judge_by(tokens[i], &then) == RT_TOKEN_GOOD);
		CHECK(judge_by(tokens[i], &late) == RT_TOKEN_EXPIRED);
	}
}

/* RFC 8037, A.4; what it signs is no object */
static void
eddsa_works(void)
{
	static const char *const jwks =
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	static const char *const token =
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	static const char *const forged =
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.igyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	const char *reason;

	rt_key_ring_clear(&ring);
	CHECK(rt_key_ring_add_jwks(&ring, jwks, strlen(jwks), &reason) == 1);
	CHECK(judge(token) == RT_TOKEN_MALFORMED);
	CHECK(judge(forged) == RT_TOKEN_FORGED);
}

static void
keys_are_chosen_by_id(void)
{
	static const char *const jwks =
	"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE\"},"
	"{\"kty\":\"oct\",\"kid\":\"b\",\"alg\":\"HS384\",\"k\":\"YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI\"},"
	"{\"kty\":\"oct\",\"kid\":\"c\",\"use\":\"enc\",\"k\":\"Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M\"},"
	"{\"kty\":\"oct\",\"kid\":\"d\",\"key_ops\":[\"encrypt\"],\"k\":\"ZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGQ\"},"
	"{\"kty\":\"strange\",\"kid\":\"e\"},7]}";
	static const struct
	{
		char		key;
		const char *algorithm;
		const char *kid;
		RtTokenVerdict verdict;
	} cases[] = {
		{'a', "HS256", "a", RT_TOKEN_GOOD},
		{'a', "HS256", NULL, RT_TOKEN_GOOD},
		{'a', "HS256", "b", RT_TOKEN_UNKNOWN_KEY},
		{'a', "HS384", "b", RT_TOKEN_FORGED},
		{'b', "HS384", "b", RT_TOKEN_GOOD},
		{'b', "HS256", "b", RT_TOKEN_UNKNOWN_KEY},
		{'b', "HS256", NULL, RT_TOKEN_FORGED},
		{'c', "HS256", "c", RT_TOKEN_UNKNOWN_KEY},
		{'d', "HS256", "d", RT_TOKEN_UNKNOWN_KEY},
		{'a', "HS256", "other", RT_TOKEN_UNKNOWN_KEY},
	};
	const char *reason;

	rt_key_ring_clear(&ring);
	CHECK(rt_key_ring_add_jwks(&ring, jwks, strlen(jwks), &reason) == 2);
	CHECK(reason != NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		char		secret[33];
		cjose_jwk_t *jwk;
		char	   *token;

		memset(secret, cases[i].key, 32);
		secret[32] = '\0';
		jwk = secret_jwk(secret);
		token = sign(jwk, cases[i].algorithm, cases[i].kid, "{}");
		CHECK_CASE(judge(token) == cases[i].verdict, token);
		free(token);
		cjose_jwk_release(jwk);
	}
}

static void
bad_key_sets_are_refused(void)
{
	static const char *const texts[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", "nothing", "7"};
	static const char *const short_rsa =
	"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst\"}";
	const char *reason;

	rt_key_ring_clear(&ring);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
	{
		CHECK_CASE(rt_key_ring_add_jwks(&ring, texts[i], strlen(texts[i]), &reason) == -1, texts[i]);
		CHECK_CASE(reason != NULL, texts[i]);
		CHECK_CASE(rt_key_ring_add_pem(&ring, texts[i], strlen(texts[i]), &reason) == -1, texts[i]);
		CHECK_CASE(reason != NULL, texts[i]);
	}
	CHECK(rt_key_ring_add_jwks(&ring, short_rsa, strlen(short_rsa), &reason) == 0);
	CHECK(reason != NULL && ring.count == 0);
}

/* cjose ends the process at some of these. */
static void
numbers_that_are_none_are_refused(void)
{
	static const char *const numbers[] = {
		"A", "AAAAA", "AAAAA=", "AAAA=AAAA", "A===", "=", "AA+/", "AA AA", "AAAA\xc3\xa4"
	};
	static const char *const forms[] = {
		"{\"kty\":\"oct\",\"k\":\"%s\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}"
	};
	const char *reason;
	char		text[128];

	rt_key_ring_clear(&ring);
	for (size_t i = 0; i < COUNT_OF(numbers) * COUNT_OF(forms); i++)
	{
		snprintf(text, sizeof(text), forms[i % COUNT_OF(forms)], numbers[i / COUNT_OF(forms)]);
		CHECK_CASE(rt_key_ring_add_jwks(&ring, text, strlen(text), &reason) == 0, text);
		CHECK_CASE(reason != NULL && ring.count == 0, text);
	}
}

static void
private_keys_are_refused(void)
{
	EVP_PKEY   *pkey = EVP_EC_gen("P-256");
	BIO		   *bio = BIO_new(BIO_s_mem());
	const char *reason;
	char	   *pem;
	long		len;

	PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &pem);
	rt_key_ring_clear(&ring);
	CHECK(rt_key_ring_add_pem(&ring, pem, len, &reason) == -1);
	CHECK(reason != NULL && strstr(reason, "private") != NULL);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static void
a_ring_has_a_limit(void)
{
	const char *reason;

	rt_key_ring_clear(&ring);
	for (int i = 0; i < RT_KEYS_MAX; i++)
		CHECK(rt_key_ring_add_secret(&ring, SECRET, 40, &reason) == 1);
	CHECK(rt_key_ring_add_secret(&ring, SECRET, 40, &reason) == -1);
	CHECK(reason != NULL);
}

static void
texts_that_are_no_tokens(void)
{
	static const char *const texts[] = {
		"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "a.b=.c", "a b.c.d", "\xc3\xa4.b.c",
		"eyJhbGciOiJIUzI1NiJ9..", "eyJhbGciOiJIUzI1NiJ9.e30."
	};
	char	   *token;
	char	   *huge = malloc(RT_TOKEN_MAX + 2);

	know_secret(SECRET);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		CHECK_CASE(judge(texts[i]) != RT_TOKEN_GOOD, texts[i]);

	memset(huge, 'a', RT_TOKEN_MAX + 1);
	huge[RT_TOKEN_MAX + 1] = '\0';
	huge[10] = huge[20] = '.';
	CHECK(!rt_token_is_possible(huge, RT_TOKEN_MAX + 1));
	CHECK(rt_token_is_possible(huge, RT_TOKEN_MAX));
	CHECK(judge(huge) == RT_TOKEN_MALFORMED);
	free(huge);

	token = plain("{}");
	CHECK(judge_by(token, &rules) == RT_TOKEN_GOOD);
	free(token);
}

static void
nobody_chooses_no_signature(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{\"alg\":\"\"}", "{}", "{\"alg\":7}",
		"{\"alg\":\"hs256\"}", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{\"alg\":\"HS256\",\"kid\":7}", "[]", "x"
	};

	know_secret(SECRET);
	for (size_t i = 0; i < COUNT_OF(headers); i++)
	{
		char	   *unsigned_token = assemble(headers[i], "{}", "");
		char	   *token = assemble(headers[i], "{}", "signature");

		CHECK_CASE(judge(unsigned_token) != RT_TOKEN_GOOD, headers[i]);
		CHECK_CASE(judge(token) != RT_TOKEN_GOOD, headers[i]);
		free(unsigned_token);
		free(token);
	}
}

static void
times_are_checked(void)
{
	static const struct
	{
		const char *claims;
		RtTokenVerdict verdict;
	} cases[] = {
		{"{\"exp\":1800000001}", RT_TOKEN_GOOD},
		{"{\"exp\":1799999971}", RT_TOKEN_GOOD},	/* the leeway */
		{"{\"exp\":1799999970}", RT_TOKEN_EXPIRED},
		{"{\"exp\":1799999970.5}", RT_TOKEN_GOOD},
		{"{\"exp\":0}", RT_TOKEN_EXPIRED},
		{"{\"exp\":-1}", RT_TOKEN_EXPIRED},
		{"{\"exp\":\"1800000001\"}", RT_TOKEN_MALFORMED},
		{"{\"exp\":null}", RT_TOKEN_MALFORMED},
		{"{\"exp\":1e300}", RT_TOKEN_MALFORMED},
		{"{\"exp\":9007199254740991}", RT_TOKEN_GOOD},
		{"{\"nbf\":1800000030}", RT_TOKEN_GOOD},
		{"{\"nbf\":1800000031}", RT_TOKEN_TOO_EARLY},
		{"{\"nbf\":true}", RT_TOKEN_MALFORMED},
		{"{\"iat\":1900000000}", RT_TOKEN_GOOD},
	};

	know_secret(SECRET);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(judge_claims(cases[i].claims, &rules) == cases[i].verdict, cases[i].claims);
}

static void
issuers_and_audiences_are_checked(void)
{
	static const char *const issuers[] = {"https://a.example", "https://b.example", NULL};
	static const char *const audiences[] = {"app", "site", NULL};
	static const char *const nobody[] = {NULL};
	const RtTokenRules strict = {.issuers = issuers,.audiences = audiences,.now = NOW};
	const RtTokenRules empty = {.issuers = nobody,.audiences = nobody,.now = NOW};
	static const struct
	{
		const char *claims;
		RtTokenVerdict verdict;
	} cases[] = {
		{"{\"iss\":\"https://b.example\",\"aud\":\"app\"}", RT_TOKEN_GOOD},
		{"{\"iss\":\"https://a.example\",\"aud\":[\"other\",\"site\"]}", RT_TOKEN_GOOD},
		{"{\"iss\":\"https://a.example\",\"aud\":[\"other\"]}", RT_TOKEN_WRONG_AUDIENCE},
		{"{\"iss\":\"https://a.example\",\"aud\":[7,null]}", RT_TOKEN_WRONG_AUDIENCE},
		{"{\"iss\":\"https://a.example\"}", RT_TOKEN_WRONG_AUDIENCE},
		{"{\"iss\":\"https://a.example.com\",\"aud\":\"app\"}", RT_TOKEN_WRONG_ISSUER},
		{"{\"iss\":[\"https://a.example\"],\"aud\":\"app\"}", RT_TOKEN_WRONG_ISSUER},
		{"{\"aud\":\"app\"}", RT_TOKEN_WRONG_ISSUER},
	};

	know_secret(SECRET);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		CHECK_CASE(judge_claims(cases[i].claims, &strict) == cases[i].verdict, cases[i].claims);
		if (cases[i].verdict == RT_TOKEN_GOOD)
			CHECK_CASE(judge_claims(cases[i].claims, &empty) == RT_TOKEN_GOOD, cases[i].claims);
	}
}

static void
claims_are_an_object(void)
{
	static const char *const claims[] = {
		"[]", "7", "null", "\"x\"", "{", "{}x", "{\"a\":1,\"a\":2}", "{\"sub\":\"\\u0000\"}", "\xff"
	};

	know_secret(SECRET);
	for (size_t i = 0; i < COUNT_OF(claims); i++)
		CHECK_CASE(judge_claims(claims[i], &rules) == RT_TOKEN_MALFORMED, claims[i]);
}

static void
mutated_tokens_are_refused(void)
{
	char	   *token = plain("{\"sub\":\"ann\",\"exp\":1800000100}");
	size_t		len = strlen(token);

	know_secret(SECRET);
	srand(1);
	for (int i = 0; i < 20000; i++)
	{
		size_t		at = rand() % (len - 1);	/* the last letter holds unused bits */
		char		was = token[at];

		token[at] = rand() % 256;
		if (token[at] == was || token[at] == '\0')
			token[at] = was == 'A' ? 'B' : 'A';
		CHECK(judge(token) != RT_TOKEN_GOOD);
		token[at] = was;
	}
	free(token);
}

int
main(void)
{
	RUN(claims_come_out_as_they_are);
	RUN(every_algorithm_of_secrets_works);
	RUN(every_algorithm_of_rsa_works);
	RUN(every_curve_works);
	RUN(examples_of_the_standard_work);
	RUN(eddsa_works);
	RUN(keys_are_chosen_by_id);
	RUN(bad_key_sets_are_refused);
	RUN(numbers_that_are_none_are_refused);
	RUN(private_keys_are_refused);
	RUN(a_ring_has_a_limit);
	RUN(texts_that_are_no_tokens);
	RUN(nobody_chooses_no_signature);
	RUN(times_are_checked);
	RUN(issuers_and_audiences_are_checked);
	RUN(claims_are_an_object);
	RUN(mutated_tokens_are_refused);
	rt_key_ring_clear(&ring);
	return unit_done();
}
