/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict rule for Ed25519, libsodium's: what is refused before any curve arithmetic, so that
 * every adapter gives the same answer. Keys and signatures are public: no constant time here.
 */
#ifndef NZ_ED25519_RULE_H
#define NZ_ED25519_RULE_H

#include <nz/crypto.h>

/* Not for the shared library's exports. */
#pragma GCC visibility push(hidden)

/* The y coordinate is below 2^255 - 19. */
bool nz_ed25519_is_canonical(const uint8_t point[32]);
/* One of the eight points of order 1, 2, 4 or 8, in any of their encodings. */
bool nz_ed25519_has_small_order(const uint8_t point[32]);
/* S below the group's order, A and R canonical and not of small order. */
bool nz_ed25519_rule_allows(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                            const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES]);

#pragma GCC visibility pop

#endif
