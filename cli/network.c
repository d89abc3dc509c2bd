/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <arpa/inet.h>
#include <stdio.h>

#define MAPPED_BYTES 12 /* ::ffff: before an IPv4 address */

struct network {
	int family;
	uint8_t bytes[16];
	unsigned bits; /* 32 or 128 */
	unsigned prefix;
};

/* Digits alone, no leading zero, at most max. */
static bool read_prefix(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;
	size_t n = 0;

	for (; n < 3 && text[n] >= '0' && text[n] <= '9'; n++)
		value = value * 10 + (unsigned)(text[n] - '0');
	if (n == 0 || text[n] != '\0' || (n > 1 && text[0] == '0') || value > max)
		return false;
	*out = value;
	return true;
}

static bool read_network(const char *text, struct network *out)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	const size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	*out = (struct network){.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET};
	if (inet_pton(out->family, address, out->bytes) != 1)
		return false;
	out->bits = out->family == AF_INET ? 32 : 128;
	out->prefix = out->bits;
	return slash == NULL || read_prefix(slash + 1, out->bits, &out->prefix);
}

/* An IPv4-mapped network is an IPv4 network. */
static void unmap(struct network *n)
{
	static const uint8_t mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

	if (n->family != AF_INET6 || n->prefix < 8 * MAPPED_BYTES ||
	    memcmp(n->bytes, mapped, sizeof mapped) != 0)
		return;
	memmove(n->bytes, n->bytes + MAPPED_BYTES, 4);
	n->family = AF_INET;
	n->bits = 32;
	n->prefix -= 8 * MAPPED_BYTES;
}

/* Clears the bits past the prefix; true when one was set. */
static bool mask(struct network *n)
{
	bool changed = false;

	for (unsigned i = n->prefix; i < n->bits; i++) {
		const uint8_t bit = (uint8_t)(0x80 >> (i % 8));

		if ((n->bytes[i / 8] & bit) != 0) {
			n->bytes[i / 8] = (uint8_t)(n->bytes[i / 8] & ~bit);
			changed = true;
		}
	}
	return changed;
}

static void print_network(const struct network *n, char out[NZ_NETWORK_CHARS])
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(n->family, n->bytes, address, sizeof address);
	(void)snprintf(out, NZ_NETWORK_CHARS, "%s/%u", address, n->prefix);
}

enum nz_status nz_network_normalise(const char *text, char out[NZ_NETWORK_CHARS],
                                    struct nz_error *err)
{
	char meant[NZ_NETWORK_CHARS];
	struct network network;

	if (!read_network(text, &network))
		return nz_fail(err, NZ_INVALID,
		               "'%.100s' is not a network: write 192.0.2.0/24 or 2001:db8::/32",
		               text);
	unmap(&network);
	const bool had_host_bits = mask(&network);
	print_network(&network, meant);
	if (had_host_bits)
		return nz_fail(
			err, NZ_INVALID,
			"'%.100s' has bits set past its prefix: write %s for the network, or the "
			"address alone",
			text, meant);
	memcpy(out, meant, sizeof meant);
	return NZ_OK;
}
