/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what was published, from one snapshot. */
#include "replica/sqlite/read.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"

enum nz_status nz_sqr_read_begin(struct nz_replica *replica, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	struct nz_sqr_sight sight = {0};
	int64_t ignored = 0;

	if (r->reading || r->repairing)
		return nz_fail(err, NZ_INVALID, "a read is open already");
	NZ_TRY(nz_sqr_attach(r, err));
	/* Looked at before the snapshot: a write between the two then shows as a change. */
	NZ_TRY(nz_sqr_look(r, !r->read_only, &sight, err));
	NZ_TRY(nz_sqlite_exec(r->db, "BEGIN", err));
	const enum nz_status status =
		nz_sqr_integer(r->db, "SELECT count(*) FROM main.sqlite_master", 0, &ignored, err);
	if (status != NZ_OK) {
		nz_sqr_rollback(r->db);
		return status;
	}
	r->read_sight = sight;
	r->reading = true;
	nz_schema_free(&r->own);
	return NZ_OK;
}

void nz_sqr_read_end(struct nz_replica *replica)
{
	struct nz_sqr *r = nz_sqr_of(replica);

	if (r->reading && !r->repairing)
		nz_sqr_rollback(r->db);
	r->reading = false;
}

enum nz_status nz_sqr_schema(struct nz_replica *replica, struct nz_schema **out,
                             struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	bool there = false;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_attach(r, err));
	NZ_TRY(nz_sqr_has_table(r->db, "_nz_checkpoint", &there, err));
	if (!there)
		return nz_fail(err, NZ_NOT_FOUND, "%s was never synced", r->path);
	NZ_TRY(nz_sqlite_prepare(r->db, "SELECT schema FROM main._nz_checkpoint WHERE id = 1", &stmt,
	                         err));
	const enum nz_status status = nz_sqlite_step(r->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "%s was never synced", r->path);
	NZ_TRY(status);
	const enum nz_status parsed = nz_sqr_schema_parse(nz_sqr_column_bytes(stmt, 0), out, err);
	if (parsed != NZ_OK && parsed != NZ_NO_MEMORY)
		return nz_error_prefix(err, nz_fail(err, NZ_DATABASE, "its stored schema is damaged"),
		                       "%s", r->path);
	return parsed;
}

enum nz_status nz_sqr_own_schema(struct nz_sqr *r, const struct nz_schema **out,
                                 struct nz_error *err)
{
	if (r->own == NULL)
		NZ_TRY(nz_sqr_schema(&r->base, &r->own, err));
	*out = r->own;
	return NZ_OK;
}

/* ---- the manifest ---- */

/* Records of the table of position `from` in the positions before it. */
static enum nz_status ordinal_at(struct nz_sqr *r, uint64_t from, uint64_t *out,
                                 struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(r->db, "SELECT coalesce(sum(count), 0) FROM main._nz_batch"
	                                " WHERE position < ?1 AND tab = (SELECT tab"
	                                " FROM main._nz_batch WHERE position = ?1)", &stmt, err));
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)from);
	const enum nz_status status = nz_sqlite_step(r->db, stmt, err);
	if (status != NZ_OK)
		return status;
	return nz_sqr_column_count(stmt, 0, INT64_MAX, out, err);
}

static enum nz_status batch_read(sqlite3_stmt *stmt, size_t table_count, struct nz_batch *out,
                                 struct nz_error *err)
{
	uint64_t table = 0, count = 0;

	NZ_TRY(nz_sqr_column_count(stmt, 0, INT64_MAX, &out->position, err));
	NZ_TRY(nz_sqr_column_count(stmt, 1, table_count - 1, &table, err));
	NZ_TRY(nz_sqr_column_count(stmt, 2, NZ_BATCH_MAX_RECORDS, &count, err));
	NZ_TRY(nz_sqr_column_count(stmt, 3, INT64_MAX, &out->bytes, err));
	NZ_TRY(nz_sqr_column_hash(stmt, 4, &out->root, err));
	out->first_key = nz_sqr_column_bytes(stmt, 5);
	out->table = (size_t)table;
	out->count = (uint32_t)count;
	return NZ_OK;
}

enum nz_status nz_sqr_batches(struct nz_replica *replica, uint64_t from, uint64_t limit,
                              nz_batch_sink sink, void *context, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	const struct nz_schema *schema = NULL;
	uint64_t ordinal = 0, given = 0;
	size_t table = SIZE_MAX;
	enum nz_status status = NZ_END;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_own_schema(r, &schema, err));
	if (from > INT64_MAX || schema->table_count == 0)
		return NZ_OK;
	NZ_TRY(nz_sqlite_prepare(r->db, "SELECT position, tab, count, bytes, root, first_key"
	                                " FROM main._nz_batch WHERE position >= ?1"
	                                " ORDER BY position", &stmt, err));
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)from);
	while (given < limit && (status = nz_sqlite_step(r->db, stmt, err)) == NZ_OK) {
		struct nz_batch batch = {0};

		NZ_TRY(batch_read(stmt, schema->table_count, &batch, err));
		if (given == 0 && from > 0)
			NZ_TRY(ordinal_at(r, batch.position, &ordinal, err));
		else if (batch.table != table)
			ordinal = 0;
		table = batch.table;
		batch.ordinal = ordinal;
		ordinal += batch.count;
		given++;
		NZ_TRY(sink(context, &batch, err));
	}
	return given == limit || status == NZ_END ? NZ_OK : status;
}

enum nz_status nz_sqr_scan(struct nz_replica *replica, const struct nz_schema *schema, size_t table,
                           const struct nz_scan_from *from, struct nz_scan **out,
                           struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);

	if (!r->reading || table >= schema->table_count)
		return nz_fail(err, NZ_INVALID, "no read is open, or no such table");
	return nz_sqlite_scan(r->db, "main", &schema->tables[table], from, r->record_max_bytes, out,
	                      err);
}
