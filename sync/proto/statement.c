/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/statement.h"

#define INTEGER_MAX (((int64_t)1 << 53) - 1)

bool nz_dataset_name_valid(struct nz_bytes name)
{
	if (name.len == 0 || name.len > NZ_DATASET_NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const uint8_t c = name.ptr[i];
		const bool inner = c == '_' || c == '.' || c == '-';

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(i > 0 && inner))
			return false;
	}
	return true;
}

/* Everything but the signature. */
static struct nz_json *unsigned_json(const struct nz_statement *s, struct nz_json_doc *doc)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_str(doc, json, "platform", s->platform);
	nz_json_set_str(doc, json, "name", s->name);
	nz_json_set_str(doc, json, "lineage", s->lineage);
	nz_json_set_int(doc, json, "epoch", s->epoch);
	nz_json_set_str(doc, json, "encoding", s->encoding);
	nz_json_set_hex(doc, json, "merkle_root",
	                nz_bytes_of(s->merkle_root.bytes, sizeof s->merkle_root.bytes));
	nz_json_set_int(doc, json, "records", s->records);
	nz_json_set_int(doc, json, "batches", s->batches);
	nz_json_set_int(doc, json, "bytes", s->bytes);
	nz_json_set_hex(doc, json, "schema_sha256",
	                nz_bytes_of(s->schema_sha256.bytes, sizeof s->schema_sha256.bytes));
	nz_json_set_str(doc, json, "position", s->position);
	nz_json_set_int(doc, json, "issued_at", s->issued_at);
	nz_json_set_int(doc, json, "expires_at", s->expires_at);
	return json;
}

static enum nz_status unsigned_digest(const struct nz_crypto *crypto, const struct nz_statement *s,
                                      struct nz_hash *out)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *json = unsigned_json(s, doc);
	NZ_TRY(nz_json_failed(doc));
	return nz_json_digest(crypto, json, NULL, out);
}

enum nz_status nz_statement_sign(const struct nz_crypto *crypto, const struct nz_signer *signer,
                                 struct nz_statement *statement)
{
	struct nz_hash digest;

	NZ_TRY(unsigned_digest(crypto, statement, &digest));
	return nz_labelled_sign(crypto, signer, NZ_LABEL_DATASET, &digest, 1, statement->signature);
}

enum nz_status nz_statement_verify(const struct nz_crypto *crypto,
                                   const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                   const struct nz_statement *statement)
{
	struct nz_hash digest;

	NZ_TRY(unsigned_digest(crypto, statement, &digest));
	return nz_labelled_verify(crypto, public_key, NZ_LABEL_DATASET, &digest, 1,
	                          statement->signature);
}

struct nz_json *nz_statement_to_json(const struct nz_statement *statement, struct nz_json_doc *doc)
{
	struct nz_json *json = unsigned_json(statement, doc);

	nz_json_set_base64(doc, json, "signature",
	                   nz_bytes_of(statement->signature, sizeof statement->signature));
	return nz_json_failed(doc) == NZ_OK ? json : NULL;
}

/* A string of printable ASCII of min to max characters into out[max + 1]. */
static enum nz_status get_text(const struct nz_json *json, const char *name, size_t min, size_t max,
                               char *out, struct nz_error *err)
{
	struct nz_bytes text;

	NZ_TRY(nz_json_get_string(json, name, &text, err));
	if (text.len < min || text.len > max)
		return nz_fail(err, NZ_MALFORMED, "statement: %s has %zu characters", name, text.len);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return nz_fail(err, NZ_MALFORMED, "statement: %s is not plain text", name);
	if (text.len > 0)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return NZ_OK;
}

/* Lower-case hex of `bytes` bytes, kept as text. */
static enum nz_status get_hex_text(const struct nz_json *json, const char *name, size_t bytes,
                                   char *out, struct nz_error *err)
{
	uint8_t scratch[NZ_SHA256_BYTES];

	NZ_TRY(nz_json_get_hex(json, name, scratch, bytes, err));
	nz_hex_encode(nz_bytes_of(scratch, bytes), out);
	return NZ_OK;
}

static enum nz_status get_counts(const struct nz_json *json, struct nz_statement *s,
                                 struct nz_error *err)
{
	NZ_TRY(nz_json_get_int(json, "epoch", 1, INTEGER_MAX, &s->epoch, err));
	NZ_TRY(nz_json_get_int(json, "records", 0, INTEGER_MAX, &s->records, err));
	NZ_TRY(nz_json_get_int(json, "batches", 0, INTEGER_MAX, &s->batches, err));
	NZ_TRY(nz_json_get_int(json, "bytes", 0, INTEGER_MAX, &s->bytes, err));
	NZ_TRY(nz_json_get_int(json, "issued_at", 1, INTEGER_MAX, &s->issued_at, err));
	NZ_TRY(nz_json_get_int(json, "expires_at", 1, INTEGER_MAX, &s->expires_at, err));
	if (s->expires_at < s->issued_at)
		return nz_fail(err, NZ_MALFORMED, "statement: expires before it is issued");
	return NZ_OK;
}

enum nz_status nz_statement_from_json(const struct nz_json *json, struct nz_statement *out,
                                      struct nz_error *err)
{
	static const char *const members[] = {
		"platform",      "name",     "lineage",   "epoch",      "encoding",
		"merkle_root",   "records",  "batches",   "bytes",      "schema_sha256",
		"position",      "issued_at", "expires_at", "signature", NULL,
	};
	struct nz_statement s = {{0}};

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "statement: not an object");
	NZ_TRY(nz_json_only_members(json, members, err));
	NZ_TRY(get_hex_text(json, "platform", 32, s.platform, err));
	NZ_TRY(get_text(json, "name", 1, NZ_DATASET_NAME_MAX_BYTES, s.name, err));
	if (!nz_dataset_name_valid(nz_bytes_str(s.name)))
		return nz_fail(err, NZ_MALFORMED, "statement: '%s' is no dataset's name", s.name);
	NZ_TRY(get_hex_text(json, "lineage", 16, s.lineage, err));
	NZ_TRY(get_text(json, "encoding", 1, sizeof s.encoding - 1, s.encoding, err));
	if (strcmp(s.encoding, NZ_ENCODING_TEXT) != 0 && strcmp(s.encoding, NZ_ENCODING_BINARY) != 0)
		return nz_fail(err, NZ_MALFORMED, "statement: unknown encoding '%s'", s.encoding);
	NZ_TRY(nz_json_get_hex(json, "merkle_root", s.merkle_root.bytes, sizeof s.merkle_root.bytes,
	                       err));
	NZ_TRY(nz_json_get_hex(json, "schema_sha256", s.schema_sha256.bytes,
	                       sizeof s.schema_sha256.bytes, err));
	NZ_TRY(get_counts(json, &s, err));
	NZ_TRY(get_text(json, "position", 0, sizeof s.position - 1, s.position, err));
	NZ_TRY(nz_json_get_base64(json, "signature", s.signature, sizeof s.signature, err));
	*out = s;
	return NZ_OK;
}

enum nz_status nz_statement_hash(const struct nz_crypto *crypto,
                                 const struct nz_statement *statement, struct nz_hash *out)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *json = nz_statement_to_json(statement, doc);
	NZ_TRY(nz_json_failed(doc));
	return nz_json_digest(crypto, json, NULL, out);
}
