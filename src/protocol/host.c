/*
 * host.c
 *		Names and addresses of hosts.
 *
 * Addresses are compared as numbers, because an IPv6 address can be written in
 * many ways; names without regard to the case of letters and to the dot that
 * may end them.  What looks like an address in an unusual spelling ("127.1",
 * "0x7f.1") is a name like any other: browsers never send it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "src/protocol/host.h"

/* What an IPv4 address is written behind, to be an IPv6 one. */
static const unsigned char ipv4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};

static bool
is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9');
}

static char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

static bool
same_text(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (to_lower(a[i]) != to_lower(b[i]))
			return false;
	}
	return true;
}

/* ---- reading ---- */

/* The library wants a terminated text. */
static bool
read_address(int family, const char *text, size_t len, unsigned char *address)
{
	char		copy[INET6_ADDRSTRLEN];

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

static bool
read_ipv4(const char *text, size_t len, RtHost *host)
{
	memcpy(host->address, ipv4_prefix, sizeof(ipv4_prefix));
	return read_address(AF_INET, text, len, host->address + sizeof(ipv4_prefix));
}

/* Labels of letters, digits, '-' and '_' with single dots between them. */
static bool
is_name(const char *text, size_t len)
{
	bool		label = false;	/* begun */

	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == '.' && !label)
			return false;
		if (text[i] != '.' && text[i] != '-' && text[i] != '_' &&
			!is_letter_or_digit(text[i]))
			return false;
		label = text[i] != '.';
	}
	return label && len <= RT_HOST_NAME_MAX;
}

/* A name or an IPv4 address. */
static bool
read_name(const char *text, size_t len, RtHost *host)
{
	if (read_ipv4(text, len, host))
		return true;
	if (len > 0 && text[len - 1] == '.')
		len--;
	host->name = text;
	host->name_len = len;
	return is_name(text, len);
}

/* Length of "[...]" at the beginning of a text, 0 if it does not begin so. */
static size_t
bracketed_length(const char *text, size_t len)
{
	const char *end = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;

	return end != NULL ? (size_t) (end - text) + 1 : 0;
}

static bool
is_port(const char *text, size_t len)
{
	unsigned int port = 0;

	if (len > 5)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned int) (text[i] - '0');
	}
	return port <= 65535;
}

bool
rt_host_read(const char *text, size_t len, RtHost *host)
{
	size_t		bracketed = bracketed_length(text, len);
	size_t		host_len = bracketed;

	memset(host, 0, sizeof(*host));
	if (bracketed == 0)
	{
		const char *colon = len > 0 ? memchr(text, ':', len) : NULL;

		host_len = colon != NULL ? (size_t) (colon - text) : len;
	}
	if (host_len < len &&
		(text[host_len] != ':' ||
		 !is_port(text + host_len + 1, len - host_len - 1)))
		return false;
	return bracketed > 0 ?
		read_address(AF_INET6, text + 1, bracketed - 2, host->address) :
		read_name(text, host_len, host);
}

bool
rt_host_read_pattern(const char *text, size_t len, RtHost *pattern)
{
	memset(pattern, 0, sizeof(*pattern));
	if (bracketed_length(text, len) == len && len > 0)
		return read_address(AF_INET6, text + 1, len - 2, pattern->address);
	if (read_address(AF_INET6, text, len, pattern->address))
		return true;
	if (len > 2 && text[0] == '*' && text[1] == '.')
	{
		pattern->below = true;
		return read_name(text + 2, len - 2, pattern) && pattern->name != NULL;
	}
	return read_name(text, len, pattern);
}

/* ---- addresses ---- */

static bool
is_ipv4(const unsigned char *address)
{
	return memcmp(address, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

static bool
is_loopback(const unsigned char *address)
{
	static const unsigned char ipv6_loopback[RT_HOST_ADDRESS_SIZE] = {[15] = 1};

	return is_ipv4(address) ? address[sizeof(ipv4_prefix)] == 127 :
		memcmp(address, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

void
rt_host_address_customer(unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	if (!is_ipv4(address))
		memset(address + 8, 0, RT_HOST_ADDRESS_SIZE - 8);
}

/* ---- comparing ---- */

static bool
is_below(const RtHost *host, const char *name, size_t len)
{
	size_t		rest = host->name_len - len;

	return host->name_len > len && host->name[rest - 1] == '.' &&
		same_text(host->name + rest, name, len);
}

bool
rt_host_matches(const RtHost *host, const RtHost *pattern)
{
	if (host->name == NULL || pattern->name == NULL)
		return host->name == pattern->name &&
			memcmp(host->address, pattern->address, RT_HOST_ADDRESS_SIZE) == 0;
	if (pattern->below)
		return is_below(host, pattern->name, pattern->name_len);
	return host->name_len == pattern->name_len &&
		same_text(host->name, pattern->name, host->name_len);
}

bool
rt_host_is_local(const RtHost *host)
{
	static const char localhost[] = "localhost";
	size_t		len = sizeof(localhost) - 1;

	if (host->name == NULL)
		return is_loopback(host->address);
	return (host->name_len == len && same_text(host->name, localhost, len)) ||
		is_below(host, localhost, len);
}

/* ---- networks ---- */

bool
rt_host_read_peer(const char *text, size_t len,
				  unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	RtHost		host;

	if ((!rt_host_read_pattern(text, len, &host) || host.name != NULL) &&
		(!rt_host_read(text, len, &host) || host.name != NULL))
		return false;
	memcpy(address, host.address, RT_HOST_ADDRESS_SIZE);
	return true;
}

/* A decimal number of up to three digits; -1 if it is anything else. */
static int
read_bits(const char *text, size_t len)
{
	int			bits = 0;

	if (len == 0 || len > 3)
		return -1;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		bits = bits * 10 + (text[i] - '0');
	}
	return bits;
}

bool
rt_host_read_network(const char *text, size_t len, RtHostNetwork *network)
{
	const char *slash = len > 0 ? memchr(text, '/', len) : NULL;
	size_t		address_len = slash != NULL ? (size_t) (slash - text) : len;
	int			fixed;			/* bits that an address of its kind has always */
	RtHost		host;

	if (!rt_host_read_pattern(text, address_len, &host) || host.name != NULL)
		return false;
	memcpy(network->address, host.address, RT_HOST_ADDRESS_SIZE);
	fixed = is_ipv4(host.address) ? 8 * (int) sizeof(ipv4_prefix) : 0;
	network->bits = slash == NULL ? 8 * RT_HOST_ADDRESS_SIZE :
		read_bits(slash + 1, len - address_len - 1);
	if (slash != NULL && network->bits >= 0)
		network->bits += fixed;
	return network->bits >= fixed && network->bits <= 8 * RT_HOST_ADDRESS_SIZE;
}

bool
rt_host_is_within(const unsigned char address[RT_HOST_ADDRESS_SIZE],
				  const RtHostNetwork *network)
{
	int			bytes = network->bits / 8;
	int			rest = 8 - network->bits % 8;

	return memcmp(address, network->address, (size_t) bytes) == 0 &&
		(rest == 8 || address[bytes] >> rest == network->address[bytes] >> rest);
}
