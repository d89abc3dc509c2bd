/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts as packets, sealed packets, node documents and peers. Signatures are not checked (an adapter
 * says yes to all), so that the fuzzer gets past them; then what comes out must be what went in: a
 * verified body signs and verifies again to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include <nz/packet.h>

#define NOW INT64_C(1738249200)

static struct nz_crypto lenient;
static struct nz_node_keys keys;
static struct nz_resolver anyone;

static enum nz_status say_yes(const uint8_t key[32], struct nz_bytes message,
                              const uint8_t signature[64])
{
	(void)key;
	(void)message;
	(void)signature;
	return NZ_OK;
}

static enum nz_status know_all(void *context, struct nz_bytes node_id, struct nz_node *out,
                               struct nz_error *err)
{
	(void)context;
	(void)node_id;
	(void)err;
	*out = (struct nz_node){.seq = 0};
	memcpy(out->ed25519, keys.ed25519_public, 32);
	memcpy(out->x25519, keys.x25519_public, 32);
	return NZ_OK;
}

static void set_up(void)
{
	static bool done;

	if (done)
		return;
	lenient = *nz_crypto_default();
	lenient.ed25519_verify = say_yes;
	if (nz_node_keys_make(&lenient, NOW, &keys, NULL) != NZ_OK)
		abort();
	memcpy(keys.node_id, "nzid:node:8be38e92a0d5fbe7849018e360a9040a", NZ_NODE_ID_CHARS);
	anyone.resolve = know_all;
	done = true;
}

static void check_body(const struct nz_verified_packet *packet)
{
	const struct nz_sign_options options = {.timestamp = NOW, .nonce = "n"};
	const struct nz_verify_options strict = {.now = NOW, .strict = true, .resolver = anyone};
	struct nz_verified_packet *again NZ_CLEANUP(nz_verified_packet_free) = NULL;
	NZ_BUFFER(canonical);
	NZ_BUFFER(text);

	if (nz_packet_sign(&lenient, &keys, nz_verified_packet_body(packet), &options, &text,
	                   NULL) != NZ_OK ||
	    nz_json_canonical(nz_verified_packet_body(packet), &canonical) != NZ_OK)
		abort();
	/* Only a limit may be in the way: canonical numbers can be longer. */
	const enum nz_status status =
		nz_packet_verify(&lenient, nz_buffer_bytes(&text), &strict, &again, NULL);
	if (status != NZ_OK && status != NZ_LIMIT)
		abort();
	if (status == NZ_OK && !nz_bytes_equal(nz_verified_packet_body_text(again),
	                                       nz_buffer_bytes(&canonical)))
		abort();
}

/* A text that is a body at least: signed here, so that the deeper half is reached at once. */
static void sign_text(struct nz_bytes text)
{
	const struct nz_sign_options options = {.timestamp = NOW, .nonce = "n"};
	const struct nz_verify_options verify = {.now = NOW, .resolver = anyone};
	struct nz_verified_packet *packet NZ_CLEANUP(nz_verified_packet_free) = NULL;
	NZ_BUFFER(out);

	if (nz_packet_sign_text(&lenient, &keys, text, NULL, &options, &out, NULL) != NZ_OK)
		return;
	if (nz_packet_verify(&lenient, nz_buffer_bytes(&out), &verify, &packet, NULL) != NZ_OK)
		abort();
	if (nz_verified_packet_body_form(packet) != NZ_BODY_JCS)
		abort();
	check_body(packet);
}

static void read_document(struct nz_bytes text)
{
	struct nz_rotation_link link;
	struct nz_node node;
	NZ_JSON_DOC(doc);

	if (nz_json_parse(text, &nz_json_packet_limits, &doc, NULL) != NZ_OK)
		return;
	if (nz_node_document_check(&lenient, nz_json_root(doc), &node, NULL) == NZ_OK &&
	    !nz_node_id_is_fingerprint(nz_bytes_str(node.node_id)))
		abort();
	(void)!nz_rotation_link_read(nz_json_root(doc), &link, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nz_bytes text = nz_bytes_of(data, size);
	struct nz_verify_options options = {.now = NOW, .window_s = 1000000000};
	struct nz_verified_packet *packet NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_error err;
	NZ_BUFFER(out);

	set_up();
	options.resolver = anyone;
	if (nz_packet_verify(&lenient, text, &options, &packet, &err) == NZ_OK)
		check_body(packet);
	else if (packet != NULL)
		abort();
	if (nz_packet_open(&lenient, text, NULL, &keys, &anyone, &out, &err) != NZ_OK &&
	    out.len != 0)
		abort();
	nz_buffer_reset(&out);
	if (nz_packet_explain(&lenient, text, &options, &out) != NZ_OK || out.len == 0)
		abort();
	for (size_t i = 0; i < out.len; i++)
		if (out.ptr[i] < 0x20 && out.ptr[i] != '\n')
			abort();
	sign_text(text);
	read_document(text);
	return 0;
}
