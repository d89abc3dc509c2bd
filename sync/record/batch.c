/* SPDX-License-Identifier: Apache-2.0 */
/* Batches at hand: the content rule, roots, manifest entries, the dataset root. */
#include "record/batch.h"

#define LEAF_PREFIX 0x00
#define ENTRY_PREFIX 0x02
#define CUT_MIN (UINT64_C(1) << 21)
#define CUT_BYTE (UINT64_C(1) << 12)
#define JSON_INTEGER_MAX ((INT64_C(1) << 53) - 1)

bool nz_batch_ends_after(const struct nz_hash *leaf, size_t record_len)
{
	const uint32_t first = (uint32_t)leaf->bytes[0] << 24 | (uint32_t)leaf->bytes[1] << 16 |
			       (uint32_t)leaf->bytes[2] << 8 | leaf->bytes[3];
	uint64_t cut = record_len > UINT32_MAX / CUT_BYTE ? UINT32_MAX : record_len * CUT_BYTE;

	if (cut < CUT_MIN)
		cut = CUT_MIN;
	return first < cut;
}

enum nz_status nz_batch_root(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                             const struct nz_bytes *records, size_t count, struct nz_hash *leaves,
                             struct nz_hash *root)
{
	struct nz_merkle tree;

	nz_merkle_init(&tree, crypto, hasher);
	if (count > 0) {
		NZ_TRY(crypto->hash_many(hasher, LEAF_PREFIX, records, count, leaves));
		NZ_TRY(nz_merkle_append(&tree, leaves, count));
	}
	return nz_merkle_root(&tree, root);
}

struct nz_json *nz_batch_to_json(const struct nz_schema *schema, const struct nz_batch *batch,
                                 struct nz_json_doc *doc)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_int(doc, json, "bytes", (int64_t)batch->bytes);
	nz_json_set_int(doc, json, "count", batch->count);
	nz_json_set_hex(doc, json, "first_key", batch->first_key);
	nz_json_set_hex(doc, json, "root", nz_bytes_of(batch->root.bytes, NZ_SHA256_BYTES));
	nz_json_set_str(doc, json, "table", schema->tables[batch->table].name);
	return nz_json_failed(doc) == NZ_OK ? json : NULL;
}

/* The rules that an entry keeps by itself, whatever its neighbours are. */
static enum nz_status check_entry(const struct nz_schema *schema, const struct nz_batch *batch,
                                  size_t key_len, struct nz_error *err)
{
	const struct nz_table *table = &schema->tables[batch->table];

	if (batch->count == 0 && (key_len != 0 || batch->bytes != 0))
		return nz_fail(err, NZ_MALFORMED, "manifest: an empty batch with a key or bytes");
	if (batch->count != 0 && key_len == 0)
		return nz_fail(err, NZ_MALFORMED, "manifest: a batch without its first key");
	if (table->key_count == 0 && key_len > NZ_BATCH_FIRST_KEY_MAX_BYTES)
		return nz_fail(err, NZ_MALFORMED, "manifest: a first key is too long");
	if (batch->count > 1 && batch->bytes > NZ_BATCH_MAX_BYTES)
		return nz_fail(err, NZ_MALFORMED, "manifest: a batch is over %zu bytes",
		               NZ_BATCH_MAX_BYTES);
	return NZ_OK;
}

enum nz_status nz_batch_from_json(const struct nz_schema *schema, const struct nz_json *json,
                                  struct nz_buffer *key_storage, struct nz_batch *out,
                                  struct nz_error *err)
{
	static const char *const members[] = {"bytes", "count", "first_key", "root", "table", NULL};
	struct nz_batch batch = *out;
	const struct nz_table *table;
	struct nz_bytes name, key;
	int64_t bytes, count;

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "manifest: an entry is not an object");
	NZ_TRY(nz_json_only_members(json, members, err));
	NZ_TRY(nz_json_get_int(json, "bytes", 0, JSON_INTEGER_MAX, &bytes, err));
	NZ_TRY(nz_json_get_int(json, "count", 0, NZ_BATCH_MAX_RECORDS, &count, err));
	NZ_TRY(nz_json_get_string(json, "table", &name, err));
	NZ_TRY(nz_json_get_string(json, "first_key", &key, err));
	NZ_TRY(nz_json_get_hex(json, "root", batch.root.bytes, NZ_SHA256_BYTES, err));
	table = nz_schema_find(schema, name);
	if (table == NULL)
		return nz_fail(err, NZ_MALFORMED, "manifest: a batch of an unknown table");
	batch.table = (size_t)(table - schema->tables);
	batch.bytes = (uint64_t)bytes;
	batch.count = (uint32_t)count;
	NZ_TRY(check_entry(schema, &batch, key.len / 2, err));
	if (key.len / 2 > 0)
		NZ_TRY(nz_buffer_reserve(key_storage, key.len / 2));
	if (nz_hex_decode(key, key_storage->ptr + key_storage->len, key.len / 2) != NZ_OK)
		return nz_fail(err, NZ_MALFORMED, "manifest: a first key is not hex");
	batch.first_key = nz_bytes_of(key_storage->ptr + key_storage->len, key.len / 2);
	key_storage->len += key.len / 2;
	*out = batch;
	return NZ_OK;
}

enum nz_status nz_dataset_root_init(struct nz_dataset_root *r, const struct nz_crypto *crypto,
                                    const struct nz_schema *schema)
{
	struct nz_dataset_root root = {.crypto = crypto, .schema = schema};
	struct nz_hash leaf;
	enum nz_status status;

	NZ_TRY(nz_schema_leaf(crypto, schema, &leaf));
	NZ_TRY(crypto->hasher_new(&root.hasher));
	nz_merkle_init(&root.tree, crypto, root.hasher);
	status = nz_merkle_append(&root.tree, &leaf, 1);
	if (status != NZ_OK) {
		crypto->hasher_free(&root.hasher);
		return status;
	}
	*r = root;
	return NZ_OK;
}

void nz_dataset_root_clear(struct nz_dataset_root *r)
{
	if (r->hasher != NULL)
		r->crypto->hasher_free(&r->hasher);
	*r = (struct nz_dataset_root){0};
}

enum nz_status nz_dataset_root_add(struct nz_dataset_root *r, const struct nz_batch *batch)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);
	struct nz_json *json;
	struct nz_bytes bytes;
	struct nz_hash leaf;

	NZ_TRY(nz_json_new(&doc));
	json = nz_batch_to_json(r->schema, batch, doc);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(json, &text));
	bytes = nz_buffer_bytes(&text);
	NZ_TRY(r->crypto->hash_many(r->hasher, ENTRY_PREFIX, &bytes, 1, &leaf));
	NZ_TRY(nz_merkle_append(&r->tree, &leaf, 1));
	r->records += batch->count;
	r->batches++;
	r->bytes += batch->bytes;
	return NZ_OK;
}

enum nz_status nz_dataset_root_get(const struct nz_dataset_root *r, struct nz_hash *out)
{
	return nz_merkle_root(&r->tree, out);
}
