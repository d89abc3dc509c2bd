/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fetch.h"

#include <stdlib.h>

#include "proto/error.h"

struct batch_stream {
	struct nz_client_session *session;
	const struct nz_fetch *fetch;
	const struct nz_fetch_run *run;
	struct nz_fetch_outcome *outcome;
	struct nz_hasher *hasher;
	struct nz_hash *leaves;	       /* of the batch at hand: NZ_BATCH_MAX_RECORDS */
	struct nz_writer_batch *batch; /* at hand; NULL between two */
	struct nz_buffer key, last_key;
};

static void stream_clear(struct batch_stream *stream)
{
	nz_writer_drop(stream->fetch->writer, &stream->batch);
	stream->fetch->crypto->hasher_free(&stream->hasher);
	free(stream->leaves);
	nz_buffer_clear(&stream->key);
	nz_buffer_clear(&stream->last_key);
}

void nz_fetch_run_clear(struct nz_fetch_run *run)
{
	free(run->entries);
	free(run->bounds);
	nz_buffer_clear(&run->keys);
	*run = (struct nz_fetch_run){0};
}

static const struct nz_batch *expected(const struct batch_stream *s)
{
	return &s->run->entries[s->outcome->done];
}

static enum nz_status differs(const struct batch_stream *s, struct nz_error *err, const char *how)
{
	const struct nz_batch *entry = expected(s);

	return nz_fail_code(err, NZ_MISMATCH, NZ_API_ROOT_MISMATCH, "batch %llu (table %s) %s",
			    (unsigned long long)entry->position,
			    s->fetch->schema->tables[entry->table].name, how);
}

static enum nz_status rejected(const struct batch_stream *s, struct nz_error *err, const char *how)
{
	return nz_fail_code(err, NZ_MALFORMED, NZ_API_BATCH_REJECTED,
			    "after %zu of %zu batches: %s", s->outcome->done, s->run->count, how);
}

/* B: the next batch that was asked for, and the moment to stop where one must. */
static enum nz_status begin_batch(struct batch_stream *s, const struct nz_json *object,
				  struct nz_error *err)
{
	static const char *const members[] = {"base", "position", "table", NULL};
	struct nz_bytes table;
	int64_t position;

	if (s->outcome->done == s->run->count)
		return rejected(s, err, "one more than was asked for");
	const struct nz_batch *entry = expected(s);
	if (nz_json_only_members(object, members, err) != NZ_OK ||
	    nz_json_get_int(object, "position", 0, INT64_C(1) << 52, &position, err) != NZ_OK ||
	    nz_json_get_string(object, "table", &table, err) != NZ_OK ||
	    nz_json_get(object, "base") == NULL)
		return rejected(s, err, "a batch begins without saying which");
	if ((uint64_t)position != entry->position ||
	    !nz_bytes_equal(table, nz_bytes_str(s->fetch->schema->tables[entry->table].name)) ||
	    !nz_json_is(nz_json_get(object, "base"), NZ_JSON_NULL))
		return rejected(s, err, "a batch that is not the next one asked for");
	if (s->fetch->stopped != NULL && s->fetch->stopped(s->fetch->stopped_context))
		return nz_fail(err, NZ_CANCELLED, "stopped");
	/* Keys live on for a while: at least one batch comes of every session, however slow it is.
	 */
	if (s->outcome->done > 0 && nz_client_session_rekey_due(s->session)) {
		s->outcome->rekey = true;
		return nz_fail(err, NZ_CANCELLED, "the session is to be renewed");
	}
	const enum nz_status status = nz_writer_get(s->fetch->writer, entry, &s->batch, err);
	s->outcome->local = status != NZ_OK;
	nz_buffer_reset(&s->last_key);
	if (status == NZ_OK && s->fetch->progress != NULL)
		s->fetch->progress(s->fetch->context, entry, 0, 0);
	return status;
}

/* E: everything that the entry says must hold now. */
/* The last key stands before the next batch's first, or batches would overlap. */
static enum nz_status check_bound(struct batch_stream *s, struct nz_error *err)
{
	const struct nz_bytes bound = s->run->bounds[s->outcome->done];
	const struct nz_table *table = &s->fetch->schema->tables[expected(s)->table];

	if (bound.len == 0 || s->batch->count == 0)
		return NZ_OK;
	const int order = nz_manifest_key_compare(table, nz_buffer_bytes(&s->last_key), bound);

	if (order > 0 || (order == 0 && table->key_count > 0))
		return differs(s, err, "reaches into the next one");
	return NZ_OK;
}

static enum nz_status end_batch(struct batch_stream *s, const struct nz_json *object,
				struct nz_error *err)
{
	static const char *const members[] = {"count", "root", NULL};
	const struct nz_crypto *crypto = s->fetch->crypto;
	const struct nz_batch *entry = expected(s);
	struct nz_merkle tree;
	struct nz_hash root, said;
	int64_t count;

	if (nz_json_only_members(object, members, err) != NZ_OK ||
	    nz_json_get_int(object, "count", 0, NZ_BATCH_MAX_RECORDS, &count, err) != NZ_OK ||
	    nz_json_get_hex(object, "root", said.bytes, sizeof said.bytes, err) != NZ_OK)
		return rejected(s, err, "a batch ends without count and root");
	if (s->batch->count != entry->count || (uint64_t)count != entry->count)
		return differs(s, err, "has another number of records");
	if (s->batch->arena.len != entry->bytes)
		return differs(s, err, "has another number of bytes");
	nz_merkle_init(&tree, crypto, s->hasher);
	NZ_TRY(nz_merkle_append(&tree, s->leaves, s->batch->count));
	NZ_TRY(nz_merkle_root(&tree, &root));
	if (!nz_equal_ct(&root, &entry->root, sizeof root) ||
	    !nz_equal_ct(&said, &entry->root, sizeof said))
		return differs(s, err, "has another root");
	NZ_TRY(check_bound(s, err));
	nz_writer_put(s->fetch->writer, &s->batch);
	s->outcome->done++;
	return NZ_OK;
}

static enum nz_status on_object(void *context, enum nz_block_type type,
				const struct nz_json *object, struct nz_error *err)
{
	struct batch_stream *s = context;

	switch (type) {
	case NZ_BLOCK_BATCH:
		return begin_batch(s, object, err);
	case NZ_BLOCK_BATCH_END:
		return end_batch(s, object, err);
	case NZ_BLOCK_NOTICE:
		if (nz_bytes_equal(nz_json_string(nz_json_get(object, "notice")),
				   nz_bytes_str("moved")))
			s->outcome->moved = true;
		return NZ_OK;
	default:
		return nz_fail(err, NZ_INVALID, "a block out of the grammar");
	}
}

/* Keys ascend strictly; whole records may repeat. The first is the entry's. */
static enum nz_status check_key(struct batch_stream *s, struct nz_bytes record,
				struct nz_error *err)
{
	const struct nz_batch *entry = expected(s);
	const struct nz_table *table = &s->fetch->schema->tables[entry->table];
	const struct nz_buffer swap = s->last_key;

	nz_buffer_reset(&s->key);
	enum nz_status status = nz_record_key(table, record, &s->key);
	if (status == NZ_MALFORMED)
		return differs(s, err, "has a record that is none of its table");
	NZ_TRY(status);
	const struct nz_bytes key = nz_buffer_bytes(&s->key);
	if (s->batch->count == 0) {
		if (nz_manifest_key_compare(table, key, entry->first_key) != 0)
			return differs(s, err, "begins with another key");
	} else {
		const int order = nz_bytes_compare(nz_buffer_bytes(&s->last_key), key);

		if (order > 0 || (order == 0 && table->key_count > 0))
			return differs(s, err, "has keys that do not ascend");
	}
	s->last_key = s->key;
	s->key = swap;
	return NZ_OK;
}

static enum nz_status on_records(void *context, enum nz_block_type type,
				 const struct nz_bytes *plaintexts, size_t count,
				 struct nz_error *err)
{
	struct batch_stream *s = context;
	struct nz_writer_batch *batch = s->batch;
	const struct nz_batch *entry = expected(s);
	uint64_t bytes = 0;

	(void)type;
	if (count > entry->count - batch->count)
		return differs(s, err, "has more records than it may");
	NZ_TRY(s->fetch->crypto->hash_many(s->hasher, 0x00, plaintexts, count,
					   s->leaves + batch->count));
	for (size_t i = 0; i < count; i++) {
		if (plaintexts[i].len > entry->bytes - batch->arena.len)
			return differs(s, err, "has more bytes than it may");
		NZ_TRY(check_key(s, plaintexts[i], err));
		uint8_t *at = batch->arena.ptr + batch->arena.len; /* reserved by the writer */
		if (plaintexts[i].len > 0)
			memcpy(at, plaintexts[i].ptr, plaintexts[i].len);
		batch->arena.len += plaintexts[i].len;
		batch->records[batch->count++] = nz_bytes_of(at, plaintexts[i].len);
		bytes += plaintexts[i].len;
	}
	if (s->fetch->progress != NULL)
		s->fetch->progress(s->fetch->context, entry, count, bytes);
	return NZ_OK;
}

static enum nz_status make_body(const struct nz_fetch_run *run, struct nz_buffer *out)
{
	struct nz_blocks_request request NZ_CLEANUP(nz_blocks_request_clear) = {
	    .positions = calloc(run->count, sizeof(uint64_t)), .count = run->count};

	if (request.positions == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < run->count; i++)
		request.positions[i] = run->entries[i].position;
	return nz_blocks_request_append(&request, out);
}

enum nz_status nz_fetch_batches(struct nz_client_session *session, const struct nz_fetch *fetch,
				const struct nz_fetch_run *run, struct nz_fetch_outcome *outcome,
				struct nz_error *err)
{
	struct batch_stream stream NZ_CLEANUP(stream_clear) = {
	    .session = session, .fetch = fetch, .run = run, .outcome = outcome};
	const struct nz_block_events events = {&stream, on_object, on_records};
	NZ_BUFFER(body);

	*outcome = (struct nz_fetch_outcome){0};
	NZ_TRY(fetch->crypto->hasher_new(&stream.hasher));
	stream.leaves = calloc(NZ_BATCH_MAX_RECORDS, sizeof *stream.leaves);
	if (stream.leaves == NULL || make_body(run, &body) != NZ_OK)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a run of batches");
	const enum nz_status status = nz_client_session_stream(
	    session, NZ_STREAM_BATCHES, "POST", "/blocks", nz_buffer_bytes(&body), &events, err);
	if (outcome->rekey)
		return NZ_OK;
	NZ_TRY(status);
	if (outcome->done == run->count || outcome->moved)
		return NZ_OK;
	if (nz_client_session_rekey_due(session)) {
		outcome->rekey = true;
		return NZ_OK;
	}
	return rejected(&stream, err, "the stream ends before the last");
}
