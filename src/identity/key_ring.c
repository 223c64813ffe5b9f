/*
 * key_ring.c
 *		Keys from a secret, from PEM and from a JSON Web Key Set.
 *
 * All become keys of cjose, but for those of EdDSA, which become OpenSSL's.
 */
#include "src/identity/key_ring.h"

#include <stdlib.h>
#include <string.h>

#include <cjose/base64.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define OF_SECRETS (RT_HS256 | RT_HS384 | RT_HS512)
#define OF_RSA (RT_RS256 | RT_RS384 | RT_RS512 | RT_PS256 | RT_PS384 | RT_PS512)
#define COORDINATE_MAX 66		/* bytes; of P-521 */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const struct
{
	const char *name;
	unsigned	algorithm;
} names[] = {
	{"HS256", RT_HS256}, {"HS384", RT_HS384}, {"HS512", RT_HS512},
	{"RS256", RT_RS256}, {"RS384", RT_RS384}, {"RS512", RT_RS512},
	{"PS256", RT_PS256}, {"PS384", RT_PS384}, {"PS512", RT_PS512},
	{"ES256", RT_ES256}, {"ES384", RT_ES384}, {"ES512", RT_ES512},
	{"EdDSA", RT_EDDSA}
};

unsigned
rt_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(names[i].name, name) == 0)
			return names[i].algorithm;
	}
	return 0;
}

/* ---- the ring ---- */

static void
release(RtKey *key)
{
	free(key->kid);
	if (key->jwk != NULL)
		(void) cjose_jwk_release(key->jwk);
	EVP_PKEY_free(key->eddsa);
	memset(key, 0, sizeof(*key));
}

void
rt_key_ring_clear(RtKeyRing *ring)
{
	for (int i = 0; i < ring->count; i++)
		release(&ring->keys[i]);
	ring->count = 0;
}

/* Takes the key over, or releases it.  Returns how many were added. */
static int
add(RtKeyRing *ring, RtKey *key, const char **reason)
{
	if ((key->jwk == NULL && key->eddsa == NULL) || key->algorithms == 0)
		*reason = "A key is not valid, or of a kind that is not known.";
	else if (ring->count == RT_KEYS_MAX)
		*reason = "There are too many keys.";
	else
	{
		ring->keys[ring->count++] = *key;
		return 1;
	}
	release(key);
	return 0;
}

/* ---- what a key is good for ---- */

static unsigned
of_curve(cjose_jwk_ec_curve curve)
{
	switch (curve)
	{
		case CJOSE_JWK_EC_P_256:
			return RT_ES256;
		case CJOSE_JWK_EC_P_384:
			return RT_ES384;
		case CJOSE_JWK_EC_P_521:
			return RT_ES512;
		default:
			return 0;
	}
}

static unsigned
of_jwk(const cjose_jwk_t *jwk)
{
	cjose_err	error;

	if (jwk == NULL)
		return 0;
	switch (cjose_jwk_get_kty(jwk, &error))
	{
		case CJOSE_JWK_KTY_OCT:
			return OF_SECRETS;
		case CJOSE_JWK_KTY_RSA:
			return cjose_jwk_get_keysize(jwk, &error) >= RT_RSA_BITS_MIN ? OF_RSA : 0;
		case CJOSE_JWK_KTY_EC:
			return of_curve(cjose_jwk_EC_get_curve(jwk, &error));
		default:
			return 0;
	}
}

/* ---- a secret ---- */

int
rt_key_ring_add_secret(RtKeyRing *ring, const char *secret, size_t len,
					   const char **reason)
{
	RtKey		key = {0};
	cjose_err	error;

	*reason = NULL;
	key.jwk = cjose_jwk_create_oct_spec((const uint8_t *) secret, len, &error);
	key.algorithms = of_jwk(key.jwk);
	return add(ring, &key, reason) == 1 ? 1 : -1;
}

/* ---- PEM ---- */

/* A number of a key, in bytes of its own; NULL if it has none. */
static uint8_t *
get_number(const EVP_PKEY *pkey, const char *name, size_t least, size_t *len)
{
	BIGNUM	   *number = NULL;
	uint8_t    *bytes = NULL;

	if (!EVP_PKEY_get_bn_param(pkey, name, &number))
		return NULL;
	*len = BN_num_bytes(number);
	if (*len < least)
		*len = least;
	bytes = malloc(*len + 1);
	if (bytes != NULL && BN_bn2binpad(number, bytes, *len) < 0)
	{
		free(bytes);
		bytes = NULL;
	}
	BN_free(number);
	return bytes;
}

static cjose_jwk_t *
jwk_of_rsa(const EVP_PKEY *pkey)
{
	cjose_jwk_rsa_keyspec spec = {0};
	cjose_jwk_t *jwk = NULL;
	cjose_err	error;

	spec.n = get_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, &spec.nlen);
	spec.e = get_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, &spec.elen);
	if (spec.n != NULL && spec.e != NULL)
		jwk = cjose_jwk_create_RSA_spec(&spec, &error);
	free(spec.n);
	free(spec.e);
	return jwk;
}

/* Returns whether it is a curve that we know, and the bytes of a coordinate. */
static bool
get_curve(const EVP_PKEY *pkey, cjose_jwk_ec_curve *curve, size_t *len)
{
	char		name[32];

	if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name,
										sizeof(name), NULL))
		return false;
	if (strcmp(name, "prime256v1") == 0 || strcmp(name, "P-256") == 0)
		*curve = CJOSE_JWK_EC_P_256, *len = 32;
	else if (strcmp(name, "secp384r1") == 0 || strcmp(name, "P-384") == 0)
		*curve = CJOSE_JWK_EC_P_384, *len = 48;
	else if (strcmp(name, "secp521r1") == 0 || strcmp(name, "P-521") == 0)
		*curve = CJOSE_JWK_EC_P_521, *len = COORDINATE_MAX;
	else
		return false;
	return true;
}

static cjose_jwk_t *
jwk_of_ec(const EVP_PKEY *pkey)
{
	cjose_jwk_ec_keyspec spec = {0};
	cjose_jwk_t *jwk = NULL;
	cjose_err	error;
	size_t		len;

	if (!get_curve(pkey, &spec.crv, &len))
		return NULL;
	spec.x = get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, len, &spec.xlen);
	spec.y = get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, len, &spec.ylen);
	if (spec.x != NULL && spec.y != NULL)
		jwk = cjose_jwk_create_EC_spec(&spec, &error);
	free(spec.x);
	free(spec.y);
	return jwk;
}

/* Takes the key over. */
static int
add_pkey(RtKeyRing *ring, EVP_PKEY *pkey, const char **reason)
{
	RtKey		key = {0};

	switch (EVP_PKEY_get_base_id(pkey))
	{
		case EVP_PKEY_RSA:
			key.jwk = jwk_of_rsa(pkey);
			break;
		case EVP_PKEY_EC:
			key.jwk = jwk_of_ec(pkey);
			break;
		case EVP_PKEY_ED25519:
		case EVP_PKEY_ED448:
			key.eddsa = pkey;
			key.algorithms = RT_EDDSA;
			return add(ring, &key, reason);
	}
	EVP_PKEY_free(pkey);
	key.algorithms = of_jwk(key.jwk);
	return add(ring, &key, reason);
}

/* The next public key, or that of the next certificate; NULL at the end. */
static EVP_PKEY *
next_pkey(BIO *bio, const char **reason)
{
	EVP_PKEY   *pkey = NULL;
	char	   *name = NULL;
	char	   *header = NULL;
	unsigned char *data = NULL;
	const unsigned char *at;
	long		len = 0;

	if (!PEM_read_bio(bio, &name, &header, &data, &len))
		return NULL;
	at = data;
	if (strcmp(name, PEM_STRING_PUBLIC) == 0)
		pkey = d2i_PUBKEY(NULL, &at, len);
	else if (strcmp(name, PEM_STRING_X509) == 0)
	{
		X509	   *certificate = d2i_X509(NULL, &at, len);

		if (certificate != NULL)
			pkey = X509_get_pubkey(certificate);
		X509_free(certificate);
	}
	else
		*reason = "Only public keys and certificates are read; a private key does not belong here.";
	if (pkey == NULL && *reason == NULL)
		*reason = "A key cannot be read.";
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	return pkey;
}

int
rt_key_ring_add_pem(RtKeyRing *ring, const char *text, size_t len,
					const char **reason)
{
	BIO		   *bio = BIO_new_mem_buf(text, (int) len);
	EVP_PKEY   *pkey;
	int			count = 0;

	*reason = NULL;
	while (bio != NULL && (pkey = next_pkey(bio, reason)) != NULL)
		count += add_pkey(ring, pkey, reason);
	BIO_free(bio);
	ERR_clear_error();			/* the end of the text is one, too */
	if (count == 0 && *reason == NULL)
		*reason = "There is no key in it.";
	return count > 0 ? count : -1;
}

/* ---- JSON Web Keys ---- */

static const char *
get_string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* RFC 7517, 4.2 and 4.3: what the key's owner wants it to be used for. */
static bool
is_for_signatures(const json_t *object)
{
	const json_t *operations = json_object_get(object, "key_ops");
	const json_t *operation;
	size_t		i;

	if (json_object_get(object, "use") != NULL &&
		strcmp(get_string(object, "use"), "sig") != 0)
		return false;
	if (operations == NULL)
		return true;
	json_array_foreach(operations, i, operation)
	{
		const char *name = json_string_value(operation);

		if (name != NULL && strcmp(name, "verify") == 0)
			return true;
	}
	return false;
}

/*
 * The numbers of a key, as RFC 7515, 2 writes them; "=" at the end does no harm.
 * cjose ends the process at one that cannot be.
 */
static bool
are_numbers_readable(const json_t *object)
{
	static const char *const members[] = {
		"k", "n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi"
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		const char *text = get_string(object, members[i]);
		size_t		letters = strspn(text, LETTERS);

		if (letters % 4 == 1 || text[letters + strspn(text + letters, "=")] != '\0')
			return false;
	}
	return true;
}

/* RFC 8037, 2 */
static EVP_PKEY *
read_okp(const json_t *object)
{
	const char *curve = get_string(object, "crv");
	const char *x = get_string(object, "x");
	int			type = strcmp(curve, "Ed25519") == 0 ? EVP_PKEY_ED25519 :
		strcmp(curve, "Ed448") == 0 ? EVP_PKEY_ED448 : EVP_PKEY_NONE;
	EVP_PKEY   *pkey = NULL;
	uint8_t    *bytes = NULL;
	size_t		len = 0;
	cjose_err	error;

	if (type != EVP_PKEY_NONE &&
		cjose_base64url_decode(x, strlen(x), &bytes, &len, &error))
		pkey = EVP_PKEY_new_raw_public_key(type, NULL, bytes, len);
	free(bytes);
	return pkey;
}

/* Leaves the key as it is if it is not valid. */
static void
read_jwk(json_t *object, RtKey *key)
{
	const char *algorithm = get_string(object, "alg");
	const char *kid = get_string(object, "kid");
	cjose_err	error;

	if (!are_numbers_readable(object))
		return;
	if (strcmp(get_string(object, "kty"), "OKP") == 0)
	{
		key->eddsa = read_okp(object);
		key->algorithms = RT_EDDSA;
	}
	else
	{
		key->jwk = cjose_jwk_import_json((cjose_header_t *) object, &error);
		key->algorithms = of_jwk(key->jwk);
	}
	if (algorithm[0] != '\0')
		key->algorithms &= rt_algorithm(algorithm);
	if (kid[0] != '\0')
		key->kid = strdup(kid);
}

static int
add_jwk(RtKeyRing *ring, json_t *object, const char **reason)
{
	RtKey		key = {0};

	if (!json_is_object(object) || !is_for_signatures(object))
		return 0;
	read_jwk(object, &key);
	return add(ring, &key, reason);
}

int
rt_key_ring_add_jwks(RtKeyRing *ring, const char *text, size_t len,
					 const char **reason)
{
	json_t	   *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t	   *keys = json_object_get(root, "keys");
	json_t	   *object;
	size_t		i;
	int			count = 0;

	*reason = NULL;
	if (json_is_array(keys))
	{
		json_array_foreach(keys, i, object)
			count += add_jwk(ring, object, reason);
	}
	else if (json_object_get(root, "kty") != NULL)
		count = add_jwk(ring, root, reason);
	else
	{
		*reason = "It is no JSON Web Key Set.";
		count = -1;
	}
	json_decref(root);
	ERR_clear_error();
	return count;
}
