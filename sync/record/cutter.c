/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cutter. Records gather in a run, whose leaves are hashed in one call; then the run is walked and
 * cut. Memory: one run (64 KiB, or one record more), and the first and last key.
 */
#include <stdlib.h>

#include "record/batch.h"

#define RUN_RECORDS 256
#define RUN_BYTES ((size_t)64 << 10)

struct run_item {
	size_t record_len;
	size_t key_at; /* in `keys` */
	size_t key_len;
};

struct nz_cutter {
	const struct nz_crypto *crypto;
	const struct nz_schema *schema;
	nz_batch_sink sink;
	void *context;
	struct nz_hasher *hasher;
	struct nz_merkle tree;  /* of the batch that is open */
	struct nz_batch batch;  /* the open one; count 0: none is */
	struct nz_buffer first; /* its first key */
	uint64_t position;
	size_t table;
	uint64_t table_records; /* cut so far, of this table */
	bool table_done;        /* this table has a batch */
	/* The run. */
	struct nz_buffer records, keys;
	struct run_item items[RUN_RECORDS];
	struct nz_hash leaves[RUN_RECORDS];
	struct nz_bytes views[RUN_RECORDS];
	size_t count;
	struct nz_buffer last; /* the last key of the table, for the order */
	bool has_last;
};

enum nz_status nz_cutter_new(const struct nz_crypto *crypto, const struct nz_schema *schema,
                             nz_batch_sink sink, void *context, struct nz_cutter **out)
{
	struct nz_cutter *cutter = calloc(1, sizeof(*cutter));
	enum nz_status status;

	if (cutter == NULL)
		return NZ_NO_MEMORY;
	cutter->crypto = crypto;
	cutter->schema = schema;
	cutter->sink = sink;
	cutter->context = context;
	status = crypto->hasher_new(&cutter->hasher);
	if (status == NZ_OK)
		status = nz_buffer_reserve(&cutter->records, RUN_BYTES);
	if (status != NZ_OK) {
		nz_cutter_free(&cutter);
		return status;
	}
	nz_merkle_init(&cutter->tree, crypto, cutter->hasher);
	*out = cutter;
	return NZ_OK;
}

void nz_cutter_free(struct nz_cutter **cutter)
{
	struct nz_cutter *c = *cutter;

	if (c == NULL)
		return;
	if (c->hasher != NULL)
		c->crypto->hasher_free(&c->hasher);
	nz_buffer_clear(&c->first);
	nz_buffer_clear(&c->records);
	nz_buffer_clear(&c->keys);
	nz_buffer_clear(&c->last);
	free(c);
	*cutter = NULL;
}

/* Gives the open batch, empty or not, to the sink. */
static enum nz_status end_batch(struct nz_cutter *c, struct nz_error *err)
{
	c->batch.position = c->position;
	c->batch.table = c->table;
	c->batch.ordinal = c->table_records;
	c->batch.first_key = nz_buffer_bytes(&c->first);
	NZ_TRY(nz_merkle_root(&c->tree, &c->batch.root));
	NZ_TRY(c->sink(c->context, &c->batch, err));
	c->position++;
	c->table_records += c->batch.count;
	c->table_done = true;
	c->batch = (struct nz_batch){0};
	nz_buffer_reset(&c->first);
	nz_merkle_init(&c->tree, c->crypto, c->hasher);
	return NZ_OK;
}

static enum nz_status begin_batch(struct nz_cutter *c, struct nz_bytes key)
{
	if (c->schema->tables[c->table].key_count == 0 && key.len > NZ_BATCH_FIRST_KEY_MAX_BYTES)
		key.len = NZ_BATCH_FIRST_KEY_MAX_BYTES;
	nz_buffer_reset(&c->first);
	return nz_buffer_append(&c->first, key.ptr, key.len);
}

/* Puts leaves [from, to) of the run into the open batch. Interior nodes overwrite them. */
static enum nz_status take_leaves(struct nz_cutter *c, size_t from, size_t to)
{
	return to > from ? nz_merkle_append(&c->tree, c->leaves + from, to - from) : NZ_OK;
}

/* Hashes the leaves of n records and cuts. */
static enum nz_status cut(struct nz_cutter *c, size_t n, struct nz_error *err)
{
	size_t from = 0;

	NZ_TRY(c->crypto->hash_many(c->hasher, 0x00, c->views, n, c->leaves));
	for (size_t i = 0; i < n; i++) {
		const size_t len = c->items[i].record_len;
		bool ends;

		if (c->batch.count > 0 && (c->batch.count == NZ_BATCH_MAX_RECORDS ||
		                           c->batch.bytes + len > NZ_BATCH_MAX_BYTES)) {
			NZ_TRY(take_leaves(c, from, i));
			from = i;
			NZ_TRY(end_batch(c, err));
		}
		if (c->batch.count == 0)
			NZ_TRY(begin_batch(c, nz_bytes_of(c->keys.ptr + c->items[i].key_at,
			                                  c->items[i].key_len)));
		c->batch.count++;
		c->batch.bytes += len;
		ends = nz_batch_ends_after(&c->leaves[i], len);
		if (ends) {
			NZ_TRY(take_leaves(c, from, i + 1));
			from = i + 1;
			NZ_TRY(end_batch(c, err));
		}
	}
	return take_leaves(c, from, n);
}

static enum nz_status flush(struct nz_cutter *c, struct nz_error *err)
{
	const uint8_t *at = c->records.ptr;
	const size_t n = c->count;

	if (n == 0)
		return NZ_OK;
	for (size_t i = 0; i < n; i++) {
		c->views[i] = nz_bytes_of(at, c->items[i].record_len);
		at += c->items[i].record_len;
	}
	NZ_TRY(cut(c, n, err));
	/* The last key stays, to be compared with the next. */
	nz_buffer_reset(&c->last);
	NZ_TRY(nz_buffer_append(&c->last, c->keys.ptr + c->items[n - 1].key_at,
	                        c->items[n - 1].key_len));
	c->has_last = true;
	c->count = 0;
	nz_buffer_reset(&c->records);
	nz_buffer_reset(&c->keys);
	return NZ_OK;
}

static enum nz_status end_table(struct nz_cutter *c, struct nz_error *err)
{
	NZ_TRY(flush(c, err));
	if (c->batch.count > 0 || !c->table_done)
		NZ_TRY(end_batch(c, err));
	c->table++;
	c->table_records = 0;
	c->table_done = false;
	c->has_last = false;
	return NZ_OK;
}

static enum nz_status check_order(struct nz_cutter *c, struct nz_bytes key, struct nz_error *err)
{
	const struct nz_table *table = &c->schema->tables[c->table];
	struct nz_bytes last;
	int order;

	if (c->count > 0) {
		const struct run_item *item = &c->items[c->count - 1];

		last = nz_bytes_of(c->keys.ptr + item->key_at, item->key_len);
	} else if (c->has_last) {
		last = nz_buffer_bytes(&c->last);
	} else {
		return NZ_OK;
	}
	order = nz_bytes_compare(last, key);
	if (order < 0 || (order == 0 && table->key_count == 0))
		return NZ_OK;
	return nz_fail(err, NZ_MALFORMED, "table %s: %s", table->name,
	               order == 0 ? "two records have one key" : "records are out of order");
}

enum nz_status nz_cutter_add(struct nz_cutter *c, size_t table, struct nz_bytes record,
                             struct nz_bytes key, struct nz_error *err)
{
	struct run_item *item;

	if (table >= c->schema->table_count || table < c->table)
		return nz_fail(err, NZ_INVALID, "records of tables out of order");
	while (c->table < table)
		NZ_TRY(end_table(c, err));
	NZ_TRY(check_order(c, key, err));
	if (c->count == RUN_RECORDS ||
	    (c->count > 0 && c->records.len + record.len > RUN_BYTES))
		NZ_TRY(flush(c, err));
	item = &c->items[c->count];
	item->record_len = record.len;
	item->key_at = c->keys.len;
	item->key_len = key.len;
	NZ_TRY(nz_buffer_append(&c->keys, key.ptr, key.len));
	if (record.len <= RUN_BYTES) {
		NZ_TRY(nz_buffer_append(&c->records, record.ptr, record.len));
		c->count++;
		return NZ_OK;
	}
	/* A long record is a run of its own, hashed where it lies. */
	c->views[0] = record;
	NZ_TRY(cut(c, 1, err));
	nz_buffer_reset(&c->last);
	NZ_TRY(nz_buffer_append(&c->last, key.ptr, key.len));
	c->has_last = true;
	nz_buffer_reset(&c->keys);
	return NZ_OK;
}

enum nz_status nz_cutter_finish(struct nz_cutter *c, struct nz_error *err)
{
	while (c->table < c->schema->table_count)
		NZ_TRY(end_table(c, err));
	return NZ_OK;
}
