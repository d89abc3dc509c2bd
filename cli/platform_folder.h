/* SPDX-License-Identifier: Apache-2.0 */
/* Where a platform lies, and making its folder whole or not at all. */
#ifndef NZ_CLI_PLATFORM_FOLDER_H
#define NZ_CLI_PLATFORM_FOLDER_H

#include "platform.h"

/* Absolute paths, by --state and --root-key. Zero-initialise; nz_paths_clear. */
struct nz_paths {
	struct nz_buffer state_text, key_text, root_text;
	const char *state; /* the folder, without a slash at its end */
	const char *key;   /* the root's private key */
	const char *root;  /* root.pem in the folder */
};
void nz_paths_clear(struct nz_paths *paths);
#define NZ_PATHS(name) struct nz_paths name NZ_CLEANUP(nz_paths_clear) = {.state = NULL}
enum nz_status nz_paths_find(const struct nz_args *args, struct nz_paths *paths,
                             struct nz_error *err) NZ_MUST_USE;

/* False also for what is not a folder, or cannot be read. */
bool nz_folder_is_empty(const char *path);
/* Makes an empty folder beside the state's, mode 0700: *out is removed by nz_folder_remove. */
enum nz_status nz_folder_make_beside(const struct nz_paths *paths, char **out,
                                     struct nz_error *err) NZ_MUST_USE;
/*
 * Renames the folder to the state's, which must be missing or empty, and frees *folder, which is
 * left alone when the renaming fails.
 */
enum nz_status nz_folder_put_in_place(char **folder, const struct nz_paths *paths,
                                      struct nz_error *err) NZ_MUST_USE;
/* Removes a folder with the files in it, and frees *folder; for NZ_CLEANUP. */
void nz_folder_remove(char **folder);

#endif
