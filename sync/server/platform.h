/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this platform is: its id, the key that signs handshakes and statements with its certificates,
 * and the TLS pair. Read from the state as a whole, immutable, shared by reference: a reload makes a
 * new one, and whoever still works with the old one keeps it until he is done.
 */
#ifndef NZ_SERVER_PLATFORM_H
#define NZ_SERVER_PLATFORM_H

#include <stdatomic.h>

#include "state/state.h"

#define NZ_PLATFORM_MAX_CHAIN 4

struct nz_platform {
	atomic_uint references;
	char id[65];
	struct nz_signer *signer; /* of the default adapter; for any thread */
	struct nz_buffer der[NZ_PLATFORM_MAX_CHAIN];
	struct nz_bytes chain[NZ_PLATFORM_MAX_CHAIN]; /* views of der, leaf first */
	size_t chain_len;
	struct nz_buffer tls_certificate, tls_key; /* PEM */
	int64_t tls_expires, signing_expires;      /* UNIX seconds */
};
/* NZ_NOT_FOUND where the state holds no platform. *out has one reference. */
enum nz_status nz_platform_load(struct nz_state *state, struct nz_platform **out,
                                struct nz_error *err) NZ_MUST_USE;
struct nz_platform *nz_platform_keep(struct nz_platform *platform);
/* Gives a reference back; the last one wipes and frees. */
void nz_platform_release(struct nz_platform **platform);

#endif
