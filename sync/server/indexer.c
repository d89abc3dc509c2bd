/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version that an index is stored under is taken before the snapshot that it is built from. A
 * write that falls in between is then in the index although the version does not say so, and costs
 * one more scan; the other way round it would be missed for good.
 */
#include "indexer.h"

#include <stdlib.h>
#include <time.h>

#include <nz/clock.h>

/* A version that cannot be told from a later one yet is asked for again, so often. */
#define SETTLE_TRIES 10
#define SETTLE_WAIT_NS (10 * 1000 * 1000)

struct job {
	struct nz_state *state;
	const struct nz_crypto *crypto;
	struct nz_source *source;
	const char *name;
	nz_index_progress progress;
	void *context;
	struct nz_dataset_root root;
	struct nz_dataset summary; /* owns schema_json alone */
	bool hold;        /* the snapshot outlives the build */
	bool in_snapshot;
};

static void job_clear(struct job *job)
{
	nz_dataset_root_clear(&job->root);
	nz_dataset_clear(&job->summary);
	if (job->in_snapshot)
		job->source->ops->end(job->source);
	if (job->source != NULL)
		nz_source_close(&job->source);
}

/*
 * The source's version. Where it does not settle, zeros, which no source gives: the index is then
 * built, and at the next look built again.
 */
static enum nz_status take_version(struct nz_source *source, struct nz_hash *out,
                                   struct nz_error *err)
{
	const struct timespec wait = {.tv_nsec = SETTLE_WAIT_NS};
	enum nz_status status = source->ops->version(source, out, err);

	for (int i = 0; status == NZ_BUSY && i < SETTLE_TRIES; i++) {
		nanosleep(&wait, NULL);
		status = source->ops->version(source, out, err);
	}
	if (status != NZ_BUSY)
		return status;
	*out = (struct nz_hash){{0}};
	return NZ_OK;
}

static bool is_current(const struct nz_dataset *dataset, const struct nz_hash *version)
{
	static const struct nz_hash unsettled = {{0}};

	return dataset->epoch > 0 && memcmp(version, &unsettled, sizeof unsettled) != 0 &&
	       memcmp(version, &dataset->version, sizeof *version) == 0;
}

/* The cutter's sink. */
static enum nz_status take_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct job *job = context;

	NZ_TRY(job->state->ops->index_add(job->state, batch, err));
	NZ_TRY(nz_dataset_root_add(&job->root, batch));
	if (job->progress == NULL)
		return NZ_OK;
	if (job->progress(job->context, job->root.records, job->root.bytes) != NZ_OK)
		return nz_fail(err, NZ_CANCELLED, "the index of '%s' was not finished", job->name);
	return NZ_OK;
}

static enum nz_status add_rows(struct job *job, struct nz_scan *scan, struct nz_cutter *cutter,
                               size_t table, struct nz_error *err)
{
	struct nz_row row;
	enum nz_status status;

	while ((status = job->source->ops->scan_ops.next(scan, &row, err)) == NZ_OK)
		NZ_TRY(nz_cutter_add(cutter, table, row.record, row.key, err));
	return status == NZ_END ? NZ_OK : status;
}

static enum nz_status cut_table(struct job *job, const struct nz_schema *schema,
                                struct nz_cutter *cutter, size_t table, struct nz_error *err)
{
	const struct nz_scan_from beginning = {.ordinal = 0};
	const struct nz_source_ops *ops = job->source->ops;
	struct nz_scan *scan = NULL;

	NZ_TRY(ops->scan(job->source, schema, table, &beginning, &scan, err));
	const enum nz_status status = add_rows(job, scan, cutter, table, err);
	ops->scan_ops.free(&scan);
	return status;
}

static enum nz_status cut_all(struct job *job, const struct nz_schema *schema,
                              struct nz_error *err)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;

	NZ_TRY(nz_dataset_root_init(&job->root, job->crypto, schema));
	NZ_TRY(nz_cutter_new(job->crypto, schema, take_batch, job, &cutter));
	for (size_t i = 0; i < schema->table_count; i++)
		NZ_TRY(cut_table(job, schema, cutter, i, err));
	return nz_cutter_finish(cutter, err);
}

static enum nz_status print_schema(const struct nz_schema *schema, char **out,
                                   struct nz_error *err)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *json = nz_schema_to_json(schema, doc, true);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(json, &text));
	if (text.len > NZ_SCHEMA_MAX_BYTES)
		return nz_fail(err, NZ_LIMIT, "the schema takes over %zu bytes", NZ_SCHEMA_MAX_BYTES);
	*out = nz_strdup_bytes(nz_buffer_bytes(&text));
	return *out != NULL ? NZ_OK : nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
}

/* Everything that is read in one snapshot. */
static enum nz_status read_snapshot(struct job *job, struct nz_error *err)
{
	NZ_SCHEMA(schema);

	NZ_TRY(job->source->ops->schema(job->source, &schema, err));
	NZ_TRY(nz_schema_hash(job->crypto, schema, &job->summary.schema_sha256));
	NZ_TRY(print_schema(schema, &job->summary.schema_json, err));
	NZ_TRY(cut_all(job, schema, err));
	NZ_TRY(nz_dataset_root_get(&job->root, &job->summary.root));
	job->summary.records = (int64_t)job->root.records;
	job->summary.batches = (int64_t)job->root.batches;
	job->summary.bytes = (int64_t)job->root.bytes;
	return NZ_OK;
}

static enum nz_status read_source(struct job *job, struct nz_error *err)
{
	NZ_TRY(job->source->ops->begin(job->source, err));
	job->in_snapshot = true;
	job->summary.indexed_at = nz_clock_unix();
	NZ_TRY(read_snapshot(job, err));
	if (!job->hold) {
		job->source->ops->end(job->source);
		job->in_snapshot = false;
	}
	return NZ_OK;
}

/* With the builder's lock. Another builder may have just been here. */
static enum nz_status build_locked(struct job *job, bool force, struct nz_error *err)
{
	struct nz_dataset now NZ_CLEANUP(nz_dataset_clear) = {{0}};
	int64_t epoch;

	NZ_TRY(job->state->ops->dataset_get(job->state, job->name, &now, err));
	if (!force && is_current(&now, &job->summary.version)) {
		job->state->ops->index_abort(job->state);
		return NZ_OK;
	}
	NZ_TRY(read_source(job, err));
	return job->state->ops->index_commit(job->state, &job->summary, &epoch, err);
}

static enum nz_status build(struct job *job, bool force, struct nz_error *err)
{
	NZ_TRY(job->state->ops->index_begin(job->state, job->name, err));
	const enum nz_status status = build_locked(job, force, err);
	if (status != NZ_OK)
		job->state->ops->index_abort(job->state);
	return status;
}

static enum nz_status open_source(const struct nz_dataset *dataset, struct nz_source **out,
                                  struct nz_error *err)
{
	const struct nz_source_options options = {
		.tables = (const char *const *)dataset->tables,
		.table_count = dataset->table_count,
		.exclude = (const char *const *)dataset->exclude,
		.exclude_count = dataset->exclude_count,
	};

	if (strcmp(dataset->encoding, NZ_ENCODING_TEXT) != 0)
		return nz_fail(err, NZ_UNSUPPORTED, "the encoding %s is not part of this build",
		               dataset->encoding);
	return nz_source_open(dataset->source, &options, out, err);
}

/* The dataset as it is, its source open, and the source's version. */
static enum nz_status look(struct job *job, struct nz_dataset *now, struct nz_error *err)
{
	NZ_TRY(job->state->ops->dataset_get(job->state, job->name, now, err));
	NZ_TRY(open_source(now, &job->source, err));
	return take_version(job->source, &job->summary.version, err);
}

enum nz_status nz_indexer_refresh(struct nz_state *state, const struct nz_crypto *crypto,
                                  const char *name, bool force, nz_index_progress progress,
                                  void *context, struct nz_dataset *dataset, struct nz_error *err)
{
	struct nz_dataset now NZ_CLEANUP(nz_dataset_clear) = {{0}};
	struct job job NZ_CLEANUP(job_clear) = {
		.state = state,
		.crypto = crypto,
		.name = name,
		.progress = progress,
		.context = context,
	};

	NZ_TRY(look(&job, &now, err));
	if (force || !is_current(&now, &job.summary.version)) {
		nz_dataset_clear(&now);
		NZ_TRY(build(&job, force, err));
		NZ_TRY(state->ops->dataset_get(state, name, &now, err));
	}
	*dataset = now;
	now = (struct nz_dataset){{0}};
	return NZ_OK;
}

enum nz_status nz_indexer_hold(struct nz_state *state, const struct nz_crypto *crypto,
                               const char *name, nz_index_progress progress, void *context,
                               struct nz_dataset *dataset, struct nz_source **held,
                               struct nz_error *err)
{
	struct nz_dataset now NZ_CLEANUP(nz_dataset_clear) = {{0}};
	struct job job NZ_CLEANUP(job_clear) = {
		.state = state,
		.crypto = crypto,
		.name = name,
		.progress = progress,
		.context = context,
		.hold = true,
	};

	NZ_TRY(look(&job, &now, err));
	nz_dataset_clear(&now);
	NZ_TRY(build(&job, true, err));
	NZ_TRY(state->ops->dataset_get(state, name, &now, err));
	*dataset = now;
	now = (struct nz_dataset){{0}};
	*held = job.source;
	job.source = NULL;
	job.in_snapshot = false;
	return NZ_OK;
}
