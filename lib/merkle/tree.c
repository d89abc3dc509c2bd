/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <nz/merkle.h>

void nz_merkle_init(struct nz_merkle *tree, const struct nz_crypto *crypto,
                    struct nz_hasher *hasher)
{
	memset(tree, 0, sizeof(*tree));
	tree->crypto = crypto;
	tree->hasher = hasher;
}

/*
 * One level up. nodes[0 .. count) are the new nodes of a level; *peak is the older one on their
 * left, if there is one. They are joined in twos, in place, and *count becomes that of the level
 * above. A node left over on the right goes to *rest, and *has_rest says so.
 */
static enum nz_status join_level(const struct nz_merkle *tree, const struct nz_hash *peak,
                                 struct nz_hash *nodes, size_t *count, struct nz_hash *rest,
                                 bool *has_rest)
{
	const size_t joined = peak != NULL ? 1 : 0;
	const size_t pairs = (*count - joined) / 2;

	*has_rest = (*count - joined) % 2 != 0;
	if (*has_rest)
		*rest = nodes[*count - 1];
	if (peak != NULL) {
		const struct nz_hash_pair pair = {*peak, nodes[0]};

		NZ_TRY(tree->crypto->hash_pairs(tree->hasher, &pair, 1, &nodes[0]));
	}
	if (pairs > 0)
		NZ_TRY(tree->crypto->hash_pairs(tree->hasher,
		                                (const struct nz_hash_pair *)(nodes + joined),
		                                pairs, nodes + joined));
	*count = joined + pairs;
	return NZ_OK;
}

enum nz_status nz_merkle_append(struct nz_merkle *tree, struct nz_hash *leaves, size_t count)
{
	struct nz_hash fresh[NZ_MERKLE_MAX_PROOF];
	bool changed[NZ_MERKLE_MAX_PROOF] = {false};
	size_t left = count;

	if (count > (UINT64_C(1) << 63) - tree->size)
		return NZ_LIMIT;
	for (unsigned level = 0; left > 0; level++) {
		const bool has_peak = (tree->size >> level & 1) != 0;

		NZ_TRY(join_level(tree, has_peak ? &tree->peak[level] : NULL, leaves, &left,
		                  &fresh[level], &changed[level]));
	}
	for (unsigned level = 0; level < NZ_MERKLE_MAX_PROOF; level++) {
		if (changed[level])
			tree->peak[level] = fresh[level];
	}
	tree->size += count;
	return NZ_OK;
}

enum nz_status nz_merkle_root(const struct nz_merkle *tree, struct nz_hash *root)
{
	struct nz_hash result = {{0}};
	bool started = false;

	if (tree->size == 0)
		return tree->crypto->sha256((struct nz_bytes){NULL, 0}, root->bytes);
	/* The smallest subtree is the rightmost; each larger one goes on its left. */
	for (unsigned level = 0; level < NZ_MERKLE_MAX_PROOF; level++) {
		struct nz_hash_pair pair;

		if ((tree->size >> level & 1) == 0)
			continue;
		if (!started) {
			result = tree->peak[level];
			started = true;
			continue;
		}
		pair = (struct nz_hash_pair){tree->peak[level], result};
		NZ_TRY(tree->crypto->hash_pairs(tree->hasher, &pair, 1, &result));
	}
	*root = result;
	return NZ_OK;
}
