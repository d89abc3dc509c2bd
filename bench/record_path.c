/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record costs through libnz (seal or open, leaf, tree) against the sum of the bare OpenSSL
 * calls that this needs: contexts fetched and keyed once, only the nonce set for a record, the
 * bytes lying ready, no tree kept. On one core, in batches of 2,000 records of 128 bytes.
 */
#include <string.h>

#include <openssl/evp.h>

#include <nz/merkle.h>

#include "ratio.h"

#define RECORD_BYTES 128
#define HEADER_BYTES 5
#define BATCH 2000
#define GOAL 1.15

/* The record lies between what OpenSSL is to see before it and the tag. */
struct block {
	uint8_t header[HEADER_BYTES];
	uint8_t leaf_prefix;
	uint8_t record[RECORD_BYTES];
	uint8_t tag[NZ_AEAD_TAG_BYTES];
};

struct bench {
	const struct nz_crypto *crypto;
	struct nz_aead *aead;
	struct nz_hasher *hasher;
	EVP_CIPHER_CTX *sealing, *opening;
	EVP_MD_CTX *md;

	struct block blocks[BATCH], sealed[BATCH], plain[BATCH];
	struct nz_aead_item items[BATCH];
	struct nz_bytes records[BATCH];
	struct nz_hash leaves[BATCH], root;
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	uint8_t pair[1 + sizeof(struct nz_hash_pair)];
};

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "record_path: %s failed\n", what);
	exit(1);
}

static void bump(uint8_t nonce[NZ_AEAD_NONCE_BYTES])
{
	for (size_t i = NZ_AEAD_NONCE_BYTES; i-- > 0 && ++nonce[i] == 0;)
		;
}

static void nz_tree(struct bench *bench)
{
	struct nz_merkle tree;

	nz_merkle_init(&tree, bench->crypto, bench->hasher);
	require(nz_merkle_append(&tree, bench->leaves, BATCH) == NZ_OK &&
	                nz_merkle_root(&tree, &bench->root) == NZ_OK,
	        "the tree");
}

static void nz_leaves(struct bench *bench)
{
	require(bench->crypto->hash_many(bench->hasher, 0x00, bench->records, BATCH,
	                                 bench->leaves) == NZ_OK,
	        "hash_many");
}

static uint64_t nz_seal(void *context)
{
	struct bench *bench = context;

	memcpy(bench->blocks, bench->plain, sizeof(bench->blocks));

	const uint64_t begin = ratio_now_ns();

	nz_leaves(bench);
	require(bench->crypto->seal_many(bench->aead, bench->nonce, bench->items, BATCH) == NZ_OK,
	        "seal_many");
	nz_tree(bench);
	return ratio_now_ns() - begin;
}

static uint64_t nz_open(void *context)
{
	struct bench *bench = context;

	memcpy(bench->blocks, bench->sealed, sizeof(bench->blocks));

	const uint64_t begin = ratio_now_ns();

	require(bench->crypto->open_many(bench->aead, bench->nonce, bench->items, BATCH) == NZ_OK,
	        "open_many");
	nz_leaves(bench);
	nz_tree(bench);
	return ratio_now_ns() - begin;
}

static void bare_digest(struct bench *bench, const uint8_t *bytes, size_t len, struct nz_hash *out)
{
	require(EVP_DigestInit_ex2(bench->md, NULL, NULL) == 1 &&
	                EVP_DigestUpdate(bench->md, bytes, len) == 1 &&
	                EVP_DigestFinal_ex(bench->md, out->bytes, NULL) == 1,
	        "EVP_Digest");
}

/* As many hashes as a tree of BATCH leaves has nodes, each of as many bytes as a node. */
static void bare_nodes(struct bench *bench)
{
	for (size_t i = 1; i < BATCH; i++)
		bare_digest(bench, bench->pair, sizeof(bench->pair), &bench->root);
}

static void bare_leaves(struct bench *bench)
{
	for (size_t i = 0; i < BATCH; i++)
		bare_digest(bench, &bench->blocks[i].leaf_prefix, 1 + RECORD_BYTES,
		            &bench->leaves[i]);
}

static uint64_t bare_seal(void *context)
{
	struct bench *bench = context;
	EVP_CIPHER_CTX *ctx = bench->sealing;
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	int done;

	memcpy(bench->blocks, bench->plain, sizeof(bench->blocks));
	memcpy(nonce, bench->nonce, sizeof(nonce));

	const uint64_t begin = ratio_now_ns();

	bare_leaves(bench);
	for (struct block *b = bench->blocks; b < bench->blocks + BATCH; b++) {
		require(EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
		                EVP_EncryptUpdate(ctx, NULL, &done, b->header, HEADER_BYTES) == 1 &&
		                EVP_EncryptUpdate(ctx, b->record, &done, b->record, RECORD_BYTES) ==
		                        1 &&
		                EVP_EncryptFinal_ex(ctx, b->tag, &done) == 1 &&
		                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, NZ_AEAD_TAG_BYTES,
		                                    b->tag) == 1,
		        "EVP_Encrypt");
		bump(nonce);
	}
	bare_nodes(bench);
	return ratio_now_ns() - begin;
}

static uint64_t bare_open(void *context)
{
	struct bench *bench = context;
	EVP_CIPHER_CTX *ctx = bench->opening;
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	int done;

	memcpy(bench->blocks, bench->sealed, sizeof(bench->blocks));
	memcpy(nonce, bench->nonce, sizeof(nonce));

	const uint64_t begin = ratio_now_ns();

	for (struct block *b = bench->blocks; b < bench->blocks + BATCH; b++) {
		require(EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
		                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, NZ_AEAD_TAG_BYTES,
		                                    b->tag) == 1 &&
		                EVP_DecryptUpdate(ctx, NULL, &done, b->header, HEADER_BYTES) == 1 &&
		                EVP_DecryptUpdate(ctx, b->record, &done, b->record, RECORD_BYTES) ==
		                        1 &&
		                EVP_DecryptFinal_ex(ctx, b->tag, &done) == 1,
		        "EVP_Decrypt");
		bump(nonce);
	}
	bare_leaves(bench);
	bare_nodes(bench);
	return ratio_now_ns() - begin;
}

static void prepare(struct bench *bench, enum nz_cipher cipher, const char *cipher_name)
{
	NZ_SECRET(key);
	EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, cipher_name, NULL);
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);

	memset(bench, 0, sizeof(*bench));
	bench->crypto = nz_crypto_openssl();
	bench->sealing = EVP_CIPHER_CTX_new();
	bench->opening = EVP_CIPHER_CTX_new();
	bench->md = EVP_MD_CTX_new();
	require(bench->crypto->random(&key, sizeof(key)) == NZ_OK &&
	                bench->crypto->random(bench->plain, sizeof(bench->plain)) == NZ_OK &&
	                bench->crypto->aead_new(cipher, &key, &bench->aead) == NZ_OK &&
	                bench->crypto->hasher_new(&bench->hasher) == NZ_OK,
	        "setting up libnz");
	require(EVP_EncryptInit_ex2(bench->sealing, fetched, key.bytes, NULL, NULL) == 1 &&
	                EVP_DecryptInit_ex2(bench->opening, fetched, key.bytes, NULL, NULL) == 1 &&
	                EVP_DigestInit_ex2(bench->md, sha256, NULL) == 1,
	        "setting up OpenSSL");
	EVP_CIPHER_free(fetched);
	EVP_MD_free(sha256);
	for (size_t i = 0; i < BATCH; i++) {
		bench->plain[i].leaf_prefix = 0x00;
		bench->items[i] = (struct nz_aead_item){bench->blocks[i].header, HEADER_BYTES,
		                                        bench->blocks[i].record, RECORD_BYTES};
		bench->records[i] = nz_bytes_of(bench->blocks[i].record, RECORD_BYTES);
	}
	bench->pair[0] = 0x01;
}

/* Both sides do the same work: the same sealed bytes, the same leaves, the plaintext again. */
static void check_equal_work(struct bench *bench)
{
	static struct nz_hash leaves[BATCH];

	(void)nz_seal(bench);
	memcpy(bench->sealed, bench->blocks, sizeof(bench->sealed));
	(void)bare_seal(bench);
	require(memcmp(bench->sealed, bench->blocks, sizeof(bench->sealed)) == 0, "sealing alike");
	memcpy(leaves, bench->leaves, sizeof(leaves));
	memcpy(bench->blocks, bench->plain, sizeof(bench->blocks));
	nz_leaves(bench);
	require(memcmp(leaves, bench->leaves, sizeof(leaves)) == 0, "hashing alike");
	(void)bare_open(bench);
	for (size_t i = 0; i < BATCH; i++)
		require(memcmp(bench->blocks[i].record, bench->plain[i].record, RECORD_BYTES) == 0,
		        "opening alike");
}

static void finish(struct bench *bench)
{
	bench->crypto->aead_free(&bench->aead);
	bench->crypto->hasher_free(&bench->hasher);
	EVP_CIPHER_CTX_free(bench->sealing);
	EVP_CIPHER_CTX_free(bench->opening);
	EVP_MD_CTX_free(bench->md);
}

static void report(const char *cipher, const char *what, struct ratio ratio)
{
	(void)printf("| %s | %s | %.0f | %.0f | **%.3f** | %.3f | %.3f |\n", cipher, what,
	             ratio.a_ns / BATCH, ratio.b_ns / BATCH, ratio.median, ratio.least,
	             ratio.greatest);
}

int main(void)
{
	static const struct {
		enum nz_cipher cipher;
		const char *name;
	} ciphers[] = {{NZ_CIPHER_AES_256_GCM, "AES-256-GCM"},
	               {NZ_CIPHER_CHACHA20_POLY1305, "ChaCha20-Poly1305"}};
	static struct bench bench;

	(void)printf(
		"Records of %d bytes in batches of %d, one core, CPU time; %d pairs of runs of "
		"%d batches each, in turns. Aim: a median of at most %.2f.\n\n"
		"| cipher | path | libnz, ns a record | bare calls, ns a record | ratio, median "
		"| least | greatest |\n|---|---|---|---|---|---|---|\n",
		RECORD_BYTES, BATCH, RATIO_PAIRS, RATIO_TURNS, GOAL);
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		prepare(&bench, ciphers[i].cipher, ciphers[i].name);
		check_equal_work(&bench);
		report(ciphers[i].name, "seal, leaf, tree",
		       ratio_measure(nz_seal, bare_seal, &bench));
		report(ciphers[i].name, "open, leaf, tree",
		       ratio_measure(nz_open, bare_open, &bench));
		finish(&bench);
	}
	return 0;
}
