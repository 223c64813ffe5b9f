/*
 * tls.h
 *		The certificate with which the gateway proves to be who it is.
 */
#ifndef RT_GATEWAY_DOOR_TLS_H
#define RT_GATEWAY_DOOR_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

/*
 * Reads the files that the settings name, anew.  What is wrong with them is
 * logged, and what was good before stays.  creates makes a context for them,
 * once, and may fail.
 */
extern void rt_tls_configure(SSL_CTX *(*create) (void));

/* Whether clients are to speak TLS, and whether they can. */
extern bool rt_tls_is_wanted(void);
extern bool rt_tls_is_ready(void);

/* Tells the peer that nothing follows. */
extern void rt_tls_shut(SSL *ssl);

#endif							/* RT_GATEWAY_DOOR_TLS_H */
