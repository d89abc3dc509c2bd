/* SPDX-License-Identifier: Apache-2.0 */
/* How a table lies in its file, and the pieces of SQL that name it. */
#ifndef NZ_SQLITE_LAYOUT_H
#define NZ_SQLITE_LAYOUT_H

#include "sqlite/sqlite.h"

/* How SQLite keeps a table: asked of SQLite, because the text of a declaration misleads. */
struct table_layout {
	bool without_rowid;
	bool key_is_rowid;      /* its one key column is another name of the rowid */
	const char *rowid_name; /* a name of the rowid that no column hides; static, NULL for none */
};
/* NZ_NOT_FOUND when there is no such table. */
enum nz_status table_layout(sqlite3 *db, const char *schema_name, const char *table,
                            struct table_layout *out, struct nz_error *err);

/* Prepares sql built in a buffer. */
enum nz_status prepare_buffer(sqlite3 *db, struct nz_buffer *sql, sqlite3_stmt **out,
                              struct nz_error *err);
/* Appends `"schema"."table"`. */
enum nz_status append_table_name(struct nz_buffer *sql, const char *schema_name,
                                 const char *table);
/* Appends `t."name"`: qualified, because a bare unknown name in double quotes is a string to SQLite. */
enum nz_status append_column(struct nz_buffer *sql, const char *name);

/* Takes a column of the current row. NZ_NO_MEMORY. The bytes are valid until the next step. */
enum nz_status take_value(sqlite3_value *value, struct nz_value *out);

#endif
