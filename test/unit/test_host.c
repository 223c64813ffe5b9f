/*
 * test_host.c
 *		Unit tests of src/protocol/host.c.
 */
#include "src/protocol/host.h"
#include "unit.h"

/* The text is copied, so that reading beyond it is seen. */
static bool
read_copy(const char *text, size_t len, RtHost *host, char **copy)
{
	*copy = unit_copy(text, len);
	return rt_host_read(*copy, len, host);
}

static bool
is_host(const char *text)
{
	RtHost		host;
	char	   *copy;
	bool		is = read_copy(text, strlen(text), &host, &copy);

	free(copy);
	return is;
}

static bool
is_pattern(const char *text)
{
	RtHost		host;
	char	   *copy = unit_copy(text, strlen(text));
	bool		is = rt_host_read_pattern(copy, strlen(text), &host);

	free(copy);
	return is;
}

static bool
matches(const char *text, const char *pattern_text)
{
	RtHost		host;
	RtHost		pattern;
	char	   *copy;
	char	   *pattern_copy = unit_copy(pattern_text, strlen(pattern_text));
	bool		result = read_copy(text, strlen(text), &host, &copy) &&
		rt_host_read_pattern(pattern_copy, strlen(pattern_text), &pattern) &&
		rt_host_matches(&host, &pattern);

	free(copy);
	free(pattern_copy);
	return result;
}

static bool
is_local(const char *text)
{
	RtHost		host;
	char	   *copy;
	bool		result = read_copy(text, strlen(text), &host, &copy) &&
		rt_host_is_local(&host);

	free(copy);
	return result;
}

static void
hosts_are_read(void)
{
	static const char *const good[] = {
		"a", "localhost", "example.com", "example.com.", "EXAMPLE.com:80", "a-b_c.d9", "xn--caf-dma.example",
		"localhost:7432", "localhost:", "localhost:0", "localhost:65535", "localhost:00080",
		"1.2.3.4", "1.2.3.4:5", "127.1", "0x7f.1", "1.2.3.4.5", "999.1.1.1",
		"[::1]", "[::1]:7432", "[::1]:", "[2001:db8::1]", "[::ffff:1.2.3.4]", "[::]"
	};
	static const char *const bad[] = {
		"", ".", "..", "a..b", ".a", "a b", " a", "a ", "a,b", "a\tb", "a/b", "a@b", "a:b", "a:1:2", "a:65536", "a:-1", "a: 1",
		"a:123456", "a..", ":", ":80", "*", "*.a", "a*", "\x80", "caf\xC3\xA9", "a%2e", "a?b", "a#b", "\"a\"",
		"::1", "[", "]", "[]", "[]:1", "[::1", "::1]", "[::1]a", "[::1]7432", "[::1].", "[::1%25eth0]", "[1.2.3.4]", "[a]",
		"[::1]:99999", "[::1]:x", "[[::1]]", "a[::1]", "[::12345]", "[1:2:3:4:5:6:7:8:9]",
		"[0000000000000000000000000000000000000000000000000000000001::]"
	};

	for (size_t i = 0; i < COUNT_OF(good); i++)
		CHECK_CASE(is_host(good[i]), good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		CHECK_CASE(!is_host(bad[i]), bad[i]);
}

static void
zero_bytes_are_refused(void)
{
	RtHost		host;

	CHECK(!rt_host_read("a\0b", 3, &host));
	CHECK(!rt_host_read("localhost\0", 10, &host));
	CHECK(!rt_host_read("[::1\0]", 6, &host));
	CHECK(!rt_host_read("1.2.3.4\0", 8, &host));
	CHECK(!rt_host_read_pattern("::1\0", 4, &host));
}

static void
names_have_a_length(void)
{
	char		text[300];

	memset(text, 'a', sizeof(text));
	for (size_t i = 60; i < sizeof(text); i += 60)
		text[i] = '.';
	text[RT_HOST_NAME_MAX] = '\0';
	CHECK(is_host(text));
	text[RT_HOST_NAME_MAX] = 'a';
	text[RT_HOST_NAME_MAX + 1] = '\0';
	CHECK(!is_host(text));
	CHECK(!is_pattern(text));
}

static void
patterns_are_read(void)
{
	static const char *const good[] = {
		"localhost", "example.com", "*.example.com", "*.localhost", "1.2.3.4", "::1", "[::1]", "[2001:db8::]", "2001:db8::1", "::"
	};
	static const char *const bad[] = {
		"", "*", "*.", "*a", "*.*.a", "*.1.2.3.4", "a.*", "example.com:80", "1.2.3.4:5", "[::1]:80", "http://a", "a/b", "a b", "[", "[]"
	};

	for (size_t i = 0; i < COUNT_OF(good); i++)
		CHECK_CASE(is_pattern(good[i]), good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		CHECK_CASE(!is_pattern(bad[i]), bad[i]);
}

static void
names_match(void)
{
	CHECK(matches("example.com", "example.com"));
	CHECK(matches("EXAMPLE.com:443", "example.COM"));
	CHECK(matches("example.com.", "example.com"));
	CHECK(matches("example.com", "example.com."));
	CHECK(!matches("example.com", "example.co"));
	CHECK(!matches("example.co", "example.com"));
	CHECK(!matches("a.example.com", "example.com"));
	CHECK(!matches("example.com.evil", "example.com"));

	CHECK(matches("a.example.com", "*.example.com"));
	CHECK(matches("a.b.EXAMPLE.com.", "*.example.com"));
	CHECK(!matches("example.com", "*.example.com"));
	CHECK(!matches("aexample.com", "*.example.com"));
	CHECK(!matches("a.example.com.evil", "*.example.com"));
}

static void
addresses_match(void)
{
	CHECK(matches("1.2.3.4:80", "1.2.3.4"));
	CHECK(!matches("1.2.3.5", "1.2.3.4"));
	CHECK(matches("[::1]", "::1"));
	CHECK(matches("[0:0::0:1]:80", "[::1]"));
	CHECK(matches("[2001:DB8::A]", "2001:db8:0:0::a"));
	CHECK(matches("[::ffff:1.2.3.4]", "1.2.3.4"));
	CHECK(matches("1.2.3.4", "::ffff:102:304"));
	CHECK(!matches("[::1.2.3.4]", "1.2.3.4"));
	CHECK(!matches("1.2.3.4", "a"));
	CHECK(!matches("a", "1.2.3.4"));
	CHECK(!matches("a.1.2.3.4", "1.2.3.4"));
}

static void
local_hosts_are_known(void)
{
	static const char *const local[] = {
		"localhost", "LocalHost:7432", "localhost.", "a.localhost", "a.b.localhost.:1", "127.0.0.1", "127.255.0.3:80", "[::1]",
		"[0::1]:7432", "[::ffff:127.0.0.1]"
	};
	static const char *const other[] = {
		"localhos", "alocalhost", "localhost.evil", "localhost.localdomain", "127.0.0.1.evil", "127.1", "0.0.0.0", "[::]", "128.0.0.1",
		"1.127.0.0", "[::2]", "[::127.0.0.1]", "[fe80::1]", "evil"
	};

	for (size_t i = 0; i < COUNT_OF(local); i++)
		CHECK_CASE(is_local(local[i]), local[i]);
	for (size_t i = 0; i < COUNT_OF(other); i++)
		CHECK_CASE(!is_local(other[i]), other[i]);
}

static bool
have_same_customer(const char *a, const char *b)
{
	RtHost		first;
	RtHost		second;

	if (!rt_host_read_pattern(a, strlen(a), &first) ||
		!rt_host_read_pattern(b, strlen(b), &second))
	{
		CHECK_CASE(false, a);
		return false;
	}
	rt_host_address_customer(first.address);
	rt_host_address_customer(second.address);
	return memcmp(first.address, second.address, RT_HOST_ADDRESS_SIZE) == 0;
}

static void
customers_are_told_apart(void)
{
	CHECK(have_same_customer("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	CHECK(!have_same_customer("2001:db8:1:2::1", "2001:db8:1:3::1"));
	CHECK(have_same_customer("1.2.3.4", "::ffff:1.2.3.4"));
	CHECK(!have_same_customer("1.2.3.4", "1.2.3.5"));
	CHECK(!have_same_customer("::1", "127.0.0.1"));
}

static bool
is_within(const char *text, const char *network_text)
{
	RtHostNetwork network;
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	char	   *copy = unit_copy(text, strlen(text));
	char	   *network_copy = unit_copy(network_text, strlen(network_text));
	bool		result = rt_host_read_peer(copy, strlen(text), address) &&
		rt_host_read_network(network_copy, strlen(network_text), &network) &&
		rt_host_is_within(address, &network);

	free(copy);
	free(network_copy);
	return result;
}

static void
networks_are_read(void)
{
	static const char *const good[] = {
		"1.2.3.4", "10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32", "::1", "[::1]", "fd00::/8", "::/0", "::1/128", "2001:db8::/33"
	};
	static const char *const bad[] = {
		"", "/", "/8", "a", "a/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/8x", "::/129", "::/1000",
		"10.0.0.0/0008", "*.a", "1.2.3.4:5", "10.0.0/8"
	};
	RtHostNetwork network;

	for (size_t i = 0; i < COUNT_OF(good); i++)
		CHECK_CASE(rt_host_read_network(good[i], strlen(good[i]), &network), good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		CHECK_CASE(!rt_host_read_network(bad[i], strlen(bad[i]), &network), bad[i]);
}

static void
addresses_are_within(void)
{
	CHECK(is_within("10.1.2.3", "10.0.0.0/8"));
	CHECK(is_within("10.1.2.3:99", "10.0.0.0/8"));
	CHECK(!is_within("11.1.2.3", "10.0.0.0/8"));
	CHECK(is_within("172.31.255.255", "172.16.0.0/12"));
	CHECK(!is_within("172.32.0.0", "172.16.0.0/12"));
	CHECK(is_within("1.2.3.4", "1.2.3.4"));
	CHECK(!is_within("1.2.3.5", "1.2.3.4"));
	CHECK(is_within("1.2.3.5", "1.2.3.4/31"));
	CHECK(is_within("9.9.9.9", "0.0.0.0/0"));
	CHECK(!is_within("::1", "0.0.0.0/0"));
	CHECK(is_within("9.9.9.9", "::/0"));
	CHECK(is_within("fd12::1", "fd00::/8"));
	CHECK(is_within("[fd12::1]:80", "fd00::/8"));
	CHECK(!is_within("fe80::1", "fd00::/8"));
	CHECK(is_within("2001:db8:7fff::", "2001:db8::/33"));
	CHECK(!is_within("2001:db8:8000::", "2001:db8::/33"));
	CHECK(!is_within("unknown", "::/0"));
	CHECK(!is_within("_hidden", "::/0"));
	CHECK(!is_within("", "::/0"));
}

int
main(void)
{
	RUN(hosts_are_read);
	RUN(zero_bytes_are_refused);
	RUN(names_have_a_length);
	RUN(patterns_are_read);
	RUN(names_match);
	RUN(addresses_match);
	RUN(local_hosts_are_known);
	RUN(customers_are_told_apart);
	RUN(networks_are_read);
	RUN(addresses_are_within);
	return unit_done();
}
