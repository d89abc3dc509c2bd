/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL functions of sorted scans. */
#ifndef NZ_SQLITE_FUNCTIONS_H
#define NZ_SQLITE_FUNCTIONS_H

#include "sqlite/sqlite.h"

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

#endif
