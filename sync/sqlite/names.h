/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of a schema. */
#ifndef NZ_SQLITE_NAMES_H
#define NZ_SQLITE_NAMES_H

#include "sqlite/sqlite.h"

/* The text of a column, checked to be UTF-8 without NUL; "" for NULL. The caller frees it. */
enum nz_status take_text(sqlite3_stmt *stmt, int column, char **out, struct nz_error *err);
bool is_ours(const char *name);     /* _nz_… */
bool is_internal(const char *name); /* sqlite_… */

#endif
