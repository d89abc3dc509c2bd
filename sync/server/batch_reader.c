/* SPDX-License-Identifier: Apache-2.0 */
#include "server/batch_reader.h"

#include <nz/clock.h>

#include <stdlib.h>

#define SNAPSHOT_MS 250
#define SCAN_COST_FACTOR 20 /* starting scans takes at most a twentieth of the time */

void nz_batch_data_clear(struct nz_batch_data *data)
{
	nz_buffer_clear(&data->bytes);
	free(data->ends);
	*data = (struct nz_batch_data){0};
}

static enum nz_status make_room(struct nz_batch_data *data, size_t count)
{
	if (count <= data->capacity)
		return NZ_OK;
	size_t *ends = reallocarray(data->ends, count, sizeof *ends);

	if (ends == NULL)
		return NZ_NO_MEMORY;
	data->ends = ends;
	data->capacity = count;
	return NZ_OK;
}

enum nz_status nz_batch_reader_open(struct nz_batch_reader *reader, const struct nz_index *index,
                                    struct nz_error *err)
{
	const struct nz_dataset *dataset = &index->dataset;
	const struct nz_source_options options = {
		.tables = (const char *const *)dataset->tables,
		.table_count = dataset->table_count,
		.exclude = (const char *const *)dataset->exclude,
		.exclude_count = dataset->exclude_count,
	};
	struct nz_source *source = NULL;

	NZ_TRY(nz_source_open(dataset->source, &options, &source, err));
	*reader = (struct nz_batch_reader){.index = index, .source = source};
	return NZ_OK;
}

void nz_batch_reader_take(struct nz_batch_reader *reader, const struct nz_index *index,
                          struct nz_source *held, int64_t held_until_ms)
{
	*reader = (struct nz_batch_reader){
		.index = index,
		.source = held,
		.in_snapshot = true,
		.held = true,
		.held_until_ms = held_until_ms,
	};
}

static void end_scan(struct nz_batch_reader *reader)
{
	if (reader->scan != NULL)
		reader->source->ops->scan_ops.free(&reader->scan);
	reader->scan = NULL;
}

struct nz_source *nz_batch_reader_give_back(struct nz_batch_reader *reader)
{
	struct nz_source *source = reader->held ? reader->source : NULL;

	if (source != NULL) {
		end_scan(reader);
		*reader = (struct nz_batch_reader){0};
	}
	return source;
}

static void end_snapshot(struct nz_batch_reader *reader)
{
	end_scan(reader);
	if (reader->in_snapshot)
		reader->source->ops->end(reader->source);
	reader->in_snapshot = false;
	reader->held = false;
}

void nz_batch_reader_rest(struct nz_batch_reader *reader)
{
	if (!reader->held)
		end_snapshot(reader);
}

void nz_batch_reader_clear(struct nz_batch_reader *reader)
{
	end_snapshot(reader);
	if (reader->source != NULL)
		nz_source_close(&reader->source);
	*reader = (struct nz_batch_reader){0};
}

/* A scan that gives the records of the batch next. */
static enum nz_status start_scan(struct nz_batch_reader *reader, const struct nz_batch *batch,
                                 struct nz_error *err)
{
	const struct nz_source_ops *ops = reader->source->ops;
	const struct nz_scan_from from = {.key = batch->first_key, .ordinal = batch->ordinal};

	end_scan(reader);
	if (!reader->in_snapshot) {
		NZ_TRY(ops->begin(reader->source, err));
		reader->in_snapshot = true;
		reader->rest_ms = nz_clock_monotonic_ms() + SNAPSHOT_MS;
	}
	NZ_TRY(ops->scan(reader->source, reader->index->schema, batch->table, &from, &reader->scan,
	                 err));
	reader->next = batch->position;
	return NZ_OK;
}

static enum nz_status take_rows(struct nz_batch_reader *reader, const struct nz_batch *batch,
                                struct nz_batch_data *data, struct nz_error *err)
{
	struct nz_row row;

	while (data->count < batch->count) {
		const enum nz_status status =
			reader->source->ops->scan_ops.next(reader->scan, &row, err);

		if (status == NZ_END)
			return nz_fail(err, NZ_MISMATCH, "rows are missing");
		NZ_TRY(status);
		/* More bytes than the index knows of are another batch, and might be any amount. */
		if (row.record.len > batch->bytes - data->bytes.len)
			return nz_fail(err, NZ_MISMATCH, "rows have grown");
		NZ_TRY(nz_buffer_append(&data->bytes, row.record.ptr, row.record.len));
		data->ends[data->count++] = data->bytes.len;
	}
	return NZ_OK;
}

static enum nz_status compare(struct nz_worker *worker, const struct nz_batch *batch,
                              const struct nz_batch_data *data, struct nz_error *err)
{
	struct nz_hash root;

	NZ_TRY(nz_worker_scratch(worker, data->count));
	for (size_t i = 0; i < data->count; i++)
		worker->views[i] = nz_batch_record(data, i);
	NZ_TRY(nz_batch_root(worker->crypto, worker->hasher, worker->views, data->count,
	                     worker->hashes, &root));
	if (memcmp(&root, &batch->root, sizeof root) != 0)
		return nz_fail(err, NZ_MISMATCH, "rows have changed");
	return NZ_OK;
}

static enum nz_status read_here(struct nz_batch_reader *reader, struct nz_worker *worker,
                                const struct nz_batch *batch, struct nz_batch_data *data,
                                struct nz_error *err)
{
	nz_buffer_reset(&data->bytes);
	data->count = 0;
	NZ_TRY(make_room(data, batch->count));
	NZ_TRY(nz_buffer_reserve(&data->bytes, batch->bytes));
	NZ_TRY(take_rows(reader, batch, data, err));
	NZ_TRY(compare(worker, batch, data, err));
	reader->next = batch->position + 1;
	return NZ_OK;
}

/* A scan that could not be made or went wrong because the tables are no longer what they were. */
static enum nz_status judge_fault(struct nz_batch_reader *reader, struct nz_worker *worker,
                                  enum nz_status status, struct nz_error *err)
{
	NZ_SCHEMA(schema);
	struct nz_hash hash;

	if (status != NZ_DATABASE && status != NZ_UNSUPPORTED && status != NZ_NOT_FOUND)
		return status;
	if (!reader->in_snapshot || reader->held ||
	    reader->source->ops->schema(reader->source, &schema, NULL) != NZ_OK ||
	    nz_schema_hash(worker->crypto, schema, &hash) != NZ_OK ||
	    memcmp(&hash, &reader->index->dataset.schema_sha256, sizeof hash) == 0)
		return status;
	return nz_fail(err, NZ_MISMATCH, "the schema has changed");
}

enum nz_status nz_batch_reader_read(struct nz_batch_reader *reader, struct nz_worker *worker,
                                    size_t position, struct nz_batch_data *data,
                                    struct nz_error *err)
{
	const struct nz_batch batch = nz_index_batch(reader->index, position);
	const int64_t now_ms = nz_clock_monotonic_ms();
	enum nz_status status = NZ_OK;

	if (reader->in_snapshot &&
	    now_ms >= (reader->held ? reader->held_until_ms : reader->rest_ms))
		end_snapshot(reader);
	const bool goes_on = reader->scan != NULL && reader->next == position &&
	                     reader->index->entries[position - 1].table == batch.table;

	if (!goes_on)
		status = start_scan(reader, &batch, err);
	if (status == NZ_OK)
		status = read_here(reader, worker, &batch, data, err);
	if (!goes_on && reader->in_snapshot && !reader->held) {
		const int64_t rest_ms =
			now_ms + SCAN_COST_FACTOR * (nz_clock_monotonic_ms() - now_ms);

		if (rest_ms > reader->rest_ms)
			reader->rest_ms = rest_ms;
	}
	if (status == NZ_MISMATCH && goes_on) { /* rows came in before it: it may be whole behind them */
		status = start_scan(reader, &batch, err);
		if (status == NZ_OK)
			status = read_here(reader, worker, &batch, data, err);
	}
	if (status != NZ_OK) {
		status = judge_fault(reader, worker, status, err);
		nz_batch_reader_rest(reader);
	}
	return status;
}
