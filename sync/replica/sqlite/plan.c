/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is held. The replica's batches are its stored manifest where nobody wrote since its rows were
 * verified, and otherwise cut anew from every row; a batch of the new manifest is held where one with
 * the same table, first key, root and count is among them (pair.c).
 */
#include "replica/sqlite/apply.h"
#include "replica/sqlite/merge.h"
#include "replica/sqlite/pair.h"
#include "replica/sqlite/plan.h"
#include "replica/sqlite/read.h"
#include "replica/sqlite/reuse.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/staging.h"

struct old_sink {
	struct nz_sqr *r;
	sqlite3_stmt *insert;
	uint64_t position;
	int64_t id; /* in a new replica's list; 0: none */
};

static enum nz_status old_add(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct old_sink *sink = context;

	(void)sqlite3_bind_int64(sink->insert, 1, (int64_t)sink->position++);
	(void)sqlite3_bind_int64(sink->insert, 2, (int64_t)batch->table);
	(void)sqlite3_bind_int64(sink->insert, 3, (int64_t)batch->ordinal);
	(void)sqlite3_bind_int64(sink->insert, 4, (int64_t)batch->count);
	(void)sqlite3_bind_int64(sink->insert, 5, (int64_t)batch->bytes);
	nz_sqr_bind_bytes(sink->insert, 6, nz_bytes_of(batch->root.bytes, sizeof(batch->root.bytes)));
	nz_sqr_bind_bytes(sink->insert, 7, batch->first_key);
	(void)sqlite3_bind_int64(sink->insert, 8, sink->id);
	return nz_sqlite_run(sink->r->work, sink->insert, err);
}

static enum nz_status prepare_old(struct nz_sqr *r, sqlite3_stmt **out, struct nz_error *err)
{
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM old", err));
	return nz_sqlite_prepare(r->work, "INSERT INTO old(position, tab, ordinal, count, bytes, root,"
	                                  " first_key, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", out,
	                         err);
}

/* ---- where the old batches come from ---- */

static enum nz_status scan_table(struct nz_sqr *r, struct nz_cutter *cutter, size_t table,
                                 struct nz_error *err)
{
	struct nz_scan *scan NZ_CLEANUP(nz_sqlite_scan_free) = NULL;
	struct nz_row row;
	enum nz_status status;

	NZ_TRY(nz_sqlite_scan(r->db, "main", &r->schema->tables[table], NULL, r->record_max_bytes,
	                      &scan, err));
	while ((status = nz_sqlite_scan_next(scan, &row, err)) == NZ_OK)
		NZ_TRY(nz_cutter_add(cutter, table, row.record, row.key, err));
	return status == NZ_END ? NZ_OK : status;
}

static enum nz_status old_from_rows(struct nz_sqr *r, struct old_sink *sink, struct nz_error *err)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	NZ_SQR_ROLLBACK(rollback, r->db);

	NZ_TRY(nz_sqlite_exec(r->db, "BEGIN", err));
	NZ_TRY(nz_cutter_new(r->crypto, r->schema, old_add, sink, &cutter));
	for (size_t table = 0; table < r->schema->table_count; table++)
		NZ_TRY(scan_table(r, cutter, table, err));
	return nz_cutter_finish(cutter, err);
}

static enum nz_status load_old(struct nz_sqr *r, struct nz_error *err)
{
	struct old_sink sink = {.r = r};
	NZ_STMT(insert);

	NZ_TRY(prepare_old(r, &insert, err));
	sink.insert = insert;
	NZ_TRY(nz_sqr_look(r, true, &r->plan_sight, err));
	NZ_TRY(nz_sqr_sight_verified(r, &r->plan_sight, &r->plan_trusted, err));
	if (r->plan_trusted)
		return nz_sqr_batches(&r->base, 0, UINT64_MAX, old_add, &sink, err);
	return old_from_rows(r, &sink, err);
}

/* The batches whose rows stand in the new replica. */
static enum nz_status old_from_fresh(struct nz_sqr *r, struct nz_error *err)
{
	struct old_sink sink = {.r = r};
	uint64_t ordinal = 0;
	size_t table = SIZE_MAX;
	enum nz_status status;
	NZ_STMT(insert);
	NZ_STMT(stmt);

	NZ_TRY(prepare_old(r, &insert, err));
	sink.insert = insert;
	NZ_TRY(nz_sqlite_prepare(r->fresh, "SELECT tab, count, root, first_key, id FROM _nz_staged"
	                                   " ORDER BY position", &stmt, err));
	while ((status = nz_sqlite_step(r->fresh, stmt, err)) == NZ_OK) {
		struct nz_batch batch = {
			.table = (size_t)sqlite3_column_int64(stmt, 0),
			.count = (uint32_t)sqlite3_column_int64(stmt, 1),
			.first_key = nz_sqr_column_bytes(stmt, 3),
		};

		NZ_TRY(nz_sqr_column_hash(stmt, 2, &batch.root, err));
		if (batch.table != table)
			ordinal = 0;
		table = batch.table;
		batch.ordinal = ordinal;
		ordinal += batch.count;
		sink.id = sqlite3_column_int64(stmt, 4);
		NZ_TRY(old_add(&sink, &batch, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

/* A batch without records needs no fetching. */
static enum nz_status set_empty(struct nz_sqr *r, struct nz_error *err)
{
	struct nz_hash empty;
	NZ_STMT(stmt);

	NZ_TRY(r->crypto->sha256(nz_bytes_of("", 0), empty.bytes));
	NZ_TRY(nz_sqlite_prepare(r->work, "UPDATE manifest SET state = 2, ref = NULL"
	                                  " WHERE count = 0 AND root = ?1", &stmt, err));
	nz_sqr_bind_bytes(stmt, 1, nz_bytes_of(empty.bytes, sizeof(empty.bytes)));
	return nz_sqlite_run(r->work, stmt, err);
}

/* ---- the two kinds of plan ---- */

/* Rows of batches that the source no longer has leave the new replica. */
static enum nz_status fresh_remove_untaken(struct nz_sqr *r, struct nz_error *err)
{
	uint64_t removed = 0;
	NZ_STMT(old);
	NZ_STMT(move);
	NZ_STMT(drop);
	enum nz_status status;

	NZ_TRY(nz_sqr_begin(r->fresh, err));
	NZ_TRY(nz_sqr_merge_untaken(r, r->fresh, err));
	NZ_TRY(nz_sqr_apply(r, r->fresh, r->schema, &removed, err));
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM op_delete", err));
	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT id, taken FROM old", &old, err));
	NZ_TRY(nz_sqlite_prepare(r->fresh, "UPDATE _nz_staged SET position = ?2 WHERE id = ?1", &move,
	                         err));
	NZ_TRY(nz_sqlite_prepare(r->fresh, "DELETE FROM _nz_staged WHERE id = ?1", &drop, err));
	while ((status = nz_sqlite_step(r->work, old, err)) == NZ_OK) {
		const bool taken = sqlite3_column_type(old, 1) != SQLITE_NULL;
		sqlite3_stmt *stmt = taken ? move : drop;

		(void)sqlite3_bind_int64(stmt, 1, sqlite3_column_int64(old, 0));
		if (taken)
			(void)sqlite3_bind_int64(stmt, 2, sqlite3_column_int64(old, 1));
		NZ_TRY(nz_sqlite_run(r->fresh, stmt, err));
	}
	return status == NZ_END ? nz_sqr_commit(r->fresh, err) : status;
}

static enum nz_status plan_rebuild(struct nz_sqr *r, struct nz_error *err)
{
	NZ_SQR_ROLLBACK(rollback, r->fresh);

	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(old_from_fresh(r, err));
	NZ_TRY(set_empty(r, err));
	NZ_TRY(nz_sqr_pair_old(r, NZ_SQR_STAGED, err));
	NZ_TRY(fresh_remove_untaken(r, err));
	NZ_TRY(nz_sqr_reuse(r, err));
	return nz_sqr_commit(r->work, err);
}

static bool is_beyond_amending(enum nz_status status, const struct nz_error *err)
{
	return status == NZ_MALFORMED || status == NZ_LIMIT || status == NZ_UNSUPPORTED ||
	       (status == NZ_DATABASE && ((err->code & 0xff) == SQLITE_CORRUPT || err->code == 0));
}

static enum nz_status plan_amend(struct nz_sqr *r, struct nz_error *err)
{
	struct nz_error why = {0};

	NZ_TRY(nz_sqr_begin(r->work, err));
	const enum nz_status status = load_old(r, &why);
	if (is_beyond_amending(status, &why)) {
		/* Rows that cannot even be read are not amended but replaced. */
		NZ_TRY(nz_sqr_turn_to_rebuild(r, err));
		return plan_rebuild(r, err);
	}
	if (status != NZ_OK)
		return nz_fail_code(err, status, why.code, "%s", why.message);
	NZ_TRY(set_empty(r, err));
	NZ_TRY(nz_sqr_pair_old(r, NZ_SQR_HELD, err));
	NZ_TRY(nz_sqr_pair_staged(r, err));
	return nz_sqr_commit(r->work, err);
}

static enum nz_status count_plan(struct nz_sqr *r, struct nz_replica_plan *out,
                                 struct nz_error *err)
{
	struct nz_replica_plan plan = {.rebuild = r->mode == NZ_SQR_REBUILD};
	enum nz_status status;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT state, count(*), sum(count), sum(bytes) FROM manifest"
	                                  " GROUP BY state", &stmt, err));
	while ((status = nz_sqlite_step(r->work, stmt, err)) == NZ_OK) {
		const uint64_t batches = (uint64_t)sqlite3_column_int64(stmt, 1);

		plan.batches_total += batches;
		if (sqlite3_column_int(stmt, 0) == NZ_SQR_HELD) {
			plan.batches_held += batches;
		} else if (sqlite3_column_int(stmt, 0) == NZ_SQR_STAGED) {
			/* Rows that the old replica had count as held, wherever they stand now. */
			plan.batches_held += r->reused;
			plan.batches_staged = batches - r->reused;
		} else {
			plan.batches_wanted = batches;
			plan.records_wanted = (uint64_t)sqlite3_column_int64(stmt, 2);
			plan.bytes_wanted = (uint64_t)sqlite3_column_int64(stmt, 3);
		}
	}
	if (status != NZ_END)
		return status;
	*out = plan;
	return NZ_OK;
}

enum nz_status nz_sqr_plan(struct nz_replica *replica, struct nz_replica_plan *out,
                           struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);

	if (r->mode == NZ_SQR_IDLE || r->planned)
		return nz_fail(err, NZ_INVALID, "no manifest was given");
	NZ_TRY(r->mode == NZ_SQR_REBUILD ? plan_rebuild(r, err) : plan_amend(r, err));
	NZ_TRY(count_plan(r, out, err));
	r->planned = true;
	return NZ_OK;
}
