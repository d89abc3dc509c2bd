/* SPDX-License-Identifier: Apache-2.0 */
/* nz platform backup and restore. */
#include "platform_folder.h"

#include <stdio.h>
#include <sys/stat.h>

static enum nz_status backup(const struct nz_args *args, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->backup(state, args->positional[0], err);
}

/* root.pem out of the restored state, beside it. */
static enum nz_status restore_root(const char *folder, struct nz_error *err)
{
	char *path NZ_CLEANUP(nz_free_str) = NULL;
	NZ_STATE(state);
	NZ_BUFFER(pem);

	if (asprintf(&path, "%s/root.pem", folder) < 0) {
		path = NULL;
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	}
	NZ_TRY(nz_state_open(folder, false, &state, err));
	NZ_TRY(state->ops->get(state, NZ_STATE_ROOT_PEM, &pem, err));
	return nz_write_new_file(path, 0644, nz_buffer_bytes(&pem), err);
}

static enum nz_status restore(const struct nz_args *args, struct nz_error *err)
{
	NZ_PATHS(paths);
	char *folder NZ_CLEANUP(nz_folder_remove) = NULL;
	struct stat st;

	NZ_TRY(nz_paths_find(args, &paths, err));
	if (lstat(paths.state, &st) == 0 && !nz_folder_is_empty(paths.state))
		return nz_fail(err, NZ_EXISTS, "%s is there already and not an empty folder",
		               paths.state);
	NZ_TRY(nz_folder_make_beside(&paths, &folder, err));
	NZ_TRY(nz_state_sqlite.restore(folder, args->positional[0], err));
	NZ_TRY(restore_root(folder, err));
	return nz_folder_put_in_place(&folder, &paths, err);
}

/* Says "WHAT FILE", or {"file": FILE}. */
static int say_done(const struct nz_args *args, const char *what)
{
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	if (nz_json_new(&doc) != NZ_OK ||
	    nz_buffer_appendf(&text, "%s %s\n", what, args->positional[0]) != NZ_OK) {
		nz_fail(&err, NZ_NO_MEMORY, "done, but there is no memory to say so");
		return nz_platform_fail(args, &err);
	}
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_str(doc, json, "file", args->positional[0]);
	return nz_platform_print(args, json, &text);
}

int nz_run_platform_backup(const struct nz_args *args)
{
	struct nz_error err = {0};

	nz_cli_catch_signals();
	return backup(args, &err) == NZ_OK ? say_done(args, "backed up to")
	                                   : nz_platform_fail(args, &err);
}

int nz_run_platform_restore(const struct nz_args *args)
{
	struct nz_error err = {0};

	nz_cli_catch_signals();
	return restore(args, &err) == NZ_OK ? say_done(args, "restored from")
	                                    : nz_platform_fail(args, &err);
}
