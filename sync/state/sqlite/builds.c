/* SPDX-License-Identifier: Apache-2.0 */
/* The builds of a dataset's index: who may write one, and what of them has to go. */
#include "state/sqlite/builds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* Entries that go in one transaction. */
#define DROP_ENTRIES "2000"

enum nz_status state_lock_builder(struct state_sqlite *s, const char *dataset, int *fd,
                                  struct nz_error *err)
{
	NZ_BUFFER(name);

	/* A dataset's name has neither slash nor leading dot. */
	if (!nz_dataset_name_valid(nz_bytes_str(dataset)))
		return nz_fail(err, NZ_NOT_FOUND, "no dataset '%s'", dataset);
	NZ_TRY(nz_buffer_appendf(&name, "%s/index-%s.lock", s->folder, dataset));
	const char *path = nz_buffer_cstr(&name);
	if (path == NULL)
		return NZ_NO_MEMORY;
	const int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", path);
	if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		const int code = errno;

		close(lock);
		return code == EWOULDBLOCK
		               ? nz_fail(err, NZ_BUSY, "the index of '%s' is being built", dataset)
		               : nz_fail_code(err, NZ_IO, code, "cannot lock %s: %s", path,
		                              strerror(code));
	}
	*fd = lock;
	return NZ_OK;
}

void state_unlock_builder(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- removing ---- */

static enum nz_status drop_build(struct state_sqlite *s, int64_t build, struct nz_error *err)
{
	NZ_STMT(entries);
	NZ_STMT(row);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "DELETE FROM index_entry WHERE build = ?1 AND position <"
	                         " (SELECT min(position) FROM index_entry WHERE build = ?1)"
	                         " + " DROP_ENTRIES,
	                         &entries, err));
	do {
		sqlite3_bind_int64(entries, 1, build);
		NZ_TRY(nz_sqlite_run(s->db, entries, err));
	} while (sqlite3_changes(s->db) > 0);
	NZ_TRY(nz_sqlite_prepare(s->db, "DELETE FROM index_build WHERE id = ?", &row, err));
	sqlite3_bind_int64(row, 1, build);
	return nz_sqlite_run(s->db, row, err);
}

/* A build to drop: of that dataset, or of one that is gone. NZ_END when there is none. */
static enum nz_status find_dead_build(struct state_sqlite *s, int64_t dataset, int64_t *build,
                                      struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(
		s->db,
		"SELECT id FROM index_build"
		" WHERE (dataset = ? OR dataset NOT IN (SELECT id FROM dataset))"
		" AND id NOT IN (SELECT build FROM dataset WHERE build IS NOT NULL) LIMIT 1",
		&stmt, err));
	sqlite3_bind_int64(stmt, 1, dataset);
	NZ_TRY(nz_sqlite_step(s->db, stmt, err));
	*build = sqlite3_column_int64(stmt, 0);
	return NZ_OK;
}

enum nz_status state_drop_builds(struct state_sqlite *s, int64_t dataset, struct nz_error *err)
{
	enum nz_status status;
	int64_t build = 0;

	while ((status = find_dead_build(s, dataset, &build, err)) == NZ_OK)
		NZ_TRY(drop_build(s, build, err));
	return status == NZ_END ? NZ_OK : status;
}
