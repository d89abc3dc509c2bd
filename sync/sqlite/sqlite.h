/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite engine as source, replica and state share it: opening a file safely, statements that
 * clean up after themselves, reading a schema, ordered scans, a fingerprint that tells whether
 * anybody wrote. The home of <sqlite3.h>: the three SQLite backends include this header.
 */
#ifndef NZ_SQLITE_SQLITE_H
#define NZ_SQLITE_SQLITE_H

#include <sqlite3.h>

#include "record/scan.h"

enum nz_sqlite_mode {
	NZ_SQLITE_READ,       /* must exist; query_only; recovers a hot journal or WAL where rights allow */
	NZ_SQLITE_READ_WRITE, /* must exist */
	NZ_SQLITE_CREATE,     /* made when missing, mode 0600 */
	NZ_SQLITE_CREATE_SHARED, /* made when missing, mode 0666 less umask: a replica's readers */
};
/*
 * Opens with a busy time-out, defensive mode, no trusted schema, no extensions, temp files on disk
 * and a cache of 4 MB. path is a path, never a URI. NZ_NOT_FOUND, NZ_REFUSED (rights; recovery that
 * rights forbid), NZ_DATABASE (not a database, corrupt, a folder), NZ_BUSY.
 */
enum nz_status nz_sqlite_open(const char *path, enum nz_sqlite_mode mode, int busy_timeout_ms,
                              sqlite3 **out, struct nz_error *err) NZ_MUST_USE;
void nz_sqlite_close(sqlite3 **db); /* also for NZ_CLEANUP */
void nz_sqlite_finalize(sqlite3_stmt **stmt);
#define NZ_SQLITE(name) sqlite3 *name NZ_CLEANUP(nz_sqlite_close) = NULL
#define NZ_STMT(name) sqlite3_stmt *name NZ_CLEANUP(nz_sqlite_finalize) = NULL

/*
 * Turns the handle's last failure into a status: NZ_BUSY, NZ_IO (a full disk named as such), NZ_REFUSED
 * (read-only), NZ_LIMIT (SQLite's length limit), NZ_CANCELLED (interrupted), NZ_NO_MEMORY, NZ_DATABASE;
 * err->code is the extended code.
 */
enum nz_status nz_sqlite_fail(sqlite3 *db, struct nz_error *err, const char *doing);
enum nz_status nz_sqlite_exec(sqlite3 *db, const char *sql, struct nz_error *err) NZ_MUST_USE;
/*
 * Begins a transaction: how is "BEGIN" or "BEGIN IMMEDIATE". One that is still open is rolled back
 * first: a ROLLBACK needs memory, too, and the one before may not have got any.
 */
enum nz_status nz_sqlite_begin(sqlite3 *db, const char *how, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                                 struct nz_error *err) NZ_MUST_USE;
/* Steps: NZ_OK with a row, NZ_END when done. */
enum nz_status nz_sqlite_step(sqlite3 *db, sqlite3_stmt *stmt, struct nz_error *err) NZ_MUST_USE;
/* Steps a statement that returns no row, and resets it. */
enum nz_status nz_sqlite_run(sqlite3 *db, sqlite3_stmt *stmt, struct nz_error *err) NZ_MUST_USE;
/* "name" with quotes doubled, appended. */
enum nz_status nz_sqlite_quote(struct nz_buffer *out, const char *name) NZ_MUST_USE;

/*
 * The dataset's schema as this file has it: ordinary tables but for sqlite_…, _nz_…, virtual and
 * shadow ones. Filters may be NULL. NZ_UNSUPPORTED names what cannot be carried.
 */
struct nz_sqlite_filter {
	const char *const *tables;
	size_t table_count;
	const char *const *exclude;
	size_t exclude_count;
};
enum nz_status nz_sqlite_schema(sqlite3 *db, const struct nz_sqlite_filter *filter,
                                struct nz_schema **out, struct nz_error *err) NZ_MUST_USE;

/* The names of the tables that a schema leaves out because they are virtual, `a, b`, appended. */
enum nz_status nz_sqlite_left_out(sqlite3 *db, struct nz_buffer *names,
                                  struct nz_error *err) NZ_MUST_USE;

/*
 * An ordered scan of a table in the database `schema_name` ("main", or an attached one). table must
 * outlive it. Beginning in the middle is cheap where nz_sqlite_scan_seeks says so; elsewhere rows are
 * read from the start (or sorted again), so one scan for many batches is better than one for each.
 * NZ_NOT_FOUND for no such table, NZ_DATABASE for other columns, NZ_LIMIT for a long record.
 */
enum nz_status nz_sqlite_scan(sqlite3 *db, const char *schema_name, const struct nz_table *table,
                              const struct nz_scan_from *from, size_t record_max_bytes,
                              struct nz_scan **out, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqlite_scan_next(struct nz_scan *scan, struct nz_row *out, struct nz_error *err);
void nz_sqlite_scan_free(struct nz_scan **scan);
/* True when the table's own order is its key order, so that a scan can begin at a key cheaply. */
bool nz_sqlite_scan_seeks(const struct nz_table *table);

/* Writing rows of a table: prepared once, run many times. Rows are addressed as scans give them. */
struct nz_sqlite_writer;
enum nz_status nz_sqlite_writer_new(sqlite3 *db, const char *schema_name,
                                    const struct nz_table *table, struct nz_sqlite_writer **out,
                                    struct nz_error *err) NZ_MUST_USE;
void nz_sqlite_writer_free(struct nz_sqlite_writer **writer);
/*
 * INSERT OR ABORT of a decoded record. NZ_MALFORMED record; NZ_DATABASE on a constraint;
 * NZ_UNSUPPORTED when SQLite would store a value as another class (the row is then in: roll back).
 */
enum nz_status nz_sqlite_writer_insert(struct nz_sqlite_writer *writer, struct nz_bytes record,
                                       struct nz_error *err) NZ_MUST_USE;
/* Removes the one row at rowid (rowid tables) or with the record's key (WITHOUT ROWID). NZ_NOT_FOUND. */
enum nz_status nz_sqlite_writer_delete(struct nz_sqlite_writer *writer, int64_t rowid,
                                       struct nz_bytes record, struct nz_error *err) NZ_MUST_USE;

/*
 * A fingerprint of the file and its WAL and journal from what the file system says (device, inode,
 * size, modification and change times in ns); the file is not opened. Equal: nobody wrote in between.
 * settled is false when the last change is so young (20 ms) that another could leave the same times
 * (clock tick): wait some ms and ask again before relying on it. NZ_NOT_FOUND, NZ_IO.
 */
enum nz_status nz_sqlite_fingerprint(const char *path, struct nz_hash *out, bool *settled,
                                     struct nz_error *err) NZ_MUST_USE;

#endif
