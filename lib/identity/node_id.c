/* SPDX-License-Identifier: Apache-2.0 */
/* Node ids, and a node's own keys in memory. */
#include "internal.h"

#include <stdlib.h>

#define PREFIX "nzid:node:"
#define PREFIX_CHARS (sizeof PREFIX - 1)
#define FINGERPRINT_BYTES 16

enum nz_status nz_node_id(const struct nz_crypto *crypto,
                          const uint8_t first_key[NZ_ED25519_PUBLIC_BYTES],
                          char out[NZ_NODE_ID_CHARS])
{
	uint8_t digest[NZ_SHA256_BYTES];

	_Static_assert(PREFIX_CHARS + 2 * FINGERPRINT_BYTES + 1 == NZ_NODE_ID_CHARS, "id length");
	NZ_TRY(crypto->sha256(nz_bytes_of(first_key, NZ_ED25519_PUBLIC_BYTES), digest));
	memcpy(out, PREFIX, PREFIX_CHARS);
	nz_hex_encode(nz_bytes_of(digest, FINGERPRINT_BYTES), out + PREFIX_CHARS);
	return NZ_OK;
}

bool nz_node_id_is_fingerprint(struct nz_bytes id)
{
	uint8_t digest[FINGERPRINT_BYTES];

	return id.len == NZ_NODE_ID_CHARS - 1 && memcmp(id.ptr, PREFIX, PREFIX_CHARS) == 0 &&
	       nz_hex_decode(nz_bytes_of(id.ptr + PREFIX_CHARS, id.len - PREFIX_CHARS), digest,
	                     sizeof digest) == NZ_OK;
}

bool nz_node_id_is_acceptable(struct nz_bytes id)
{
	if (id.len == 0 || id.len > NZ_NODE_ID_MAX_BYTES)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (id.ptr[i] < 0x20 || id.ptr[i] == 0x7f)
			return false;
	return nz_utf8_valid(id);
}

enum nz_status nz_node_id_copy(struct nz_bytes id, char out[NZ_NODE_ID_MAX_BYTES + 1],
                               struct nz_error *err)
{
	if (!nz_node_id_is_acceptable(id))
		return nz_fail(err, NZ_MALFORMED,
		               "node_id is not 1 to %d bytes without control characters",
		               NZ_NODE_ID_MAX_BYTES);
	memcpy(out, id.ptr, id.len);
	memset(out + id.len, 0, NZ_NODE_ID_MAX_BYTES + 1 - id.len);
	return NZ_OK;
}

bool nz_x25519_is_known(const uint8_t value[NZ_X25519_BYTES])
{
	static const uint8_t zero[NZ_X25519_BYTES];

	return memcmp(value, zero, sizeof zero) != 0;
}

void nz_node_keys_clear(struct nz_node_keys *keys)
{
	free(keys->rotations);
	if (keys->signer != NULL)
		keys->signer_free(&keys->signer);
	nz_wipe(keys, sizeof *keys);
}

void nz_node_keys_move(struct nz_node_keys *from, struct nz_node_keys *to)
{
	*to = *from;
	nz_wipe(from, sizeof *from);
}

enum nz_status nz_node_keys_set_signer(const struct nz_crypto *crypto, struct nz_node_keys *keys)
{
	struct nz_signer *signer = NULL;

	NZ_TRY(crypto->signer_new(&keys->ed25519_private, &signer));
	if (keys->signer != NULL)
		keys->signer_free(&keys->signer);
	keys->signer = signer;
	keys->signer_free = crypto->signer_free;
	return NZ_OK;
}

/* Fresh key pairs into keys. */
static enum nz_status fresh_pairs(const struct nz_crypto *crypto, struct nz_node_keys *keys,
                                  struct nz_error *err)
{
	if (crypto->random(keys->ed25519_private.bytes, sizeof keys->ed25519_private.bytes) !=
	            NZ_OK ||
	    crypto->random(keys->x25519_private.bytes, sizeof keys->x25519_private.bytes) !=
	            NZ_OK ||
	    crypto->ed25519_public(&keys->ed25519_private, keys->ed25519_public) != NZ_OK ||
	    crypto->x25519_public(&keys->x25519_private, keys->x25519_public) != NZ_OK)
		return nz_fail(err, NZ_CRYPTO, "cannot make keys");
	const enum nz_status status = nz_node_keys_set_signer(crypto, keys);
	return status == NZ_OK ? NZ_OK : nz_fail(err, status, "cannot make keys");
}

enum nz_status nz_node_keys_make(const struct nz_crypto *crypto, int64_t now,
                                 struct nz_node_keys *out, struct nz_error *err)
{
	NZ_NODE_KEYS(keys);

	keys.created_at = now;
	NZ_TRY(fresh_pairs(crypto, &keys, err));
	memcpy(keys.first_key, keys.ed25519_public, sizeof keys.first_key);
	if (nz_node_id(crypto, keys.first_key, keys.node_id) != NZ_OK)
		return nz_fail(err, NZ_CRYPTO, "cannot hash a key");
	nz_node_keys_move(&keys, out);
	return NZ_OK;
}

enum nz_status nz_rotation_make(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                int64_t now, struct nz_node_keys *next, struct nz_error *err)
{
	static const char label[] = "nz-key-rotation-v1";
	NZ_NODE_KEYS(made);
	struct nz_hash digest;

	if (!nz_node_id_is_fingerprint(nz_bytes_str(keys->node_id)))
		return nz_fail(err, NZ_REFUSED, "%s is no fingerprint of a key: make new keys",
		               keys->node_id);
	if (keys->rotation_count >= NZ_ROTATIONS_MAX)
		return nz_fail(err, NZ_LIMIT, "%d rotations are behind this key: make new keys",
		               NZ_ROTATIONS_MAX);
	memcpy(made.node_id, keys->node_id, sizeof made.node_id);
	memcpy(made.first_key, keys->first_key, sizeof made.first_key);
	made.created_at = now;
	made.rotations = calloc(keys->rotation_count + 1, sizeof *made.rotations);
	if (made.rotations == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	if (keys->rotation_count > 0)
		memcpy(made.rotations, keys->rotations,
		       keys->rotation_count * sizeof *made.rotations);
	made.rotation_count = keys->rotation_count + 1;
	NZ_TRY(fresh_pairs(crypto, &made, err));

	struct nz_rotation_link *link = &made.rotations[keys->rotation_count];
	link->seq = (int64_t)made.rotation_count;
	link->at = now;
	memcpy(link->previous, keys->ed25519_public, sizeof link->previous);
	memcpy(link->ed25519, made.ed25519_public, sizeof link->ed25519);
	memcpy(link->x25519, made.x25519_public, sizeof link->x25519);
	NZ_TRY(nz_rotation_link_digest(crypto, made.node_id, link, &digest));
	if (nz_labelled_sign(crypto, keys->signer, label, &digest, 1,
	                     link->signature_previous) != NZ_OK ||
	    nz_labelled_sign(crypto, made.signer, label, &digest, 1, link->signature_new) !=
	            NZ_OK)
		return nz_fail(err, NZ_CRYPTO, "cannot sign a rotation");
	nz_node_keys_move(&made, next);
	return NZ_OK;
}
