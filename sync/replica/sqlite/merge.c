/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From batches to rows. Batches that are kept stand in the same order in the old manifest and in the
 * new one, so between two of them an old run of batches faces a new run. Their rows are compared in
 * key order, and what differs is noted in the work file: nothing is written while it is read, and
 * memory does not grow with the number of changes.
 */
#include "replica/sqlite/apply.h"
#include "replica/sqlite/merge.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/staged.h"

/* Rows of the database, batch after batch of `old` in one run. */
struct old_rows {
	struct nz_sqr *r;
	sqlite3 *db;
	const struct nz_table *table;
	size_t tab;
	sqlite3_stmt *batches; /* position, tab, ordinal, count, first_key, taken */
	bool batch_there;      /* batches stands on a row */
	uint64_t left;         /* rows left of the batch that was begun */
	struct nz_scan *scan;
	uint64_t scan_at; /* ordinal of the scan's next row */
	bool row_there;
	struct nz_row row;
};

/* Records of staged batches, batch after batch of the new manifest in one run. */
struct new_rows {
	struct nz_sqr *r;
	const struct nz_table *table;
	size_t tab;
	sqlite3_stmt *batches; /* position, tab, count, state, ref */
	bool batch_there;
	bool open; /* a staged batch is being read */
	bool fresh; /* none of its records was looked at */
	struct nz_sqr_staged staged;
	int64_t staged_id;
	bool record_there;
	struct nz_bytes record;
	struct nz_buffer key;
};

struct merge {
	struct old_rows old;
	struct new_rows new_;
	sqlite3_stmt *op_delete;
	sqlite3_stmt *op_insert;
};

static void old_clear(struct old_rows *o)
{
	nz_sqlite_scan_free(&o->scan);
	nz_sqlite_finalize(&o->batches);
}

static void merge_clear(struct merge *m)
{
	old_clear(&m->old);
	nz_sqr_staged_clear(&m->new_.staged);
	nz_buffer_clear(&m->new_.key);
	nz_sqlite_finalize(&m->new_.batches);
	nz_sqlite_finalize(&m->op_delete);
	nz_sqlite_finalize(&m->op_insert);
}

static enum nz_status step_batches(sqlite3 *work, sqlite3_stmt *stmt, bool *there,
                                   struct nz_error *err)
{
	const enum nz_status status = nz_sqlite_step(work, stmt, err);

	if (status != NZ_OK && status != NZ_END)
		return status;
	*there = status == NZ_OK;
	return NZ_OK;
}

/* ---- old rows ---- */

static bool old_taken(const struct old_rows *o)
{
	return sqlite3_column_type(o->batches, 5) != SQLITE_NULL;
}

/* Brings the scan to the first row of the batch at hand. */
static enum nz_status old_seek(struct old_rows *o, struct nz_error *err)
{
	const struct nz_scan_from from = {nz_sqr_column_bytes(o->batches, 4),
	                                  (uint64_t)sqlite3_column_int64(o->batches, 2)};

	if (o->scan != NULL && o->scan_at != from.ordinal && nz_sqlite_scan_seeks(o->table))
		nz_sqlite_scan_free(&o->scan);
	if (o->scan == NULL) {
		/* An engine that has to read from the start does so once a table. */
		const bool seeks = nz_sqlite_scan_seeks(o->table);

		NZ_TRY(nz_sqlite_scan(o->db, "main", o->table, seeks ? &from : NULL,
		                      o->r->record_max_bytes, &o->scan, err));
		o->scan_at = seeks ? from.ordinal : 0;
	}
	while (o->scan_at < from.ordinal) {
		struct nz_row skipped;

		NZ_TRY(nz_sqlite_scan_next(o->scan, &skipped, err));
		o->scan_at++;
	}
	return NZ_OK;
}

/* The next row of the run, or none at its end. */
static enum nz_status old_next(struct old_rows *o, struct nz_error *err)
{
	o->row_there = false;
	while (o->left == 0) {
		if (!o->batch_there || (size_t)sqlite3_column_int64(o->batches, 1) != o->tab ||
		    old_taken(o))
			return NZ_OK;
		o->left = (uint64_t)sqlite3_column_int64(o->batches, 3);
		if (o->left > 0)
			NZ_TRY(old_seek(o, err));
		NZ_TRY(step_batches(o->r->work, o->batches, &o->batch_there, err));
	}
	const enum nz_status status = nz_sqlite_scan_next(o->scan, &o->row, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_BUSY, "table %s has fewer rows than a moment ago",
		               o->table->name);
	NZ_TRY(status);
	o->scan_at++;
	o->left--;
	o->row_there = true;
	return NZ_OK;
}

static enum nz_status old_start(struct old_rows *o, struct nz_sqr *r, sqlite3 *db,
                                struct nz_error *err)
{
	*o = (struct old_rows){.r = r, .db = db};
	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT position, tab, ordinal, count, first_key, taken"
	                                  " FROM old ORDER BY position", &o->batches, err));
	return step_batches(r->work, o->batches, &o->batch_there, err);
}

static void old_table(struct old_rows *o, size_t tab)
{
	nz_sqlite_scan_free(&o->scan);
	o->tab = tab;
	o->table = &o->r->schema->tables[tab];
	o->left = 0;
}

/* ---- new records ---- */

static bool new_is_held(const struct new_rows *n)
{
	return sqlite3_column_int64(n->batches, 3) == NZ_SQR_HELD;
}

static enum nz_status new_open(struct new_rows *n, struct nz_error *err)
{
	if (sqlite3_column_int64(n->batches, 3) != NZ_SQR_STAGED)
		return nz_fail(err, NZ_INVALID, "a batch is neither held nor staged");
	n->open = sqlite3_column_type(n->batches, 4) != SQLITE_NULL;
	if (n->open) {
		n->staged_id = sqlite3_column_int64(n->batches, 4);
		n->fresh = true;
		NZ_TRY(nz_sqr_staged_open(&n->staged, n->r, n->staged_id, err));
	}
	return step_batches(n->r->work, n->batches, &n->batch_there, err);
}

static enum nz_status new_next(struct new_rows *n, struct nz_error *err)
{
	n->record_there = false;
	for (;;) {
		if (!n->open) {
			if (!n->batch_there ||
			    (size_t)sqlite3_column_int64(n->batches, 1) != n->tab || new_is_held(n))
				return NZ_OK;
			NZ_TRY(new_open(n, err));
			continue;
		}
		const enum nz_status status = nz_sqr_staged_next(
			&n->staged, n->r->record_max_bytes, &n->record, err);
		if (status == NZ_END) {
			n->open = false;
			continue;
		}
		NZ_TRY(status);
		nz_buffer_reset(&n->key);
		NZ_TRY(nz_record_key(n->table, n->record, &n->key));
		n->record_there = true;
		return NZ_OK;
	}
}

static enum nz_status new_start(struct new_rows *n, struct nz_sqr *r, struct nz_error *err)
{
	*n = (struct new_rows){.r = r};
	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT position, tab, count, state, ref FROM manifest"
	                                  " ORDER BY position", &n->batches, err));
	return step_batches(r->work, n->batches, &n->batch_there, err);
}

/* ---- what differs ---- */

static enum nz_status note_insert(struct merge *m, const struct nz_bytes *record, int64_t staged,
                                  struct nz_error *err)
{
	(void)sqlite3_bind_int64(m->op_insert, 1, (int64_t)m->new_.tab);
	if (record != NULL) {
		(void)sqlite3_bind_null(m->op_insert, 2);
		nz_sqr_bind_bytes(m->op_insert, 3, *record);
	} else {
		(void)sqlite3_bind_int64(m->op_insert, 2, staged);
		(void)sqlite3_bind_null(m->op_insert, 3);
	}
	return nz_sqlite_run(m->new_.r->work, m->op_insert, err);
}

/* The run's new record goes in; a whole batch at once where no old row can be between. */
static enum nz_status merge_insert(struct merge *m, struct nz_error *err)
{
	struct new_rows *n = &m->new_;

	if (!m->old.row_there && n->fresh) {
		NZ_TRY(note_insert(m, NULL, n->staged_id, err));
		n->open = false;
	} else {
		n->fresh = false;
		NZ_TRY(note_insert(m, &n->record, 0, err));
	}
	return new_next(n, err);
}

static enum nz_status merge_delete(struct merge *m, struct nz_error *err)
{
	NZ_TRY(nz_sqr_op_delete(m->op_delete, m->old.r->work, m->old.tab, &m->old.row, err));
	return old_next(&m->old, err);
}

static enum nz_status merge_equal_keys(struct merge *m, struct nz_error *err)
{
	m->new_.fresh = false;
	if (!nz_bytes_equal(m->old.row.record, m->new_.record)) {
		NZ_TRY(nz_sqr_op_delete(m->op_delete, m->old.r->work, m->old.tab, &m->old.row, err));
		NZ_TRY(note_insert(m, &m->new_.record, 0, err));
	}
	NZ_TRY(old_next(&m->old, err));
	return new_next(&m->new_, err);
}

static enum nz_status merge_run(struct merge *m, struct nz_error *err)
{
	NZ_TRY(old_next(&m->old, err));
	NZ_TRY(new_next(&m->new_, err));
	while (m->old.row_there || m->new_.record_there) {
		int order = m->old.row_there ? -1 : 1;

		if (m->old.row_there && m->new_.record_there)
			order = nz_bytes_compare(m->old.row.key, nz_buffer_bytes(&m->new_.key));
		if (order < 0)
			NZ_TRY(merge_delete(m, err));
		else if (order > 0)
			NZ_TRY(merge_insert(m, err));
		else
			NZ_TRY(merge_equal_keys(m, err));
	}
	return NZ_OK;
}

static enum nz_status merge_table(struct merge *m, size_t tab, struct nz_error *err)
{
	struct nz_sqr *r = m->old.r;

	old_table(&m->old, tab);
	m->new_.tab = tab;
	m->new_.table = m->old.table;
	for (;;) {
		NZ_TRY(merge_run(m, err));
		const bool old_more =
			m->old.batch_there && (size_t)sqlite3_column_int64(m->old.batches, 1) == tab;
		const bool new_more =
			m->new_.batch_there && (size_t)sqlite3_column_int64(m->new_.batches, 1) == tab;

		if (!old_more && !new_more)
			return NZ_OK;
		/* Both runs ended at a batch that is kept: the same one. */
		if (!old_more || !new_more ||
		    sqlite3_column_int64(m->old.batches, 5) !=
			    sqlite3_column_int64(m->new_.batches, 0))
			return nz_fail(err, NZ_MISMATCH, "batches of table %s changed their order",
			               m->old.table->name);
		NZ_TRY(step_batches(r->work, m->old.batches, &m->old.batch_there, err));
		NZ_TRY(step_batches(r->work, m->new_.batches, &m->new_.batch_there, err));
	}
}

static enum nz_status prepare_ops(struct nz_sqr *r, struct merge *m, struct nz_error *err)
{
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM op_delete; DELETE FROM op_insert", err));
	NZ_TRY(nz_sqlite_prepare(r->work, "INSERT INTO op_delete(tab, row, record) VALUES (?1, ?2, ?3)",
	                         &m->op_delete, err));
	return nz_sqlite_prepare(r->work, "INSERT INTO op_insert(tab, staged, record)"
	                                  " VALUES (?1, ?2, ?3)", &m->op_insert, err);
}

enum nz_status nz_sqr_merge(struct nz_sqr *r, struct nz_error *err)
{
	struct merge m NZ_CLEANUP(merge_clear) = {0};

	NZ_TRY(prepare_ops(r, &m, err));
	NZ_TRY(old_start(&m.old, r, r->db, err));
	NZ_TRY(new_start(&m.new_, r, err));
	for (size_t tab = 0; tab < r->schema->table_count; tab++)
		NZ_TRY(merge_table(&m, tab, err));
	return NZ_OK;
}

static enum nz_status untaken_table(struct merge *m, size_t tab, struct nz_error *err)
{
	struct old_rows *o = &m->old;

	old_table(o, tab);
	for (;;) {
		NZ_TRY(old_next(o, err));
		while (o->row_there)
			NZ_TRY(merge_delete(m, err));
		if (!o->batch_there || (size_t)sqlite3_column_int64(o->batches, 1) != tab)
			return NZ_OK;
		NZ_TRY(step_batches(o->r->work, o->batches, &o->batch_there, err));
	}
}

enum nz_status nz_sqr_merge_untaken(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
{
	struct merge m NZ_CLEANUP(merge_clear) = {0};

	NZ_TRY(prepare_ops(r, &m, err));
	NZ_TRY(old_start(&m.old, r, db, err));
	for (size_t tab = 0; tab < r->schema->table_count; tab++)
		NZ_TRY(untaken_table(&m, tab, err));
	return NZ_OK;
}
