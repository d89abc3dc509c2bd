/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes doc/vectors/handshake.json: a session from fixed keys, with every value on the way. The
 * key schedule, the request MAC and the blocks are computed here from primitives alone, step by
 * step as doc/protocol.md says, and not by the code that the product uses. `make_handshake FILE`
 * checks that FILE is what would be made.
 */
#include <stdio.h>
#include <stdlib.h>

#include <nz/packet.h>

#include "proto/handshake.h"
#include "proto/request.h"

#define NOW 1700000000
#define TARGET "/v2/sync/sessions/000102030405060708090a0b0c0d0e0f/blocks"
#define BODY "{\"batches\":[{\"base\":null,\"position\":0}]}"

static const struct nz_crypto *crypto;

static void need(enum nz_status status)
{
	if (status == NZ_OK)
		return;
	(void)fprintf(stderr, "make_handshake: %s\n", nz_status_name(status));
	exit(1);
}

/* Bytes that are told apart in a dump: first, first + 1, … */
static void fill(uint8_t *out, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

static struct nz_bytes all(const uint8_t *bytes)
{
	return nz_bytes_of(bytes, 32);
}

static void sha256(struct nz_bytes in, uint8_t out[32])
{
	need(crypto->sha256(in, out));
}

static void hmac(struct nz_bytes hmac_key, struct nz_bytes in, uint8_t out[32])
{
	need(crypto->hmac_sha256(hmac_key, in, out));
}

/* Everything, in the order of the file. */
struct session {
	struct nz_json_doc *doc;
	struct nz_json *out;
	struct nz_node_keys node;
	struct nz_secret signing, client, server;
	struct nz_signer *signer; /* of signing */
	uint8_t signing_public[32], client_public[32], server_public[32];
	struct nz_hash h1, h2;
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	struct nz_secret encryption, authentication;
	char mac[NZ_REQUEST_MAC_CHARS + 1];
};

static void put_hex(struct session *s, const char *name, struct nz_bytes value)
{
	nz_json_set_hex(s->doc, s->out, name, value);
}

static void make_keys(struct session *s)
{
	fill(s->node.ed25519_private.bytes, 32, 0x10);
	fill(s->signing.bytes, 32, 0x30);
	fill(s->client.bytes, 32, 0x50);
	fill(s->server.bytes, 32, 0x70);
	need(crypto->ed25519_public(&s->node.ed25519_private, s->node.ed25519_public));
	need(nz_node_keys_set_signer(crypto, &s->node));
	need(crypto->signer_new(&s->signing, &s->signer));
	memcpy(s->node.first_key, s->node.ed25519_public, 32);
	need(nz_node_id(crypto, s->node.first_key, s->node.node_id));
	need(crypto->ed25519_public(&s->signing, s->signing_public));
	need(crypto->x25519_public(&s->client, s->client_public));
	need(crypto->x25519_public(&s->server, s->server_public));
	put_hex(s, "node_ed25519_private", all(s->node.ed25519_private.bytes));
	put_hex(s, "node_ed25519_public", all(s->node.ed25519_public));
	put_hex(s, "signing_ed25519_private", all(s->signing.bytes));
	put_hex(s, "signing_ed25519_public", all(s->signing_public));
	put_hex(s, "client_x25519_private", all(s->client.bytes));
	put_hex(s, "client_x25519_public", all(s->client_public));
	put_hex(s, "server_x25519_private", all(s->server.bytes));
	put_hex(s, "server_x25519_public", all(s->server_public));
}

static void make_open(struct session *s)
{
	const struct nz_sign_options options = {.timestamp = NOW,
	                                        .nonce = "000102030405060708090a0b0c0d0e0f"};
	struct nz_open_request request = {.dataset = "shop", .has_epoch = true, .epoch = 11};
	struct nz_error err = {0};
	uint8_t platform[32];
	NZ_JSON_DOC(doc);
	NZ_JSON_DOC(parsed);
	NZ_BUFFER(packet);
	NZ_BUFFER(canonical);

	fill(platform, 32, 0x90);
	nz_hex_encode(all(platform), request.platform);
	memcpy(request.x25519, s->client_public, 32);
	need(nz_json_new(&doc));
	need(nz_packet_sign(crypto, &s->node, nz_open_request_to_json(&request, doc), &options,
	                    &packet, &err));
	need(nz_json_parse(nz_buffer_bytes(&packet), &nz_json_packet_limits, &parsed, &err));
	need(nz_json_canonical(nz_json_root(parsed), &canonical));
	sha256(nz_buffer_bytes(&canonical), s->h1.bytes);
	nz_json_set_bytes(s->doc, s->out, "open_packet", nz_buffer_bytes(&canonical));
	put_hex(s, "h1", all(s->h1.bytes));
}

static void make_statement(struct session *s, struct nz_statement *statement)
{
	uint8_t platform[32];

	*statement = (struct nz_statement){
		.name = "shop",
		.lineage = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		.epoch = 12,
		.encoding = NZ_ENCODING_TEXT,
		.records = 15607,
		.batches = 19,
		.bytes = 1048576,
		.position = "0123456789abcdef",
		.issued_at = NOW,
		.expires_at = NOW + 900,
	};
	fill(platform, 32, 0x90);
	nz_hex_encode(all(platform), statement->platform);
	fill(statement->merkle_root.bytes, 32, 0xb0);
	fill(statement->schema_sha256.bytes, 32, 0xd0);
	need(nz_statement_sign(crypto, s->signer, statement));
}

/* The certificate stands for any: what it says is no part of these vectors. */
static void make_answer(struct session *s)
{
	uint8_t certificate[48];
	const struct nz_bytes chain = nz_bytes_of(certificate, sizeof certificate);
	struct nz_open_answer answer = {.session_id = "000102030405060708090a0b0c0d0e0f",
	                                .expires_in = NZ_SESSION_LIFETIME_S,
	                                .rekey_in = NZ_SESSION_REKEY_S};
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);
	NZ_BUFFER(canonical);

	fill(certificate, sizeof certificate, 0xc0);
	memcpy(answer.x25519, s->server_public, 32);
	/* Near its end, so that the blocks below show how it wraps. */
	memset(s->nonce, 0xff, sizeof s->nonce);
	s->nonce[11] = 0xfe;
	memcpy(answer.nonce, s->nonce, sizeof s->nonce);
	make_statement(s, &answer.statement);
	need(nz_open_answer_make(crypto, s->signer, &chain, 1, &answer, &s->h1, &text, &s->h2,
	                         &err));
	nz_json_set_bytes(s->doc, s->out, "answer", nz_buffer_bytes(&text));
	need(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &doc, &err));
	nz_json_remove(nz_json_root(doc), "signature");
	need(nz_json_canonical(nz_json_root(doc), &canonical));
	sha256(nz_buffer_bytes(&canonical), s->h2.bytes);
	put_hex(s, "h2", all(s->h2.bytes));
}

/* HKDF (RFC 5869) by hand: one round of expansion is HMAC(PRK, info ‖ 0x01). */
static void expand(const uint8_t prk[32], const char *label, const uint8_t t[32], uint8_t out[32])
{
	NZ_BUFFER(info);

	need(nz_buffer_append_str(&info, label));
	need(nz_buffer_append(&info, t, 32));
	need(nz_buffer_append_byte(&info, 0x01));
	hmac(all(prk), nz_buffer_bytes(&info), out);
}

static void make_session_keys(struct session *s)
{
	uint8_t exporter[32], t[32], prk[32];
	struct nz_secret shared;
	NZ_BUFFER(transcript);

	fill(exporter, 32, 0xe0);
	need(nz_buffer_append(&transcript, s->h1.bytes, 32));
	need(nz_buffer_append(&transcript, s->h2.bytes, 32));
	need(nz_buffer_append(&transcript, exporter, 32));
	sha256(nz_buffer_bytes(&transcript), t);
	need(crypto->x25519_shared(&s->client, s->server_public, &shared));
	hmac(nz_bytes_str("nezertronixpro/sync/v2"), all(shared.bytes), prk);
	expand(prk, "nz-sync-v2 encryption", t, s->encryption.bytes);
	expand(prk, "nz-sync-v2 authentication", t, s->authentication.bytes);
	put_hex(s, "exporter", all(exporter));
	put_hex(s, "t", all(t));
	put_hex(s, "shared_secret", all(shared.bytes));
	put_hex(s, "prk", all(prk));
	put_hex(s, "encryption_key", all(s->encryption.bytes));
	put_hex(s, "authentication_key", all(s->authentication.bytes));
}

static void make_request(struct session *s)
{
	uint8_t body[32], mac[32];
	char hex[65];
	NZ_BUFFER(lines);

	sha256(nz_bytes_str(BODY), body);
	nz_hex_encode(all(body), hex);
	need(nz_buffer_appendf(&lines,
	                       "nz-sync-v2 request\n000102030405060708090a0b0c0d0e0f\nPOST\n" TARGET
	                       "\n1700000001\n101112131415161718191a1b1c1d1e1f\n%s",
	                       hex));
	hmac(all(s->authentication.bytes), nz_buffer_bytes(&lines), mac);
	nz_base64_encode(all(mac), s->mac);
	nz_json_set_str(s->doc, s->out, "request_body", BODY);
	nz_json_set_bytes(s->doc, s->out, "request_lines", nz_buffer_bytes(&lines));
	nz_json_set_str(s->doc, s->out, "request_mac", s->mac);
}

/* Block `number`: its nonce by adding with carry, its 5-byte header as associated data. */
static void make_block(struct session *s, struct nz_aead *aead, struct nz_json *blocks,
                       unsigned number, char type, const char *plaintext)
{
	const size_t len = strlen(plaintext);
	const size_t sealed = len + NZ_AEAD_TAG_BYTES;
	const uint8_t header[5] = {(uint8_t)type, 0, 0, (uint8_t)(sealed >> 8), (uint8_t)sealed};
	uint8_t nonce[NZ_AEAD_NONCE_BYTES], data[512];
	const struct nz_aead_item item = {header, sizeof header, data, len};
	struct nz_json *block = nz_json_make_object(s->doc);
	unsigned carry = number;

	need(sealed <= sizeof data ? NZ_OK : NZ_LIMIT);
	for (size_t i = NZ_AEAD_NONCE_BYTES; i-- > 0;) {
		carry += s->nonce[i];
		nonce[i] = (uint8_t)carry;
		carry >>= 8;
	}
	memcpy(data, plaintext, len);
	need(crypto->seal(aead, nonce, &item));
	nz_json_set_int(s->doc, block, "number", number);
	nz_json_set_hex(s->doc, block, "nonce", nz_bytes_of(nonce, sizeof nonce));
	nz_json_set_hex(s->doc, block, "header", nz_bytes_of(header, sizeof header));
	nz_json_set_str(s->doc, block, "plaintext", plaintext);
	nz_json_set_hex(s->doc, block, "sealed", nz_bytes_of(data, sealed));
	nz_json_push(s->doc, blocks, block);
}

static void make_blocks(struct session *s)
{
	struct nz_json *blocks = nz_json_make_array(s->doc);
	struct nz_aead *aead = NULL;
	char hello[128], end[160];

	(void)snprintf(hello, sizeof hello, "{\"block\":0,\"mac\":\"%s\"}", s->mac);
	(void)snprintf(end, sizeof end, "{\"count\":1,\"root\":\"%064d\"}", 0);
	need(crypto->aead_new(NZ_CIPHER_AES_256_GCM, &s->encryption, &aead));
	make_block(s, aead, blocks, 0, 'H', hello);
	make_block(s, aead, blocks, 1, 'N', "{\"notice\":\"RekeyRequired\"}");
	make_block(s, aead, blocks, 2, 'B', "{\"base\":null,\"position\":0,\"table\":\"track\"}");
	make_block(s, aead, blocks, 3, 'R', "1\tFor Those About To Rock\t\\N");
	make_block(s, aead, blocks, 4, 'E', end);
	make_block(s, aead, blocks, 5, 'Z', "{\"blocks\":5}");
	crypto->aead_free(&aead);
	nz_json_set(s->doc, s->out, "blocks", blocks);
}

/* A member a line, so that people and diffs can read it. */
static void print(const struct nz_json *object, struct nz_buffer *text)
{
	need(nz_buffer_append_str(text, "{\n"));
	for (size_t i = 0; i < nz_json_count(object); i++) {
		const struct nz_bytes name = nz_json_name_at(object, i);

		need(nz_buffer_appendf(text, "  \"%.*s\": ", (int)name.len, (const char *)name.ptr));
		need(nz_json_canonical(nz_json_at(object, i), text));
		need(nz_buffer_append_str(text, i + 1 < nz_json_count(object) ? ",\n" : "\n"));
	}
	need(nz_buffer_append_str(text, "}\n"));
}

static bool same_as_file(const char *path, const struct nz_buffer *text)
{
	FILE *file = fopen(path, "rb");
	NZ_BUFFER(there);

	if (file == NULL)
		return false;
	need(nz_buffer_reserve(&there, text->len + 1));
	there.len = fread(there.ptr, 1, text->len + 1, file);
	(void)fclose(file);
	return nz_bytes_equal(nz_buffer_bytes(&there), nz_buffer_bytes(text));
}

int main(int argc, char **argv)
{
	struct session s = {.doc = NULL};
	NZ_BUFFER(text);

	crypto = nz_crypto_default();
	need(nz_json_new(&s.doc));
	s.out = nz_json_make_object(s.doc);
	make_keys(&s);
	make_open(&s);
	make_answer(&s);
	make_session_keys(&s);
	make_request(&s);
	make_blocks(&s);
	need(nz_json_failed(s.doc));
	print(s.out, &text);
	nz_json_free(&s.doc);
	crypto->signer_free(&s.signer);
	nz_node_keys_clear(&s.node);
	if (argc < 2)
		return fwrite(text.ptr, 1, text.len, stdout) == text.len ? 0 : 1;
	if (same_as_file(argv[1], &text))
		return 0;
	(void)fprintf(stderr, "make_handshake: %s is not what would be made\n", argv[1]);
	return 1;
}
