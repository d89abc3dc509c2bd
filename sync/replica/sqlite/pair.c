/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of the new manifest and those that are at hand: a pair has the same table, first key, root
 * and count. Batches that are alike in all of these stand side by side (only equal records can fill
 * them), so pairing them in order keeps the order.
 */
#include "replica/sqlite/pair.h"
#include "replica/sqlite/sql.h"

struct pairing {
	struct nz_sqr *r;
	sqlite3_stmt *entries, *find, *take, *set;
};

static void pairing_clear(struct pairing *p)
{
	nz_sqlite_finalize(&p->entries);
	nz_sqlite_finalize(&p->find);
	nz_sqlite_finalize(&p->take);
	nz_sqlite_finalize(&p->set);
}

static enum nz_status pair_entry(struct pairing *p, int state, struct nz_error *err)
{
	sqlite3 *work = p->r->work;
	const int64_t position = sqlite3_column_int64(p->entries, 0);

	(void)sqlite3_bind_int64(p->find, 1, sqlite3_column_int64(p->entries, 1));
	(void)sqlite3_bind_int64(p->find, 2, sqlite3_column_int64(p->entries, 2));
	nz_sqr_bind_bytes(p->find, 3, nz_sqr_column_bytes(p->entries, 3));
	nz_sqr_bind_bytes(p->find, 4, nz_sqr_column_bytes(p->entries, 4));
	const enum nz_status status = nz_sqlite_step(work, p->find, err);
	const int64_t ref = status == NZ_OK ? sqlite3_column_int64(p->find, 0) : 0;
	(void)sqlite3_reset(p->find);
	if (status != NZ_OK)
		return status == NZ_END ? NZ_OK : status;
	(void)sqlite3_bind_int64(p->take, 1, ref);
	(void)sqlite3_bind_int64(p->take, 2, position);
	NZ_TRY(nz_sqlite_run(work, p->take, err));
	(void)sqlite3_bind_int64(p->set, 1, position);
	(void)sqlite3_bind_int64(p->set, 2, state);
	(void)sqlite3_bind_int64(p->set, 3, ref);
	return nz_sqlite_run(work, p->set, err);
}

static enum nz_status pair_all(struct nz_sqr *r, const char *find, const char *take, int state,
                               struct nz_error *err)
{
	struct pairing p NZ_CLEANUP(pairing_clear) = {.r = r};
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT position, tab, count, root, first_key FROM manifest"
	                                  " WHERE state = 0 ORDER BY position", &p.entries, err));
	NZ_TRY(nz_sqlite_prepare(r->work, find, &p.find, err));
	NZ_TRY(nz_sqlite_prepare(r->work, take, &p.take, err));
	NZ_TRY(nz_sqlite_prepare(r->work, "UPDATE manifest SET state = ?2, ref = ?3"
	                                  " WHERE position = ?1", &p.set, err));
	while ((status = nz_sqlite_step(r->work, p.entries, err)) == NZ_OK)
		NZ_TRY(pair_entry(&p, state, err));
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status nz_sqr_pair_old(struct nz_sqr *r, int state, struct nz_error *err)
{
	return pair_all(r, "SELECT position FROM old WHERE root = ?3 AND tab = ?1 AND count = ?2 AND"
	                   " first_key = ?4 AND taken IS NULL ORDER BY position LIMIT 1",
	                "UPDATE old SET taken = ?2 WHERE position = ?1", state, err);
}

enum nz_status nz_sqr_pair_staged(struct nz_sqr *r, struct nz_error *err)
{
	NZ_TRY(nz_sqlite_exec(r->work, "UPDATE staged SET taken = NULL", err));
	NZ_TRY(pair_all(r, "SELECT id FROM staged WHERE root = ?3 AND tab = ?1 AND count = ?2 AND"
	                   " first_key = ?4 AND taken IS NULL ORDER BY id LIMIT 1",
	                "UPDATE staged SET taken = ?2 WHERE id = ?1", NZ_SQR_STAGED, err));
	/* What the source no longer has makes room. */
	return nz_sqlite_exec(r->work, "DELETE FROM staged_rows WHERE id IN"
	                               " (SELECT id FROM staged WHERE taken IS NULL);"
	                               "DELETE FROM staged WHERE taken IS NULL", err);
}
