/* SPDX-License-Identifier: Apache-2.0 */
/* Small things over SQLite, and the JSON texts that a replica stores. */
#ifndef NZ_REPLICA_SQLITE_SQL_H
#define NZ_REPLICA_SQLITE_SQL_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_begin(sqlite3 *db, struct nz_error *err) NZ_MUST_USE; /* unless begun */
enum nz_status nz_sqr_commit(sqlite3 *db, struct nz_error *err) NZ_MUST_USE; /* unless not begun */
void nz_sqr_rollback(sqlite3 *db);
/* Rolls back on leaving the scope, unless set to NULL. */
#define NZ_SQR_ROLLBACK(name, db) \
	sqlite3 *name __attribute__((unused)) NZ_CLEANUP(nz_sqr_rollback_scope) = (db)
void nz_sqr_rollback_scope(sqlite3 **db);
/* The first column of the first row as an integer, `fallback` when there is no row. */
enum nz_status nz_sqr_integer(sqlite3 *db, const char *sql, int64_t fallback, int64_t *out,
                              struct nz_error *err) NZ_MUST_USE;
/* True when a table of that name is there. */
enum nz_status nz_sqr_has_table(sqlite3 *db, const char *name, bool *out,
                                struct nz_error *err) NZ_MUST_USE;
struct nz_bytes nz_sqr_column_bytes(sqlite3_stmt *stmt, int column); /* borrowed, until the step */
/* Never binds NULL. */
void nz_sqr_bind_bytes(sqlite3_stmt *stmt, int index, struct nz_bytes bytes);
/* A root column; NZ_DATABASE unless it has 32 bytes. */
enum nz_status nz_sqr_column_hash(sqlite3_stmt *stmt, int column, struct nz_hash *out,
                                  struct nz_error *err) NZ_MUST_USE;
/* A count column; NZ_DATABASE outside 0..limit. */
enum nz_status nz_sqr_column_count(sqlite3_stmt *stmt, int column, uint64_t limit, uint64_t *out,
                                   struct nz_error *err) NZ_MUST_USE;
/* Text of a JSON value as stored, and back. */
enum nz_status nz_sqr_statement_text(const struct nz_statement *statement, struct nz_buffer *out)
	NZ_MUST_USE;
enum nz_status nz_sqr_schema_text(const struct nz_schema *schema, struct nz_buffer *out) NZ_MUST_USE;
enum nz_status nz_sqr_statement_parse(struct nz_bytes text, struct nz_statement *out,
                                      struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_schema_parse(struct nz_bytes text, struct nz_schema **out,
                                   struct nz_error *err) NZ_MUST_USE;

#endif
