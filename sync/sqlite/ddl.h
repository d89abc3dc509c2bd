/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of a schema. */
#ifndef NZ_SQLITE_DDL_H
#define NZ_SQLITE_DDL_H

#include "sqlite/sqlite.h"

/* Reads the statements (and their order) of a schema whose tables have names. */
struct listed {
	char *name;
	bool table; /* an ordinary one */
	bool view;
};
enum nz_status read_statements(sqlite3 *db, const struct listed *listed, size_t listed_count,
                               bool views, struct nz_schema *schema, struct nz_error *err);

#endif
