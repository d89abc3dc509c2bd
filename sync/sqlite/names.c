/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of a schema. */
#include "sqlite/names.h"

enum nz_status take_text(sqlite3_stmt *stmt, int column, char **out, struct nz_error *err)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);
	const size_t len = (size_t)sqlite3_column_bytes(stmt, column);
	const struct nz_bytes bytes = nz_bytes_of(text != NULL ? (const char *)text : "", len);
	char *copy;

	if (text == NULL && sqlite3_column_type(stmt, column) != SQLITE_NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	if (!nz_utf8_valid(bytes) || memchr(bytes.ptr, 0, len) != NULL)
		return nz_fail(err, NZ_UNSUPPORTED, "the schema has text that is not UTF-8");
	copy = nz_strdup_bytes(bytes);
	if (copy == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	*out = copy;
	return NZ_OK;
}

bool is_ours(const char *name)
{
	return sqlite3_strnicmp(name, "_nz_", 4) == 0;
}

bool is_internal(const char *name)
{
	return sqlite3_strnicmp(name, "sqlite_", 7) == 0;
}
