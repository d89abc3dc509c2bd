/* SPDX-License-Identifier: Apache-2.0 */
#include "server/index.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64
#define SCHEMA_DEPTH 64

struct loading {
	struct nz_index *index;
	struct nz_dataset_root root;
};

static enum nz_status make_room(struct nz_index *index)
{
	if (index->count < index->capacity)
		return NZ_OK;
	const size_t capacity = index->capacity > 0 ? index->capacity * 2 : FIRST_CAPACITY;
	struct nz_index_entry *entries =
		reallocarray(index->entries, capacity, sizeof *index->entries);

	if (entries == NULL)
		return NZ_NO_MEMORY;
	index->entries = entries;
	index->capacity = capacity;
	return NZ_OK;
}

static enum nz_status add_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct loading *loading = context;
	struct nz_index *index = loading->index;

	if (batch->position != index->count || batch->table >= index->schema->table_count)
		return nz_fail(err, NZ_MISMATCH, "the stored index has a gap");
	NZ_TRY(make_room(index));
	const size_t key_at = index->keys.len;

	NZ_TRY(nz_buffer_append(&index->keys, batch->first_key.ptr, batch->first_key.len));
	index->entries[index->count++] = (struct nz_index_entry){
		.table = (uint32_t)batch->table,
		.count = batch->count,
		.ordinal = batch->ordinal,
		.bytes = batch->bytes,
		.key_at = key_at,
		.key_len = batch->first_key.len,
		.root = batch->root,
	};
	return nz_dataset_root_add(&loading->root, batch);
}

static enum nz_status read_schema(struct nz_index *index, const char *text, struct nz_error *err)
{
	const struct nz_json_limits limits = {NZ_SCHEMA_MAX_BYTES, SCHEMA_DEPTH, 10000};
	NZ_JSON_DOC(doc);

	if (text == NULL)
		return nz_fail(err, NZ_MISMATCH, "the stored index has no schema");
	NZ_TRY(nz_json_parse(nz_bytes_str(text), &limits, &doc, err));
	return nz_schema_from_json(nz_json_root(doc), &index->schema, err);
}

static enum nz_status read_batches(struct nz_worker *worker, const struct nz_dataset *dataset,
                                   struct loading *loading, struct nz_error *err)
{
	struct nz_hash root;

	NZ_TRY(worker->state->ops->index_read(worker->state, dataset->name, dataset->epoch, 0,
	                                      UINT32_MAX, add_batch, loading, err));
	NZ_TRY(nz_dataset_root_get(&loading->root, &root));
	if (memcmp(&root, &dataset->root, sizeof root) != 0)
		return nz_fail(err, NZ_MISMATCH, "the stored index of '%s' does not add up to its root",
		               dataset->name);
	return NZ_OK;
}

static enum nz_status load(struct nz_worker *worker, const struct nz_dataset *dataset,
                           struct nz_index *index, struct nz_error *err)
{
	struct loading loading = {.index = index};

	NZ_TRY(read_schema(index, dataset->schema_json, err));
	NZ_TRY(nz_dataset_root_init(&loading.root, worker->crypto, index->schema));
	const enum nz_status status = read_batches(worker, dataset, &loading, err);

	nz_dataset_root_clear(&loading.root);
	return status;
}

enum nz_status nz_index_load(struct nz_worker *worker, struct nz_dataset *dataset,
                             struct nz_index **out, struct nz_error *err)
{
	struct nz_index *index = calloc(1, sizeof *index);

	if (index == NULL)
		return NZ_NO_MEMORY;
	atomic_init(&index->references, 1);
	pthread_mutex_init(&index->lock, NULL);
	const enum nz_status status = load(worker, dataset, index, err);

	if (status != NZ_OK) {
		nz_index_release(&index);
		return status;
	}
	index->dataset = *dataset;
	*dataset = (struct nz_dataset){{0}};
	nz_free_str(&index->dataset.schema_json); /* parsed */
	*out = index;
	return NZ_OK;
}

struct nz_index *nz_index_keep(struct nz_index *index)
{
	atomic_fetch_add(&index->references, 1);
	return index;
}

void nz_index_release(struct nz_index **ptr)
{
	struct nz_index *index = *ptr;

	*ptr = NULL;
	if (index == NULL || atomic_fetch_sub(&index->references, 1) != 1)
		return;
	nz_dataset_clear(&index->dataset);
	nz_schema_free(&index->schema);
	nz_buffer_clear(&index->keys);
	pthread_mutex_destroy(&index->lock);
	free(index->entries);
	free(index->leaves);
	free(index);
}

struct nz_batch nz_index_batch(const struct nz_index *index, size_t position)
{
	const struct nz_index_entry *e = &index->entries[position];

	return (struct nz_batch){
		.position = position,
		.table = e->table,
		.ordinal = e->ordinal,
		.count = e->count,
		.bytes = e->bytes,
		.first_key = nz_bytes_of(index->keys.ptr + e->key_at, e->key_len),
		.root = e->root,
	};
}

/* SHA-256(0x02 ‖ JCS(entry)). */
static enum nz_status batch_leaf(const struct nz_index *index, size_t position,
                                 const struct nz_crypto *crypto, struct nz_hash *out)
{
	const struct nz_batch batch = nz_index_batch(index, position);
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *entry = nz_batch_to_json(index->schema, &batch, doc);

	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_buffer_append_byte(&text, 0x02));
	NZ_TRY(nz_json_canonical(entry, &text));
	return crypto->sha256(nz_buffer_bytes(&text), out->bytes);
}

static enum nz_status make_leaves(struct nz_index *index, const struct nz_crypto *crypto)
{
	struct nz_hash *leaves = calloc(index->count + 1, sizeof *leaves);

	if (leaves == NULL)
		return NZ_NO_MEMORY;
	enum nz_status status = nz_schema_leaf(crypto, index->schema, &leaves[0]);

	for (size_t i = 0; status == NZ_OK && i < index->count; i++)
		status = batch_leaf(index, i, crypto, &leaves[i + 1]);
	if (status != NZ_OK) {
		free(leaves);
		return status;
	}
	index->leaves = leaves;
	return NZ_OK;
}

enum nz_status nz_index_leaves(struct nz_index *index, const struct nz_crypto *crypto,
                               const struct nz_hash **out)
{
	enum nz_status status = NZ_OK;

	pthread_mutex_lock(&index->lock);
	if (index->leaves == NULL)
		status = make_leaves(index, crypto);
	*out = index->leaves;
	pthread_mutex_unlock(&index->lock);
	return status;
}
