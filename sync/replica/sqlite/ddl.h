/* SPDX-License-Identifier: Apache-2.0 */
/* Making what a schema declares. */
#ifndef NZ_REPLICA_SQLITE_DDL_H
#define NZ_REPLICA_SQLITE_DDL_H

#include "replica/sqlite/handle.h"

/* The tables, in the source's order. */
enum nz_status nz_sqr_ddl_tables(sqlite3 *db, const struct nz_schema *schema,
                                 struct nz_error *err) NZ_MUST_USE;
/* Everything else: indexes, views, triggers. */
enum nz_status nz_sqr_ddl_rest(sqlite3 *db, const struct nz_schema *schema,
                               struct nz_error *err) NZ_MUST_USE;

#endif
