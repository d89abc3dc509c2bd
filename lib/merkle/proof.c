/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <nz/merkle.h>

/* A copy of this many leaves at a time is hashed: the caller's stay as they are. */
#define RUN 128

struct prover {
	const struct nz_crypto *crypto;
	struct nz_hasher *hasher;
	const struct nz_hash *leaves;
	struct nz_hash path[NZ_MERKLE_MAX_PROOF]; /* from the root down: a proof backwards */
	size_t len;
};

/* MTH(D[from:to]) of RFC 9162 section 2.1.1 goes on the path. */
static enum nz_status add_subtree(struct prover *p, size_t from, size_t to)
{
	struct nz_merkle tree;

	nz_merkle_init(&tree, p->crypto, p->hasher);
	while (from < to) {
		struct nz_hash run[RUN];
		const size_t count = to - from < RUN ? to - from : RUN;

		memcpy(run, p->leaves + from, count * sizeof(run[0]));
		NZ_TRY(nz_merkle_append(&tree, run, count));
		from += count;
	}
	NZ_TRY(nz_merkle_root(&tree, &p->path[p->len]));
	p->len++;
	return NZ_OK;
}

/* The largest power of two below n, which is above 1. */
static size_t split(size_t n)
{
	size_t k = 1;

	while (k < n - k)
		k *= 2;
	return k;
}

static void hand_over(const struct prover *p, struct nz_hash *proof, size_t *proof_len)
{
	for (size_t i = 0; i < p->len; i++)
		proof[i] = p->path[p->len - 1 - i];
	*proof_len = p->len;
}

enum nz_status nz_merkle_prove_inclusion(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                         const struct nz_hash *leaves, size_t count, size_t index,
                                         struct nz_hash *proof, size_t *proof_len)
{
	struct prover p = {.crypto = crypto, .hasher = hasher, .leaves = leaves};
	size_t from = 0, to = count;

	if (index >= count)
		return NZ_INVALID;
	/* Down to the leaf; the half that it is not in goes on the path. */
	while (to - from > 1) {
		const size_t middle = from + split(to - from);

		if (index < middle) {
			NZ_TRY(add_subtree(&p, middle, to));
			to = middle;
		} else {
			NZ_TRY(add_subtree(&p, from, middle));
			from = middle;
		}
	}
	hand_over(&p, proof, proof_len);
	return NZ_OK;
}

enum nz_status nz_merkle_prove_consistency(const struct nz_crypto *crypto,
                                           struct nz_hasher *hasher, const struct nz_hash *leaves,
                                           size_t first, size_t second, struct nz_hash *proof,
                                           size_t *proof_len)
{
	struct prover p = {.crypto = crypto, .hasher = hasher, .leaves = leaves};
	size_t from = 0, to = second;

	if (first == 0 || first > second)
		return NZ_INVALID;
	/* SUBPROOF; the old tree's own root is left out of the proof, and is so while from is 0. */
	while (first < to) {
		const size_t middle = from + split(to - from);

		if (first <= middle) {
			NZ_TRY(add_subtree(&p, middle, to));
			to = middle;
		} else {
			NZ_TRY(add_subtree(&p, from, middle));
			from = middle;
		}
	}
	if (from > 0)
		NZ_TRY(add_subtree(&p, from, to));
	hand_over(&p, proof, proof_len);
	return NZ_OK;
}

static bool same(const struct nz_hash *a, const struct nz_hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* One level up, or several where the node is the right end of an incomplete tree. */
static void climb(uint64_t *fn, uint64_t *sn, bool to_left_child)
{
	while (to_left_child && (*fn & 1) == 0 && *fn != 0) {
		*fn >>= 1;
		*sn >>= 1;
	}
	*fn >>= 1;
	*sn >>= 1;
}

enum nz_status nz_merkle_check_inclusion(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                         const struct nz_hash *leaf, uint64_t index, uint64_t size,
                                         const struct nz_hash *proof, size_t proof_len,
                                         const struct nz_hash *root)
{
	struct nz_hash r = *leaf;
	uint64_t fn = index, sn = size - 1;

	if (index >= size)
		return NZ_MISMATCH;
	for (size_t i = 0; i < proof_len; i++) {
		const bool on_left = (fn & 1) != 0 || fn == sn;
		const struct nz_hash_pair pair = on_left ? (struct nz_hash_pair){proof[i], r}
		                                         : (struct nz_hash_pair){r, proof[i]};

		if (sn == 0)
			return NZ_MISMATCH;
		NZ_TRY(crypto->hash_pairs(hasher, &pair, 1, &r));
		climb(&fn, &sn, on_left);
	}
	return sn == 0 && same(&r, root) ? NZ_OK : NZ_MISMATCH;
}

/* RFC 9162 section 2.1.4.2 from step 3 on; `start` is the path's first node. */
static enum nz_status check_paths(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                                  uint64_t fn, uint64_t sn, const struct nz_hash *start,
                                  const struct nz_hash *path, size_t path_len,
                                  const struct nz_hash *first_root,
                                  const struct nz_hash *second_root)
{
	struct nz_hash fr = *start, sr = *start;

	for (size_t i = 0; i < path_len; i++) {
		const bool on_left = (fn & 1) != 0 || fn == sn;
		struct nz_hash joined[2];

		if (sn == 0)
			return NZ_MISMATCH;
		if (on_left) {
			const struct nz_hash_pair pairs[2] = {{path[i], fr}, {path[i], sr}};

			NZ_TRY(crypto->hash_pairs(hasher, pairs, 2, joined));
			fr = joined[0];
			sr = joined[1];
		} else {
			const struct nz_hash_pair pair = {sr, path[i]};

			NZ_TRY(crypto->hash_pairs(hasher, &pair, 1, &sr));
		}
		climb(&fn, &sn, on_left);
	}
	return sn == 0 && same(&fr, first_root) && same(&sr, second_root) ? NZ_OK : NZ_MISMATCH;
}

enum nz_status nz_merkle_check_consistency(const struct nz_crypto *crypto,
                                           struct nz_hasher *hasher, uint64_t first,
                                           uint64_t second, const struct nz_hash *first_root,
                                           const struct nz_hash *second_root,
                                           const struct nz_hash *proof, size_t proof_len)
{
	uint64_t fn = first - 1, sn = second - 1;

	/* An empty tree is consistent with every tree: that would prove nothing. */
	if (first == 0 || first > second)
		return NZ_MISMATCH;
	if (first == second)
		return proof_len == 0 && same(first_root, second_root) ? NZ_OK : NZ_MISMATCH;
	if (proof_len == 0)
		return NZ_MISMATCH;
	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	/* first is a power of two: its root is a node of the new tree, and the proof leaves it out. */
	if ((first & (first - 1)) == 0)
		return check_paths(crypto, hasher, fn, sn, first_root, proof, proof_len,
		                   first_root, second_root);
	return check_paths(crypto, hasher, fn, sn, &proof[0], proof + 1, proof_len - 1, first_root,
	                   second_root);
}
