/*
 * guc_check.h
 *		What values settings may have: hooks of the server.  For guc.c.
 */
#ifndef RT_GUC_CHECK_H
#define RT_GUC_CHECK_H

#include "src/compat.h"

#include "utils/guc.h"

extern bool rt_check_path(char **newval, void **extra, GucSource source);
extern bool rt_check_document_root(char **newval, void **extra, GucSource source);
extern bool rt_check_allowed_hosts(char **newval, void **extra, GucSource source);
extern bool rt_check_allowed_origins(char **newval, void **extra, GucSource source);
extern bool rt_check_trusted_proxies(char **newval, void **extra, GucSource source);
extern bool rt_check_metrics_addresses(char **newval, void **extra, GucSource source);
extern bool rt_check_metrics_token(char **newval, void **extra, GucSource source);
extern bool rt_check_silent_topic_suppress(char **newval, void **extra, GucSource source);
extern bool rt_check_seconds(char **newval, void **extra, GucSource source);
extern bool rt_check_cookie(char **newval, void **extra, GucSource source);
extern bool rt_check_any_list(char **newval, void **extra, GucSource source);

#endif							/* RT_GUC_CHECK_H */
