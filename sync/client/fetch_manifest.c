/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fetch.h"

#include "proto/error.h"

struct manifest_stream {
	struct nz_manifest manifest;
	nz_fetch_begin begin;
	nz_batch_sink sink;
	void *context;
	bool local;
};

static void stream_clear(struct manifest_stream *stream)
{
	nz_manifest_clear(&stream->manifest);
}

static enum nz_status on_entry(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct manifest_stream *stream = context;
	const enum nz_status status = stream->sink(stream->context, batch, err);

	stream->local = status != NZ_OK;
	return status;
}

/* What the events find malformed is a failed block; a lie is a mismatch. */
static enum nz_status judged(enum nz_status status, bool local, struct nz_error *err)
{
	if (err == NULL || local)
		return status;
	if (status == NZ_MISMATCH)
		err->code = NZ_API_ROOT_MISMATCH;
	else if (status == NZ_MALFORMED)
		err->code = NZ_API_BATCH_REJECTED;
	return status;
}

static enum nz_status on_object(void *context, enum nz_block_type type,
				const struct nz_json *object, struct nz_error *err)
{
	struct manifest_stream *stream = context;
	enum nz_status status;

	switch (type) {
	case NZ_BLOCK_SCHEMA:
		status = judged(nz_manifest_schema(&stream->manifest, object, err), false, err);
		if (status != NZ_OK || stream->begin == NULL)
			return status;
		status = stream->begin(stream->context, stream->manifest.schema, err);
		stream->local = status != NZ_OK;
		return status;
	case NZ_BLOCK_MANIFEST:
		status = nz_manifest_part(&stream->manifest, object, on_entry, stream, err);
		return judged(status, stream->local, err);
	default:
		return NZ_OK; /* notices */
	}
}

static enum nz_status on_records(void *context, enum nz_block_type type,
				 const struct nz_bytes *plaintexts, size_t count,
				 struct nz_error *err)
{
	(void)context;
	(void)type;
	(void)plaintexts;
	(void)count;
	return nz_fail(err, NZ_INVALID, "records in a manifest"); /* the grammar has none */
}

enum nz_status nz_fetch_manifest(struct nz_client_session *session, nz_fetch_begin begin,
				 nz_batch_sink sink, void *context, struct nz_schema **schema,
				 bool *local, struct nz_error *err)
{
	static const char body[] = "{\"manifest\":true}";
	const struct nz_client *client = session->client;
	struct manifest_stream stream NZ_CLEANUP(stream_clear) = {
	    .begin = begin, .sink = sink, .context = context};
	const struct nz_block_events events = {&stream, on_object, on_records};

	nz_manifest_init(&stream.manifest, client->crypto, &session->answer.statement,
			 client->record_max_bytes != 0 ? client->record_max_bytes
						       : NZ_RECORD_MAX_BYTES);
	enum nz_status status = nz_client_session_stream(
	    session, NZ_STREAM_MANIFEST, "POST", "/blocks", nz_bytes_str(body), &events, err);
	*local = stream.local;
	NZ_TRY(status);
	NZ_TRY(judged(nz_manifest_finish(&stream.manifest, err), false, err));
	*schema = nz_manifest_take_schema(&stream.manifest);
	return NZ_OK;
}
