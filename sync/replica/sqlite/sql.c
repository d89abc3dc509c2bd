/* SPDX-License-Identifier: Apache-2.0 */
/* Small things over SQLite, and the JSON texts that a replica stores. */
#include "replica/sqlite/sql.h"

enum nz_status nz_sqr_begin(sqlite3 *db, struct nz_error *err)
{
	return sqlite3_get_autocommit(db) ? nz_sqlite_exec(db, "BEGIN IMMEDIATE", err) : NZ_OK;
}

enum nz_status nz_sqr_commit(sqlite3 *db, struct nz_error *err)
{
	return sqlite3_get_autocommit(db) ? NZ_OK : nz_sqlite_exec(db, "COMMIT", err);
}

void nz_sqr_rollback(sqlite3 *db)
{
	if (db != NULL && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

void nz_sqr_rollback_scope(sqlite3 **db)
{
	nz_sqr_rollback(*db);
}

enum nz_status nz_sqr_integer(sqlite3 *db, const char *sql, int64_t fallback, int64_t *out,
                              struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db, sql, &stmt, err));
	const enum nz_status status = nz_sqlite_step(db, stmt, err);
	if (status != NZ_OK && status != NZ_END)
		return status;
	*out = status == NZ_OK ? sqlite3_column_int64(stmt, 0) : fallback;
	return NZ_OK;
}

enum nz_status nz_sqr_has_table(sqlite3 *db, const char *name, bool *out, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(
		db, "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1", &stmt,
		err));
	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	const enum nz_status status = nz_sqlite_step(db, stmt, err);
	if (status != NZ_OK && status != NZ_END)
		return status;
	*out = status == NZ_OK;
	return NZ_OK;
}

struct nz_bytes nz_sqr_column_bytes(sqlite3_stmt *stmt, int column)
{
	const void *ptr = sqlite3_column_blob(stmt, column);

	return nz_bytes_of(ptr, (size_t)sqlite3_column_bytes(stmt, column));
}

void nz_sqr_bind_bytes(sqlite3_stmt *stmt, int index, struct nz_bytes bytes)
{
	/* A failure leaves NULL, which every such column refuses. */
	(void)sqlite3_bind_blob64(stmt, index, bytes.len > 0 ? (const void *)bytes.ptr : "",
	                          bytes.len, SQLITE_STATIC);
}

enum nz_status nz_sqr_column_hash(sqlite3_stmt *stmt, int column, struct nz_hash *out,
                                  struct nz_error *err)
{
	const struct nz_bytes bytes = nz_sqr_column_bytes(stmt, column);

	if (bytes.len != sizeof(out->bytes))
		return nz_fail(err, NZ_DATABASE, "a stored batch root is damaged");
	memcpy(out->bytes, bytes.ptr, sizeof(out->bytes));
	return NZ_OK;
}

enum nz_status nz_sqr_column_count(sqlite3_stmt *stmt, int column, uint64_t limit, uint64_t *out,
                                   struct nz_error *err)
{
	const int64_t value = sqlite3_column_int64(stmt, column);

	if (value < 0 || (uint64_t)value > limit)
		return nz_fail(err, NZ_DATABASE, "a stored number is out of range");
	*out = (uint64_t)value;
	return NZ_OK;
}

enum nz_status nz_sqr_statement_text(const struct nz_statement *statement, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *json = nz_statement_to_json(statement, doc);
	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(json, out);
}

enum nz_status nz_sqr_schema_text(const struct nz_schema *schema, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *json = nz_schema_to_json(schema, doc, true);
	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(json, out);
}

enum nz_status nz_sqr_statement_parse(struct nz_bytes text, struct nz_statement *out,
                                      struct nz_error *err)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(text, &nz_json_packet_limits, &doc, err));
	return nz_statement_from_json(nz_json_root(doc), out, err);
}

enum nz_status nz_sqr_schema_parse(struct nz_bytes text, struct nz_schema **out,
                                   struct nz_error *err)
{
	/* Twice: escapes may make the stored text longer than the one that was received. */
	static const struct nz_json_limits limits = {2 * NZ_SCHEMA_MAX_BYTES, 64, 10000};
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(text, &limits, &doc, err));
	return nz_schema_from_json(nz_json_root(doc), out, err);
}
