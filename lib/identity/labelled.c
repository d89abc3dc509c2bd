/* SPDX-License-Identifier: Apache-2.0 */
#include <nz/labelled.h>

#define LABEL_MAX_CHARS 63
#define DIGESTS_MAX 4

struct message {
	uint8_t bytes[LABEL_MAX_CHARS + 1 + DIGESTS_MAX * NZ_SHA256_BYTES];
	size_t len;
};

/* label ‖ 0x00 ‖ digests: the zero byte ends the label, so that none is the start of another. */
static enum nz_status build(const char *label, const struct nz_hash *digests, size_t count,
                            struct message *out)
{
	const size_t label_len = strlen(label);

	if (label_len == 0 || label_len > LABEL_MAX_CHARS || count == 0 || count > DIGESTS_MAX)
		return NZ_INVALID;
	memcpy(out->bytes, label, label_len + 1);
	memcpy(out->bytes + label_len + 1, digests, count * sizeof *digests);
	out->len = label_len + 1 + count * sizeof *digests;
	return NZ_OK;
}

enum nz_status nz_labelled_sign(const struct nz_crypto *crypto, const struct nz_signer *signer,
                                const char *label, const struct nz_hash *digests, size_t count,
                                uint8_t out[NZ_ED25519_SIGNATURE_BYTES])
{
	struct message message;

	NZ_TRY(build(label, digests, count, &message));
	return crypto->sign(signer, nz_bytes_of(message.bytes, message.len), out);
}

enum nz_status nz_labelled_verify(const struct nz_crypto *crypto,
                                  const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                  const char *label, const struct nz_hash *digests, size_t count,
                                  const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES])
{
	struct message message;

	NZ_TRY(build(label, digests, count, &message));
	return crypto->ed25519_verify(public_key, nz_bytes_of(message.bytes, message.len),
	                              signature);
}

enum nz_status nz_json_digest(const struct nz_crypto *crypto, const struct nz_json *value,
                              const char *without, struct nz_hash *out)
{
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);
	const struct nz_json *digested = value;

	if (without != NULL && nz_json_get(value, without) != NULL) {
		NZ_TRY(nz_json_new(&doc));
		struct nz_json *copy = nz_json_copy(doc, value);
		NZ_TRY(nz_json_failed(doc));
		nz_json_remove(copy, without);
		digested = copy;
	}
	NZ_TRY(nz_json_canonical(digested, &text));
	return crypto->sha256(nz_buffer_bytes(&text), out->bytes);
}
