/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the old replica for the new one. A schema changes in one table, or by an index or by new
 * planner statistics alone, and most rows stay: those of tables that are declared alike in both need
 * not be fetched again. Their batches count under the same rule as always (roots recomputed from the
 * rows, or known to be untouched since they were), and are copied from the snapshot they were read in.
 *
 * This only saves work: where the old replica cannot be read it is left alone.
 */
#include <stdlib.h>
#include <string.h>

#include "replica/sqlite/checkpoint.h"
#include "replica/sqlite/fresh.h"
#include "replica/sqlite/pair.h"
#include "replica/sqlite/read.h"
#include "replica/sqlite/reuse.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"

struct reuse {
	struct nz_sqr *r;
	const struct nz_schema *own; /* of the old replica */
	size_t *becomes;             /* by its tables: the index in the new schema, or SIZE_MAX */
	sqlite3_stmt *insert;        /* into `old` */
	uint64_t position;
	uint64_t bytes; /* copied since the last commit */
};

static void reuse_clear(struct reuse *u)
{
	free(u->becomes);
	nz_sqlite_finalize(&u->insert);
}

/* Declared alike: then records, keys and batches are, too. */
static bool is_alike(const struct nz_table *a, const struct nz_table *b)
{
	return a->ddl_count > 0 && b->ddl_count > 0 && strcmp(a->ddl[0], b->ddl[0]) == 0 &&
	       a->column_count == b->column_count && a->key_count == b->key_count &&
	       (a->key_count == 0 || memcmp(a->key, b->key, a->key_count * sizeof(*a->key)) == 0);
}

/* The declaration still stands in the file, byte for byte. */
static enum nz_status stands(struct nz_sqr *r, const struct nz_table *table, bool *out,
                             struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(r->db, "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND"
	                                " name = ?1 AND sql = ?2", &stmt, err));
	(void)sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, table->ddl[0], -1, SQLITE_STATIC);
	const enum nz_status status = nz_sqlite_step(r->db, stmt, err);
	*out = status == NZ_OK;
	return status == NZ_END ? NZ_OK : status;
}

static enum nz_status match_tables(struct reuse *u, bool *any, struct nz_error *err)
{
	struct nz_sqr *r = u->r;

	u->becomes = calloc(u->own->table_count + 1, sizeof(*u->becomes));
	if (u->becomes == NULL)
		return NZ_NO_MEMORY;
	*any = false;
	for (size_t i = 0; i < u->own->table_count; i++) {
		const struct nz_table *own = &u->own->tables[i];
		const struct nz_table *table = nz_schema_find(r->schema, nz_bytes_str(own->name));
		bool there = false;

		u->becomes[i] = SIZE_MAX;
		if (table == NULL || !is_alike(own, table))
			continue;
		NZ_TRY(stands(r, own, &there, err));
		if (there)
			u->becomes[i] = (size_t)(table - r->schema->tables);
		*any = *any || there;
	}
	return NZ_OK;
}

static enum nz_status on_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct reuse *u = context;
	const size_t table = u->becomes[batch->table];

	if (table == SIZE_MAX || batch->count == 0)
		return NZ_OK;
	(void)sqlite3_bind_int64(u->insert, 1, (int64_t)u->position++);
	(void)sqlite3_bind_int64(u->insert, 2, (int64_t)table);
	(void)sqlite3_bind_int64(u->insert, 3, (int64_t)batch->ordinal);
	(void)sqlite3_bind_int64(u->insert, 4, (int64_t)batch->count);
	(void)sqlite3_bind_int64(u->insert, 5, (int64_t)batch->bytes);
	nz_sqr_bind_bytes(u->insert, 6, nz_bytes_of(batch->root.bytes, sizeof(batch->root.bytes)));
	nz_sqr_bind_bytes(u->insert, 7, batch->first_key);
	return nz_sqlite_run(u->r->work, u->insert, err);
}

static enum nz_status cut_table(struct reuse *u, struct nz_cutter *cutter, size_t table,
                                struct nz_error *err)
{
	struct nz_scan *scan NZ_CLEANUP(nz_sqlite_scan_free) = NULL;
	struct nz_row row;
	enum nz_status status;

	NZ_TRY(nz_sqlite_scan(u->r->db, "main", &u->own->tables[table], NULL, u->r->record_max_bytes,
	                      &scan, err));
	while ((status = nz_sqlite_scan_next(scan, &row, err)) == NZ_OK)
		NZ_TRY(nz_cutter_add(cutter, table, row.record, row.key, err));
	return status == NZ_END ? NZ_OK : status;
}

static enum nz_status cut_rows(struct reuse *u, struct nz_error *err)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;

	NZ_TRY(nz_cutter_new(u->r->crypto, u->own, on_batch, u, &cutter));
	for (size_t i = 0; i < u->own->table_count; i++) {
		if (u->becomes[i] != SIZE_MAX)
			NZ_TRY(cut_table(u, cutter, i, err));
	}
	return nz_cutter_finish(cutter, err);
}

/* ---- copying ---- */

struct copier {
	struct reuse *u;
	size_t table; /* of the scan */
	struct nz_scan *scan;
	uint64_t scan_at;
};

static void copier_clear(struct copier *c)
{
	nz_sqlite_scan_free(&c->scan);
}

static enum nz_status copier_seek(struct copier *c, size_t table, const struct nz_scan_from *from,
                                  struct nz_error *err)
{
	const struct nz_table *declared = &c->u->r->schema->tables[table];
	const bool seeks = nz_sqlite_scan_seeks(declared);
	struct nz_row skipped;

	if (c->scan != NULL && (c->table != table || (seeks && c->scan_at != from->ordinal)))
		nz_sqlite_scan_free(&c->scan);
	if (c->scan == NULL) {
		NZ_TRY(nz_sqlite_scan(c->u->r->db, "main", declared, seeks ? from : NULL,
		                      c->u->r->record_max_bytes, &c->scan, err));
		c->table = table;
		c->scan_at = seeks ? from->ordinal : 0;
	}
	for (; c->scan_at < from->ordinal; c->scan_at++)
		NZ_TRY(nz_sqlite_scan_next(c->scan, &skipped, err));
	return NZ_OK;
}

static enum nz_status next_record(void *context, struct nz_bytes *record, struct nz_error *err)
{
	struct copier *c = context;
	struct nz_row row;

	const enum nz_status status = nz_sqlite_scan_next(c->scan, &row, err);
	if (status != NZ_OK)
		return status == NZ_END ? nz_fail(err, NZ_DATABASE, "rows are missing") : status;
	c->scan_at++;
	*record = row.record;
	return NZ_OK;
}

static enum nz_status copy_batch(struct copier *c, sqlite3_stmt *old, sqlite3_stmt *done,
                                 struct nz_error *err)
{
	struct nz_sqr *r = c->u->r;
	struct nz_batch batch = {
		.position = (uint64_t)sqlite3_column_int64(old, 0),
		.table = (size_t)sqlite3_column_int64(old, 1),
		.ordinal = (uint64_t)sqlite3_column_int64(old, 2),
		.count = (uint32_t)sqlite3_column_int64(old, 3),
		.bytes = (uint64_t)sqlite3_column_int64(old, 4),
		.first_key = nz_sqr_column_bytes(old, 6),
	};
	const struct nz_scan_from from = {batch.first_key, batch.ordinal};

	NZ_TRY(nz_sqr_column_hash(old, 5, &batch.root, err));
	NZ_TRY(copier_seek(c, batch.table, &from, err));
	NZ_TRY(nz_sqr_fresh_put(r, &batch, next_record, c, err));
	(void)sqlite3_bind_int64(done, 1, (int64_t)batch.position);
	NZ_TRY(nz_sqlite_run(r->work, done, err));
	r->reused++;
	c->u->bytes += batch.bytes;
	if (c->u->bytes < NZ_SQR_COMMIT_BYTES)
		return NZ_OK;
	c->u->bytes = 0;
	return nz_sqr_commit(r->fresh, err);
}

static enum nz_status copy_taken(struct reuse *u, struct nz_error *err)
{
	struct copier c NZ_CLEANUP(copier_clear) = {.u = u};
	NZ_STMT(old);
	NZ_STMT(done);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(u->r->work, "SELECT taken, tab, ordinal, count, bytes, root, first_key"
	                                     " FROM old WHERE taken IS NOT NULL ORDER BY position",
	                         &old, err));
	NZ_TRY(nz_sqlite_prepare(u->r->work, "UPDATE manifest SET state = 2 WHERE position = ?1", &done,
	                         err));
	while ((status = nz_sqlite_step(u->r->work, old, err)) == NZ_OK)
		NZ_TRY(copy_batch(&c, old, done, err));
	return status == NZ_END ? nz_sqr_commit(u->r->fresh, err) : status;
}

static enum nz_status reuse_rows(struct nz_sqr *r, struct nz_error *err)
{
	struct reuse u NZ_CLEANUP(reuse_clear) = {.r = r};
	NZ_SQR_ROLLBACK(rollback, r->db);
	struct nz_sqr_sight sight = {0};
	bool any = false, verified = false;
	int64_t version = 0;

	NZ_TRY(nz_sqr_own_schema(r, &u.own, err));
	NZ_TRY(nz_sqr_look(r, true, &sight, err));
	NZ_TRY(nz_sqlite_exec(r->db, "BEGIN", err));
	NZ_TRY(match_tables(&u, &any, err));
	if (!any)
		return NZ_OK;
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM old", err));
	NZ_TRY(nz_sqlite_prepare(r->work, "INSERT INTO old(position, tab, ordinal, count, bytes, root,"
	                                  " first_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &u.insert,
	                         err));
	NZ_TRY(nz_sqr_sight_verified(r, &sight, &verified, err));
	NZ_TRY(nz_sqr_data_version(r, &version, err));
	NZ_TRY(verified && version == sight.data_version
	               ? nz_sqr_batches(&r->base, 0, UINT64_MAX, on_batch, &u, err)
	               : cut_rows(&u, err));
	NZ_TRY(nz_sqr_pair_old(r, NZ_SQR_HELD, err));
	return copy_taken(&u, err);
}

/* True when the old replica is of the dataset that is being synced. */
static bool is_of_the_dataset(struct nz_sqr *r)
{
	struct nz_checkpoint own NZ_CLEANUP(nz_checkpoint_clear) = {0};

	return r->db != NULL && nz_sqr_checkpoint(&r->base, &own, NULL) == NZ_OK &&
	       strcmp(own.statement.lineage, r->statement.lineage) == 0;
}

enum nz_status nz_sqr_reuse(struct nz_sqr *r, struct nz_error *err)
{
	struct nz_error why = {0};

	r->reused = 0;
	if (!is_of_the_dataset(r))
		return NZ_OK;
	const enum nz_status status = reuse_rows(r, &why);
	/* Without room or memory nothing else would work either. */
	if (status == NZ_NO_MEMORY || status == NZ_IO)
		return nz_fail_code(err, status, why.code, "%s", why.message);
	/* What was not copied is fetched. */
	return nz_sqlite_exec(r->work, "UPDATE manifest SET state = 0, ref = NULL WHERE state = 1", err);
}
