/* SPDX-License-Identifier: Apache-2.0 */
/* From the new manifest to staged batches. */
#include <string.h>

#include <nz/clock.h>

#include "replica/sqlite/checkpoint.h"
#include "replica/sqlite/fresh.h"
#include "replica/sqlite/objects.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/staged.h"
#include "replica/sqlite/staging.h"
#include "replica/sqlite/work.h"

void nz_sqr_end_sync(struct nz_sqr *r)
{
	/* What could not be committed is fetched again. */
	if (r->mode != NZ_SQR_IDLE && nz_sqr_staging_commit(r, NULL) != NZ_OK)
		r->planned = false;
	nz_sqlite_finalize(&r->manifest_insert);
	nz_sqlite_finalize(&r->entry_select);
	nz_sqr_fresh_close(r);
	if (r->work != NULL)
		nz_sqr_rollback(r->work);
	nz_schema_free(&r->schema);
	r->mode = NZ_SQR_IDLE;
	r->planned = false;
	r->reused = 0;
	r->manifest_count = 0;
	r->manifest_table = 0;
	r->manifest_ordinal = 0;
	r->uncommitted_bytes = 0;
}

enum nz_status nz_sqr_staging_commit(struct nz_sqr *r, struct nz_error *err)
{
	enum nz_status status = NZ_OK;

	if (r->fresh != NULL)
		status = nz_sqr_commit(r->fresh, err);
	if (status == NZ_OK && r->work != NULL)
		status = nz_sqr_commit(r->work, err);
	r->uncommitted_bytes = 0;
	if (status == NZ_OK)
		return NZ_OK;
	/* What is staged has to be found anew. */
	r->planned = false;
	if (r->fresh != NULL)
		nz_sqr_rollback(r->fresh);
	nz_sqr_rollback(r->work);
	return status;
}

/* ---- begin ---- */

static enum nz_status check_engine(const struct nz_statement *statement,
                                   const struct nz_schema *schema, struct nz_error *err)
{
	if (strcmp(schema->engine, "sqlite") != 0)
		return nz_fail(err, NZ_UNSUPPORTED, "a SQLite replica takes no dataset of %s",
		               schema->engine);
	if (strcmp(statement->encoding, NZ_ENCODING_TEXT) != 0)
		return nz_fail(err, NZ_UNSUPPORTED, "a SQLite replica takes no dataset in %s",
		               statement->encoding);
	return NZ_OK;
}

/* The caller's schema may go away before the sync ends. */
static enum nz_status copy_schema(const struct nz_schema *schema, struct nz_schema **out,
                                  struct nz_error *err)
{
	NZ_BUFFER(text);

	NZ_TRY(nz_sqr_schema_text(schema, &text));
	return nz_sqr_schema_parse(nz_buffer_bytes(&text), out, err);
}

static enum nz_status can_amend(struct nz_sqr *r, const struct nz_statement *statement, bool *out,
                                struct nz_error *err)
{
	struct nz_checkpoint own NZ_CLEANUP(nz_checkpoint_clear) = {0};
	struct nz_error why;
	struct nz_hash stored;

	const enum nz_status status = nz_sqr_checkpoint(&r->base, &own, &why);
	/* A checkpoint that cannot be read is as good as none. */
	if (status == NZ_NOT_FOUND || status == NZ_DATABASE) {
		*out = false;
		return NZ_OK;
	}
	if (status != NZ_OK)
		return nz_fail_code(err, status, why.code, "%s", why.message);
	*out = strcmp(own.statement.lineage, statement->lineage) == 0 &&
	       memcmp(&own.statement.schema_sha256, &statement->schema_sha256,
	              sizeof(struct nz_hash)) == 0;
	if (!*out)
		return NZ_OK;
	nz_schema_free(&r->own);
	const enum nz_status checked = nz_sqr_schema_check(&r->base, &why);
	if (checked == NZ_MISMATCH || checked == NZ_DATABASE) {
		*out = false;
		return NZ_OK;
	}
	if (checked != NZ_OK)
		return nz_fail_code(err, checked, why.code, "%s", why.message);
	/* What the tables were compared with must itself be what was signed. */
	NZ_TRY(nz_schema_hash(r->crypto, r->own, &stored));
	*out = memcmp(&stored, &statement->schema_sha256, sizeof(stored)) == 0;
	return NZ_OK;
}

/* Staged batches serve the same lineage and schema, and the boot they were written in. */
static enum nz_status keep_staged(struct nz_sqr *r, struct nz_error *err)
{
	char schema[2 * NZ_SHA256_BYTES + 1];
	NZ_BUFFER(target);
	NZ_BUFFER(stored);

	nz_hex_encode(nz_bytes_of(r->statement.schema_sha256.bytes, NZ_SHA256_BYTES), schema);
	NZ_TRY(nz_buffer_appendf(&target, "%s %s %s", r->statement.lineage, schema, r->boot_id));
	NZ_TRY(nz_sqr_state_get(r, "target", &stored, err));
	if (r->boot_id[0] != '\0' &&
	    nz_bytes_equal(nz_buffer_bytes(&target), nz_buffer_bytes(&stored)))
		return NZ_OK;
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM staged; DELETE FROM staged_rows", err));
	return nz_sqr_state_put(r, "target", nz_buffer_bytes(&target), err);
}

static enum nz_status begin_rebuild(struct nz_sqr *r, struct nz_error *err)
{
	if (r->db != NULL)
		NZ_TRY(nz_sqr_objects_foreign(r, err));
	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM staged; DELETE FROM staged_rows;"
	                               "DELETE FROM state WHERE name = 'target'", err));
	r->mode = NZ_SQR_REBUILD;
	return nz_sqr_fresh_begin(r, err);
}

static enum nz_status begin_amend(struct nz_sqr *r, struct nz_error *err)
{
	nz_sqr_fresh_remove(r);
	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(keep_staged(r, err));
	r->mode = NZ_SQR_INCREMENTAL;
	return NZ_OK;
}

static enum nz_status begin(struct nz_sqr *r, const struct nz_statement *statement,
                            const struct nz_schema *schema, struct nz_error *err)
{
	bool amend = false;

	r->statement = *statement;
	NZ_TRY(copy_schema(schema, &r->schema, err));
	NZ_TRY(nz_sqr_work(r, err));
	NZ_TRY(can_amend(r, statement, &amend, err));
	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM manifest; DELETE FROM old; DELETE FROM op_delete;"
	                               "DELETE FROM op_insert", err));
	NZ_TRY(amend ? begin_amend(r, err) : begin_rebuild(r, err));
	return nz_sqlite_prepare(
		r->work, "INSERT INTO manifest(position, tab, ordinal, count, bytes, root, state,"
			 " first_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)", &r->manifest_insert,
		err);
}

enum nz_status nz_sqr_begin_sync(struct nz_replica *replica, const struct nz_statement *statement,
                                 const struct nz_schema *schema, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);

	NZ_TRY(nz_sqr_writable(r, err));
	if (r->reading || r->repairing)
		return nz_fail(err, NZ_INVALID, "a read or a repair is open");
	nz_sqr_end_sync(r);
	NZ_TRY(check_engine(statement, schema, err));
	const enum nz_status status = begin(r, statement, schema, err);
	if (status != NZ_OK)
		nz_sqr_end_sync(r);
	return status;
}

enum nz_status nz_sqr_turn_to_rebuild(struct nz_sqr *r, struct nz_error *err)
{
	return begin_rebuild(r, err);
}

/* ---- the manifest ---- */

enum nz_status nz_sqr_manifest_add(struct nz_replica *replica, const struct nz_batch *batch,
                                   struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	sqlite3_stmt *stmt = r->manifest_insert;

	if (r->mode == NZ_SQR_IDLE || r->planned || stmt == NULL)
		return nz_fail(err, NZ_INVALID, "no manifest is expected");
	if (batch->position != r->manifest_count || batch->table >= r->schema->table_count ||
	    batch->table < r->manifest_table || batch->count > NZ_BATCH_MAX_RECORDS)
		return nz_fail(err, NZ_MALFORMED, "manifest: entry %llu is out of place",
		               (unsigned long long)batch->position);
	if (batch->table != r->manifest_table)
		r->manifest_ordinal = 0;
	r->manifest_table = batch->table;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)batch->position);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)batch->table);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)r->manifest_ordinal);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)batch->count);
	(void)sqlite3_bind_int64(stmt, 5, (int64_t)batch->bytes);
	nz_sqr_bind_bytes(stmt, 6, nz_bytes_of(batch->root.bytes, sizeof(batch->root.bytes)));
	nz_sqr_bind_bytes(stmt, 7, batch->first_key);
	NZ_TRY(nz_sqlite_run(r->work, stmt, err));
	r->manifest_ordinal += batch->count;
	r->manifest_count++;
	return NZ_OK;
}

static enum nz_status entry_step(struct nz_sqr *r, uint64_t position, struct nz_error *err)
{
	if (r->mode == NZ_SQR_IDLE)
		return nz_fail(err, NZ_INVALID, "no sync was begun");
	if (r->entry_select == NULL)
		NZ_TRY(nz_sqlite_prepare(r->work, "SELECT tab, ordinal, count, bytes, root, state,"
		                                  " first_key FROM manifest WHERE position = ?1",
		                         &r->entry_select, err));
	(void)sqlite3_bind_int64(r->entry_select, 1,
	                         position > INT64_MAX ? -1 : (int64_t)position);
	const enum nz_status status = nz_sqlite_step(r->work, r->entry_select, err);
	return status == NZ_END ? nz_fail(err, NZ_NOT_FOUND, "no batch %llu in the manifest",
	                                  (unsigned long long)position)
				: status;
}

static enum nz_status entry_read(struct nz_sqr *r, uint64_t position, struct nz_batch *out,
                                 enum nz_sqr_entry_state *state, struct nz_error *err)
{
	const struct nz_bytes key = nz_sqr_column_bytes(r->entry_select, 6);
	struct nz_batch batch = {
		.position = position,
		.table = (size_t)sqlite3_column_int64(r->entry_select, 0),
		.ordinal = (uint64_t)sqlite3_column_int64(r->entry_select, 1),
		.count = (uint32_t)sqlite3_column_int64(r->entry_select, 2),
		.bytes = (uint64_t)sqlite3_column_int64(r->entry_select, 3),
	};

	NZ_TRY(nz_sqr_column_hash(r->entry_select, 4, &batch.root, err));
	nz_buffer_reset(&r->entry_key);
	NZ_TRY(nz_buffer_append(&r->entry_key, key.ptr, key.len));
	batch.first_key = nz_buffer_bytes(&r->entry_key);
	*state = (enum nz_sqr_entry_state)sqlite3_column_int(r->entry_select, 5);
	*out = batch;
	return NZ_OK;
}

static enum nz_status entry_get(struct nz_sqr *r, uint64_t position, struct nz_batch *out,
                                enum nz_sqr_entry_state *state, struct nz_error *err)
{
	enum nz_status status = entry_step(r, position, err);

	if (status == NZ_OK)
		status = entry_read(r, position, out, state, err);
	if (r->entry_select != NULL)
		(void)sqlite3_reset(r->entry_select);
	return status;
}

enum nz_status nz_sqr_entry(struct nz_replica *replica, uint64_t position, struct nz_batch *out,
                            struct nz_error *err)
{
	enum nz_sqr_entry_state state;

	return entry_get(nz_sqr_of(replica), position, out, &state, err);
}

enum nz_status nz_sqr_next_wanted(struct nz_replica *replica, uint64_t from, uint64_t *positions,
                                  size_t max, size_t *count, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	enum nz_status status = NZ_END;
	size_t found = 0;
	NZ_STMT(stmt);

	if (!r->planned)
		return nz_fail(err, NZ_INVALID, "no plan was made");
	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT position FROM manifest WHERE position >= ?1 AND"
	                                  " state = 0 ORDER BY position", &stmt, err));
	(void)sqlite3_bind_int64(stmt, 1, from > INT64_MAX ? INT64_MAX : (int64_t)from);
	while (found < max && (status = nz_sqlite_step(r->work, stmt, err)) == NZ_OK)
		positions[found++] = (uint64_t)sqlite3_column_int64(stmt, 0);
	if (found < max && status != NZ_END)
		return status;
	*count = found;
	return NZ_OK;
}

/* ---- staging ---- */

static enum nz_status entry_set_staged(struct nz_sqr *r, uint64_t position, int64_t ref,
                                       struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(r->work, "UPDATE manifest SET state = 2, ref = ?2"
	                                  " WHERE position = ?1", &stmt, err));
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)position);
	(void)sqlite3_bind_int64(stmt, 2, ref);
	return nz_sqlite_run(r->work, stmt, err);
}

struct given {
	const struct nz_bytes *records;
	size_t at;
};

static enum nz_status next_given(void *context, struct nz_bytes *record, struct nz_error *err)
{
	struct given *given = context;

	(void)err;
	*record = given->records[given->at++];
	return NZ_OK;
}

static enum nz_status stage_rows(struct nz_sqr *r, const struct nz_batch *entry,
                                 const struct nz_bytes *records, size_t count, struct nz_error *err)
{
	int64_t id = 0;

	if (r->mode == NZ_SQR_INCREMENTAL)
		NZ_TRY(nz_sqr_staged_put(r, entry, records, count, &id, err));
	NZ_TRY(entry_set_staged(r, entry->position, id, err));
	if (r->mode != NZ_SQR_REBUILD)
		return NZ_OK;
	struct given given = {.records = records};
	return nz_sqr_fresh_put(r, entry, next_given, &given, err);
}

/* All of it or nothing, in both files. */
static enum nz_status stage_whole(struct nz_sqr *r, const struct nz_batch *entry,
                                  const struct nz_bytes *records, size_t count,
                                  struct nz_error *err)
{
	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(nz_sqlite_exec(r->work, "SAVEPOINT batch", err));
	const enum nz_status status = stage_rows(r, entry, records, count, err);
	if (status == NZ_OK)
		return nz_sqlite_exec(r->work, "RELEASE batch", err);
	if (sqlite3_exec(r->work, "ROLLBACK TO batch; RELEASE batch", NULL, NULL, NULL) != SQLITE_OK) {
		nz_sqr_rollback(r->work);
		r->planned = false;
	}
	return status;
}

enum nz_status nz_sqr_stage(struct nz_replica *replica, const struct nz_batch *batch,
                            const struct nz_bytes *records, size_t count, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	enum nz_sqr_entry_state state;
	struct nz_batch entry;

	if (!r->planned)
		return nz_fail(err, NZ_INVALID, "no plan was made");
	NZ_TRY(entry_get(r, batch->position, &entry, &state, err));
	if (entry.table != batch->table || entry.count != count ||
	    memcmp(&entry.root, &batch->root, sizeof(entry.root)) != 0)
		return nz_fail(err, NZ_INVALID, "batch %llu is not the manifest's",
		               (unsigned long long)batch->position);
	if (state != NZ_SQR_WANTED)
		return NZ_OK;
	const int64_t now = nz_clock_monotonic_ms();
	if (r->uncommitted_bytes == 0)
		r->uncommitted_since_ms = now;
	NZ_TRY(stage_whole(r, &entry, records, count, err));
	r->uncommitted_bytes += entry.bytes + 1;
	if (r->uncommitted_bytes < NZ_SQR_COMMIT_BYTES &&
	    now - r->uncommitted_since_ms < NZ_SQR_COMMIT_MS)
		return NZ_OK;
	return nz_sqr_staging_commit(r, err);
}

enum nz_status nz_sqr_discard(struct nz_replica *replica, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);

	NZ_TRY(nz_sqr_writable(r, err));
	if (r->repairing)
		return nz_fail(err, NZ_INVALID, "a repair is open");
	nz_sqr_end_sync(r);
	nz_sqr_fresh_remove(r);
	return nz_sqr_work_reset(r, err);
}
