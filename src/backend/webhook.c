/*
 * webhook.c
 *		Whether a webhook is from whom it says: HMAC signatures.
 *
 * Signatures are written and then compared, in a time that does not depend on where
 * they differ, so what a sender claims is never decoded.
 */
#include "postgres.h"

#include <math.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base64.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/compat.h"
#include "src/errcodes.h"
#include "src/guc.h"
#include "src/protocol/json.h"
#include "src/protocol/text.h"

#define DIGEST_BYTES 32			/* of SHA-256 */
#define STANDARD_PREFIX "whsec_"
#define STANDARD_VERSION "v1,"	/* before that, as some write it */

PG_FUNCTION_INFO_V1(realtime_hmac_equals);
PG_FUNCTION_INFO_V1(realtime_verify_standard_webhook);
PG_FUNCTION_INFO_V1(realtime_verify_stripe);
PG_FUNCTION_INFO_V1(realtime_verify_github);

pg_noreturn static void
refuse(const char *message)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(RT_CODE_INVALID_REQUEST)), errmsg("%s", message)));
}

/* ---- signatures ---- */

static RtText
bytes_of(const struct varlena *value)
{
	return (RtText) {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

/* Returns how long it is.  What is signed without a secret anybody can sign. */
static unsigned int
sign(const EVP_MD *algorithm, RtText key, RtText message, unsigned char *digest)
{
	unsigned int len = 0;

	if (key.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the secret of a signature must not be empty")));
	if (HMAC(algorithm, key.ptr, (int) key.len,
			 (const unsigned char *) message.ptr, message.len, digest, &len) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute an HMAC")));
	return len;
}

static bool
are_equal(RtText a, RtText b)
{
	return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

static RtText
write_hex(const unsigned char *digest)
{
	char	   *text = palloc(2 * DIGEST_BYTES + 1);

	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return (RtText) {text, 2 * DIGEST_BYTES};
}

static RtText
write_base64(const unsigned char *digest)
{
	unsigned char *text = palloc(4 * ((DIGEST_BYTES + 2) / 3) + 1);

	return (RtText) {(char *) text, EVP_EncodeBlock(text, digest, DIGEST_BYTES)};
}

Datum
realtime_hmac_equals(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(3));
	const EVP_MD *algorithm = EVP_get_digestbyname(name);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	if (algorithm == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("algorithm \"%s\" is not known", name),
				 errhint("It is \"sha256\", for example.")));
	len = sign(algorithm, bytes_of(PG_GETARG_BYTEA_PP(1)), bytes_of(PG_GETARG_BYTEA_PP(0)), digest);
	PG_RETURN_BOOL(are_equal(bytes_of(PG_GETARG_BYTEA_PP(2)), (RtText) {(char *) digest, len}));
}

/* ---- headers ---- */

/* A header must be there: without it nobody has signed anything. */
static RtText
header(Jsonb *headers, const char *name)
{
	JsonbValue	key = {.type = jbvString};
	JsonbValue *value = NULL;

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	if (JB_ROOT_IS_OBJECT(headers))
		value = findJsonbValueFromContainer(&headers->root, JB_FOBJECT, &key);
	if (value == NULL || value->type != jbvString)
		refuse(psprintf("Header %s is missing", name));
	return (RtText) {value->val.string.val, value->val.string.len};
}

/* The next word of a list; false at its end. */
static bool
next_word(RtText *rest, char separator, RtText *word)
{
	const char *end;

	while (rest->len > 0 && (*rest->ptr == separator || *rest->ptr == ' '))
		*rest = (RtText) {rest->ptr + 1, rest->len - 1};
	if (rest->len == 0)
		return false;
	end = memchr(rest->ptr, separator, rest->len);
	*word = (RtText) {rest->ptr, end != NULL ? (size_t) (end - rest->ptr) : rest->len};
	*rest = (RtText) {rest->ptr + word->len, rest->len - word->len};
	return true;
}

static bool
take_prefix(RtText *text, const char *prefix)
{
	size_t		len = strlen(prefix);

	if (text->len < len || memcmp(text->ptr, prefix, len) != 0)
		return false;
	*text = (RtText) {text->ptr + len, text->len - len};
	return true;
}

/* In seconds, infinity included. */
static double
seconds_of(const Interval *interval)
{
	return (double) interval->time / USECS_PER_SEC +
		(interval->day + interval->month * (double) DAYS_PER_MONTH) * SECS_PER_DAY;
}

/* Seconds since 1970, within the tolerance; raises if it is no number. */
static bool
is_recent(RtText timestamp, const Interval *tolerance)
{
	int64		seconds = 0;

	if (timestamp.len == 0 || timestamp.len > 15)
		refuse("Webhook timestamp is not valid");
	for (size_t i = 0; i < timestamp.len; i++)
	{
		if (timestamp.ptr[i] < '0' || timestamp.ptr[i] > '9')
			refuse("Webhook timestamp is not valid");
		seconds = seconds * 10 + (timestamp.ptr[i] - '0');
	}
	return tolerance == NULL ||
		fabs((double) time(NULL) - (double) seconds) <= seconds_of(tolerance);
}

/* ---- what it tells ---- */

/* The body: as JSON or, if it is none, as a text. */
static Datum
event_of(RtText body)
{
	JsonbValue	text = {.type = jbvString};

	if (rt_json_check(body.ptr, body.len, realtime_max_depth) == RT_JSON_OK &&
		pg_verify_mbstr(PG_UTF8, body.ptr, (int) body.len, true))
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(body.ptr, body.len)));
	if (memchr(body.ptr, '\0', body.len) != NULL ||
		!pg_verify_mbstr(PG_UTF8, body.ptr, (int) body.len, true))
		refuse("Webhook body is not a text");
	text.val.string.val = unconstify(char *, body.ptr);
	text.val.string.len = body.len;
	return JsonbPGetDatum(JsonbValueToJsonb(&text));
}

static void
require(FunctionCallInfo fcinfo, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("body, headers and secret must not be null")));
	}
}

static const Interval *
tolerance_of(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(3) ? NULL : PG_GETARG_INTERVAL_P(3);
}

/* ---- senders ---- */

/* The secret is base64 behind a prefix. */
static RtText
standard_key(text *secret)
{
	RtText		encoded = bytes_of(secret);
	int			size;
	char	   *key;
	int			len;

	(void) take_prefix(&encoded, STANDARD_VERSION);
	(void) take_prefix(&encoded, STANDARD_PREFIX);
	size = pg_b64_dec_len((int) encoded.len);
	key = palloc(size + 1);
	len = pg_b64_decode(encoded.ptr, (int) encoded.len, (void *) key, size);
	if (len < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret is not valid"),
				 errdetail("It is base64, perhaps behind \"%s\".", STANDARD_PREFIX)));
	return (RtText) {key, len};
}

static RtText
join(RtText a, RtText b, RtText c)
{
	StringInfoData all;

	initStringInfo(&all);
	appendBinaryStringInfo(&all, a.ptr, (int) a.len);
	appendStringInfoChar(&all, '.');
	if (b.ptr != NULL)
	{
		appendBinaryStringInfo(&all, b.ptr, (int) b.len);
		appendStringInfoChar(&all, '.');
	}
	appendBinaryStringInfo(&all, c.ptr, (int) c.len);
	return (RtText) {all.data, all.len};
}

Datum
realtime_verify_standard_webhook(PG_FUNCTION_ARGS)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	RtText		body;
	RtText		timestamp;
	RtText		signatures;
	RtText		expected;
	RtText		word;
	bool		found = false;

	require(fcinfo, 3);
	body = bytes_of(PG_GETARG_BYTEA_PP(0));
	timestamp = header(PG_GETARG_JSONB_P(1), "webhook-timestamp");
	signatures = header(PG_GETARG_JSONB_P(1), "webhook-signature");
	(void) sign(EVP_sha256(), standard_key(PG_GETARG_TEXT_PP(2)),
				join(header(PG_GETARG_JSONB_P(1), "webhook-id"), timestamp, body), digest);
	expected = write_base64(digest);
	while (next_word(&signatures, ' ', &word))
		found |= take_prefix(&word, "v1,") && are_equal(word, expected);
	if (!is_recent(timestamp, tolerance_of(fcinfo)) || !found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(event_of(body));
}

Datum
realtime_verify_stripe(PG_FUNCTION_ARGS)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	RtText		body;
	RtText		rest;
	RtText		word;
	RtText		timestamp = RT_TEXT_NONE;
	RtText		expected;
	bool		found = false;

	require(fcinfo, 3);
	body = bytes_of(PG_GETARG_BYTEA_PP(0));
	rest = header(PG_GETARG_JSONB_P(1), "stripe-signature");
	while (next_word(&rest, ',', &word))
	{
		if (take_prefix(&word, "t="))
			timestamp = word;
	}
	if (timestamp.len == 0)
		refuse("Header stripe-signature has no timestamp");
	(void) sign(EVP_sha256(), bytes_of(PG_GETARG_TEXT_PP(2)),
				join(timestamp, RT_TEXT_NONE, body), digest);
	expected = write_hex(digest);
	rest = header(PG_GETARG_JSONB_P(1), "stripe-signature");
	while (next_word(&rest, ',', &word))
		found |= take_prefix(&word, "v1=") && are_equal(word, expected);
	if (!is_recent(timestamp, tolerance_of(fcinfo)) || !found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(event_of(body));
}

Datum
realtime_verify_github(PG_FUNCTION_ARGS)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	RtText		body;
	RtText		signature;

	require(fcinfo, 3);
	body = bytes_of(PG_GETARG_BYTEA_PP(0));
	signature = header(PG_GETARG_JSONB_P(1), "x-hub-signature-256");
	(void) sign(EVP_sha256(), bytes_of(PG_GETARG_TEXT_PP(2)), body, digest);
	if (!take_prefix(&signature, "sha256=") || !are_equal(signature, write_hex(digest)))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(event_of(body));
}
