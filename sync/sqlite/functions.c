/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL functions that encode a row inside SQLite, so that its own external sorter can put records in
 * key order, on disk and in bounded memory. They can only be called with a shape, which SQL in a
 * schema cannot make.
 */
#include "sqlite/functions.h"
#include "sqlite/layout.h"

static void fail(sqlite3_context *context, struct shape *shape, enum nz_status status)
{
	shape->status = status;
	if (status == NZ_NO_MEMORY)
		sqlite3_result_error_nomem(context);
	else if (status == NZ_LIMIT)
		sqlite3_result_error_toobig(context);
	else
		sqlite3_result_error(context, "a row that cannot be encoded", -1);
}

static enum nz_status encode(struct shape *shape, size_t first, int count, sqlite3_value **values)
{
	struct nz_value fields[FUNCTION_FIELDS];
	const struct nz_table part = {
		.columns = shape->table->columns + first,
		.column_count = (size_t)count,
	};

	if (first > 0)
		NZ_TRY(nz_buffer_append_byte(&shape->bytes, '\t'));
	for (int i = 0; i < count; i++)
		NZ_TRY(take_value(values[i], &fields[i]));
	return nz_record_encode(&part, fields, &shape->bytes);
}

static void sql_fields(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct shape *shape = argc > 3 ? sqlite3_value_pointer(argv[0], SHAPE_POINTER) : NULL;
	enum nz_status status = NZ_OK;
	int64_t first;
	int before;

	if (shape == NULL) {
		sqlite3_result_error(context, "nz_fields is internal", -1);
		return;
	}
	first = sqlite3_value_int64(argv[1]);
	if (argc - 3 > FUNCTION_FIELDS || first < 0 ||
	    (size_t)first + (size_t)(argc - 3) > shape->table->column_count) {
		fail(context, shape, NZ_INVALID);
		return;
	}
	nz_buffer_reset(&shape->bytes);
	before = sqlite3_value_bytes(argv[2]);
	if (before > 0)
		status = nz_buffer_append(&shape->bytes, sqlite3_value_blob(argv[2]), (size_t)before);
	if (status == NZ_OK)
		status = encode(shape, (size_t)first, argc - 3, argv + 3);
	if (status != NZ_OK)
		fail(context, shape, status);
	else
		sqlite3_result_blob64(context, shape->bytes.ptr, shape->bytes.len, SQLITE_TRANSIENT);
}

static void sql_key(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct shape *shape = argc == 2 ? sqlite3_value_pointer(argv[0], SHAPE_POINTER) : NULL;
	enum nz_status status;

	if (shape == NULL) {
		sqlite3_result_error(context, "nz_key is internal", -1);
		return;
	}
	nz_buffer_reset(&shape->bytes);
	status = nz_record_key(shape->table,
	                       nz_bytes_of(sqlite3_value_blob(argv[1]),
	                                   (size_t)sqlite3_value_bytes(argv[1])),
	                       &shape->bytes);
	if (status != NZ_OK)
		fail(context, shape, status);
	else
		sqlite3_result_blob64(context, shape->bytes.ptr, shape->bytes.len, SQLITE_TRANSIENT);
}

enum nz_status register_functions(sqlite3 *db, struct nz_error *err)
{
	const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;

	if (sqlite3_create_function_v2(db, "nz_fields", -1, flags, NULL, sql_fields, NULL, NULL,
	                               NULL) != SQLITE_OK ||
	    sqlite3_create_function_v2(db, "nz_key", 2, flags, NULL, sql_key, NULL, NULL, NULL) !=
		    SQLITE_OK)
		return nz_sqlite_fail(db, err, "SQLite");
	return NZ_OK;
}
