/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair of single rows. What is to be done is noted first and carried out at the end in one
 * transaction, every removal before the first insertion. Begun inside a read, the repair is of that
 * very snapshot, and fails where somebody has written since.
 */
#include "replica/sqlite/apply.h"
#include "replica/sqlite/read.h"
#include "replica/sqlite/repair.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/work.h"

static enum nz_status check_call(struct nz_sqr *r, size_t table, struct nz_error *err)
{
	if (!r->repairing || r->own == NULL || table >= r->own->table_count)
		return nz_fail(err, NZ_INVALID, "no repair is open, or no such table");
	return NZ_OK;
}

/* Rows are addressed as the last read gave them, which holds only while nobody writes. */
static enum nz_status begin_unchanged(struct nz_sqr *r, struct nz_error *err)
{
	int64_t version = 0;

	NZ_TRY(nz_sqr_begin(r->db, err));
	enum nz_status status = nz_sqr_data_version(r, &version, err);
	if (status == NZ_OK && r->read_sight.taken && version != r->read_sight.data_version)
		status = nz_fail(err, NZ_BUSY,
		                 "%s was written to by another program since its rows were read",
		                 r->path);
	if (status != NZ_OK)
		nz_sqr_rollback(r->db);
	return status;
}

enum nz_status nz_sqr_repair_begin(struct nz_replica *replica, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	const struct nz_schema *schema = NULL;

	NZ_TRY(nz_sqr_writable(r, err));
	if (r->mode != NZ_SQR_IDLE || r->repairing)
		return nz_fail(err, NZ_INVALID, "a sync or a repair is open");
	NZ_TRY(nz_sqr_own_schema(r, &schema, err));
	NZ_TRY(nz_sqr_work(r, err));
	if (!r->reading)
		NZ_TRY(begin_unchanged(r, err));
	const enum nz_status status = nz_sqr_begin(r->work, err);
	if (status == NZ_OK) {
		r->repairing = true;
		return nz_sqlite_exec(r->work, "DELETE FROM op_delete; DELETE FROM op_insert", err);
	}
	if (!r->reading)
		nz_sqr_rollback(r->db);
	return status;
}

enum nz_status nz_sqr_repair_remove(struct nz_replica *replica, size_t table, int64_t rowid,
                                    struct nz_bytes record, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	const struct nz_row row = {.record = record, .rowid = rowid};
	NZ_STMT(stmt);

	NZ_TRY(check_call(r, table, err));
	NZ_TRY(nz_sqlite_prepare(r->work, "INSERT INTO op_delete(tab, row, record) VALUES (?1, ?2, ?3)",
	                         &stmt, err));
	return nz_sqr_op_delete(stmt, r->work, table, &row, err);
}

enum nz_status nz_sqr_repair_put(struct nz_replica *replica, size_t table, struct nz_bytes record,
                                 struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	NZ_STMT(stmt);

	NZ_TRY(check_call(r, table, err));
	NZ_TRY(nz_sqlite_prepare(r->work, "INSERT INTO op_insert(tab, record) VALUES (?1, ?2)", &stmt,
	                         err));
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)table);
	nz_sqr_bind_bytes(stmt, 2, record);
	return nz_sqlite_run(r->work, stmt, err);
}

static enum nz_status repair_commit(struct nz_sqr *r, struct nz_error *err)
{
	uint64_t changed = 0;

	NZ_TRY(nz_sqr_apply(r, r->db, r->own, &changed, err));
	return nz_sqr_commit(r->db, err);
}

enum nz_status nz_sqr_repair_end(struct nz_replica *replica, bool commit, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);

	if (!r->repairing)
		return nz_fail(err, NZ_INVALID, "no repair is open");
	const enum nz_status status = commit ? repair_commit(r, err) : NZ_OK;
	nz_sqr_rollback(r->db);
	nz_sqr_rollback(r->work);
	r->repairing = false;
	r->reading = false;
	return status;
}
