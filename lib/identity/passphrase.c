/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys under a passphrase: scrypt (RFC 7914) gives a key, AES-256-GCM seals both halves.
 * The associated data is the canonical form of the whole file without the ciphertext, so that no
 * public part (id, keys, rotations, even the scrypt parameters) can be exchanged unnoticed.
 */
#include "internal.h"

#define SCRYPT_N (UINT64_C(1) << 17) /* 128 MiB with r = 8; a few tenths of a second */
#define SCRYPT_R 8
#define SCRYPT_P 1
/* What a file may ask for: below would be weak, above would be an attack on the reader's memory. */
#define SCRYPT_MIN_N (INT64_C(1) << 15)
#define SCRYPT_MAX_N (INT64_C(1) << 18)
#define SALT_BYTES 32

struct envelope {
	int64_t n, r, p;
	uint8_t salt[SALT_BYTES];
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	uint8_t ciphertext[NZ_KEY_FILE_SECRET_BYTES + NZ_AEAD_TAG_BYTES];
};

static void wipe_envelope(struct envelope *e)
{
	nz_wipe(e, sizeof *e);
}

static struct nz_json *write_envelope(struct nz_json_doc *doc, const struct envelope *e)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_str(doc, json, "cipher", "aes-256-gcm");
	nz_json_set_str(doc, json, "kdf", "scrypt");
	nz_json_set_int(doc, json, "n", e->n);
	nz_json_set_int(doc, json, "r", e->r);
	nz_json_set_int(doc, json, "p", e->p);
	nz_json_set_base64(doc, json, "salt", nz_bytes_of(e->salt, sizeof e->salt));
	nz_json_set_base64(doc, json, "nonce", nz_bytes_of(e->nonce, sizeof e->nonce));
	return json;
}

/* Associated data: head, with the envelope in it but for its ciphertext. */
static enum nz_status authenticated(const struct nz_json *head, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *copy = nz_json_copy(doc, head);

	NZ_TRY(nz_json_failed(doc));
	nz_json_remove(nz_json_get(copy, "encrypted"), "ciphertext");
	return nz_json_canonical(copy, out);
}

static enum nz_status run_aead(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                               const struct nz_json *head, struct envelope *e, bool seal)
{
	struct nz_aead *aead = NULL;
	NZ_BUFFER(aad);
	NZ_SECRET(key);

	NZ_TRY(authenticated(head, &aad));
	NZ_TRY(crypto->scrypt(passphrase, nz_bytes_of(e->salt, sizeof e->salt), (uint64_t)e->n,
	                      (uint32_t)e->r, (uint32_t)e->p, &key));
	NZ_TRY(crypto->aead_new(NZ_CIPHER_AES_256_GCM, &key, &aead));

	const struct nz_aead_item item = {
		.aad = aad.ptr,
		.aad_len = aad.len,
		.data = e->ciphertext,
		.len = NZ_KEY_FILE_SECRET_BYTES,
	};
	const enum nz_status status = seal ? crypto->seal(aead, e->nonce, &item)
	                                   : crypto->open(aead, e->nonce, &item);
	crypto->aead_free(&aead);
	return status;
}

enum nz_status nz_passphrase_seal(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                  struct nz_json_doc *doc, struct nz_json *head,
                                  const uint8_t secret[NZ_KEY_FILE_SECRET_BYTES],
                                  struct nz_error *err)
{
	struct envelope e NZ_CLEANUP(wipe_envelope) = {.n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P};

	if (crypto->random(e.salt, sizeof e.salt) != NZ_OK ||
	    crypto->random(e.nonce, sizeof e.nonce) != NZ_OK)
		return nz_fail(err, NZ_CRYPTO, "no random bytes");
	memcpy(e.ciphertext, secret, NZ_KEY_FILE_SECRET_BYTES);
	struct nz_json *json = write_envelope(doc, &e);
	nz_json_set(doc, head, "encrypted", json);
	NZ_TRY(nz_json_failed(doc));
	const enum nz_status status = run_aead(crypto, passphrase, head, &e, true);
	if (status != NZ_OK)
		return nz_fail(err, status, "cannot encrypt the private keys");
	nz_json_set_base64(doc, json, "ciphertext", nz_bytes_of(e.ciphertext, sizeof e.ciphertext));
	return nz_json_failed(doc);
}

static enum nz_status expect_text(const struct nz_json *json, const char *name, const char *wanted,
                                  struct nz_error *err)
{
	struct nz_bytes text;

	NZ_TRY(nz_json_get_string(json, name, &text, err));
	if (!nz_bytes_equal(text, nz_bytes_str(wanted)))
		return nz_fail(err, NZ_UNSUPPORTED, "%s is not %s", name, wanted);
	return NZ_OK;
}

static enum nz_status read_envelope(const struct nz_json *json, struct envelope *e,
                                    struct nz_error *err)
{
	static const char *const names[] = {"cipher", "kdf",   "n",          "r", "p",
	                                    "salt",   "nonce", "ciphertext", NULL};

	NZ_TRY(nz_json_only_members(json, names, err));
	NZ_TRY(expect_text(json, "kdf", "scrypt", err));
	NZ_TRY(expect_text(json, "cipher", "aes-256-gcm", err));
	NZ_TRY(nz_json_get_int(json, "n", SCRYPT_MIN_N, SCRYPT_MAX_N, &e->n, err));
	NZ_TRY(nz_json_get_int(json, "r", SCRYPT_R, SCRYPT_R, &e->r, err));
	NZ_TRY(nz_json_get_int(json, "p", 1, 4, &e->p, err));
	if ((e->n & (e->n - 1)) != 0)
		return nz_fail(err, NZ_MALFORMED, "n is not a power of two");
	NZ_TRY(nz_json_get_base64(json, "salt", e->salt, sizeof e->salt, err));
	NZ_TRY(nz_json_get_base64(json, "nonce", e->nonce, sizeof e->nonce, err));
	return nz_json_get_base64(json, "ciphertext", e->ciphertext, sizeof e->ciphertext, err);
}

enum nz_status nz_passphrase_open(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                  const struct nz_json *head,
                                  uint8_t secret[NZ_KEY_FILE_SECRET_BYTES], struct nz_error *err)
{
	struct envelope e NZ_CLEANUP(wipe_envelope) = {0};
	struct nz_json *json = NULL;

	NZ_TRY(nz_json_get_object(head, "encrypted", &json, err));
	NZ_TRY(read_envelope(json, &e, err));
	if (passphrase.len == 0)
		return nz_fail(err, NZ_UNVERIFIED, "the key file needs a passphrase");
	const enum nz_status status = run_aead(crypto, passphrase, head, &e, false);
	if (status != NZ_OK)
		return nz_fail(err, status, "wrong passphrase, or the key file was changed");
	memcpy(secret, e.ciphertext, NZ_KEY_FILE_SECRET_BYTES);
	return NZ_OK;
}
