/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out what was noted. */
#ifndef NZ_REPLICA_SQLITE_APPLY_H
#define NZ_REPLICA_SQLITE_APPLY_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_op_delete(sqlite3_stmt *stmt, sqlite3 *work, size_t table,
                                const struct nz_row *row, struct nz_error *err) NZ_MUST_USE;
/* Carries out what was noted: every removal, then every insertion. *changed: how many. */
enum nz_status nz_sqr_apply(struct nz_sqr *r, sqlite3 *db, const struct nz_schema *schema,
                            uint64_t *changed, struct nz_error *err) NZ_MUST_USE;
/* Says which row an insertion failed for. */
enum nz_status nz_sqr_explain_insert(const struct nz_table *table, struct nz_bytes record,
                                     enum nz_status status, struct nz_error *err);

#endif
