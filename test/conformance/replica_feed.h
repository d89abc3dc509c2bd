/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a replica straight from a source file, without a network: the manifest of a snapshot, and
 * the records of its batches. Shared by the replica's tests; every failure ends the program with the
 * place and the message.
 */
#ifndef NZ_TEST_REPLICA_FEED_H
#define NZ_TEST_REPLICA_FEED_H

#include <stdio.h>
#include <stdlib.h>

#include "replica/replica.h"
#include "source/source.h"

#define FEED_LINEAGE "00112233445566778899aabbccddeeff"

static inline void feed_must(enum nz_status status, const struct nz_error *err, const char *what,
                             const char *file, int line)
{
	if (status == NZ_OK)
		return;
	(void)fprintf(stderr, "%s:%d: %s: %s: %s\n", file, line, what, nz_status_name(status),
	              err->message);
	abort();
}
/* `err` is in scope wherever this is used. */
#define MUST(expr) feed_must((expr), &err, #expr, __FILE__, __LINE__)

struct feed {
	struct nz_source *source;
	struct nz_schema *schema;
	struct nz_statement statement;
	struct nz_batch *batches;
	uint8_t **keys;
	size_t count, cap;
	struct nz_dataset_root root;
};

static inline enum nz_status feed_on_batch(void *context, const struct nz_batch *batch,
                                           struct nz_error *err)
{
	struct feed *feed = context;

	if (feed->count == feed->cap) {
		feed->cap = feed->cap == 0 ? 64 : feed->cap * 2;
		feed->batches = realloc(feed->batches, feed->cap * sizeof(*feed->batches));
		feed->keys = realloc(feed->keys, feed->cap * sizeof(*feed->keys));
		if (feed->batches == NULL || feed->keys == NULL)
			abort();
	}
	uint8_t *key = malloc(batch->first_key.len + 1);
	if (key == NULL)
		abort();
	if (batch->first_key.len > 0)
		memcpy(key, batch->first_key.ptr, batch->first_key.len);
	feed->keys[feed->count] = key;
	feed->batches[feed->count] = *batch;
	feed->batches[feed->count].position = feed->count;
	feed->batches[feed->count].first_key = nz_bytes_of(key, batch->first_key.len);
	feed->count++;
	return nz_dataset_root_add(&feed->root, batch) == NZ_OK
		       ? NZ_OK
		       : nz_fail(err, NZ_NO_MEMORY, "no memory");
}

static inline void feed_open(struct feed *feed, const char *path, int64_t epoch)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_cutter *cutter = NULL;
	struct nz_error err = {0};
	char uri[600];

	*feed = (struct feed){0};
	(void)snprintf(uri, sizeof(uri), "sqlite:%s", path);
	MUST(nz_source_open(uri, NULL, &feed->source, &err));
	MUST(feed->source->ops->begin(feed->source, &err));
	MUST(feed->source->ops->schema(feed->source, &feed->schema, &err));
	MUST(nz_dataset_root_init(&feed->root, crypto, feed->schema));
	MUST(nz_cutter_new(crypto, feed->schema, feed_on_batch, feed, &cutter));
	for (size_t table = 0; table < feed->schema->table_count; table++) {
		struct nz_scan *scan = NULL;
		struct nz_row row;
		enum nz_status status;

		MUST(feed->source->ops->scan(feed->source, feed->schema, table, NULL, &scan, &err));
		while ((status = feed->source->ops->scan_ops.next(scan, &row, &err)) == NZ_OK)
			MUST(nz_cutter_add(cutter, table, row.record, row.key, &err));
		if (status != NZ_END)
			MUST(status);
		feed->source->ops->scan_ops.free(&scan);
	}
	MUST(nz_cutter_finish(cutter, &err));
	nz_cutter_free(&cutter);
	struct nz_statement *s = &feed->statement;
	(void)snprintf(s->platform, sizeof(s->platform), "%064d", 7);
	(void)snprintf(s->name, sizeof(s->name), "shop");
	(void)snprintf(s->lineage, sizeof(s->lineage), FEED_LINEAGE);
	(void)snprintf(s->encoding, sizeof(s->encoding), NZ_ENCODING_TEXT);
	(void)snprintf(s->position, sizeof(s->position), "p%lld", (long long)epoch);
	s->epoch = epoch;
	s->records = (int64_t)feed->root.records;
	s->batches = (int64_t)feed->root.batches;
	s->bytes = (int64_t)feed->root.bytes;
	s->issued_at = 1700000000;
	s->expires_at = 1800000000;
	MUST(nz_dataset_root_get(&feed->root, &s->merkle_root));
	MUST(nz_schema_hash(crypto, feed->schema, &s->schema_sha256));
}

static inline void feed_close(struct feed *feed)
{
	for (size_t i = 0; i < feed->count; i++)
		free(feed->keys[i]);
	free(feed->keys);
	free(feed->batches);
	nz_dataset_root_clear(&feed->root);
	nz_schema_free(&feed->schema);
	feed->source->ops->end(feed->source);
	nz_source_close(&feed->source);
}

/* The records of a batch, in memory that the caller clears. */
struct feed_records {
	struct nz_buffer bytes;
	struct nz_bytes *records;
	size_t count;
};

static inline void feed_read(struct feed *feed, const struct nz_batch *batch,
                             struct feed_records *out)
{
	const struct nz_source_ops *ops = feed->source->ops;
	const struct nz_scan_from from = {batch->first_key, batch->ordinal};
	struct nz_scan *scan = NULL;
	struct nz_error err = {0};
	size_t *ends = calloc(batch->count + 1u, sizeof(*ends));

	*out = (struct feed_records){0};
	out->records = calloc(batch->count + 1u, sizeof(*out->records));
	if (ends == NULL || out->records == NULL)
		abort();
	MUST(ops->scan(feed->source, feed->schema, batch->table, &from, &scan, &err));
	for (size_t i = 0; i < batch->count; i++) {
		struct nz_row row;

		MUST(ops->scan_ops.next(scan, &row, &err));
		MUST(nz_buffer_append(&out->bytes, row.record.ptr, row.record.len));
		ends[i + 1] = out->bytes.len;
	}
	for (size_t i = 0; i < batch->count; i++)
		out->records[i] = nz_bytes_of(out->bytes.ptr + ends[i], ends[i + 1] - ends[i]);
	out->count = batch->count;
	ops->scan_ops.free(&scan);
	free(ends);
}

static inline void feed_records_clear(struct feed_records *records)
{
	nz_buffer_clear(&records->bytes);
	free(records->records);
}

static inline enum nz_status feed_begin(struct feed *feed, struct nz_replica *replica,
                                        struct nz_replica_plan *plan, struct nz_error *err)
{
	NZ_TRY(replica->ops->begin(replica, &feed->statement, feed->schema, err));
	for (size_t i = 0; i < feed->count; i++)
		NZ_TRY(replica->ops->manifest_add(replica, &feed->batches[i], err));
	return replica->ops->plan(replica, plan, err);
}

/* Stages up to `max` wanted batches. */
static inline enum nz_status feed_stage(struct feed *feed, struct nz_replica *replica, size_t max,
                                        size_t *staged, struct nz_error *err)
{
	uint64_t position = 0;
	size_t count = 0;

	*staged = 0;
	while (*staged < max) {
		struct feed_records records;
		struct nz_batch entry;

		NZ_TRY(replica->ops->next_wanted(replica, position, &position, 1, &count, err));
		if (count == 0)
			break;
		NZ_TRY(replica->ops->entry(replica, position, &entry, err));
		feed_read(feed, &feed->batches[position], &records);
		const enum nz_status status =
			replica->ops->stage(replica, &entry, records.records, records.count, err);
		feed_records_clear(&records);
		NZ_TRY(status);
		position++;
		++*staged;
	}
	return NZ_OK;
}

/* The root of what the replica's tables hold now, by its own schema. */
static inline void feed_replica_root(const char *uri, struct nz_hash *root)
{
	const struct nz_replica_options options = {.read_only = true};
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_replica *replica = NULL;
	struct nz_cutter *cutter = NULL;
	struct feed sum = {0};
	struct nz_error err = {0};

	MUST(nz_replica_open(uri, &options, &replica, &err));
	MUST(replica->ops->read_begin(replica, &err));
	MUST(replica->ops->schema(replica, &sum.schema, &err));
	MUST(nz_dataset_root_init(&sum.root, crypto, sum.schema));
	MUST(nz_cutter_new(crypto, sum.schema, feed_on_batch, &sum, &cutter));
	for (size_t table = 0; table < sum.schema->table_count; table++) {
		struct nz_scan *scan = NULL;
		struct nz_row row;
		enum nz_status status;

		MUST(replica->ops->scan(replica, sum.schema, table, NULL, &scan, &err));
		while ((status = replica->ops->scan_ops.next(scan, &row, &err)) == NZ_OK)
			MUST(nz_cutter_add(cutter, table, row.record, row.key, &err));
		if (status != NZ_END)
			MUST(status);
		replica->ops->scan_ops.free(&scan);
	}
	MUST(nz_cutter_finish(cutter, &err));
	nz_cutter_free(&cutter);
	MUST(nz_dataset_root_get(&sum.root, root));
	replica->ops->read_end(replica);
	nz_replica_close(&replica);
	for (size_t i = 0; i < sum.count; i++)
		free(sum.keys[i]);
	free(sum.keys);
	free(sum.batches);
	nz_dataset_root_clear(&sum.root);
	nz_schema_free(&sum.schema);
}

#endif
