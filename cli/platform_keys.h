/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of a platform: made, put into its state, renewed. */
#ifndef NZ_CLI_PLATFORM_KEYS_H
#define NZ_CLI_PLATFORM_KEYS_H

#include <nz/pki.h>

#include "state/state.h"

#define NZ_PLATFORM_MAX_HOSTS 64

/* Names for the TLS certificate: `count` lines, each ended by LF, as the state keeps them. */
struct nz_hosts {
	struct nz_buffer text;
	size_t count;
};
void nz_hosts_clear(struct nz_hosts *hosts);
/* Adds a name unless it is there. NZ_INVALID for one that is no host's; NZ_LIMIT. */
enum nz_status nz_hosts_add(struct nz_hosts *hosts, const char *name,
                            struct nz_error *err) NZ_MUST_USE;

/*
 * Makes a TLS leaf and a signing leaf under root and stores them with the hosts, all at once.
 * Fails when root's key does not belong to its certificate.
 */
enum nz_status nz_platform_issue(struct nz_state *state, const struct nz_pki_pair *root,
                                 const struct nz_hosts *hosts, int64_t now,
                                 struct nz_error *err) NZ_MUST_USE;

#endif
