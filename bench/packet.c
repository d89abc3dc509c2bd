/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing and verifying packets of 1 KiB, from text to text, against the one Ed25519 operation that
 * each needs, done bare: OpenSSL's EVP calls with the key loaded and the context made once.
 */
#include <openssl/evp.h>

#include <nz/packet.h>

#include "ratio.h"

#define PER_TURN 32
#define PACKET_BYTES 1024
#define NOW 1738249200

static void must(int good)
{
	if (!good) {
		fprintf(stderr, "packet: a call failed\n");
		exit(1);
	}
}

struct bench {
	const struct nz_crypto *crypto;
	struct nz_node_keys keys;
	struct nz_peers *peers;
	struct nz_buffer body;
	struct nz_buffer packet;
	struct nz_buffer scratch;
	EVP_MD_CTX *sign;
	EVP_MD_CTX *verify;
	uint8_t message[64];
	uint8_t signature[64];
};

static uint64_t sign_packets(void *context)
{
	const struct nz_sign_options options = {.timestamp = NOW};
	struct bench *b = context;
	const uint64_t start = ratio_now_ns();

	for (int i = 0; i < PER_TURN; i++) {
		nz_buffer_reset(&b->scratch);
		must(nz_packet_sign_text(b->crypto, &b->keys, nz_buffer_bytes(&b->body), NULL,
		                         &options, &b->scratch, NULL) == NZ_OK);
	}
	return ratio_now_ns() - start;
}

static uint64_t sign_bare(void *context)
{
	struct bench *b = context;
	const uint64_t start = ratio_now_ns();

	for (int i = 0; i < PER_TURN; i++) {
		size_t len = sizeof b->signature;

		must(EVP_DigestSign(b->sign, b->signature, &len, b->message, sizeof b->message) ==
		     1);
	}
	return ratio_now_ns() - start;
}

static uint64_t verify_packets(void *context)
{
	struct bench *b = context;
	const struct nz_verify_options options = {
		.now = NOW,
		.resolver = nz_peers_resolver(b->peers),
	};
	const uint64_t start = ratio_now_ns();

	for (int i = 0; i < PER_TURN; i++) {
		struct nz_verified_packet *verified = NULL;

		must(nz_packet_verify(b->crypto, nz_buffer_bytes(&b->packet), &options, &verified,
		                      NULL) == NZ_OK);
		nz_verified_packet_free(&verified);
	}
	return ratio_now_ns() - start;
}

static uint64_t verify_bare(void *context)
{
	struct bench *b = context;
	const uint64_t start = ratio_now_ns();

	for (int i = 0; i < PER_TURN; i++)
		must(EVP_DigestVerify(b->verify, b->signature, sizeof b->signature, b->message,
		                      sizeof b->message) == 1);
	return ratio_now_ns() - start;
}

/* A body as services send them: some nesting, names out of order, numbers, text. */
static void make_body(struct bench *b)
{
	must(nz_buffer_append_str(&b->body, "{\"payload\":{\"rows\":[") == NZ_OK);
	for (int i = 0; b->body.len < PACKET_BYTES - 400; i++)
		must(nz_buffer_appendf(&b->body,
		                       "%s{\"name\":\"row-%d\",\"id\":%d,\"value\":%d.25,\"ok\":true}",
		                       i > 0 ? "," : "", i, i, 3 * i) == NZ_OK);
	must(nz_buffer_append_str(&b->body, "]},\"action\":\"update_state\",\"note\":\"") == NZ_OK);
	while (b->body.len < PACKET_BYTES - 322)
		must(nz_buffer_append_str(&b->body, "x") == NZ_OK);
	must(nz_buffer_append_str(&b->body, "\"}") == NZ_OK);
}

static void set_up(struct bench *b)
{
	const struct nz_sign_options options = {.timestamp = NOW};
	struct nz_node node = {.seq = 0};

	b->crypto = nz_crypto_default();
	must(nz_node_keys_make(b->crypto, NOW, &b->keys, NULL) == NZ_OK);
	memcpy(node.node_id, b->keys.node_id, sizeof node.node_id);
	memcpy(node.ed25519, b->keys.ed25519_public, sizeof node.ed25519);
	must(nz_peers_new(&b->peers) == NZ_OK);
	must(nz_peers_add(b->peers, b->crypto, &node, NULL) == NZ_OK);
	make_body(b);
	must(nz_packet_sign_text(b->crypto, &b->keys, nz_buffer_bytes(&b->body), NULL, &options,
	                         &b->packet, NULL) == NZ_OK);

	EVP_PKEY *private_key = EVP_PKEY_new_raw_private_key(
		EVP_PKEY_ED25519, NULL, b->keys.ed25519_private.bytes, 32);
	EVP_PKEY *public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	                                                   b->keys.ed25519_public, 32);
	b->sign = EVP_MD_CTX_new();
	b->verify = EVP_MD_CTX_new();
	must(private_key != NULL && public_key != NULL && b->sign != NULL && b->verify != NULL);
	must(EVP_DigestSignInit(b->sign, NULL, NULL, NULL, private_key) == 1);
	must(EVP_DigestVerifyInit(b->verify, NULL, NULL, NULL, public_key) == 1);
	EVP_PKEY_free(private_key);
	EVP_PKEY_free(public_key);
}

static void clear(struct bench *b)
{
	EVP_MD_CTX_free(b->sign);
	EVP_MD_CTX_free(b->verify);
	nz_buffer_clear(&b->body);
	nz_buffer_clear(&b->packet);
	nz_buffer_clear(&b->scratch);
	nz_peers_free(&b->peers);
	nz_node_keys_clear(&b->keys);
}

static void report(const char *what, const struct ratio *r)
{
	printf("| %s | %.0f | %.0f | %.2f (%.2f to %.2f) |\n", what, 1e9 * PER_TURN / r->a_ns,
	       1e9 * PER_TURN / r->b_ns, 1 / r->median, 1 / r->greatest, 1 / r->least);
}

int main(void)
{
	struct bench bench = {0};

	set_up(&bench);
	const struct ratio sign = ratio_measure(sign_packets, sign_bare, &bench);
	const struct ratio verify = ratio_measure(verify_packets, verify_bare, &bench);
	printf("Packets of %zu bytes, one thread, a second:\n\n", bench.packet.len);
	printf("| | nz | bare Ed25519 | nz / bare: median (least to greatest) |\n|---|---|---|---|\n");
	report("sign", &sign);
	report("verify", &verify);
	clear(&bench);
	return 0;
}
