/*
 * guc_check.c
 *		What values settings may have, where a number's range does not say it.
 *
 * Hooks of the server: what is wrong is noted with GUC_check_errdetail().
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "src/guc_check.h"
#include "src/protocol/host.h"
#include "src/protocol/http.h"
#include "src/protocol/topic.h"

#define METRICS_TOKEN_MIN 16
#define TOKEN_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"

bool
rt_check_path(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] != '/' || (*newval)[1] == '\0')
		GUC_check_errdetail("A path must begin with \"/\" and have a name.");
	else if (strpbrk(*newval, "?# ") != NULL)
		GUC_check_errdetail("A path cannot contain \"?\", \"#\" or spaces.");
	else if (strcmp(*newval, "/healthz") == 0 || strcmp(*newval, "/readyz") == 0)
		GUC_check_errdetail("The path \"%s\" answers health checks.", *newval);
	else if (strncmp(*newval, "/__realtime/", strlen("/__realtime/")) == 0)
		GUC_check_errdetail("Paths below \"/__realtime/\" are taken.");
	else
		return true;
	return false;
}

bool
rt_check_document_root(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The folder must be named by an absolute path.");
	return false;
}

/*
 * A list whose every entry is good; is_good() says what is wrong with another,
 * NULL takes all.
 */
static bool
check_list(const char *value, bool (*is_good) (const char *entry))
{
	char	   *copy = pstrdup(value);
	List	   *entries = NIL;
	ListCell   *cell;
	bool		good = SplitGUCList(copy, ',', &entries);

	if (!good)
		GUC_check_errdetail("List syntax is invalid.");
	foreach(cell, entries)
		good = good && (is_good == NULL || is_good(lfirst(cell)));
	list_free(entries);
	pfree(copy);
	return good;
}

static bool
is_allowed_host(const char *entry)
{
	RtHost		host;

	if (strcmp(entry, "*") == 0 || rt_host_read_pattern(entry, strlen(entry), &host))
		return true;
	GUC_check_errdetail("\"%s\" is no host; one looks like \"example.com\", \"*.example.com\" or \"192.0.2.1\", without scheme and port.",
						entry);
	return false;
}

bool
rt_check_allowed_hosts(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, is_allowed_host);
}

/* What a browser sends: scheme, "://", host and perhaps port, nothing else. */
static bool
is_origin(const char *text)
{
	const char *host = strstr(text, "://");

	return host != NULL && host != text && host[3] != '\0' &&
		strpbrk(host + 3, "/*?# ") == NULL;
}

static bool
is_allowed_origin(const char *entry)
{
	if (strcmp(entry, "*") == 0 || strcmp(entry, "same-origin") == 0 ||
		is_origin(entry))
		return true;
	GUC_check_errdetail("\"%s\" is no origin; one looks like \"https://example.com\" or \"http://localhost:5173\", without a path.",
						entry);
	return false;
}

bool
rt_check_allowed_origins(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, is_allowed_origin);
}

static bool
is_network(const char *entry)
{
	RtHostNetwork network;

	if (rt_host_read_network(entry, strlen(entry), &network))
		return true;
	GUC_check_errdetail("\"%s\" is no address or network; one looks like \"192.0.2.1\", \"10.0.0.0/8\" or \"fd00::/8\".",
						entry);
	return false;
}

bool
rt_check_trusted_proxies(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, is_network);
}

bool
rt_check_metrics_addresses(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, is_network);
}

/* One that a header can carry, and nobody guesses. */
bool
rt_check_metrics_token(char **newval, void **extra, GucSource source)
{
	size_t		len = strlen(*newval);

	if (len == 0)
		return true;
	if (len < METRICS_TOKEN_MIN)
		GUC_check_errdetail("A token has %d characters at least.", METRICS_TOKEN_MIN);
	else if (strspn(*newval, TOKEN_CHARACTERS) != len)
		GUC_check_errdetail("A token consists of letters, digits and \"-._~+/\".");
	else
		return true;
	return false;
}

static bool
is_template(const char *entry)
{
	RtTemplateFault fault = rt_template_check(entry, strlen(entry));

	if (fault == RT_TEMPLATE_OK)
		return true;
	GUC_check_errdetail("Topic template \"%s\" %s.", entry, rt_template_fault_text(fault));
	return false;
}

bool
rt_check_silent_topic_suppress(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, is_template);
}

bool
rt_check_cookie(char **newval, void **extra, GucSource source)
{
	if (rt_http_is_token((RtText) {*newval, strlen(*newval)}))
		return true;
	GUC_check_errdetail("The name of a cookie is made of letters, digits and some of !#$%%&'*+-.^_`|~.");
	return false;
}

bool
rt_check_any_list(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, NULL);
}

/* Twelve digits are enough for 30,000 years. */
bool
rt_check_seconds(char **newval, void **extra, GucSource source)
{
	size_t		len = strlen(*newval);

	if (len <= 12 && strspn(*newval, "0123456789") == len)
		return true;
	GUC_check_errdetail("It is a number of seconds since 1970, or empty.");
	return false;
}
