/*
 * tls.c
 *		The certificate with which the gateway proves to be who it is.
 *
 * The library speaks TLS, with a context of OpenSSL that lives as long as the
 * gateway.  A certificate that replaces another one is put into it: connections
 * keep the one that they began with.  The files are tried in a context of their
 * own first, so that a mistake in them ends nothing.
 */
#include "postgres.h"

#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/gateway/door/tls.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"

static SSL_CTX *context = NULL;	/* with a good certificate */

bool
rt_tls_is_wanted(void)
{
	return realtime_tls_cert_file[0] != '\0' || realtime_tls_key_file[0] != '\0';
}

bool
rt_tls_is_ready(void)
{
	return context != NULL;
}

/* ---- the files ---- */

/* Nobody is there to be asked. */
static int
no_passphrase(char *buffer, int size, int writing, void *user)
{
	return 0;
}

/* As PostgreSQL is with its own: the owner's, or root's and readable by a group. */
static const char *
key_file_fault(const char *name)
{
	struct stat status;

	if (stat(name, &status) != 0)
		return "The key file cannot be read.";
	if (!S_ISREG(status.st_mode))
		return "The key file is no regular file.";
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return "The key file must be owned by the database user or root.";
	if ((status.st_uid == geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) ||
		(status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0))
		return "The key file has group or world access; give it the permissions u=rw (0600), or u=rw,g=r (0640) if root owns it.";
	return NULL;
}

static const char *
load(SSL_CTX *into)
{
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(into, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(into, realtime_tls_cert_file) != 1)
		return "The certificate cannot be loaded.";
	if (SSL_CTX_use_PrivateKey_file(into, realtime_tls_key_file, SSL_FILETYPE_PEM) != 1)
		return "The key cannot be loaded.";
	if (SSL_CTX_check_private_key(into) != 1)
		return "The key is not that of the certificate.";
	return NULL;
}

/* Returns what is wrong with the files, or NULL. */
static const char *
files_fault(void)
{
	const char *fault;
	SSL_CTX    *tried;

	if (realtime_tls_cert_file[0] == '\0' || realtime_tls_key_file[0] == '\0')
		return "realtime.tls_cert_file and realtime.tls_key_file must both be set.";
	fault = key_file_fault(realtime_tls_key_file);
	if (fault != NULL)
		return fault;
	tried = SSL_CTX_new(TLS_server_method());
	if (tried == NULL)
		return "There is no memory for it.";
	fault = load(tried);
	SSL_CTX_free(tried);
	return fault;
}

static void
report(const char *fault)
{
	unsigned long error = ERR_get_error();
	const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

	ereport(LOG,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("realtime gateway %d cannot use the certificate \"%s\" with the key \"%s\"%s%s",
					rt_gateway.index, realtime_tls_cert_file, realtime_tls_key_file,
					reason != NULL ? ": " : "", reason != NULL ? reason : ""),
			 errdetail("%s", fault),
			 errhint(context != NULL ?
					 "The one that was in use before stays in use." :
					 "Nobody can connect until the settings are corrected and read again.")));
	ERR_clear_error();
}

void
rt_tls_configure(SSL_CTX *(*create) (void))
{
	const char *fault;
	SSL_CTX    *made;

	if (!rt_tls_is_wanted())
		return;
	fault = files_fault();
	if (fault == NULL)
	{
		made = context != NULL ? context : create();
		fault = made != NULL ? load(made) : "libwebsockets cannot use them.";
		if (fault == NULL)
			context = made;
	}
	if (fault != NULL)
		report(fault);
}

/* ---- connections ---- */

void
rt_tls_shut(SSL *ssl)
{
	ERR_clear_error();
	if (SSL_is_init_finished(ssl))
		(void) SSL_shutdown(ssl);
	ERR_clear_error();
}
