/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef NZ_SQLITE_INTERNAL_H
#define NZ_SQLITE_INTERNAL_H

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

/*
 * The SQL functions of sorted scans. A shape is passed as a pointer value of type SHAPE_POINTER:
 *   nz_fields(shape, first, before, value…)  the record's bytes `before`, and fields first, first + 1, …
 *   nz_key(shape, record)                    its key bytes
 */
#define SHAPE_POINTER "nz-shape"
#define FUNCTION_FIELDS 120 /* of one call: SQLite takes 127 arguments */
struct shape {
	const struct nz_table *table;
	size_t record_max_bytes;
	struct nz_buffer bytes;
	enum nz_status status; /* what went wrong, behind SQLite's own code */
};
enum nz_status register_functions(sqlite3 *db, struct nz_error *err);

/* Reads the statements (and their order) of a schema whose tables have names. */
struct listed {
	char *name;
	bool table; /* an ordinary one */
	bool view;
};
enum nz_status read_statements(sqlite3 *db, const struct listed *listed, size_t listed_count,
                               bool views, struct nz_schema *schema, struct nz_error *err);
/* The text of a column, checked to be UTF-8 without NUL; "" for NULL. The caller frees it. */
enum nz_status take_text(sqlite3_stmt *stmt, int column, char **out, struct nz_error *err);
bool is_ours(const char *name);     /* _nz_… */
bool is_internal(const char *name); /* sqlite_… */

#endif
