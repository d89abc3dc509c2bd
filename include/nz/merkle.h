/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees of RFC 9162 section 2.1: roots over a stream in O(log n) memory, inclusion and
 * consistency proofs. No I/O. Hashes of leaves are given, not leaves.
 */
#ifndef NZ_MERKLE_H
#define NZ_MERKLE_H

#include <nz/crypto.h>

#define NZ_MERKLE_MAX_PROOF 64 /* hashes; a tree of 2^63 leaves needs no more */

/* A root being computed. The caller's storage; nothing to free. hasher stays the caller's. */
struct nz_merkle {
	const struct nz_crypto *crypto;
	struct nz_hasher *hasher;
	uint64_t size;                            /* leaves so far */
	struct nz_hash peak[NZ_MERKLE_MAX_PROOF]; /* perfect subtrees, by the set bits of size */
};

void nz_merkle_init(struct nz_merkle *tree, const struct nz_crypto *crypto,
                    struct nz_hasher *hasher);
/* Appends leaf hashes in order. `leaves` is scratch afterwards: interior levels are computed in it. */
enum nz_status nz_merkle_append(struct nz_merkle *tree, struct nz_hash *leaves, size_t count) NZ_MUST_USE;
/* The root of what was appended so far; SHA-256("") for none. The tree can go on. */
enum nz_status nz_merkle_root(const struct nz_merkle *tree, struct nz_hash *root) NZ_MUST_USE;

/* RFC 9162 2.1.3.1: proof for leaf `index` of `count` leaves; writes up to NZ_MERKLE_MAX_PROOF. */
enum nz_status nz_merkle_prove_inclusion(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                         const struct nz_hash *leaves, size_t count, size_t index,
                                         struct nz_hash *proof, size_t *proof_len) NZ_MUST_USE;
/* RFC 9162 2.1.3.2. NZ_MISMATCH. */
enum nz_status nz_merkle_check_inclusion(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                         const struct nz_hash *leaf, uint64_t index, uint64_t size,
                                         const struct nz_hash *proof, size_t proof_len,
                                         const struct nz_hash *root) NZ_MUST_USE;
/* RFC 9162 2.1.4.1, 2.1.4.2. NZ_MISMATCH on check. */
enum nz_status nz_merkle_prove_consistency(const struct nz_crypto *crypto,
                                           struct nz_hasher *hasher, const struct nz_hash *leaves,
                                           size_t first, size_t second, struct nz_hash *proof,
                                           size_t *proof_len) NZ_MUST_USE;
enum nz_status nz_merkle_check_consistency(const struct nz_crypto *crypto,
                                           struct nz_hasher *hasher, uint64_t first,
                                           uint64_t second, const struct nz_hash *first_root,
                                           const struct nz_hash *second_root,
                                           const struct nz_hash *proof, size_t proof_len) NZ_MUST_USE;

#endif
