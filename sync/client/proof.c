/* SPDX-License-Identifier: Apache-2.0 */
#include "client/proof.h"

#include <stdlib.h>

#include "proto/error.h"

#define ENTRY_PREFIX 0x02 /* of a manifest entry's leaf in the dataset tree */

static bool is_moved(enum nz_block_type type, const struct nz_json *object)
{
	return type == NZ_BLOCK_NOTICE &&
	       nz_bytes_equal(nz_json_string(nz_json_get(object, "notice")), nz_bytes_str("moved"));
}

static enum nz_status moved(struct nz_error *err)
{
	return nz_fail_code(err, NZ_BUSY, NZ_API_BUSY,
			    "the platform's source has changed meanwhile: run it again");
}

static enum nz_status contradicts(struct nz_error *err, const struct nz_batch *entry,
				  const char *what)
{
	return nz_fail_code(err, NZ_MISMATCH, NZ_API_ROOT_MISMATCH,
			    "the platform's %s of batch %llu contradict its manifest", what,
			    (unsigned long long)entry->position);
}

static enum nz_status stream(struct nz_client_session *session, enum nz_stream_kind kind,
			     const struct nz_proof_request *request,
			     const struct nz_block_events *events, struct nz_error *err)
{
	NZ_BUFFER(target);

	NZ_TRY(nz_buffer_append_str(&target, "/proof?"));
	NZ_TRY(nz_proof_request_append(request, &target));
	if (nz_buffer_cstr(&target) == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a request");
	return nz_client_session_stream(session, kind, "GET", (const char *)target.ptr,
					(struct nz_bytes){0}, events, err);
}

/* ---- leaves ---- */

struct leaves_stream {
	const struct nz_batch *entry;
	struct nz_hash *leaves;
	size_t count;
	bool moved;
};

static enum nz_status on_leaves_object(void *context, enum nz_block_type type,
				       const struct nz_json *object, struct nz_error *err)
{
	struct leaves_stream *s = context;

	(void)err;
	s->moved = s->moved || is_moved(type, object);
	return NZ_OK;
}

static enum nz_status on_leaves(void *context, enum nz_block_type type,
				const struct nz_bytes *plaintexts, size_t count,
				struct nz_error *err)
{
	struct leaves_stream *s = context;

	(void)type;
	for (size_t i = 0; i < count; i++) {
		const size_t n = plaintexts[i].len / sizeof(struct nz_hash);

		if (plaintexts[i].len % sizeof(struct nz_hash) != 0 ||
		    n > s->entry->count - s->count)
			return contradicts(err, s->entry, "leaves");
		memcpy(s->leaves + s->count, plaintexts[i].ptr, plaintexts[i].len);
		s->count += n;
	}
	return NZ_OK;
}

static enum nz_status check_leaves(const struct nz_crypto *crypto, const struct leaves_stream *s,
				   struct nz_error *err)
{
	struct nz_hash *scratch =
	    calloc(s->entry->count > 0 ? s->entry->count : 1, sizeof *scratch);
	struct nz_hasher *hasher = NULL;
	struct nz_merkle tree;
	struct nz_hash root;
	enum nz_status status = NZ_NO_MEMORY;

	if (scratch != NULL)
		status = crypto->hasher_new(&hasher);
	if (status == NZ_OK) {
		memcpy(scratch, s->leaves, s->count * sizeof *scratch);
		nz_merkle_init(&tree, crypto, hasher);
		status = nz_merkle_append(&tree, scratch, s->count);
	}
	if (status == NZ_OK)
		status = nz_merkle_root(&tree, &root);
	crypto->hasher_free(&hasher);
	free(scratch);
	if (status != NZ_OK)
		return nz_fail(err, status, "no memory for the leaves of a batch");
	if (s->count != s->entry->count || !nz_equal_ct(&root, &s->entry->root, sizeof root))
		return contradicts(err, s->entry, "leaves");
	return NZ_OK;
}

enum nz_status nz_client_proof_leaves(struct nz_client_session *session,
				      const struct nz_batch *entry, struct nz_hash **leaves,
				      struct nz_error *err)
{
	const struct nz_proof_request request = {.batch = entry->position};
	struct leaves_stream s = {.entry = entry};
	const struct nz_block_events events = {&s, on_leaves_object, on_leaves};

	s.leaves = calloc(entry->count > 0 ? entry->count : 1, sizeof *s.leaves);
	if (s.leaves == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for the leaves of a batch");
	enum nz_status status = stream(session, NZ_STREAM_LEAVES, &request, &events, err);
	if (status == NZ_OK)
		status = s.moved ? moved(err) : check_leaves(session->client->crypto, &s, err);
	if (status != NZ_OK) {
		free(s.leaves);
		return status;
	}
	*leaves = s.leaves;
	return NZ_OK;
}

/* ---- records ---- */

struct records_stream {
	const struct nz_client_session *session;
	const struct nz_schema *schema;
	const struct nz_batch *entry;
	const struct nz_hash *leaves;
	const struct nz_proof_request *request;
	nz_proof_sink sink;
	void *context;
	struct nz_hasher *hasher;
	struct nz_hash entry_leaf; /* in the dataset tree */
	size_t count;		   /* records taken */
	bool moved;
};

/* The entry as the platform repeats it must be ours, and gives its leaf in the dataset tree. */
static enum nz_status check_entry(struct records_stream *s, const struct nz_json *json,
				  struct nz_error *err)
{
	const struct nz_crypto *crypto = s->session->client->crypto;
	struct nz_batch said = {0};
	NZ_BUFFER(key);
	NZ_BUFFER(text);

	if (nz_batch_from_json(s->schema, json, &key, &said, err) != NZ_OK ||
	    said.table != s->entry->table || said.count != s->entry->count ||
	    said.bytes != s->entry->bytes ||
	    !nz_equal_ct(&said.root, &s->entry->root, sizeof said.root))
		return contradicts(err, s->entry, "proofs");
	NZ_TRY(nz_json_canonical(json, &text));
	const struct nz_bytes in = nz_buffer_bytes(&text);
	return crypto->hash_many(s->hasher, ENTRY_PREFIX, &in, 1, &s->entry_leaf);
}

static enum nz_status read_path(const struct nz_json *object, const char *name,
				struct nz_hash path[NZ_MERKLE_MAX_PROOF], size_t *len,
				struct nz_error *err)
{
	struct nz_json *array;

	NZ_TRY(nz_json_get_array(object, name, &array, err));
	*len = nz_json_count(array);
	if (*len > NZ_MERKLE_MAX_PROOF)
		return nz_fail(err, NZ_MALFORMED, "member '%s' is too long", name);
	for (size_t i = 0; i < *len; i++)
		NZ_TRY(nz_hex_decode(nz_json_string(nz_json_at(array, i)), path[i].bytes,
				     sizeof path[i].bytes));
	return NZ_OK;
}

/* P: position, index, and the two paths: leaf to batch root, batch to dataset root. */
static enum nz_status on_proof(void *context, enum nz_block_type type, const struct nz_json *object,
			       struct nz_error *err)
{
	static const char *const members[] = {"batch_proof", "entry",	     "index",
					      "position",    "record_proof", NULL};
	struct records_stream *s = context;
	const struct nz_crypto *crypto = s->session->client->crypto;
	const struct nz_statement *statement = &s->session->answer.statement;
	struct nz_hash path[NZ_MERKLE_MAX_PROOF];
	struct nz_json *entry;
	int64_t position, index;
	size_t len;

	if (type == NZ_BLOCK_NOTICE) {
		s->moved = s->moved || is_moved(type, object);
		return NZ_OK;
	}
	if (s->count == s->request->count)
		return contradicts(err, s->entry, "records");
	NZ_TRY(nz_json_only_members(object, members, err));
	NZ_TRY(nz_json_get_int(object, "position", 0, INT64_C(1) << 52, &position, err));
	NZ_TRY(nz_json_get_int(object, "index", 0, NZ_BATCH_MAX_RECORDS, &index, err));
	NZ_TRY(nz_json_get_object(object, "entry", &entry, err));
	if ((uint64_t)position != s->entry->position ||
	    (uint64_t)index != s->request->records[s->count])
		return contradicts(err, s->entry, "records");
	NZ_TRY(check_entry(s, entry, err));
	NZ_TRY(read_path(object, "record_proof", path, &len, err));
	if (nz_merkle_check_inclusion(crypto, s->hasher, &s->leaves[index], (uint64_t)index,
				      s->entry->count, path, len, &s->entry->root) != NZ_OK)
		return contradicts(err, s->entry, "proofs");
	NZ_TRY(read_path(object, "batch_proof", path, &len, err));
	/* Leaf 0 of the dataset tree is the schema's. */
	if (nz_merkle_check_inclusion(crypto, s->hasher, &s->entry_leaf, s->entry->position + 1,
				      (uint64_t)statement->batches + 1, path, len,
				      &statement->merkle_root) != NZ_OK)
		return contradicts(err, s->entry, "proofs");
	return NZ_OK;
}

static enum nz_status on_records(void *context, enum nz_block_type type,
				 const struct nz_bytes *plaintexts, size_t count,
				 struct nz_error *err)
{
	struct records_stream *s = context;

	(void)type;
	for (size_t i = 0; i < count; i++) {
		struct nz_hash leaf;

		if (s->count == s->request->count)
			return contradicts(err, s->entry, "records");
		const uint32_t index = s->request->records[s->count];
		NZ_TRY(s->session->client->crypto->hash_many(s->hasher, 0x00, &plaintexts[i], 1,
							     &leaf));
		if (!nz_equal_ct(&leaf, &s->leaves[index], sizeof leaf))
			return contradicts(err, s->entry, "records");
		NZ_TRY(s->sink(s->context, index, plaintexts[i], err));
		s->count++;
	}
	return NZ_OK;
}

enum nz_status nz_client_proof_records(struct nz_client_session *session,
				       const struct nz_schema *schema, const struct nz_batch *entry,
				       const struct nz_hash *leaves,
				       const struct nz_proof_request *request, nz_proof_sink sink,
				       void *context, struct nz_error *err)
{
	const struct nz_crypto *crypto = session->client->crypto;
	struct records_stream s = {.session = session,
				   .schema = schema,
				   .entry = entry,
				   .leaves = leaves,
				   .request = request,
				   .sink = sink,
				   .context = context};
	const struct nz_block_events events = {&s, on_proof, on_records};

	NZ_TRY(crypto->hasher_new(&s.hasher));
	enum nz_status status = stream(session, NZ_STREAM_RECORDS, request, &events, err);
	crypto->hasher_free(&s.hasher);
	NZ_TRY(status);
	if (s.moved)
		return moved(err);
	return s.count == request->count ? NZ_OK : contradicts(err, entry, "records");
}
