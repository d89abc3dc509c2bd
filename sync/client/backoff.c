/* SPDX-License-Identifier: Apache-2.0 */
#include "client/backoff.h"

#define DOUBLINGS 6 /* 1 s to 64 s */

uint32_t nz_backoff_next(struct nz_backoff *b, unsigned retry_after_s, uint32_t random)
{
	const unsigned doublings = b->failures < DOUBLINGS ? b->failures : DOUBLINGS;
	const uint32_t base = (uint32_t)NZ_BACKOFF_FIRST_MS << doublings;
	const uint32_t jitter = (uint32_t)(((uint64_t)base / 4 * random) >> 32);
	const uint32_t asked =
	    (retry_after_s < NZ_BACKOFF_PEER_MAX_S ? retry_after_s : NZ_BACKOFF_PEER_MAX_S) * 1000;
	uint32_t wait = base + jitter;

	if (wait > NZ_BACKOFF_MAX_MS)
		wait = NZ_BACKOFF_MAX_MS;
	if (b->failures < UINT32_MAX)
		b->failures++;
	return wait > asked ? wait : asked;
}

void nz_backoff_progress(struct nz_backoff *b)
{
	b->failures = 0;
}
