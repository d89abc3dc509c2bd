/* SPDX-License-Identifier: Apache-2.0 */
/* Covers lib/merkle: trees of every small size against the recursive definition, proofs, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/merkle.h>

#define MAX_LEAVES 300

static const struct nz_crypto *crypto;
static struct nz_hasher *hasher;
static struct nz_hash leaf[MAX_LEAVES];

/* RFC 9162 section 2.1.1, as it is written. */
static struct nz_hash definition(const struct nz_hash *leaves, size_t n)
{
	struct nz_hash_pair pair;
	uint8_t text[65] = {0x01};
	struct nz_hash result;
	size_t k = 1;

	if (n == 1)
		return leaves[0];
	while (k * 2 < n)
		k *= 2;
	pair.left = definition(leaves, k);
	pair.right = definition(leaves + k, n - k);
	memcpy(text + 1, &pair, 64);
	assert_int_equal(crypto->sha256(nz_bytes_of(text, 65), result.bytes), NZ_OK);
	return result;
}

static void append(struct nz_merkle *tree, size_t from, size_t to)
{
	struct nz_hash scratch[MAX_LEAVES];

	memcpy(scratch, leaf + from, (to - from) * sizeof(leaf[0]));
	assert_int_equal(nz_merkle_append(tree, scratch, to - from), NZ_OK);
}

static void expect_root(const struct nz_merkle *tree, size_t size)
{
	const struct nz_hash expected = definition(leaf, size);
	struct nz_hash got;

	assert_int_equal(tree->size, size);
	assert_int_equal(nz_merkle_root(tree, &got), NZ_OK);
	assert_memory_equal(&got, &expected, 32);
}

static void empty_tree(void **state)
{
	static const uint8_t sha256_of_nothing[32] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
		0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
		0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	struct nz_merkle tree;
	struct nz_hash root;

	(void)state;
	nz_merkle_init(&tree, crypto, hasher);
	assert_int_equal(nz_merkle_append(&tree, NULL, 0), NZ_OK);
	assert_int_equal(nz_merkle_root(&tree, &root), NZ_OK);
	assert_memory_equal(&root, sha256_of_nothing, 32);
}

static void every_size_in_two_parts(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 70; size++) {
		for (size_t first = 0; first <= size; first++) {
			struct nz_merkle tree;

			nz_merkle_init(&tree, crypto, hasher);
			append(&tree, 0, first);
			if (first > 0)
				expect_root(&tree, first);
			append(&tree, first, size);
			expect_root(&tree, size);
		}
	}
}

static void one_at_a_time(void **state)
{
	struct nz_merkle tree;

	(void)state;
	nz_merkle_init(&tree, crypto, hasher);
	for (size_t i = 0; i < MAX_LEAVES; i++) {
		append(&tree, i, i + 1);
		expect_root(&tree, i + 1);
	}
	nz_merkle_init(&tree, crypto, hasher);
	append(&tree, 0, MAX_LEAVES);
	expect_root(&tree, MAX_LEAVES);
}

static void inclusion(void **state)
{
	(void)state;
	for (size_t size = 1; size <= MAX_LEAVES; size = size < 40 ? size + 1 : size + 52) {
		const struct nz_hash root = definition(leaf, size);

		for (size_t i = 0; i < size; i++) {
			struct nz_hash proof[NZ_MERKLE_MAX_PROOF];
			size_t len = 99;

			assert_int_equal(nz_merkle_prove_inclusion(crypto, hasher, leaf, size, i,
			                                           proof, &len),
			                 NZ_OK);
			assert_true(len <= 9);
			assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf[i], i, size,
			                                           proof, len, &root),
			                 NZ_OK);
			/* Not for another leaf, index or length. */
			for (size_t j = 0; j < size; j += 1 + size / 20) {
				if (j == i)
					continue;
				assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf[j], i,
				                                           size, proof, len, &root),
				                 NZ_MISMATCH);
				assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf[i], j,
				                                           size, proof, len, &root),
				                 NZ_MISMATCH);
			}
			if (len > 0)
				assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf[i], i,
				                                           size, proof, len - 1, &root),
				                 NZ_MISMATCH);
			for (size_t k = 0; k < len; k++) {
				proof[k].bytes[k] ^= 1;
				assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf[i], i,
				                                           size, proof, len, &root),
				                 NZ_MISMATCH);
				proof[k].bytes[k] ^= 1;
			}
			proof[len] = root;
			assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf[i], i, size,
			                                           proof, len + 1, &root),
			                 NZ_MISMATCH);
		}
	}
}

static enum nz_status check_consistency(size_t first, size_t second, const struct nz_hash *proof,
                                        size_t len)
{
	const struct nz_hash a = definition(leaf, first), b = definition(leaf, second);

	return nz_merkle_check_consistency(crypto, hasher, first, second, &a, &b, proof, len);
}

static void consistency(void **state)
{
	(void)state;
	for (size_t second = 1; second <= 67; second++) {
		for (size_t first = 1; first <= second; first++) {
			struct nz_hash proof[NZ_MERKLE_MAX_PROOF];
			size_t len = 99;

			assert_int_equal(nz_merkle_prove_consistency(crypto, hasher, leaf, first, second,
			                                             proof, &len),
			                 NZ_OK);
			assert_int_equal(len == 0, first == second);
			assert_int_equal(check_consistency(first, second, proof, len), NZ_OK);
			if (first > 1)
				assert_int_equal(check_consistency(first - 1, second, proof, len),
				                 NZ_MISMATCH);
			assert_int_equal(check_consistency(first, second + 1, proof, len), NZ_MISMATCH);
			if (len > 0)
				assert_int_equal(check_consistency(first, second, proof, len - 1),
				                 NZ_MISMATCH);
			for (size_t k = 0; k < len; k++) {
				proof[k].bytes[31 - k] ^= 0x80;
				assert_int_equal(check_consistency(first, second, proof, len),
				                 NZ_MISMATCH);
				proof[k].bytes[31 - k] ^= 0x80;
			}
			proof[len] = leaf[0];
			assert_int_equal(check_consistency(first, second, proof, len + 1), NZ_MISMATCH);
		}
	}
}

static void impossible_requests(void **state)
{
	struct nz_hash proof[NZ_MERKLE_MAX_PROOF] = {{{0}}};
	size_t len = 99;

	(void)state;
	assert_int_equal(nz_merkle_prove_inclusion(crypto, hasher, leaf, 5, 5, proof, &len), NZ_INVALID);
	assert_int_equal(nz_merkle_prove_inclusion(crypto, hasher, leaf, 0, 0, proof, &len), NZ_INVALID);
	assert_int_equal(nz_merkle_prove_consistency(crypto, hasher, leaf, 0, 5, proof, &len),
	                 NZ_INVALID);
	assert_int_equal(nz_merkle_prove_consistency(crypto, hasher, leaf, 6, 5, proof, &len),
	                 NZ_INVALID);
	assert_int_equal(len, 99);
	assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, leaf, 0, 0, NULL, 0, leaf),
	                 NZ_MISMATCH);
	assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, leaf, UINT64_MAX, UINT64_MAX, NULL, 0,
	                                           leaf),
	                 NZ_MISMATCH);
	assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, leaf, UINT64_MAX - 1, UINT64_MAX,
	                                           proof, NZ_MERKLE_MAX_PROOF, leaf),
	                 NZ_MISMATCH);
	assert_int_equal(nz_merkle_check_consistency(crypto, hasher, 0, 0, leaf, leaf, NULL, 0),
	                 NZ_MISMATCH);
	assert_int_equal(nz_merkle_check_consistency(crypto, hasher, 0, 1, leaf, leaf, proof, 1),
	                 NZ_MISMATCH);
	assert_int_equal(nz_merkle_check_consistency(crypto, hasher, UINT64_MAX, UINT64_MAX, leaf, leaf,
	                                             NULL, 0),
	                 NZ_OK);
	assert_int_equal(nz_merkle_check_consistency(crypto, hasher, UINT64_MAX - 1, UINT64_MAX, leaf,
	                                             leaf, proof, NZ_MERKLE_MAX_PROOF),
	                 NZ_MISMATCH);
}

static int calls_left;

static enum nz_status failing_pairs(struct nz_hasher *h, const struct nz_hash_pair *pairs,
                                    size_t count, struct nz_hash *out)
{
	if (calls_left-- == 0)
		return NZ_CRYPTO;
	return crypto->hash_pairs(h, pairs, count, out);
}

/* Whichever call of the adapter fails, the tree is as before and can go on. */
static void failure_changes_nothing(void **state)
{
	struct nz_crypto failing = *crypto;
	int calls = 0;

	(void)state;
	failing.hash_pairs = failing_pairs;
	for (;; calls++) {
		struct nz_merkle tree;
		struct nz_hash scratch[64], root;

		nz_merkle_init(&tree, &failing, hasher);
		calls_left = INT32_MAX;
		append(&tree, 0, 7);
		memcpy(scratch, leaf + 7, sizeof(scratch));
		calls_left = calls;
		if (nz_merkle_append(&tree, scratch, 64) == NZ_OK)
			break;
		calls_left = INT32_MAX;
		expect_root(&tree, 7);
		append(&tree, 7, 71);
		expect_root(&tree, 71);
		memset(&root, 9, sizeof(root));
		calls_left = 0;
		assert_int_equal(nz_merkle_root(&tree, &root), NZ_CRYPTO);
		assert_int_equal(root.bytes[0], 9);
	}
	/* 7 and then 64 leaves: at most two calls a level. */
	assert_in_range(calls, 3, 14);
}

static void size_limit(void **state)
{
	struct nz_merkle tree;
	struct nz_hash two[2] = {{{1}}, {{2}}};

	(void)state;
	nz_merkle_init(&tree, crypto, hasher);
	tree.size = (UINT64_C(1) << 63) - 1;
	assert_int_equal(nz_merkle_append(&tree, two, 2), NZ_LIMIT);
	assert_int_equal(nz_merkle_append(&tree, two, 1), NZ_OK);
	assert_int_equal(tree.size, UINT64_C(1) << 63);
	assert_int_equal(nz_merkle_append(&tree, two, 1), NZ_LIMIT);
}

static int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	if (crypto->hasher_new(&hasher) != NZ_OK)
		return -1;
	for (size_t i = 0; i < MAX_LEAVES; i++) {
		const uint8_t record[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
		const struct nz_bytes in = {record, i % 3};

		if (crypto->hash_many(hasher, (uint8_t)(i / 256), &in, 1, &leaf[i]) != NZ_OK)
			return -1;
		leaf[i].bytes[0] = (uint8_t)i;
		leaf[i].bytes[1] = (uint8_t)(i >> 8);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crypto->hasher_free(&hasher);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_tree),
		cmocka_unit_test(every_size_in_two_parts),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(inclusion),
		cmocka_unit_test(consistency),
		cmocka_unit_test(impossible_requests),
		cmocka_unit_test(failure_changes_nothing),
		cmocka_unit_test(size_limit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
