/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of peers and the networks they may come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "server/address.h"

static struct nz_address address_of(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4711)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(4711)};
	struct nz_address out = {{0}};
	unsigned port = 0;

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		assert_int_equal(nz_address_from_socket((struct sockaddr *)&in, &out, &port), NZ_OK);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		assert_int_equal(nz_address_from_socket((struct sockaddr *)&in6, &out, &port), NZ_OK);
	}
	assert_int_equal(port, 4711);
	return out;
}

static bool holds(const char *cidr, const char *text)
{
	const struct nz_address address = address_of(text);

	return nz_network_holds(cidr, &address);
}

static void networks_hold_what_they_say(void **state)
{
	(void)state;
	assert_true(holds("192.0.2.0/24", "192.0.2.255"));
	assert_false(holds("192.0.2.0/24", "192.0.3.0"));
	assert_true(holds("192.0.2.128/25", "192.0.2.128"));
	assert_false(holds("192.0.2.128/25", "192.0.2.127"));
	assert_true(holds("192.0.2.7", "192.0.2.7"));
	assert_true(holds("192.0.2.7/32", "192.0.2.7"));
	assert_false(holds("192.0.2.7/32", "192.0.2.6"));
	assert_true(holds("0.0.0.0/0", "203.0.113.9"));
	assert_true(holds("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(holds("2001:db8::/32", "2001:db9::1"));
	assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(holds("::1", "::1"));
	assert_true(holds("::/0", "2001:db8::1"));
	/* A host's bits in the network's text do not matter. */
	assert_true(holds("192.0.2.99/24", "192.0.2.1"));
}

static void mapped_addresses_are_ipv4(void **state)
{
	(void)state;
	assert_true(holds("192.0.2.0/24", "::ffff:192.0.2.1"));
	assert_true(holds("::ffff:192.0.2.0/120", "192.0.2.1"));
	assert_true(holds("::/0", "192.0.2.1"));
	/* All of IPv4 is not all of IPv6. */
	assert_false(holds("0.0.0.0/0", "2001:db8::1"));
	assert_false(holds("0.0.0.0/0", "::1"));
	assert_false(holds("127.0.0.0/8", "::1"));

	char text[NZ_ADDRESS_TEXT_BYTES];
	const struct nz_address mapped = address_of("::ffff:192.0.2.1");
	nz_address_text(&mapped, text);
	assert_string_equal(text, "192.0.2.1");
	const struct nz_address six = address_of("2001:DB8:0::1");
	nz_address_text(&six, text);
	assert_string_equal(text, "2001:db8::1");
}

static void what_is_no_network_holds_nothing(void **state)
{
	static const char *const bad[] = {
		"", "/", "/0", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/ 8",
		"192.0.2.0/+8", "192.0.2.0/8x", "192.0.2/24", "192.0.2.0.1", "2001:db8::/129",
		"2001:db8::/0000", "everybody", "0.0.0.0/0/0",
		"1111111111111111111111111111111111111111111111111111111111111111111111/0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (holds(bad[i], "192.0.2.1") || holds(bad[i], "2001:db8::1"))
			fail_msg("'%s' holds an address", bad[i]);
}

static void no_list_allows_nobody(void **state)
{
	char one[] = "198.51.100.0/24", two[] = "192.0.2.0/24";
	char *const networks[] = {one, two};
	const struct nz_address address = address_of("192.0.2.1");

	(void)state;
	assert_false(nz_networks_hold(NULL, 0, &address));
	assert_false(nz_networks_hold(networks, 1, &address));
	assert_true(nz_networks_hold(networks, 2, &address));
}

static void other_families_are_not_addresses(void **state)
{
	const struct sockaddr sa = {.sa_family = AF_UNIX};
	struct nz_address address;
	unsigned port;

	(void)state;
	assert_int_equal(nz_address_from_socket(&sa, &address, &port), NZ_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_hold_what_they_say),
		cmocka_unit_test(mapped_addresses_are_ipv4),
		cmocka_unit_test(what_is_no_network_holds_nothing),
		cmocka_unit_test(no_list_allows_nobody),
		cmocka_unit_test(other_families_are_not_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
