/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof cases of transparency-dev/merkle (RFC 6962 trees are those of RFC 9162), every file of
 * them, and the roots of the eight-leaf tree that Certificate Transparency's own tests use.
 *
 * Some wrong cases have hashes that are not 32 bytes long. The interface has no room for those, so
 * they are filled up with zeros here, which keeps equal ones equal and wrong ones wrong. Eleven
 * cases have an empty leaf or root; whoever reads such a thing has nothing to call with, so they
 * are counted as refused before the call.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/json.h>
#include <nz/merkle.h>

#include "../testdata.h"
#include "../unhex.h"

static const struct nz_crypto *crypto;
static struct nz_hasher *hasher;

/* nftw has no argument for its callback. */
static struct {
	enum nz_status (*run)(const struct nz_json *test);
	size_t base, count, good, absent;
	const char *folder;
} walk;

struct proof {
	struct nz_hash hash[NZ_MERKLE_MAX_PROOF + 8];
	size_t len;
};

/* False where the text is empty. */
static bool read_hash(const struct nz_json *value, struct nz_hash *out)
{
	NZ_BUFFER(bytes);

	assert_true(nz_json_is(value, NZ_JSON_STRING));
	assert_int_equal(nz_base64_decode(nz_json_string(value), &bytes), NZ_OK);
	memset(out, 0, sizeof(*out));
	/* An over-long hash differs from every real one by being one with its last byte changed. */
	if (bytes.len > 0)
		memcpy(out->bytes, bytes.ptr, bytes.len < 32 ? bytes.len : 32);
	if (bytes.len > 32)
		out->bytes[31] ^= 0xFF;
	return bytes.len > 0;
}

static void read_proof(const struct nz_json *test, struct proof *out)
{
	const struct nz_json *list = nz_json_get(test, "proof");

	out->len = nz_json_count(list);
	assert_true(list != NULL && out->len <= sizeof(out->hash) / sizeof(out->hash[0]));
	for (size_t i = 0; i < out->len; i++)
		(void)read_hash(nz_json_at(list, i), &out->hash[i]);
}

/* The index 2^64 - 1 is no JSON number that a double holds; it is quoted before parsing. */
static uint64_t read_number(const struct nz_json *test, const char *name)
{
	const struct nz_json *value = nz_json_get(test, name);
	int64_t number = 0;

	if (nz_json_is(value, NZ_JSON_STRING))
		return UINT64_MAX;
	assert_int_equal(nz_json_get_int(test, name, 0, INT64_MAX, &number, NULL), NZ_OK);
	return (uint64_t)number;
}

static struct nz_json_doc *load(const char *name)
{
	static const char huge[] = "18446744073709551615";
	NZ_BUFFER(text);
	NZ_BUFFER(quoted);
	struct nz_json_doc *doc = NULL;
	struct nz_error err = {0};
	const char *found, *start;

	testdata_read(name, &text);
	start = nz_buffer_cstr(&text);
	assert_non_null(start);
	found = strstr(start, huge);
	if (found != NULL) {
		assert_int_equal(nz_buffer_append(&quoted, start, (size_t)(found - start)), NZ_OK);
		assert_int_equal(nz_buffer_appendf(&quoted, "\"%s\"%s", huge, found + 20), NZ_OK);
	} else {
		assert_int_equal(nz_buffer_append_str(&quoted, start), NZ_OK);
	}
	if (nz_json_parse(nz_buffer_bytes(&quoted), NULL, &doc, &err) != NZ_OK)
		fail_msg("%s: %s", name, err.message);
	return doc;
}

static enum nz_status run_inclusion(const struct nz_json *test)
{
	struct nz_hash leaf, root;
	struct proof proof;
	const bool has_leaf = read_hash(nz_json_get(test, "leafHash"), &leaf);
	const bool has_root = read_hash(nz_json_get(test, "root"), &root);

	if (!has_leaf || !has_root) {
		walk.absent++;
		return NZ_MISMATCH;
	}
	read_proof(test, &proof);
	return nz_merkle_check_inclusion(crypto, hasher, &leaf, read_number(test, "leafIdx"),
	                                 read_number(test, "treeSize"), proof.hash, proof.len,
	                                 &root);
}

static enum nz_status run_consistency(const struct nz_json *test)
{
	struct nz_hash first, second;
	struct proof proof;

	assert_true(read_hash(nz_json_get(test, "root1"), &first));
	assert_true(read_hash(nz_json_get(test, "root2"), &second));
	read_proof(test, &proof);
	return nz_merkle_check_consistency(crypto, hasher, read_number(test, "size1"),
	                                   read_number(test, "size2"), &first, &second, proof.hash,
	                                   proof.len);
}

static int run_file(const char *path, const struct stat *info, int type, struct FTW *place)
{
	char name[512];
	struct nz_json_doc *doc;
	const struct nz_json *want;
	enum nz_status status;

	(void)info;
	(void)place;
	if (type != FTW_F)
		return 0;
	(void)snprintf(name, sizeof(name), "%s%s", walk.folder, path + walk.base);
	doc = load(name);
	want = nz_json_get(nz_json_root(doc), "wantErr");
	assert_true(nz_json_is(want, NZ_JSON_BOOL));
	status = walk.run(nz_json_root(doc));
	if (status != (nz_json_bool(want) ? NZ_MISMATCH : NZ_OK))
		fail_msg("%s: status %d", name, (int)status);
	walk.count++;
	walk.good += status == NZ_OK ? 1 : 0;
	nz_json_free(&doc);
	return 0;
}

static void run_folder(const char *folder, enum nz_status (*run)(const struct nz_json *test))
{
	char path[4096];

	testdata_path(folder, path, sizeof(path));
	walk.run = run;
	walk.base = strlen(path);
	walk.count = walk.good = walk.absent = 0;
	walk.folder = folder;
	if (nftw(path, run_file, 8, 0) != 0) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	assert_int_equal(walk.count, 98);
	assert_in_range(walk.good, 1, walk.count - 1);
}

static void inclusion_cases(void **state)
{
	(void)state;
	run_folder("rfc6962-merkle/testdata/inclusion", run_inclusion);
	assert_int_equal(walk.absent, 11);
}

static void consistency_cases(void **state)
{
	(void)state;
	run_folder("rfc6962-merkle/testdata/consistency", run_consistency);
}

static void read_hex_at(const struct nz_json *list, size_t index, struct nz_hash *out)
{
	assert_int_equal(nz_hex_decode(nz_json_string(nz_json_at(list, index)), out->bytes, 32),
	                 NZ_OK);
}

static void known_roots(void **state)
{
	struct nz_json_doc *doc = load("rfc6962-merkle/roots.json");
	const struct nz_json *root = nz_json_root(doc);
	const struct nz_json *inputs = nz_json_get(root, "leaf_inputs_hex");
	const struct nz_json *hashes = nz_json_get(root, "leaf_hashes_hex");
	const struct nz_json *roots = nz_json_get(root, "roots_by_size_hex");

	(void)state;
	assert_int_equal(nz_json_count(inputs), 8);
	assert_int_equal(nz_json_count(hashes), 8);
	assert_int_equal(nz_json_count(roots), 9);
	for (size_t size = 0; size <= 8; size++) {
		struct nz_merkle tree;
		struct nz_hash leaves[8], got, expected;

		for (size_t i = 0; i < size; i++) {
			const struct nz_bytes hex = nz_json_string(nz_json_at(inputs, i));
			uint8_t input[32];
			struct nz_bytes leaf = {input, hex.len / 2};

			assert_int_equal(nz_hex_decode(hex, input, hex.len / 2), NZ_OK);
			assert_int_equal(crypto->hash_many(hasher, 0x00, &leaf, 1, &leaves[i]),
			                 NZ_OK);
			read_hex_at(hashes, i, &expected);
			assert_memory_equal(&leaves[i], &expected, 32);
		}
		nz_merkle_init(&tree, crypto, hasher);
		assert_int_equal(nz_merkle_append(&tree, leaves, size), NZ_OK);
		assert_int_equal(nz_merkle_root(&tree, &got), NZ_OK);
		read_hex_at(roots, size, &expected);
		assert_memory_equal(&got, &expected, 32);
	}
	nz_json_free(&doc);
}

static int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	return crypto->hasher_new(&hasher) == NZ_OK ? 0 : -1;
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
		cmocka_unit_test(inclusion_cases),
		cmocka_unit_test(consistency_cases),
		cmocka_unit_test(known_roots),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
