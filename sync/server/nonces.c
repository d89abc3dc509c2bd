/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nonces.h"

#include <stdlib.h>

#define FIRST_CAPACITY 16

static bool is_free(const struct nz_hash *slot)
{
	static const struct nz_hash zero;

	return memcmp(slot, &zero, sizeof zero) == 0;
}

/* The slot that holds hash, or the free one where it belongs. capacity is a power of two. */
static struct nz_hash *slot_of(struct nz_hash *slots, size_t capacity, const struct nz_hash *hash)
{
	size_t at;

	memcpy(&at, hash->bytes, sizeof at);
	for (at &= capacity - 1;; at = (at + 1) & (capacity - 1))
		if (is_free(&slots[at]) || memcmp(&slots[at], hash, sizeof *hash) == 0)
			return &slots[at];
}

/* Keeps at least half of the slots free. */
static enum nz_status grow(struct nz_nonces *nonces)
{
	if (nonces->count * 2 < nonces->capacity)
		return NZ_OK;
	const size_t capacity = nonces->capacity > 0 ? nonces->capacity * 2 : FIRST_CAPACITY;
	struct nz_hash *slots = calloc(capacity, sizeof *slots);

	if (slots == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < nonces->capacity; i++)
		if (!is_free(&nonces->slots[i]))
			*slot_of(slots, capacity, &nonces->slots[i]) = nonces->slots[i];
	free(nonces->slots);
	nonces->slots = slots;
	nonces->capacity = capacity;
	return NZ_OK;
}

enum nz_status nz_nonces_add(struct nz_nonces *nonces, const struct nz_crypto *crypto,
                             struct nz_bytes nonce)
{
	struct nz_hash hash;

	NZ_TRY(crypto->sha256(nonce, hash.bytes));
	NZ_TRY(grow(nonces));
	struct nz_hash *slot = slot_of(nonces->slots, nonces->capacity, &hash);

	if (!is_free(slot))
		return NZ_REPLAYED;
	if (nonces->count >= NZ_NONCES_MAX)
		return NZ_LIMIT;
	*slot = hash;
	nonces->count++;
	return NZ_OK;
}

void nz_nonces_clear(struct nz_nonces *nonces)
{
	free(nonces->slots);
	*nonces = (struct nz_nonces){0};
}
