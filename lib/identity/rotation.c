/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of rotations: how a node's current key descends from its first. A link is signed twice:
 * by the key it retires, which gives the right, and by the key it brings in, which shows that its
 * owner has it (nobody can name somebody else's key as a successor).
 */
#include "internal.h"

#include <stdlib.h>

#define ROTATION_LABEL "nz-key-rotation-v1"
#define INT_MAX_JSON ((INT64_C(1) << 53) - 1)

enum nz_status nz_rotation_link_read(const struct nz_json *json, struct nz_rotation_link *out,
                                     struct nz_error *err)
{
	static const char *const names[] = {"at",        "ed25519",           "previous",
	                                    "seq",       "signature_new",     "signature_previous",
	                                    "x25519",    NULL};
	struct nz_rotation_link link = {0};

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "a rotation is not an object");
	NZ_TRY(nz_json_only_members(json, names, err));
	NZ_TRY(nz_json_get_int(json, "seq", 1, NZ_ROTATIONS_MAX, &link.seq, err));
	NZ_TRY(nz_json_get_int(json, "at", 1, INT_MAX_JSON, &link.at, err));
	NZ_TRY(nz_json_get_base64(json, "previous", link.previous, sizeof link.previous, err));
	NZ_TRY(nz_json_get_base64(json, "ed25519", link.ed25519, sizeof link.ed25519, err));
	NZ_TRY(nz_json_get_base64(json, "x25519", link.x25519, sizeof link.x25519, err));
	NZ_TRY(nz_json_get_base64(json, "signature_previous", link.signature_previous,
	                          sizeof link.signature_previous, err));
	NZ_TRY(nz_json_get_base64(json, "signature_new", link.signature_new,
	                          sizeof link.signature_new, err));
	*out = link;
	return NZ_OK;
}

/* The members that are signed, but for node_id. */
static struct nz_json *write_signed(struct nz_json_doc *doc, const struct nz_rotation_link *link)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_int(doc, json, "seq", link->seq);
	nz_json_set_int(doc, json, "at", link->at);
	nz_json_set_base64(doc, json, "previous",
	                   nz_bytes_of(link->previous, sizeof link->previous));
	nz_json_set_base64(doc, json, "ed25519", nz_bytes_of(link->ed25519, sizeof link->ed25519));
	nz_json_set_base64(doc, json, "x25519", nz_bytes_of(link->x25519, sizeof link->x25519));
	return json;
}

struct nz_json *nz_rotation_link_write(struct nz_json_doc *doc, const struct nz_rotation_link *link)
{
	struct nz_json *json = write_signed(doc, link);

	nz_json_set_base64(doc, json, "signature_previous",
	                   nz_bytes_of(link->signature_previous, sizeof link->signature_previous));
	nz_json_set_base64(doc, json, "signature_new",
	                   nz_bytes_of(link->signature_new, sizeof link->signature_new));
	return nz_json_failed(doc) == NZ_OK ? json : NULL;
}

enum nz_status nz_rotation_link_digest(const struct nz_crypto *crypto, const char *node_id,
                                       const struct nz_rotation_link *link, struct nz_hash *out)
{
	NZ_JSON_DOC(doc);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *json = write_signed(doc, link);

	nz_json_set_str(doc, json, "node_id", node_id);
	NZ_TRY(nz_json_failed(doc));
	return nz_json_digest(crypto, json, NULL, out);
}

enum nz_status nz_rotation_link_check(const struct nz_crypto *crypto, const char *node_id,
                                      const struct nz_rotation_link *link, struct nz_error *err)
{
	struct nz_hash digest;
	enum nz_status status = nz_rotation_link_digest(crypto, node_id, link, &digest);

	if (status != NZ_OK)
		return nz_fail(err, status, "cannot hash a rotation");
	status = nz_labelled_verify(crypto, link->previous, ROTATION_LABEL, &digest, 1,
	                            link->signature_previous);
	if (status == NZ_OK)
		status = nz_labelled_verify(crypto, link->ed25519, ROTATION_LABEL, &digest, 1,
		                            link->signature_new);
	if (status != NZ_OK)
		return nz_fail(err, status, "rotation %lld does not verify", (long long)link->seq);
	return NZ_OK;
}

enum nz_status nz_rotations_read(const struct nz_json *array, struct nz_rotation_link **out,
                                 size_t *count, struct nz_error *err)
{
	const size_t n = nz_json_count(array);

	if (n > NZ_ROTATIONS_MAX)
		return nz_fail(err, NZ_LIMIT, "more than %d rotations", NZ_ROTATIONS_MAX);

	struct nz_rotation_link *links = calloc(n > 0 ? n : 1, sizeof *links);
	if (links == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	for (size_t i = 0; i < n; i++) {
		const enum nz_status status =
			nz_rotation_link_read(nz_json_at(array, i), &links[i], err);
		if (status != NZ_OK) {
			free(links);
			return status;
		}
	}
	*out = links;
	*count = n;
	return NZ_OK;
}

struct nz_json *nz_rotations_write(struct nz_json_doc *doc, const struct nz_rotation_link *links,
                                   size_t count)
{
	struct nz_json *array = nz_json_make_array(doc);

	for (size_t i = 0; i < count; i++)
		nz_json_push(doc, array, nz_rotation_link_write(doc, &links[i]));
	return array;
}

/* No key that the chain has had before comes back. */
static bool is_fresh(const uint8_t first[NZ_ED25519_PUBLIC_BYTES],
                     const struct nz_rotation_link *links, size_t before,
                     const uint8_t key[NZ_ED25519_PUBLIC_BYTES])
{
	if (memcmp(first, key, NZ_ED25519_PUBLIC_BYTES) == 0)
		return false;
	for (size_t i = 0; i < before; i++)
		if (memcmp(links[i].ed25519, key, NZ_ED25519_PUBLIC_BYTES) == 0)
			return false;
	return true;
}

enum nz_status nz_rotations_check(const struct nz_crypto *crypto, const char *node_id,
                                  const uint8_t first[NZ_ED25519_PUBLIC_BYTES],
                                  const struct nz_rotation_link *links, size_t count,
                                  const uint8_t ed25519[NZ_ED25519_PUBLIC_BYTES],
                                  const uint8_t x25519[NZ_X25519_BYTES], struct nz_error *err)
{
	const uint8_t *current = first;

	for (size_t i = 0; i < count; i++) {
		if (links[i].seq != (int64_t)i + 1)
			return nz_fail(err, NZ_MALFORMED, "rotation %zu has number %lld", i + 1,
			               (long long)links[i].seq);
		if (memcmp(links[i].previous, current, NZ_ED25519_PUBLIC_BYTES) != 0)
			return nz_fail(err, NZ_MALFORMED,
			               "rotation %zu does not start from the key before it", i + 1);
		if (!is_fresh(first, links, i, links[i].ed25519))
			return nz_fail(err, NZ_MALFORMED, "rotation %zu brings back an old key",
			               i + 1);
		NZ_TRY(nz_rotation_link_check(crypto, node_id, &links[i], err));
		current = links[i].ed25519;
	}
	if (memcmp(current, ed25519, NZ_ED25519_PUBLIC_BYTES) != 0 ||
	    (count > 0 && memcmp(links[count - 1].x25519, x25519, NZ_X25519_BYTES) != 0))
		return nz_fail(err, NZ_MALFORMED, "the rotations do not lead to the current keys");
	return NZ_OK;
}
