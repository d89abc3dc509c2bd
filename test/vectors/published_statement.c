/* SPDX-License-Identifier: Apache-2.0 */
/* statement.json: the statement of section 2 of doc/protocol.md, the receipt and the MAC of section 3. */
#include "proto/request.h"
#include "proto/statement.h"
#include "published.h"

#define SIGNER_FIRST 0x21
#define AUTHENTICATION_FIRST 0x61

static void fill(uint8_t *out, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

static void example(struct nz_statement *s)
{
	*s = (struct nz_statement){
		.platform = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
		.name = "shop",
		.lineage = "00112233445566778899aabbccddeeff",
		.epoch = 12,
		.encoding = NZ_ENCODING_TEXT,
		.records = 15607,
		.batches = 14,
		.bytes = 1234567,
		.position = "sqlite 42",
		.issued_at = 1767225600,
		.expires_at = 1767312000,
	};
	fill(s->merkle_root.bytes, sizeof s->merkle_root.bytes, 0xa0);
	fill(s->schema_sha256.bytes, sizeof s->schema_sha256.bytes, 0xc0);
}

static enum nz_status put_statement(struct nz_json_doc *doc, struct nz_json *root,
                                    const struct nz_signer *signer, struct nz_hash *hash)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_statement statement;
	struct nz_hash digest;
	NZ_JSON_DOC(bare);

	example(&statement);
	NZ_TRY(nz_statement_sign(crypto, signer, &statement));
	NZ_TRY(nz_json_new(&bare));
	struct nz_json *without = nz_statement_to_json(&statement, bare);
	NZ_TRY(nz_json_failed(bare));
	nz_json_remove(without, "signature");
	NZ_TRY(nz_json_digest(crypto, without, NULL, &digest));
	nz_json_set(doc, root, "statement", nz_statement_to_json(&statement, doc));
	NZ_TRY(put_canonical(doc, root, "canonical", without));
	NZ_TRY(put_message(doc, root, "signed_bytes", NZ_LABEL_DATASET, &digest, 1));
	NZ_TRY(nz_statement_hash(crypto, &statement, hash));
	put_hash(doc, root, "statement_sha256", hash);
	return nz_json_failed(doc);
}

static enum nz_status put_receipt(struct nz_json_doc *doc, struct nz_json *root,
                                  const struct nz_signer *signer, const struct nz_hash *statement)
{
	struct nz_json *answer = put_object(doc, root, "receipt_answer");
	struct nz_json *receipt = put_object(doc, answer, "receipt");
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_hash digest;

	put_hash(doc, receipt, "statement", statement);
	nz_json_set_int(doc, receipt, "records", 15607);
	nz_json_set_str(doc, receipt, "node_id", "nzid:node:0123456789abcdef0123456789abcdef");
	nz_json_set_int(doc, receipt, "at", 1767225700);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_digest(nz_crypto_default(), receipt, NULL, &digest));
	NZ_TRY(nz_labelled_sign(nz_crypto_default(), signer, NZ_LABEL_RECEIPT, &digest, 1,
	                        signature));
	nz_json_set_base64(doc, answer, "signature", nz_bytes_of(signature, sizeof signature));
	return put_message(doc, root, "receipt_signed_bytes", NZ_LABEL_RECEIPT, &digest, 1);
}

static enum nz_status put_macs(struct nz_json_doc *doc, struct nz_json *root)
{
	static const char session[] = "000102030405060708090a0b0c0d0e0f";
	static const struct {
		const char *method, *target, *body;
	} requests[] = {
		{"POST", "/v2/sync/sessions/000102030405060708090a0b0c0d0e0f/blocks", "{\"manifest\":true}"},
		{"GET", "/v2/sync/sessions/000102030405060708090a0b0c0d0e0f/proof?batch=3&records=0,7", ""},
		{"DELETE", "/v2/sync/sessions/000102030405060708090a0b0c0d0e0f", ""},
	};
	struct nz_json *macs = put_object(doc, root, "request_macs");
	NZ_SECRET(key);

	fill(key.bytes, sizeof key.bytes, AUTHENTICATION_FIRST);
	nz_json_set_hex(doc, macs, "authentication_key", nz_bytes_of(key.bytes, sizeof key.bytes));
	nz_json_set_str(doc, macs, "session_id", session);
	struct nz_json *list = put_array(doc, macs, "requests");
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		static const char timestamp[] = "1767225600";
		static const char nonce[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
		struct nz_json *item = push_object(doc, list);
		char mac[NZ_REQUEST_MAC_CHARS + 1];

		NZ_TRY(nz_request_mac(nz_crypto_default(), &key, session, requests[i].method,
		                      requests[i].target, timestamp, nonce,
		                      nz_bytes_str(requests[i].body), mac));
		nz_json_set_str(doc, item, "method", requests[i].method);
		nz_json_set_str(doc, item, "target", requests[i].target);
		nz_json_set_str(doc, item, "timestamp", timestamp);
		nz_json_set_str(doc, item, "nonce", nonce);
		nz_json_set_str(doc, item, "body", requests[i].body);
		nz_json_set_str(doc, item, "mac", mac);
	}
	return nz_json_failed(doc);
}

static void free_signer(struct nz_signer **signer)
{
	nz_crypto_default()->signer_free(signer);
}

enum nz_status published_statement(struct nz_json_doc *doc, struct nz_json **out)
{
	struct nz_signer *key NZ_CLEANUP(free_signer) = NULL;
	struct nz_json *root = nz_json_make_object(doc);
	uint8_t public_key[NZ_ED25519_PUBLIC_BYTES];
	struct nz_hash hash;
	NZ_SECRET(seed);

	fill(seed.bytes, sizeof seed.bytes, SIGNER_FIRST);
	NZ_TRY(nz_crypto_default()->ed25519_public(&seed, public_key));
	NZ_TRY(nz_crypto_default()->signer_new(&seed, &key));
	nz_json_set_str(doc, root, "about",
	                "Sections 2 and 3 of doc/protocol.md: a dataset statement, a receipt for it, and "
	                "MACs of requests. The handshake's own vectors are in handshake.json.");
	struct nz_json *signer = put_object(doc, root, "signer");
	nz_json_set_hex(doc, signer, "ed25519_private", nz_bytes_of(seed.bytes, sizeof seed.bytes));
	nz_json_set_hex(doc, signer, "ed25519_public", nz_bytes_of(public_key, sizeof public_key));
	NZ_TRY(put_statement(doc, root, key, &hash));
	NZ_TRY(put_receipt(doc, root, key, &hash));
	NZ_TRY(put_macs(doc, root));
	*out = root;
	return nz_json_failed(doc);
}
