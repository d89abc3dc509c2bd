/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void map_ipv4(const struct in_addr *in, struct nz_address *out)
{
	memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
	memcpy(out->bytes + sizeof mapped_prefix, in, 4);
}

static bool is_ipv4(const struct nz_address *address)
{
	return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

enum nz_status nz_address_from_socket(const struct sockaddr *sa, struct nz_address *out,
                                      unsigned *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in, sa, sizeof in);
		map_ipv4(&in.sin_addr, out);
		*port = ntohs(in.sin_port);
		return NZ_OK;
	case AF_INET6:
		memcpy(&in6, sa, sizeof in6);
		memcpy(out->bytes, &in6.sin6_addr, sizeof out->bytes);
		*port = ntohs(in6.sin6_port);
		return NZ_OK;
	default:
		return NZ_UNSUPPORTED;
	}
}

void nz_address_text(const struct nz_address *address, char out[NZ_ADDRESS_TEXT_BYTES])
{
	const bool v4 = is_ipv4(address);
	const uint8_t *from = v4 ? address->bytes + sizeof mapped_prefix : address->bytes;

	if (inet_ntop(v4 ? AF_INET : AF_INET6, from, out, NZ_ADDRESS_TEXT_BYTES) == NULL)
		out[0] = '\0';
}

/* Digits of a prefix length, at most max; -1 for anything else. */
static int prefix_length(const char *text, int max)
{
	int n = 0;

	if (text[0] == '\0' || strlen(text) > 3)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		n = n * 10 + (*text - '0');
	}
	return n <= max ? n : -1;
}

/* The network's address and how many of its 128 bits count. */
static bool parse_network(const char *cidr, struct nz_address *out, int *bits)
{
	char host[NZ_ADDRESS_TEXT_BYTES];
	struct in_addr in;
	const char *slash = strchr(cidr, '/');
	const size_t host_len = slash != NULL ? (size_t)(slash - cidr) : strlen(cidr);

	if (host_len >= sizeof host)
		return false;
	memcpy(host, cidr, host_len);
	host[host_len] = '\0';
	if (inet_pton(AF_INET, host, &in) == 1) {
		const int length = slash != NULL ? prefix_length(slash + 1, 32) : 32;

		map_ipv4(&in, out);
		*bits = 96 + length;
		return length >= 0;
	}
	if (inet_pton(AF_INET6, host, out->bytes) != 1)
		return false;
	*bits = slash != NULL ? prefix_length(slash + 1, 128) : 128;
	return *bits >= 0;
}

bool nz_network_holds(const char *cidr, const struct nz_address *address)
{
	struct nz_address network;
	int bits;

	if (!parse_network(cidr, &network, &bits))
		return false;
	const size_t whole = (size_t)bits / 8;
	const unsigned rest = (unsigned)bits % 8;

	if (memcmp(network.bytes, address->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	const unsigned mask = 0xffu & (0xff00u >> rest);

	return (network.bytes[whole] & mask) == (address->bytes[whole] & mask);
}

bool nz_networks_hold(char *const *networks, size_t count, const struct nz_address *address)
{
	for (size_t i = 0; i < count; i++)
		if (nz_network_holds(networks[i], address))
			return true;
	return false;
}
