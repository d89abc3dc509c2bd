/* SPDX-License-Identifier: Apache-2.0 */
#include "client/manifest.h"

#define POSITION_MAX (((int64_t)1 << 53) - 1)

void nz_manifest_init(struct nz_manifest *m, const struct nz_crypto *crypto,
		      const struct nz_statement *statement, size_t record_max_bytes)
{
	*m = (struct nz_manifest){
	    .crypto = crypto, .statement = statement, .record_max_bytes = record_max_bytes};
}

void nz_manifest_clear(struct nz_manifest *m)
{
	nz_dataset_root_clear(&m->root);
	nz_schema_free(&m->schema);
	nz_buffer_clear(&m->last_key);
	nz_buffer_clear(&m->key);
}

int nz_manifest_key_compare(const struct nz_table *table, struct nz_bytes key,
			    struct nz_bytes first_key)
{
	if (table->key_count == 0 && key.len > NZ_BATCH_FIRST_KEY_MAX_BYTES)
		key.len = NZ_BATCH_FIRST_KEY_MAX_BYTES;
	return nz_bytes_compare(key, first_key);
}

enum nz_status nz_manifest_schema(struct nz_manifest *m, const struct nz_json *object,
				  struct nz_error *err)
{
	NZ_SCHEMA(schema);
	struct nz_hash hash;

	enum nz_status status = nz_schema_from_json(object, &schema, err);
	if (status == NZ_LIMIT)
		status = NZ_MALFORMED;
	if (status != NZ_OK)
		return nz_error_prefix(err, status, "the platform's schema");
	NZ_TRY(nz_schema_hash(m->crypto, schema, &hash));
	if (!nz_equal_ct(hash.bytes, m->statement->schema_sha256.bytes, sizeof hash.bytes))
		return nz_fail(err, NZ_MISMATCH,
			       "the schema is not the one that the statement names");
	NZ_TRY(nz_dataset_root_init(&m->root, m->crypto, schema));
	m->schema = schema;
	schema = NULL;
	return NZ_OK;
}

static enum nz_status lies(struct nz_error *err, const struct nz_manifest *m, const char *how)
{
	return nz_fail(err, NZ_MISMATCH, "the manifest's entry %llu %s",
		       (unsigned long long)m->root.batches, how);
}

/* Where the entry's table stands after the one before: the same, or the next. */
static enum nz_status check_table(const struct nz_manifest *m, const struct nz_batch *batch,
				  struct nz_error *err)
{
	const bool first = m->root.batches == 0;
	const bool same = !first && batch->table == m->table;
	const struct nz_table *table = &m->schema->tables[batch->table];

	if (first ? batch->table != 0 : batch->table != m->table && batch->table != m->table + 1)
		return lies(err, m, "is of a table out of order");
	if (same && (m->empty || batch->count == 0))
		return lies(err, m, "stands beside an empty batch");
	if (same) {
		const int order = nz_bytes_compare(nz_buffer_bytes(&m->last_key), batch->first_key);

		/* Whole records may repeat, and their keys are cut. */
		if (order > 0 || (order == 0 && table->key_count > 0))
			return lies(err, m, "has keys that do not ascend");
	}
	return NZ_OK;
}

static enum nz_status check_entry(const struct nz_manifest *m, const struct nz_batch *batch,
				  struct nz_error *err)
{
	const struct nz_table *table = &m->schema->tables[batch->table];

	if (batch->count > NZ_BATCH_MAX_RECORDS)
		return lies(err, m, "has over 10000 records");
	if (batch->bytes > NZ_BATCH_MAX_BYTES && batch->count > 1)
		return lies(err, m, "is over 4 MiB");
	if (batch->count == 0 ? batch->bytes != 0 || batch->first_key.len != 0
			      : batch->first_key.len == 0)
		return lies(err, m, "contradicts itself");
	if (table->key_count == 0 && batch->first_key.len > NZ_BATCH_FIRST_KEY_MAX_BYTES)
		return lies(err, m, "has a first key that is too long");
	if (batch->bytes > m->record_max_bytes && batch->count == 1)
		return nz_fail(err, NZ_LIMIT,
			       "table %s has a record of %llu bytes, over the limit of %zu (see "
			       "--record-limit)",
			       table->name, (unsigned long long)batch->bytes, m->record_max_bytes);
	return check_table(m, batch, err);
}

static enum nz_status add_entry(struct nz_manifest *m, const struct nz_json *json,
				nz_batch_sink sink, void *context, struct nz_error *err)
{
	struct nz_batch batch = {.position = m->root.batches};

	nz_buffer_reset(&m->key);
	NZ_TRY(nz_batch_from_json(m->schema, json, &m->key, &batch, err));
	/* Sums past what the statement says end the stream before it can go on for ever. */
	if (m->root.batches >= (uint64_t)m->statement->batches)
		return lies(err, m, "is one more than the statement counts");
	NZ_TRY(check_entry(m, &batch, err));
	if (batch.table != m->table)
		m->ordinal = 0;
	batch.ordinal = m->ordinal;
	NZ_TRY(sink(context, &batch, err));
	NZ_TRY(nz_dataset_root_add(&m->root, &batch));
	m->ordinal += batch.count;
	m->table = batch.table;
	m->empty = batch.count == 0;
	nz_buffer_reset(&m->last_key);
	return nz_buffer_append(&m->last_key, batch.first_key.ptr, batch.first_key.len);
}

enum nz_status nz_manifest_part(struct nz_manifest *m, const struct nz_json *object,
				nz_batch_sink sink, void *context, struct nz_error *err)
{
	static const char *const members[] = {"entries", "from", NULL};
	struct nz_json *entries;
	int64_t from;

	if (m->schema == NULL)
		return nz_fail(err, NZ_MALFORMED, "a manifest before its schema");
	NZ_TRY(nz_json_only_members(object, members, err));
	NZ_TRY(nz_json_get_int(object, "from", 0, POSITION_MAX, &from, err));
	NZ_TRY(nz_json_get_array(object, "entries", &entries, err));
	if ((uint64_t)from != m->root.batches)
		return nz_fail(err, NZ_MALFORMED, "a manifest part from %lld, expected %llu",
			       (long long)from, (unsigned long long)m->root.batches);
	for (size_t i = 0; i < nz_json_count(entries); i++)
		NZ_TRY(add_entry(m, nz_json_at(entries, i), sink, context, err));
	return NZ_OK;
}

enum nz_status nz_manifest_finish(struct nz_manifest *m, struct nz_error *err)
{
	const struct nz_statement *s = m->statement;
	struct nz_hash root;

	if (m->schema == NULL)
		return nz_fail(err, NZ_MALFORMED, "no schema came");
	const size_t tables = m->root.batches > 0 ? m->table + 1 : 0;
	if (tables != m->schema->table_count)
		return nz_fail(err, NZ_MISMATCH, "the manifest leaves tables out");
	if (m->root.records != (uint64_t)s->records || m->root.batches != (uint64_t)s->batches ||
	    m->root.bytes != (uint64_t)s->bytes)
		return nz_fail(
		    err, NZ_MISMATCH,
		    "the manifest has %llu records in %llu batches, the statement %lld in "
		    "%lld",
		    (unsigned long long)m->root.records, (unsigned long long)m->root.batches,
		    (long long)s->records, (long long)s->batches);
	NZ_TRY(nz_dataset_root_get(&m->root, &root));
	if (!nz_equal_ct(root.bytes, s->merkle_root.bytes, sizeof root.bytes))
		return nz_fail(err, NZ_MISMATCH, "the manifest's root is not the signed one");
	return NZ_OK;
}

struct nz_schema *nz_manifest_take_schema(struct nz_manifest *m)
{
	struct nz_schema *schema = m->schema;

	nz_dataset_root_clear(&m->root);
	m->schema = NULL;
	return schema;
}
