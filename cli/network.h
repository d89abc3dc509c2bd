/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that an operator types in: checked, and brought to one spelling. */
#ifndef NZ_CLI_NETWORK_H
#define NZ_CLI_NETWORK_H

#include <nz/bytes.h>

#define NZ_NETWORK_CHARS 64

/*
 * "192.0.2.0/24", "2001:db8::/32", or one address; an IPv4-mapped network becomes the IPv4 one.
 * Bits past the prefix must be zero: a slip there would open more, or less, than was meant.
 * NZ_INVALID, with a message that says what may have been meant.
 */
enum nz_status nz_network_normalise(const char *text, char out[NZ_NETWORK_CHARS],
                                    struct nz_error *err) NZ_MUST_USE;

#endif
