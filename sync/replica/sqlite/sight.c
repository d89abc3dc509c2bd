/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether anybody wrote. Between runs the file system tells (nz_sqlite_fingerprint, kept in the work
 * file); while this handle is open SQLite tells as well (PRAGMA data_version), which alone knows a
 * commit from a mere checkpoint of the WAL. Rows count as verified only while both agree; whatever
 * is in doubt is read and hashed again.
 */
#include <string.h>
#include <time.h>

#include <nz/clock.h>

#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/work.h"

#define SETTLE_STEP_NS 2000000
/* For readers that prevent the WAL from being folded in: they are not waited for. */
#define CHECKPOINT_BUSY_MS 20

enum nz_status nz_sqr_data_version(struct nz_sqr *r, int64_t *out, struct nz_error *err)
{
	return nz_sqr_integer(r->db, "PRAGMA main.data_version", 0, out, err);
}

enum nz_status nz_sqr_look(struct nz_sqr *r, bool wait, struct nz_sqr_sight *out,
                           struct nz_error *err)
{
	const int64_t until = nz_clock_monotonic_ms() + NZ_SQR_SETTLE_MS;
	struct nz_sqr_sight sight = {.taken = true};

	NZ_TRY(nz_sqr_data_version(r, &sight.data_version, err));
	for (;;) {
		const struct timespec step = {0, SETTLE_STEP_NS};

		NZ_TRY(nz_sqlite_fingerprint(r->path, &sight.fingerprint, &sight.settled, err));
		if (sight.settled || !wait || nz_clock_monotonic_ms() >= until)
			break;
		(void)nanosleep(&step, NULL);
	}
	*out = sight;
	return NZ_OK;
}

enum nz_status nz_sqr_same_file(struct nz_sqr *r, const struct nz_sqr_sight *then, bool *out,
                                struct nz_error *err)
{
	struct nz_hash now;
	bool settled = false;

	NZ_TRY(nz_sqlite_fingerprint(r->path, &now, &settled, err));
	*out = then->taken && then->settled &&
	       memcmp(&now, &then->fingerprint, sizeof(now)) == 0;
	return NZ_OK;
}

enum nz_status nz_sqr_sight_verified(struct nz_sqr *r, const struct nz_sqr_sight *sight, bool *out,
                                     struct nz_error *err)
{
	NZ_BUFFER(stored);

	NZ_TRY(nz_sqr_state_get(r, "verified", &stored, err));
	*out = sight->settled && stored.len == sizeof(sight->fingerprint.bytes) &&
	       memcmp(stored.ptr, sight->fingerprint.bytes, stored.len) == 0;
	return NZ_OK;
}

enum nz_status nz_sqr_unchanged(struct nz_replica *replica, bool *out, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	struct nz_sqr_sight sight = {0};

	if (r->db == NULL) {
		*out = false;
		return NZ_OK;
	}
	NZ_TRY(nz_sqr_look(r, false, &sight, err));
	return nz_sqr_sight_verified(r, &sight, out, err);
}

static enum nz_status store(struct nz_sqr *r, const struct nz_sqr_sight *sight,
                            struct nz_error *err)
{
	return nz_sqr_state_put(r, "verified",
	                        nz_bytes_of(sight->fingerprint.bytes,
	                                    sizeof(sight->fingerprint.bytes)),
	                        err);
}

enum nz_status nz_sqr_settle(struct nz_sqr *r, int64_t data_version, struct nz_error *err)
{
	struct nz_sqr_sight sight = {0};
	int64_t version = 0;

	(void)sqlite3_busy_timeout(r->db, CHECKPOINT_BUSY_MS);
	(void)sqlite3_wal_checkpoint_v2(r->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_busy_timeout(r->db, NZ_SQR_BUSY_MS);
	NZ_TRY(nz_sqr_look(r, true, &sight, err));
	NZ_TRY(nz_sqr_data_version(r, &version, err));
	if (!sight.settled || sight.data_version != data_version || version != data_version)
		return nz_sqr_state_remove(r, "verified", err);
	return store(r, &sight, err);
}

/* The rows were read from the snapshot of read_begin: they stand for the file only as it was then. */
enum nz_status nz_sqr_mark_verified(struct nz_replica *replica, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	int64_t version = 0;
	bool same = false;

	NZ_TRY(nz_sqr_writable(r, err));
	if (!r->read_sight.taken)
		return nz_fail(err, NZ_INVALID, "no rows were read");
	if (r->db == NULL)
		return nz_fail(err, NZ_NOT_FOUND, "%s does not exist", r->path);
	NZ_TRY(nz_sqr_data_version(r, &version, err));
	NZ_TRY(nz_sqr_same_file(r, &r->read_sight, &same, err));
	if (!same || version != r->read_sight.data_version)
		return NZ_OK;
	return store(r, &r->read_sight, err);
}
