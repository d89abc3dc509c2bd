/* SPDX-License-Identifier: Apache-2.0 */
/* What the two directions of a block stream share. Private to this folder. */
#ifndef NZ_PROTO_BLOCK_INTERNAL_H
#define NZ_PROTO_BLOCK_INTERNAL_H

#include "proto/block.h"

/* Blocks of one seal_many or open_many, and of one run of records: some 8 KiB of items. */
#define BLOCK_RUN_MAX 256

struct nz_block_cipher {
	const struct nz_crypto *crypto;
	struct nz_aead *aead;
	uint8_t start_nonce[NZ_AEAD_NONCE_BYTES];
	uint64_t number; /* of the next block */
};

/*
 * Takes `count` numbers, for good whatever happens next, and gives the nonce of the first. They are
 * taken before sealing, so that no failure lets one be used twice.
 */
static inline void block_take_numbers(struct nz_block_cipher *cipher, size_t count,
                                      uint8_t nonce[NZ_AEAD_NONCE_BYTES])
{
	nz_nonce_add(cipher->start_nonce, cipher->number, nonce);
	cipher->number += count;
}

/* The most plaintext bytes that a block of that type may have under a limit of its length field. */
static inline size_t block_plaintext_max(uint8_t type, size_t block_max_bytes)
{
	size_t max = block_max_bytes - NZ_AEAD_TAG_BYTES;

	switch (type) {
	case NZ_BLOCK_HELLO:
	case NZ_BLOCK_MANIFEST:
	case NZ_BLOCK_BATCH:
	case NZ_BLOCK_BATCH_END:
	case NZ_BLOCK_NOTICE:
	case NZ_BLOCK_PROOF:
	case NZ_BLOCK_END:
		return max < NZ_BLOCK_JSON_MAX_BYTES ? max : NZ_BLOCK_JSON_MAX_BYTES;
	default:
		return max;
	}
}

#endif
