/* SPDX-License-Identifier: Apache-2.0 */
/* The node document: made by its node, checked by everybody else. */
#include "internal.h"

#include <stdlib.h>

#define DOCUMENT_LABEL "nz-node-document-v1"

enum nz_status nz_node_document_make(const struct nz_crypto *crypto,
                                     const struct nz_node_keys *keys, struct nz_buffer *out,
                                     struct nz_error *err)
{
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_hash digest;
	NZ_JSON_DOC(doc);

	if (!nz_node_id_is_fingerprint(nz_bytes_str(keys->node_id)))
		return nz_fail(err, NZ_REFUSED,
		               "%s is no fingerprint of a key, so no document can prove it: give "
		               "its keys to peers as a plain entry",
		               keys->node_id);
	if (!nz_x25519_is_known(keys->x25519_public))
		return nz_fail(err, NZ_REFUSED, "the key file has no X25519 key");
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *root = nz_json_make_object(doc);
	nz_json_set_str(doc, root, "node_id", keys->node_id);
	nz_json_set_base64(doc, root, "first", nz_bytes_of(keys->first_key, sizeof keys->first_key));
	nz_json_set_base64(doc, root, "ed25519public",
	                   nz_bytes_of(keys->ed25519_public, sizeof keys->ed25519_public));
	nz_json_set_base64(doc, root, "x25519public",
	                   nz_bytes_of(keys->x25519_public, sizeof keys->x25519_public));
	nz_json_set(doc, root, "rotations",
	            nz_rotations_write(doc, keys->rotations, keys->rotation_count));
	nz_json_set_int(doc, root, "seq", (int64_t)keys->rotation_count);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_digest(crypto, root, NULL, &digest));
	if (nz_labelled_sign(crypto, keys->signer, DOCUMENT_LABEL, &digest, 1, signature) != NZ_OK)
		return nz_fail(err, NZ_CRYPTO, "cannot sign a node document");
	nz_json_set_base64(doc, root, "signature", nz_bytes_of(signature, sizeof signature));
	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(root, out);
}

static void free_links(struct nz_rotation_link **links)
{
	free(*links);
}

/* The id is the fingerprint of the first key. */
static enum nz_status check_id(const struct nz_crypto *crypto, const char *node_id,
                               const uint8_t first[NZ_ED25519_PUBLIC_BYTES], struct nz_error *err)
{
	char expected[NZ_NODE_ID_CHARS];

	NZ_TRY(nz_node_id(crypto, first, expected));
	if (strcmp(node_id, expected) != 0)
		return nz_fail(err, NZ_UNVERIFIED, "node_id is not the fingerprint of the first key");
	return NZ_OK;
}

enum nz_status nz_node_document_check(const struct nz_crypto *crypto,
                                      const struct nz_json *document, struct nz_node *out,
                                      struct nz_error *err)
{
	static const char *const names[] = {"node_id",   "first", "ed25519public", "x25519public",
	                                    "rotations", "seq",   "signature",     NULL};
	struct nz_node node = {{0}};
	uint8_t first[NZ_ED25519_PUBLIC_BYTES];
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_rotation_link *links NZ_CLEANUP(free_links) = NULL;
	struct nz_json *rotations = NULL;
	struct nz_bytes id;
	struct nz_hash digest;
	size_t count = 0;

	if (!nz_json_is(document, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "a node document is a JSON object");
	NZ_TRY(nz_json_only_members(document, names, err));
	NZ_TRY(nz_json_get_string(document, "node_id", &id, err));
	NZ_TRY(nz_node_id_copy(id, node.node_id, err));
	NZ_TRY(nz_json_get_base64(document, "first", first, sizeof first, err));
	NZ_TRY(nz_json_get_base64(document, "ed25519public", node.ed25519, sizeof node.ed25519,
	                          err));
	NZ_TRY(nz_json_get_base64(document, "x25519public", node.x25519, sizeof node.x25519, err));
	NZ_TRY(nz_json_get_base64(document, "signature", signature, sizeof signature, err));
	NZ_TRY(nz_json_get_array(document, "rotations", &rotations, err));
	NZ_TRY(nz_json_get_int(document, "seq", 0, NZ_ROTATIONS_MAX, &node.seq, err));
	NZ_TRY(nz_rotations_read(rotations, &links, &count, err));
	if (node.seq != (int64_t)count)
		return nz_fail(err, NZ_MALFORMED, "seq is %lld beside %zu rotations",
		               (long long)node.seq, count);
	if (!nz_x25519_is_known(node.x25519))
		return nz_fail(err, NZ_MALFORMED, "x25519public is zero");
	NZ_TRY(check_id(crypto, node.node_id, first, err));
	/* The document's own signature first: two checks, where a chain may need five hundred. */
	NZ_TRY(nz_json_digest(crypto, document, "signature", &digest));
	const enum nz_status status = nz_labelled_verify(crypto, node.ed25519, DOCUMENT_LABEL,
	                                                 &digest, 1, signature);
	if (status != NZ_OK)
		return nz_fail(err, status, "the node document's signature does not verify");
	NZ_TRY(nz_rotations_check(crypto, node.node_id, first, links, count, node.ed25519,
	                          node.x25519, err));
	*out = node;
	return NZ_OK;
}
