/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading a dataset's index.
 *
 * A new index is written under a build id of its own, which nobody reads, in short transactions so
 * that the platform can go on writing between them. One more transaction makes it the dataset's
 * index. The rows of the old one go afterwards, again in short transactions. Who dies on the way
 * leaves rows that the next builder removes: holding the lock, it knows that nobody is at work.
 */
#include "state/sqlite/index.h"

#include <stdlib.h>

#include "state/sqlite/builds.h"
#include "state/sqlite/rows.h"

/* Entries and key bytes of one transaction. */
#define FLUSH_ENTRIES 1000
#define FLUSH_KEY_BYTES ((size_t)1 << 20)

/* ---- writing ---- */

static enum nz_status new_build(struct state_sqlite *s, int64_t dataset, int64_t *build,
                                struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "INSERT INTO index_build (dataset) VALUES (?)", &stmt,
	                         err));
	sqlite3_bind_int64(stmt, 1, dataset);
	NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	*build = sqlite3_last_insert_rowid(s->db);
	return NZ_OK;
}

enum nz_status state_index_begin(struct nz_state *state, const char *dataset,
                                 struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	int lock NZ_CLEANUP(state_unlock_builder) = -1;
	struct state_build build = {0};

	if (s->build.lock_fd >= 0)
		return nz_fail(err, NZ_INVALID, "an index is being written on this handle");
	NZ_TRY(state_dataset_id(s, dataset, &build.dataset, err));
	NZ_TRY(state_lock_builder(s, dataset, &lock, err));
	NZ_TRY(state_dataset_id(s, dataset, &build.dataset, err));
	NZ_TRY(state_drop_builds(s, build.dataset, err));
	NZ_TRY(new_build(s, build.dataset, &build.id, err));
	build.entries = calloc(FLUSH_ENTRIES, sizeof *build.entries);
	if (build.entries == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for an index");
	build.lock_fd = lock;
	lock = -1;
	s->build = build;
	return NZ_OK;
}

static enum nz_status insert_entries(struct state_sqlite *s, struct nz_error *err)
{
	const struct state_build *build = &s->build;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO index_entry (build, position, tab, ordinal, count,"
	                         " bytes, first_key, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	                         &stmt, err));
	for (size_t i = 0; i < build->count; i++) {
		const struct nz_batch *b = &build->entries[i].batch;

		sqlite3_bind_int64(stmt, 1, build->id);
		sqlite3_bind_int64(stmt, 2, (int64_t)b->position);
		sqlite3_bind_int64(stmt, 3, (int64_t)b->table);
		sqlite3_bind_int64(stmt, 4, (int64_t)b->ordinal);
		sqlite3_bind_int64(stmt, 5, b->count);
		sqlite3_bind_int64(stmt, 6, (int64_t)b->bytes);
		state_bind_bytes(stmt, 7,
		                 b->first_key.len > 0
		                         ? build->keys.ptr + build->entries[i].key_offset
		                         : NULL,
		                 b->first_key.len);
		state_bind_bytes(stmt, 8, b->root.bytes, sizeof b->root.bytes);
		NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	}
	return NZ_OK;
}

static enum nz_status flush_entries(struct state_sqlite *s, struct nz_error *err)
{
	if (s->build.count == 0)
		return NZ_OK;
	NZ_TRY(state_begin(s, err));
	NZ_TRY(state_end(s, insert_entries(s, err), err));
	s->build.count = 0;
	nz_buffer_reset(&s->build.keys);
	return NZ_OK;
}

enum nz_status state_index_add(struct nz_state *state, const struct nz_batch *batch,
                               struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	struct state_build *build = &s->build;

	if (build->lock_fd < 0)
		return nz_fail(err, NZ_INVALID, "no index is being written");
	if (build->count == FLUSH_ENTRIES || build->keys.len > FLUSH_KEY_BYTES)
		NZ_TRY(flush_entries(s, err));
	const size_t offset = build->keys.len;
	NZ_TRY(nz_buffer_append(&build->keys, batch->first_key.ptr, batch->first_key.len));
	build->entries[build->count++] = (struct state_entry){*batch, offset};
	return NZ_OK;
}

/* The current index as far as it decides about the epoch. */
struct current {
	int64_t epoch, build;
	bool same;
};

static enum nz_status get_current(struct state_sqlite *s, const struct nz_dataset *summary,
                                  struct current *out, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT epoch, build, root IS ?2 AND schema_sha256 IS ?3"
	                         " FROM dataset WHERE id = ?1",
	                         &stmt, err));
	sqlite3_bind_int64(stmt, 1, s->build.dataset);
	state_bind_bytes(stmt, 2, summary->root.bytes, sizeof summary->root.bytes);
	state_bind_bytes(stmt, 3, summary->schema_sha256.bytes,
	                 sizeof summary->schema_sha256.bytes);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "the dataset was removed meanwhile");
	NZ_TRY(status);
	out->epoch = sqlite3_column_int64(stmt, 0);
	out->build = sqlite3_column_int64(stmt, 1);
	out->same = out->epoch > 0 && sqlite3_column_int(stmt, 2) != 0;
	return NZ_OK;
}

/* One transaction: the new index counts, or the old one under the source's new version. */
static enum nz_status switch_over(struct state_sqlite *s, const struct nz_dataset *summary,
                                  int64_t *epoch, struct nz_error *err)
{
	struct current current = {0};
	NZ_STMT(stmt);

	NZ_TRY(get_current(s, summary, &current, err));
	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "UPDATE dataset SET epoch = ?, build = ?, root = ?,"
	                         " schema_sha256 = ?, version = ?, records = ?, batches = ?,"
	                         " bytes = ?, indexed_at = ?, schema_json = ? WHERE id = ?",
	                         &stmt, err));
	*epoch = current.same ? current.epoch : current.epoch + 1;
	sqlite3_bind_int64(stmt, 1, *epoch);
	sqlite3_bind_int64(stmt, 2, current.same ? current.build : s->build.id);
	state_bind_bytes(stmt, 3, summary->root.bytes, sizeof summary->root.bytes);
	state_bind_bytes(stmt, 4, summary->schema_sha256.bytes,
	                 sizeof summary->schema_sha256.bytes);
	state_bind_bytes(stmt, 5, summary->version.bytes, sizeof summary->version.bytes);
	sqlite3_bind_int64(stmt, 6, summary->records);
	sqlite3_bind_int64(stmt, 7, summary->batches);
	sqlite3_bind_int64(stmt, 8, summary->bytes);
	sqlite3_bind_int64(stmt, 9, summary->indexed_at);
	state_bind_text(stmt, 10, summary->schema_json);
	sqlite3_bind_int64(stmt, 11, s->build.dataset);
	return nz_sqlite_run(s->db, stmt, err);
}

static void end_build(struct state_sqlite *s)
{
	state_unlock_builder(&s->build.lock_fd);
	free(s->build.entries);
	nz_buffer_clear(&s->build.keys);
	s->build = (struct state_build){.lock_fd = -1};
}

static enum nz_status commit(struct state_sqlite *s, const struct nz_dataset *summary,
                             int64_t *epoch, struct nz_error *err)
{
	NZ_TRY(flush_entries(s, err));
	NZ_TRY(state_begin(s, err));
	return state_end(s, switch_over(s, summary, epoch, err), err);
}

enum nz_status state_index_commit(struct nz_state *state, const struct nz_dataset *summary,
                                  int64_t *epoch, struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	int64_t result = 0;

	if (s->build.lock_fd < 0)
		return nz_fail(err, NZ_INVALID, "no index is being written");
	const enum nz_status status = commit(s, summary, &result, err);
	/* Whichever build lost goes; where that fails, the next builder sees to it. */
	const enum nz_status dropped = state_drop_builds(s, s->build.dataset, NULL);
	(void)dropped;
	end_build(s);
	if (status == NZ_OK)
		*epoch = result;
	return status;
}

void state_index_abort(struct nz_state *state)
{
	struct state_sqlite *s = state_of(state);

	if (s->build.lock_fd < 0)
		return;
	const enum nz_status dropped = state_drop_builds(s, s->build.dataset, NULL);
	(void)dropped;
	end_build(s);
}

/* ---- reading ---- */

static enum nz_status get_build(struct state_sqlite *s, const char *dataset, int64_t epoch,
                                int64_t *build, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT build FROM dataset WHERE name = ? AND epoch = ?"
	                         " AND epoch > 0",
	                         &stmt, err));
	state_bind_text(stmt, 1, dataset);
	sqlite3_bind_int64(stmt, 2, epoch);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "'%s' is not at epoch %lld", dataset,
		               (long long)epoch);
	NZ_TRY(status);
	*build = sqlite3_column_int64(stmt, 0);
	return NZ_OK;
}

static enum nz_status read_entries(struct state_sqlite *s, const char *dataset, int64_t epoch,
                                   uint64_t from, uint64_t limit, nz_batch_sink sink,
                                   void *context, struct nz_error *err)
{
	enum nz_status status;
	int64_t build = 0;
	NZ_STMT(stmt);

	NZ_TRY(get_build(s, dataset, epoch, &build, err));
	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT position, tab, ordinal, count, bytes, first_key, root"
	                         " FROM index_entry WHERE build = ? AND position >= ?"
	                         " ORDER BY position LIMIT ?",
	                         &stmt, err));
	sqlite3_bind_int64(stmt, 1, build);
	sqlite3_bind_int64(stmt, 2, from < INT64_MAX ? (int64_t)from : INT64_MAX);
	sqlite3_bind_int64(stmt, 3, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	while ((status = nz_sqlite_step(s->db, stmt, err)) == NZ_OK) {
		struct nz_batch batch = {
			.position = (uint64_t)sqlite3_column_int64(stmt, 0),
			.table = (size_t)sqlite3_column_int64(stmt, 1),
			.ordinal = (uint64_t)sqlite3_column_int64(stmt, 2),
			.count = (uint32_t)sqlite3_column_int64(stmt, 3),
			.bytes = (uint64_t)sqlite3_column_int64(stmt, 4),
			.first_key = state_column(stmt, 5),
		};

		NZ_TRY(state_column_exact(stmt, 6, batch.root.bytes, sizeof batch.root.bytes, err));
		NZ_TRY(sink(context, &batch, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status state_index_read(struct nz_state *state, const char *dataset, int64_t epoch,
                                uint64_t from, uint64_t limit, nz_batch_sink sink, void *context,
                                struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);

	NZ_TRY(state_begin_read(s, err));
	return state_end(s, read_entries(s, dataset, epoch, from, limit, sink, context, err), err);
}
