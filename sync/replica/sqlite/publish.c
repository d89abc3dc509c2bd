/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making an epoch visible. Amending holds the replica's write lock from the first comparison to the
 * commit: readers in WAL mode go on with the old rows meanwhile. A replica that somebody wrote to
 * since the plan is not amended, for the plan says what rows it has.
 */
#include "replica/sqlite/apply.h"
#include "replica/sqlite/checkpoint.h"
#include "replica/sqlite/fresh.h"
#include "replica/sqlite/merge.h"
#include "replica/sqlite/place.h"
#include "replica/sqlite/publish.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/staging.h"
#include "replica/sqlite/work.h"

static enum nz_status check_ready(struct nz_sqr *r, struct nz_error *err)
{
	int64_t wanted = 0;

	if (!r->planned)
		return nz_fail(err, NZ_INVALID, "no plan was made");
	NZ_TRY(nz_sqr_integer(r->work, "SELECT count(*) FROM manifest WHERE state = 0", 0, &wanted,
	                      err));
	if (wanted > 0)
		return nz_fail(err, NZ_INVALID, "%lld batches are missing", (long long)wanted);
	return nz_sqr_staging_commit(r, err);
}

static enum nz_status explain_busy(const struct nz_sqr *r, enum nz_status status,
                                   struct nz_error *err)
{
	if (status != NZ_BUSY)
		return status;
	return nz_fail(err, NZ_BUSY,
	               "%s is in use by other programs; what was received is kept. Let them finish and "
	               "sync again (in WAL mode readers never stand in the way)",
	               r->path);
}

static enum nz_status amend_rows(struct nz_sqr *r, const char *certificate, int64_t now,
                                 uint64_t *changed, struct nz_error *err)
{
	NZ_TRY(nz_sqr_merge(r, err));
	NZ_TRY(nz_sqr_apply(r, r->db, r->schema, changed, err));
	NZ_TRY(nz_sqr_sequences_write(r, r->db, err));
	NZ_TRY(nz_sqr_manifest_write(r, r->db, err));
	return nz_sqr_checkpoint_write(r, r->db, certificate, now, err);
}

static enum nz_status amend(struct nz_sqr *r, const char *certificate, int64_t now,
                            uint64_t *changed, int64_t *version, bool *same, struct nz_error *err)
{
	NZ_SQR_ROLLBACK(rollback, r->db);
	/* Operations are of this attempt alone; few of them never reach the disk. */
	NZ_SQR_ROLLBACK(rollback_work, r->work);

	NZ_TRY(explain_busy(r, nz_sqr_begin(r->db, err), err));
	NZ_TRY(nz_sqr_data_version(r, version, err));
	NZ_TRY(nz_sqr_same_file(r, &r->plan_sight, same, err));
	if (*version != r->plan_sight.data_version) {
		/* Another plan is needed, from begin on. */
		r->planned = false;
		return nz_fail(err, NZ_BUSY,
		               "%s was written to by another program during the sync; what was "
		               "received is kept. Sync again",
		               r->path);
	}
	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(amend_rows(r, certificate, now, changed, err));
	return explain_busy(r, nz_sqr_commit(r->db, err), err);
}

static enum nz_status rebuild(struct nz_sqr *r, const char *certificate, int64_t now,
                              uint64_t *changed, int64_t *version, struct nz_error *err)
{
	int64_t rows = 0;

	if (r->fresh == NULL)
		return nz_fail(err, NZ_INVALID, "the new replica is gone: begin again");
	NZ_TRY(nz_sqr_integer(r->work, "SELECT coalesce(sum(count), 0) FROM manifest", 0, &rows, err));
	NZ_TRY(nz_sqr_fresh_finish(r, certificate, now, err));
	NZ_TRY(nz_sqr_fresh_place(r, err));
	*changed = (uint64_t)rows;
	return nz_sqr_data_version(r, version, err);
}

/*
 * The epoch is published: whatever fails from here on, the next run finds a replica that is right and
 * at worst looks through it once more.
 */
static enum nz_status finish(struct nz_sqr *r, bool verified, int64_t version)
{
	nz_sqr_end_sync(r);
	nz_schema_free(&r->own);
	NZ_TRY(nz_sqr_work_reset(r, NULL));
	return verified ? nz_sqr_settle(r, version, NULL) : nz_sqr_state_remove(r, "verified", NULL);
}

enum nz_status nz_sqr_publish(struct nz_replica *replica, const char *certificate, int64_t now,
                              uint64_t *changed, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	uint64_t count = 0;
	int64_t version = 0;
	bool verified = true;

	if (r->reading || r->repairing)
		return nz_fail(err, NZ_INVALID, "a read or a repair is open");
	NZ_TRY(check_ready(r, err));
	if (r->mode == NZ_SQR_REBUILD)
		NZ_TRY(rebuild(r, certificate, now, &count, &version, err));
	else
		NZ_TRY(amend(r, certificate, now, &count, &version, &verified, err));
	const enum nz_status ignored = finish(r, verified, version);
	(void)ignored;
	*changed = count;
	return NZ_OK;
}
