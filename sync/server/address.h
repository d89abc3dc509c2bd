/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of peers and the networks that they may come from. Both are 128 bits: an IPv4 address is
 * its IPv4-mapped IPv6 address, so that ::ffff:192.0.2.1 and 192.0.2.1 are one.
 */
#ifndef NZ_SERVER_ADDRESS_H
#define NZ_SERVER_ADDRESS_H

#include <sys/socket.h>

#include <nz/bytes.h>

struct nz_address {
	uint8_t bytes[16];
};
#define NZ_ADDRESS_TEXT_BYTES 64

/* NZ_UNSUPPORTED for a family that is neither AF_INET nor AF_INET6. */
enum nz_status nz_address_from_socket(const struct sockaddr *sa, struct nz_address *out,
                                      unsigned *port) NZ_MUST_USE;
/* "192.0.2.1" or "2001:db8::1". */
void nz_address_text(const struct nz_address *address, char out[NZ_ADDRESS_TEXT_BYTES]);

/*
 * Whether a network in CIDR form ("192.0.2.0/24", "2001:db8::/32", or one address) holds the address.
 * A text that is no network holds nothing.
 */
bool nz_network_holds(const char *cidr, const struct nz_address *address);
/* Whether one of the networks does; none: nobody is allowed. */
bool nz_networks_hold(char *const *networks, size_t count, const struct nz_address *address);

#endif
