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
/*
 * Appends leaf hashes in order. `leaves` is scratch afterwards: interior levels are computed in it,
 * each in one call of the adapter, so a batch at a time is much faster than a leaf at a time.
 * NZ_LIMIT past 2^63 leaves; NZ_CRYPTO. The tree is as before on failure.
 */
enum nz_status nz_merkle_append(struct nz_merkle *tree, struct nz_hash *leaves,
                                size_t count) NZ_MUST_USE;
/* The root of what was appended so far; SHA-256("") for none. The tree can go on. */
enum nz_status nz_merkle_root(const struct nz_merkle *tree, struct nz_hash *root) NZ_MUST_USE;

/*
 * RFC 9162 2.1.3.1: proof for leaf `index` of `count` leaves; writes up to NZ_MERKLE_MAX_PROOF
 * hashes. Time and hashing in O(count). NZ_INVALID where there is no such leaf.
 */
enum nz_status nz_merkle_prove_inclusion(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                         const struct nz_hash *leaves, size_t count, size_t index,
                                         struct nz_hash *proof, size_t *proof_len) NZ_MUST_USE;
/* RFC 9162 2.1.3.2. NZ_MISMATCH, for an index outside the tree or a proof of any wrong length too. */
enum nz_status nz_merkle_check_inclusion(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                         const struct nz_hash *leaf, uint64_t index, uint64_t size,
                                         const struct nz_hash *proof, size_t proof_len,
                                         const struct nz_hash *root) NZ_MUST_USE;
/*
 * RFC 9162 2.1.4.1: that the tree of the first `first` leaves is a prefix of that of `second`. An
 * empty proof where they are one. NZ_INVALID unless 0 < first <= second.
 */
enum nz_status nz_merkle_prove_consistency(const struct nz_crypto *crypto,
                                           struct nz_hasher *hasher, const struct nz_hash *leaves,
                                           size_t first, size_t second, struct nz_hash *proof,
                                           size_t *proof_len) NZ_MUST_USE;
/*
 * RFC 9162 2.1.4.2. NZ_MISMATCH, for first = 0 (which would prove nothing) and first > second too;
 * with first = second it checks that the roots are equal and the proof is empty.
 */
enum nz_status nz_merkle_check_consistency(const struct nz_crypto *crypto,
                                           struct nz_hasher *hasher, uint64_t first,
                                           uint64_t second, const struct nz_hash *first_root,
                                           const struct nz_hash *second_root,
                                           const struct nz_hash *proof,
                                           size_t proof_len) NZ_MUST_USE;

#endif
