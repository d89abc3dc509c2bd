/* SPDX-License-Identifier: Apache-2.0 */
/* The file and its version. */
#ifndef NZ_STATE_SQLITE_FILE_H
#define NZ_STATE_SQLITE_FILE_H

#include "sqlite/sqlite.h"

#define STATE_FILE "state.db"
#define STATE_BUSY_TIMEOUT_MS 10000
#define STATE_VERSION 1
#define STATE_APPLICATION_ID 0x6e7a7374 /* "nzst" */

/* FOLDER/NAME. NULL on no memory. */
char *state_path(const char *folder, const char *name);
/*
 * Opens a state file of any version up to ours, and brings it to ours. With `create` it may hold
 * nothing yet: NZ_EXISTS.
 */
enum nz_status state_open_file(const char *path, bool create, sqlite3 **out,
                               struct nz_error *err) NZ_MUST_USE;

#endif
