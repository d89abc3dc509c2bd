/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ranges.h"

#include "client/manifest.h"

#define HASH_BYTES ((size_t)1 << 20) /* of rows gathered to be hashed together */
#define POLL_RECORDS 1024

enum nz_status nz_ranges_init(struct nz_ranges *r, const struct nz_crypto *crypto,
			      struct nz_replica *replica, const struct nz_schema *schema)
{
	*r = (struct nz_ranges){.crypto = crypto, .replica = replica, .schema = schema};
	return crypto->hasher_new(&r->hasher);
}

static void end_scan(struct nz_ranges *r)
{
	if (r->scan != NULL)
		r->replica->ops->scan_ops.free(&r->scan);
	r->pending = r->ended = false;
}

void nz_ranges_clear(struct nz_ranges *r)
{
	if (r->crypto == NULL)
		return;
	end_scan(r);
	nz_buffer_clear(&r->arena);
	r->crypto->hasher_free(&r->hasher);
}

static enum nz_status begin_table(struct nz_ranges *r, size_t table, struct nz_error *err)
{
	const struct nz_scan_from start = {.ordinal = 0};

	end_scan(r);
	r->table = table;
	r->ordinal = 0;
	return r->replica->ops->scan(r->replica, r->schema, table, &start, &r->scan, err);
}

static enum nz_status poll_caller(struct nz_ranges *r, struct nz_error *err)
{
	if (++r->records % POLL_RECORDS != 0)
		return NZ_OK;
	if (r->stopped != NULL && r->stopped(r->context))
		return nz_fail(err, NZ_CANCELLED, "stopped");
	if (r->progress != NULL)
		r->progress(r->context, r->records);
	return NZ_OK;
}

/* The leaves of the rows gathered, into the tree. */
static enum nz_status flush(struct nz_ranges *r, struct nz_merkle *tree)
{
	struct nz_bytes rows[sizeof r->lens / sizeof r->lens[0]];
	struct nz_hash leaves[sizeof r->lens / sizeof r->lens[0]];
	size_t at = 0;

	if (r->count == 0)
		return NZ_OK;
	for (size_t i = 0; i < r->count; i++) {
		rows[i] = nz_bytes_of(r->arena.ptr + at, r->lens[i]);
		at += r->lens[i];
	}
	NZ_TRY(r->crypto->hash_many(r->hasher, 0x00, rows, r->count, leaves));
	NZ_TRY(nz_merkle_append(tree, leaves, r->count));
	r->count = 0;
	nz_buffer_reset(&r->arena);
	return NZ_OK;
}

/* A large row alone is hashed where it lies. */
static enum nz_status add_row(struct nz_ranges *r, struct nz_merkle *tree, struct nz_bytes record)
{
	struct nz_hash leaf;

	if (r->count == sizeof r->lens / sizeof r->lens[0] ||
	    r->arena.len + record.len > HASH_BYTES)
		NZ_TRY(flush(r, tree));
	if (record.len > HASH_BYTES) {
		NZ_TRY(r->crypto->hash_many(r->hasher, 0x00, &record, 1, &leaf));
		return nz_merkle_append(tree, &leaf, 1);
	}
	NZ_TRY(nz_buffer_append(&r->arena, record.ptr, record.len));
	r->lens[r->count++] = record.len;
	return NZ_OK;
}

/* Whether the pending row still belongs to the entry, of which `seen` rows were found. */
static bool belongs(const struct nz_ranges *r, const struct nz_batch *entry,
		    const struct nz_batch *next, uint64_t seen)
{
	const struct nz_table *table = &r->schema->tables[entry->table];

	if (next == NULL)
		return true;
	const int order = nz_manifest_key_compare(table, r->row.key, next->first_key);
	if (order != 0)
		return order < 0;
	/* Whole records may repeat across the border: there, the count decides. */
	return table->key_count == 0 && seen < entry->count;
}

enum nz_status nz_ranges_next(struct nz_ranges *r, const struct nz_batch *entry,
			      const struct nz_batch *next, struct nz_range *out,
			      struct nz_error *err)
{
	struct nz_range range = {.count = 0};
	struct nz_merkle tree;

	if (r->scan == NULL || r->table != entry->table)
		NZ_TRY(begin_table(r, entry->table, err));
	range.ordinal = r->ordinal;
	nz_merkle_init(&tree, r->crypto, r->hasher);
	while (!r->ended) {
		if (!r->pending) {
			const enum nz_status status =
			    r->replica->ops->scan_ops.next(r->scan, &r->row, err);

			r->ended = status == NZ_END;
			if (r->ended)
				break;
			NZ_TRY(status);
			r->pending = true;
		}
		if (!belongs(r, entry, next, range.count))
			break;
		NZ_TRY(add_row(r, &tree, r->row.record));
		range.count++;
		range.bytes += r->row.record.len;
		r->pending = false;
		NZ_TRY(poll_caller(r, err));
	}
	NZ_TRY(flush(r, &tree));
	NZ_TRY(nz_merkle_root(&tree, &range.root));
	r->ordinal += range.count;
	*out = range;
	return NZ_OK;
}

bool nz_range_matches(const struct nz_range *range, const struct nz_batch *entry)
{
	return range->count == entry->count && range->bytes == entry->bytes &&
	       nz_equal_ct(&range->root, &entry->root, sizeof range->root);
}

/* ---- the root of everything ---- */

static enum nz_status on_cut(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	(void)err;
	return nz_dataset_root_add(context, batch);
}

static enum nz_status cut_table(struct nz_ranges *r, size_t table, struct nz_cutter *cutter,
				struct nz_error *err)
{
	enum nz_status status;

	NZ_TRY(begin_table(r, table, err));
	while ((status = r->replica->ops->scan_ops.next(r->scan, &r->row, err)) == NZ_OK) {
		NZ_TRY(nz_cutter_add(cutter, table, r->row.record, r->row.key, err));
		NZ_TRY(poll_caller(r, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status nz_replica_root(struct nz_ranges *r, struct nz_replica_root *out,
			       struct nz_error *err)
{
	struct nz_dataset_root root NZ_CLEANUP(nz_dataset_root_clear) = {.crypto = NULL};
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	struct nz_replica_root result;

	r->records = 0;
	NZ_TRY(nz_dataset_root_init(&root, r->crypto, r->schema));
	NZ_TRY(nz_cutter_new(r->crypto, r->schema, on_cut, &root, &cutter));
	for (size_t table = 0; table < r->schema->table_count; table++)
		NZ_TRY(cut_table(r, table, cutter, err));
	NZ_TRY(nz_cutter_finish(cutter, err));
	NZ_TRY(nz_dataset_root_get(&root, &result.root));
	result.records = root.records;
	result.batches = root.batches;
	result.bytes = root.bytes;
	end_scan(r);
	*out = result;
	return NZ_OK;
}
