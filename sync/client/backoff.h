/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next try: 1, 2, 4 … 64 seconds, at least what the peer asked for,
 * with jitter that never goes past 64, and back to 1 after progress. Counts tries; the caller
 * decides when they are used up. No clock and no sleep here.
 */
#ifndef NZ_CLIENT_BACKOFF_H
#define NZ_CLIENT_BACKOFF_H

#include <stdint.h>

#define NZ_BACKOFF_FIRST_MS 1000
#define NZ_BACKOFF_MAX_MS 64000
/* A peer may ask for more than 64 s, but not for ever. */
#define NZ_BACKOFF_PEER_MAX_S 3600

struct nz_backoff {
	unsigned failures; /* since the last progress */
};

/*
 * Notes a failure and gives the wait in ms. retry_after_s: what the peer asked for, 0 for nothing.
 * random: any 32 bits, for the jitter: up to a quarter of the wait, on top.
 */
uint32_t nz_backoff_next(struct nz_backoff *b, unsigned retry_after_s, uint32_t random);
void nz_backoff_progress(struct nz_backoff *b);

#endif
