/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing, and the table of operations: on top of everything else. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/sqlite/backup.h"
#include "state/sqlite/datasets.h"
#include "state/sqlite/file.h"
#include "state/sqlite/index.h"
#include "state/sqlite/nodes.h"
#include "state/sqlite/rows.h"

/* Leaves' private keys are in there: nobody else may look. */
static enum nz_status check_private(const char *path, struct nz_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0 && errno == ENOENT)
		return nz_fail(err, NZ_NOT_FOUND, "%s: no platform here: run 'nz platform init'",
		               path);
	if (stat(path, &st) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", path);
	if (!S_ISREG(st.st_mode))
		return nz_fail(err, NZ_MALFORMED, "%s is not a file", path);
	if ((st.st_mode & 077) != 0)
		return nz_fail(err, NZ_REFUSED,
		               "%s can be read by others (mode %04o): chmod 600 it", path,
		               (unsigned)(st.st_mode & 07777));
	return NZ_OK;
}

/*
 * Makes the folder and the file. What a killed attempt left is gone on with, where it holds no
 * platform yet.
 */
static enum nz_status make_files(const char *folder, const char *path, struct nz_error *err)
{
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", folder);

	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", path);
	close(fd);
	return NZ_OK;
}

static void state_close(struct nz_state **state)
{
	struct state_sqlite *s = state_of(*state);

	if (s->build.lock_fd >= 0)
		state_index_abort(*state);
	nz_sqlite_finalize(&s->rollback);
	nz_sqlite_close(&s->db);
	free(s->folder);
	free(s);
	*state = NULL;
}

static void free_half_open(struct state_sqlite **s)
{
	if (*s != NULL) {
		struct nz_state *base = &(*s)->base;

		state_close(&base);
	}
}

static enum nz_status state_open(const char *location, bool create, struct nz_state **out,
                                 struct nz_error *err)
{
	char *path NZ_CLEANUP(nz_free_str) = state_path(location, STATE_FILE);
	struct state_sqlite *s NZ_CLEANUP(free_half_open) = calloc(1, sizeof *s);

	if (s != NULL) {
		s->base.ops = &nz_state_sqlite;
		s->build.lock_fd = -1;
		s->folder = strdup(location);
	}
	if (path == NULL || s == NULL || s->folder == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory to open %s", location);
	if (create)
		NZ_TRY(make_files(location, path, err));
	NZ_TRY(check_private(path, err));
	NZ_TRY(state_open_file(path, create, &s->db, err));
	NZ_TRY(nz_sqlite_prepare(s->db, "ROLLBACK", &s->rollback, err));
	*out = &s->base;
	s = NULL;
	return NZ_OK;
}

const struct nz_state_ops nz_state_sqlite = {
	.scheme = "sqlite",
	.open = state_open,
	.close = state_close,
	.get = state_get,
	.put = state_put,
	.put_all = state_put_all,
	.dataset_add = state_dataset_add,
	.dataset_get = state_dataset_get,
	.dataset_list = state_dataset_list,
	.dataset_remove = state_dataset_remove,
	.index_begin = state_index_begin,
	.index_add = state_index_add,
	.index_commit = state_index_commit,
	.index_abort = state_index_abort,
	.index_read = state_index_read,
	.node_add = state_node_add,
	.node_get = state_node_get,
	.node_list = state_node_list,
	.node_remove = state_node_remove,
	.failure_add = state_failure_add,
	.receipt_add = state_receipt_add,
	.backup = state_backup,
	.restore = state_restore,
};
