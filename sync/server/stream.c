/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream.h"

#include <nz/clock.h>

#define MANIFEST_PART 500
#define LEAVES_A_BLOCK 2000

void nz_stream_init(struct nz_stream *stream, enum nz_stream_kind kind, struct nz_index *index,
                    struct nz_block_cipher *cipher, const char *mac, int64_t rekey_ms)
{
	stream->kind = kind;
	stream->index = nz_index_keep(index);
	stream->rekey_ms = rekey_ms;
	memcpy(stream->mac, mac, sizeof stream->mac);
	nz_block_writer_init(&stream->writer, cipher, NULL);
}

void nz_stream_clear(struct nz_stream *stream)
{
	nz_batch_reader_clear(&stream->reader);
	nz_batch_data_clear(&stream->batch);
	nz_blocks_request_clear(&stream->blocks);
	nz_index_release(&stream->index);
}

/* ---- blocks that are JSON ---- */

static enum nz_status put(struct nz_stream *s, enum nz_block_type type, struct nz_json_doc *doc,
                          const struct nz_json *object)
{
	NZ_TRY(nz_json_failed(doc));
	return nz_block_put_json(&s->writer, type, object);
}

static enum nz_status put_notice(struct nz_stream *s, const char *notice, int64_t position)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *n = nz_json_make_object(doc);

	nz_json_set_str(doc, n, "notice", notice);
	if (position >= 0)
		nz_json_set_int(doc, n, "position", position);
	return put(s, NZ_BLOCK_NOTICE, doc, n);
}

static bool rekey_due(const struct nz_stream *s)
{
	return nz_clock_monotonic_ms() >= s->rekey_ms;
}

/* Says once that the keys are about to die. */
static enum nz_status remind(struct nz_stream *s)
{
	if (s->rekey_said || !rekey_due(s))
		return NZ_OK;
	s->rekey_said = true;
	return put_notice(s, "RekeyRequired", -1);
}

static enum nz_status put_end(struct nz_stream *s)
{
	s->ended = true;
	return nz_block_put_end(&s->writer);
}

/* The source has moved: the client opens anew and keeps what it has. */
static enum nz_status put_moved(struct nz_stream *s, size_t position)
{
	s->moved = true;
	NZ_TRY(put_notice(s, "moved", (int64_t)position));
	return put_end(s);
}

/* ---- manifest ---- */

static enum nz_status put_schema(struct nz_stream *s)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	return put(s, NZ_BLOCK_SCHEMA, doc, nz_schema_to_json(s->index->schema, doc, true));
}

static enum nz_status put_part(struct nz_stream *s)
{
	const size_t from = s->next;
	const size_t left = s->index->count - from;
	const size_t count = left < MANIFEST_PART ? left : MANIFEST_PART;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *part = nz_json_make_object(doc);
	struct nz_json *entries = nz_json_make_array(doc);

	for (size_t i = 0; i < count; i++) {
		const struct nz_batch batch = nz_index_batch(s->index, from + i);

		nz_json_push(doc, entries, nz_batch_to_json(s->index->schema, &batch, doc));
	}
	nz_json_set(doc, part, "entries", entries);
	nz_json_set_int(doc, part, "from", (int64_t)from);
	s->next = from + count;
	return put(s, NZ_BLOCK_MANIFEST, doc, part);
}

static enum nz_status step_manifest(struct nz_stream *s, const struct nz_buffer *out)
{
	if (s->next == 0)
		NZ_TRY(put_schema(s));
	do { /* one part at least: an empty dataset has an empty one */
		NZ_TRY(remind(s));
		NZ_TRY(put_part(s));
	} while (s->next < s->index->count && out->len < NZ_STREAM_STEP_BYTES);
	return s->next < s->index->count ? nz_block_flush(&s->writer) : put_end(s);
}

/* ---- batches ---- */

static enum nz_status put_batch_begin(struct nz_stream *s, const struct nz_batch *batch)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *b = nz_json_make_object(doc);

	nz_json_set_int(doc, b, "position", (int64_t)batch->position);
	nz_json_set_str(doc, b, "table", s->index->schema->tables[batch->table].name);
	nz_json_set(doc, b, "base", nz_json_make_null(doc));
	return put(s, NZ_BLOCK_BATCH, doc, b);
}

static enum nz_status put_batch_end(struct nz_stream *s, const struct nz_batch *batch)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *e = nz_json_make_object(doc);

	nz_json_set_int(doc, e, "count", batch->count);
	nz_json_set_hex(doc, e, "root", nz_bytes_of(&batch->root, sizeof batch->root));
	return put(s, NZ_BLOCK_BATCH_END, doc, e);
}

/* Records of the batch at hand, until it ends or the step is full. */
static enum nz_status put_records(struct nz_stream *s, const struct nz_buffer *out)
{
	struct nz_batch_data *data = &s->batch;

	while (s->next_record < data->count) {
		const struct nz_bytes record = nz_batch_record(data, s->next_record);

		NZ_TRY(nz_block_put(&s->writer, NZ_BLOCK_RECORD, record));
		s->next_record++;
		s->records++;
		s->bytes += record.len;
		if (out->len >= NZ_STREAM_STEP_BYTES)
			break;
	}
	return NZ_OK;
}

static enum nz_status step_batches(struct nz_stream *s, struct nz_worker *worker,
                                   const struct nz_buffer *out, struct nz_error *err)
{
	while (out->len < NZ_STREAM_STEP_BYTES) {
		NZ_TRY(remind(s));
		/* With the reminder said, the batch in flight is the last one; the first always goes. */
		if (!s->in_batch &&
		    (s->next == s->blocks.count || (s->rekey_said && s->next > 0)))
			return put_end(s);
		const size_t position = (size_t)s->blocks.positions[s->next];
		const struct nz_batch batch = nz_index_batch(s->index, position);

		if (!s->in_batch) {
			const enum nz_status status =
				nz_batch_reader_read(&s->reader, worker, position, &s->batch, err);

			if (status == NZ_MISMATCH)
				return put_moved(s, position);
			NZ_TRY(status);
			NZ_TRY(put_batch_begin(s, &batch));
			s->in_batch = true;
			s->next_record = 0;
		}
		NZ_TRY(put_records(s, out));
		if (s->next_record < s->batch.count)
			break;
		NZ_TRY(put_batch_end(s, &batch));
		s->in_batch = false;
		s->next++;
	}
	return nz_block_flush(&s->writer);
}

/* ---- proofs ---- */

/* Leaf hashes of the batch at hand, in the worker's scratch. */
static enum nz_status hash_leaves(struct nz_stream *s, struct nz_worker *worker)
{
	const struct nz_batch_data *data = &s->batch;

	NZ_TRY(nz_worker_scratch(worker, data->count));
	for (size_t i = 0; i < data->count; i++)
		worker->views[i] = nz_batch_record(data, i);
	return worker->crypto->hash_many(worker->hasher, 0x00, worker->views, data->count,
	                                 worker->hashes);
}

static enum nz_status put_leaves(struct nz_stream *s, struct nz_worker *worker)
{
	NZ_TRY(hash_leaves(s, worker));
	for (size_t i = 0; i < s->batch.count; i += LEAVES_A_BLOCK) {
		const size_t left = s->batch.count - i;
		const size_t count = left < LEAVES_A_BLOCK ? left : LEAVES_A_BLOCK;

		NZ_TRY(nz_block_put(&s->writer, NZ_BLOCK_LEAVES,
		                    nz_bytes_of(&worker->hashes[i], count * sizeof worker->hashes[i])));
	}
	return put_end(s);
}

/* A Merkle path. */
struct path {
	struct nz_hash hashes[NZ_MERKLE_MAX_PROOF];
	size_t len;
};

static struct nz_json *proof_json(struct nz_json_doc *doc, const struct path *path)
{
	struct nz_json *array = nz_json_make_array(doc);
	char hex[2 * NZ_SHA256_BYTES + 1];

	for (size_t i = 0; i < path->len; i++) {
		nz_hex_encode(nz_bytes_of(&path->hashes[i], sizeof path->hashes[i]), hex);
		nz_json_push(doc, array, nz_json_make_string(doc, nz_bytes_str(hex)));
	}
	return array;
}

/* The batch's way up to the dataset: leaf 0 is the schema's. */
static enum nz_status batch_path(struct nz_stream *s, struct nz_worker *worker, struct path *out)
{
	const struct nz_hash *leaves;

	NZ_TRY(nz_index_leaves(s->index, worker->crypto, &leaves));
	return nz_merkle_prove_inclusion(worker->crypto, worker->hasher, leaves, s->index->count + 1,
	                                 (size_t)s->proof.batch + 1, out->hashes, &out->len);
}

/* P: with it the record's way up to its batch. */
static enum nz_status put_proof(struct nz_stream *s, struct nz_worker *worker,
                                const struct path *top, uint32_t record)
{
	const struct nz_batch batch = nz_index_batch(s->index, (size_t)s->proof.batch);
	struct path up;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_merkle_prove_inclusion(worker->crypto, worker->hasher, worker->hashes,
	                                 s->batch.count, record, up.hashes, &up.len));
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *p = nz_json_make_object(doc);

	nz_json_set_int(doc, p, "position", (int64_t)s->proof.batch);
	nz_json_set_int(doc, p, "index", record);
	nz_json_set(doc, p, "entry", nz_batch_to_json(s->index->schema, &batch, doc));
	nz_json_set(doc, p, "batch_proof", proof_json(doc, top));
	nz_json_set(doc, p, "record_proof", proof_json(doc, &up));
	return put(s, NZ_BLOCK_PROOF, doc, p);
}

/*
 * Up to 1,000 records of one batch: they and their proofs are a few MiB, or one large record a step.
 */
static enum nz_status put_proven(struct nz_stream *s, struct nz_worker *worker,
                                 const struct nz_buffer *out)
{
	struct path top;

	NZ_TRY(batch_path(s, worker, &top));
	NZ_TRY(hash_leaves(s, worker));
	while (s->next < s->proof.count && out->len < NZ_STREAM_STEP_BYTES) {
		const uint32_t record = s->proof.records[s->next++];

		NZ_TRY(put_proof(s, worker, &top, record));
		NZ_TRY(nz_block_put(&s->writer, NZ_BLOCK_RECORD, nz_batch_record(&s->batch, record)));
		s->records++;
	}
	return s->next < s->proof.count ? nz_block_flush(&s->writer) : put_end(s);
}

static enum nz_status step_proof(struct nz_stream *s, struct nz_worker *worker,
                                 const struct nz_buffer *out, struct nz_error *err)
{
	const size_t position = (size_t)s->proof.batch;

	NZ_TRY(remind(s));
	if (!s->in_batch) {
		const enum nz_status status =
			nz_batch_reader_read(&s->reader, worker, position, &s->batch, err);

		if (status == NZ_MISMATCH)
			return put_moved(s, position);
		NZ_TRY(status);
		s->in_batch = true;
		nz_batch_reader_rest(&s->reader); /* nothing more is read */
	}
	return s->kind == NZ_STREAM_LEAVES ? put_leaves(s, worker) : put_proven(s, worker, out);
}

enum nz_status nz_stream_step(struct nz_stream *s, struct nz_worker *worker, struct nz_buffer *out,
                              struct nz_error *err)
{
	s->writer.out = out;
	/* Before any block number is used: a source that is away costs the session nothing. */
	if (s->kind != NZ_STREAM_MANIFEST && s->reader.source == NULL)
		NZ_TRY(nz_batch_reader_open(&s->reader, s->index, err));
	if (!s->hello_said) {
		s->hello_said = true;
		NZ_TRY(nz_block_put_hello(&s->writer, s->mac));
	}
	switch (s->kind) {
	case NZ_STREAM_MANIFEST:
		return step_manifest(s, out);
	case NZ_STREAM_BATCHES:
		return step_batches(s, worker, out, err);
	case NZ_STREAM_LEAVES:
	case NZ_STREAM_RECORDS:
		return step_proof(s, worker, out, err);
	}
	return NZ_INVALID;
}
