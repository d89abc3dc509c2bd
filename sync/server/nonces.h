/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nonces that one session has seen. They live as long as it does, so that there is no window to
 * wait for; their number is bounded, and a session that used them up must be opened anew.
 */
#ifndef NZ_SERVER_NONCES_H
#define NZ_SERVER_NONCES_H

#include <nz/crypto.h>

#define NZ_NONCES_MAX 20000

struct nz_nonces {
	struct nz_hash *slots; /* all zero: free */
	size_t capacity, count;
};
/* Records a nonce. NZ_REPLAYED, NZ_LIMIT. */
enum nz_status nz_nonces_add(struct nz_nonces *nonces, const struct nz_crypto *crypto,
                             struct nz_bytes nonce) NZ_MUST_USE;
void nz_nonces_clear(struct nz_nonces *nonces);

#endif
