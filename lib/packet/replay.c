/* SPDX-License-Identifier: Apache-2.0 */
/* What all replay guards share. */
#include "replay_table.h"

#include <nz/json.h>

const struct nz_replay_limits nz_replay_default_limits = {
	.entries = 1000000,
	.entries_per_node = 100000,
	.window_s = 300,
};

enum nz_status nz_replay_check(struct nz_replay *guard, struct nz_bytes node_id,
                               struct nz_bytes nonce, int64_t timestamp, int64_t now,
                               struct nz_error *err)
{
	return guard->ops->check(guard, node_id, nonce, timestamp, now, err);
}

void nz_replay_free(struct nz_replay **guard)
{
	if (*guard == NULL)
		return;
	(*guard)->ops->free(*guard);
	*guard = NULL;
}

enum nz_status nz_replay_key(const struct nz_crypto *crypto, struct nz_bytes node_id,
                             struct nz_bytes nonce, struct nz_hash *out)
{
	NZ_JSON_DOC(doc);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *pair = nz_json_make_array(doc);

	nz_json_push(doc, pair, nz_json_make_string(doc, node_id));
	nz_json_push(doc, pair, nz_json_make_string(doc, nonce));
	NZ_TRY(nz_json_failed(doc));

	NZ_BUFFER(text);
	NZ_TRY(nz_json_canonical(pair, &text));
	return crypto->sha256(nz_buffer_bytes(&text), out->bytes);
}

enum nz_status nz_replay_entry_make(const struct nz_crypto *crypto, struct nz_bytes node_id,
                                    struct nz_bytes nonce, int64_t timestamp,
                                    struct nz_replay_entry *out, struct nz_error *err)
{
	struct nz_replay_entry entry = {.timestamp = timestamp};
	uint8_t digest[NZ_SHA256_BYTES];
	enum nz_status status = nz_replay_key(crypto, node_id, nonce, &entry.key);

	if (status == NZ_OK)
		status = crypto->sha256(node_id, digest);
	if (status != NZ_OK)
		return nz_fail(err, status, "cannot make a replay key");
	memcpy(entry.node, digest, sizeof entry.node);
	*out = entry;
	return NZ_OK;
}
