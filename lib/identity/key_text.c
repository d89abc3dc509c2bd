/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a key file (doc/key-file.md). Written in one form; read in that and in the public
 * reference's: its tools spell names with an underscore, write the time as ISO 8601, and one of them
 * wraps keys in SPKI and PKCS#8. Those wrappers are fixed bytes for these curves (RFC 8410), so a
 * prefix is compared and no ASN.1 is parsed.
 */
#include "internal.h"

#include <stdlib.h>
#include <time.h>

#define INT_MAX_JSON ((INT64_C(1) << 53) - 1)
#define SPKI_PREFIX_BYTES 12
#define PKCS8_PREFIX_BYTES 16
/* The last byte of the curve's object identifier: 1.3.101.110 and 1.3.101.112. */
#define OID_X25519 0x6e
#define OID_ED25519 0x70

/* The member under either name; NULL when absent. NZ_MALFORMED when it is under both. */
static enum nz_status either_member(const struct nz_json *object, const char *name,
                                    const char *reference_name, const struct nz_json **out,
                                    struct nz_error *err)
{
	const struct nz_json *ours = nz_json_get(object, name);
	const struct nz_json *theirs = nz_json_get(object, reference_name);

	if (ours != NULL && theirs != NULL)
		return nz_fail(err, NZ_MALFORMED, "both %s and %s are given", name, reference_name);
	*out = ours != NULL ? ours : theirs;
	return NZ_OK;
}

/* Takes the 32 bytes out of base64 text, raw or after the prefix. */
static bool unwrap(struct nz_bytes text, const uint8_t *prefix, size_t prefix_len, uint8_t out[32])
{
	uint8_t wrapped[PKCS8_PREFIX_BYTES + 32];
	bool found = false;

	if (nz_base64_decode_exact(text, wrapped, 32) == NZ_OK) {
		memcpy(out, wrapped, 32);
		found = true;
	} else if (nz_base64_decode_exact(text, wrapped, prefix_len + 32) == NZ_OK &&
	           memcmp(wrapped, prefix, prefix_len) == 0) {
		memcpy(out, wrapped + prefix_len, 32);
		found = true;
	}
	nz_wipe(wrapped, sizeof wrapped);
	return found;
}

static enum nz_status key_member(const struct nz_json *object, const char *name,
                                 const char *reference_name, const uint8_t *prefix,
                                 size_t prefix_len, uint8_t out[32], struct nz_error *err)
{
	const struct nz_json *member = NULL;

	NZ_TRY(either_member(object, name, reference_name, &member, err));
	if (member == NULL)
		return nz_fail(err, NZ_NOT_FOUND, "%s is missing", name);
	if (!nz_json_is(member, NZ_JSON_STRING) ||
	    !unwrap(nz_json_string(member), prefix, prefix_len, out))
		return nz_fail(err, NZ_MALFORMED, "%s is not the base64 of a key", name);
	return NZ_OK;
}

static uint8_t oid_of(const char *curve)
{
	return strcmp(curve, "ed25519") == 0 ? OID_ED25519 : OID_X25519;
}

enum nz_status nz_key_member_public(const struct nz_json *object, const char *name,
                                    const char *reference_name, const char *curve,
                                    uint8_t out[32], struct nz_error *err)
{
	const uint8_t spki[SPKI_PREFIX_BYTES] = {
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, oid_of(curve), 0x03, 0x21, 0x00};

	return key_member(object, name, reference_name, spki, sizeof spki, out, err);
}

enum nz_status nz_key_member_private(const struct nz_json *object, const char *name,
                                     const char *reference_name, const char *curve,
                                     struct nz_secret *out, struct nz_error *err)
{
	const uint8_t pkcs8[PKCS8_PREFIX_BYTES] = {0x30, 0x2e, 0x02, 0x01,          0x00, 0x30,
	                                           0x05, 0x06, 0x03, 0x2b,          0x65, oid_of(curve),
	                                           0x04, 0x22, 0x04, 0x20};

	return key_member(object, name, reference_name, pkcs8, sizeof pkcs8, out->bytes, err);
}

/* UNIX seconds, or the reference's 2026-02-01T12:34:56.789Z; absent: 0. */
static enum nz_status read_created_at(const struct nz_json *root, int64_t *out,
                                      struct nz_error *err)
{
	const struct nz_json *member = nz_json_get(root, "created_at");
	const struct nz_bytes text = nz_json_string(member);
	char copy[32] = "";
	struct tm parts = {0};

	if (member == NULL) {
		*out = 0;
		return NZ_OK;
	}
	if (!nz_json_is(member, NZ_JSON_STRING))
		return nz_json_get_int(root, "created_at", 0, INT_MAX_JSON, out, err);
	if (text.len < sizeof copy) {
		memcpy(copy, text.ptr, text.len);
		const char *rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);

		if (rest != NULL && *rest == '.')
			rest += 1 + strspn(rest + 1, "0123456789");
		if (rest != NULL && strcmp(rest, "Z") == 0) {
			*out = timegm(&parts);
			return NZ_OK;
		}
	}
	return nz_fail(err, NZ_MALFORMED, "created_at is not a time");
}

/* The private halves, from the members or from under the passphrase. */
static enum nz_status read_private(const struct nz_crypto *crypto, const struct nz_json *root,
                                   struct nz_bytes passphrase, struct nz_node_keys *keys,
                                   struct nz_error *err)
{
	uint8_t secret[NZ_KEY_FILE_SECRET_BYTES];

	if (nz_json_get(root, "encrypted") == NULL) {
		enum nz_status status = nz_key_member_private(root, "ed25519private",
		                                              "ed25519_private", "ed25519",
		                                              &keys->ed25519_private, err);
		if (status == NZ_OK && nz_x25519_is_known(keys->x25519_public))
			status = nz_key_member_private(root, "x25519private", "x25519_private",
			                               "x25519", &keys->x25519_private, err);
		return status == NZ_NOT_FOUND ? nz_fail(err, NZ_MALFORMED, "a private key is missing")
		                              : status;
	}
	if (nz_json_get(root, "ed25519private") != NULL ||
	    nz_json_get(root, "ed25519_private") != NULL ||
	    nz_json_get(root, "x25519private") != NULL ||
	    nz_json_get(root, "x25519_private") != NULL)
		return nz_fail(err, NZ_MALFORMED, "a private key stands beside the encrypted ones");
	NZ_TRY(nz_passphrase_open(crypto, passphrase, root, secret, err));
	memcpy(keys->ed25519_private.bytes, secret, 32);
	memcpy(keys->x25519_private.bytes, secret + 32, 32);
	nz_wipe(secret, sizeof secret);
	return NZ_OK;
}

/* Each public key is its private key's, the id the first key's, the rotations a chain. */
static enum nz_status check_keys(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                 struct nz_error *err)
{
	uint8_t derived[32];
	char id[NZ_NODE_ID_CHARS];

	NZ_TRY(crypto->ed25519_public(&keys->ed25519_private, derived));
	if (memcmp(derived, keys->ed25519_public, sizeof derived) != 0)
		return nz_fail(err, NZ_MALFORMED, "ed25519public is not the private key's");
	if (nz_x25519_is_known(keys->x25519_public)) {
		NZ_TRY(crypto->x25519_public(&keys->x25519_private, derived));
		if (memcmp(derived, keys->x25519_public, sizeof derived) != 0)
			return nz_fail(err, NZ_MALFORMED, "x25519public is not the private key's");
	}
	NZ_TRY(nz_node_id(crypto, keys->first_key, id));
	if (nz_node_id_is_fingerprint(nz_bytes_str(keys->node_id)) &&
	    strcmp(id, keys->node_id) != 0)
		return nz_fail(err, NZ_MALFORMED, "node_id is not the fingerprint of the first key");
	const enum nz_status status =
		nz_rotations_check(crypto, keys->node_id, keys->first_key, keys->rotations,
	                           keys->rotation_count, keys->ed25519_public,
	                           keys->x25519_public, err);
	return status == NZ_UNVERIFIED ? nz_fail(err, NZ_MALFORMED, "a rotation does not verify")
	                               : status;
}

static enum nz_status read_public(const struct nz_json *root, struct nz_node_keys *keys,
                                  struct nz_error *err)
{
	struct nz_json *rotations = NULL;
	struct nz_bytes id;

	NZ_TRY(nz_json_get_string(root, "node_id", &id, err));
	NZ_TRY(nz_node_id_copy(id, keys->node_id, err));
	NZ_TRY(read_created_at(root, &keys->created_at, err));
	enum nz_status status = nz_key_member_public(root, "ed25519public", "ed25519_public",
	                                             "ed25519", keys->ed25519_public, err);
	if (status == NZ_NOT_FOUND)
		return nz_fail(err, NZ_MALFORMED, "ed25519public is missing");
	NZ_TRY(status);
	/* The reference's later tool makes no X25519 keys: such a node signs and cannot seal. */
	status = nz_key_member_public(root, "x25519public", "x25519_public", "x25519",
	                              keys->x25519_public, err);
	if (status != NZ_NOT_FOUND)
		NZ_TRY(status);
	if (nz_json_get(root, "rotations") != NULL) {
		NZ_TRY(nz_json_get_array(root, "rotations", &rotations, err));
		NZ_TRY(nz_rotations_read(rotations, &keys->rotations, &keys->rotation_count, err));
	}
	memcpy(keys->first_key,
	       keys->rotation_count > 0 ? keys->rotations[0].previous : keys->ed25519_public,
	       sizeof keys->first_key);
	return NZ_OK;
}

enum nz_status nz_key_file_parse(const struct nz_crypto *crypto, struct nz_bytes text,
                                 struct nz_bytes passphrase, struct nz_node_keys *out,
                                 struct nz_error *err)
{
	static const char *const names[] = {"node_id",         "created_at",     "rotations",
	                                    "ed25519public",   "ed25519private", "x25519public",
	                                    "x25519private",   "ed25519_public", "ed25519_private",
	                                    "x25519_public",   "x25519_private", "encrypted",
	                                    NULL};
	NZ_NODE_KEYS(keys);
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(text, &nz_json_packet_limits, &doc, err));
	const struct nz_json *root = nz_json_root(doc);
	if (!nz_json_is(root, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "a key file is a JSON object");
	NZ_TRY(nz_json_only_members(root, names, err));
	NZ_TRY(read_public(root, &keys, err));
	NZ_TRY(read_private(crypto, root, passphrase, &keys, err));
	NZ_TRY(check_keys(crypto, &keys, err));
	NZ_TRY(nz_node_keys_set_signer(crypto, &keys));
	nz_node_keys_move(&keys, out);
	return NZ_OK;
}

static enum nz_status write_private(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                    const struct nz_node_keys *keys, struct nz_json_doc *doc,
                                    struct nz_json *root, struct nz_error *err)
{
	uint8_t secret[NZ_KEY_FILE_SECRET_BYTES];

	if (passphrase.len == 0) {
		nz_json_set_base64(doc, root, "ed25519private",
		                   nz_bytes_of(keys->ed25519_private.bytes, 32));
		if (nz_x25519_is_known(keys->x25519_public))
			nz_json_set_base64(doc, root, "x25519private",
			                   nz_bytes_of(keys->x25519_private.bytes, 32));
		return NZ_OK;
	}
	memcpy(secret, keys->ed25519_private.bytes, 32);
	memcpy(secret + 32, keys->x25519_private.bytes, 32);
	const enum nz_status status =
		nz_passphrase_seal(crypto, passphrase, doc, root, secret, err);
	nz_wipe(secret, sizeof secret);
	return status;
}

enum nz_status nz_key_file_write(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                 const struct nz_node_keys *keys, struct nz_buffer *out,
                                 struct nz_error *err)
{
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *root = nz_json_make_object(doc);
	nz_json_set_str(doc, root, "node_id", keys->node_id);
	nz_json_set_base64(doc, root, "ed25519public",
	                   nz_bytes_of(keys->ed25519_public, sizeof keys->ed25519_public));
	if (nz_x25519_is_known(keys->x25519_public))
		nz_json_set_base64(doc, root, "x25519public",
		                   nz_bytes_of(keys->x25519_public, sizeof keys->x25519_public));
	nz_json_set_int(doc, root, "created_at", keys->created_at);
	nz_json_set(doc, root, "rotations",
	            nz_rotations_write(doc, keys->rotations, keys->rotation_count));
	NZ_TRY(write_private(crypto, passphrase, keys, doc, root, err));
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(root, &text));
	NZ_TRY(nz_buffer_append_byte(&text, '\n'));
	return nz_buffer_append(out, text.ptr, text.len);
}
