/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records to values. Strict: every field must be the one spelling that encode gives for its value, so
 * that what was hashed and what is stored cannot differ.
 */
#include "record/internal.h"

bool field_next(struct nz_bytes *rest, bool *more, struct nz_bytes *field)
{
	const uint8_t *tab;

	if (!*more)
		return false;
	tab = rest->len > 0 ? memchr(rest->ptr, '\t', rest->len) : NULL;
	if (tab == NULL) {
		*field = *rest;
		*more = false;
		return true;
	}
	*field = nz_bytes_of(rest->ptr, (size_t)(tab - rest->ptr));
	*rest = nz_bytes_of(tab + 1, rest->len - field->len - 1);
	return true;
}

/* Room for every field that is left: the buffer does not move while values point into it. */
static bool make_room(struct nz_buffer *scratch, size_t len)
{
	return scratch->cap - scratch->len >= len;
}

static bool decode_text(struct nz_bytes field, struct nz_buffer *scratch, struct nz_bytes *out)
{
	bool high, nul;
	size_t len;

	if (escape_free(field, &high, &nul)) {
		if (nul || (high && !nz_utf8_valid(field)))
			return false;
		*out = field;
		return true;
	}
	if (!make_room(scratch, field.len) ||
	    !unescape(field, scratch->ptr + scratch->len, &len))
		return false;
	*out = nz_bytes_of(scratch->ptr + scratch->len, len);
	if (nul || (high && !nz_utf8_valid(*out)))
		return false;
	scratch->len += len;
	return true;
}

static bool decode_hex(struct nz_bytes digits, struct nz_buffer *scratch, struct nz_bytes *out)
{
	uint8_t *const to = scratch->ptr + scratch->len;

	if (digits.len % 2 != 0)
		return false;
	if (digits.len == 0) {
		*out = nz_bytes_of(NULL, 0);
		return true;
	}
	if (!make_room(scratch, digits.len / 2) ||
	    nz_hex_decode(digits, to, digits.len / 2) != NZ_OK)
		return false;
	*out = nz_bytes_of(to, digits.len / 2);
	scratch->len += digits.len / 2;
	return true;
}

/* A mark is right only where the kind has no form of its own for the value. */
static bool decode_marked_number(const struct nz_column *column, uint8_t mark,
                                 struct nz_bytes form, struct nz_value *out)
{
	const bool number = column->kind == NZ_KIND_NUMERIC && !column->as_text;
	char text[PLAIN_CHARS];

	if (mark == 'I') {
		out->class_ = NZ_VALUE_INTEGER;
		return column->kind != NZ_KIND_INT && column->kind != NZ_KIND_DECIMAL && !number &&
		       int_parse(form, &out->integer) &&
		       (column->kind != NZ_KIND_BOOL || out->integer < 0 || out->integer > 1);
	}
	out->class_ = NZ_VALUE_REAL;
	if (column->kind == NZ_KIND_FLOAT8 || !float8_parse(form, &out->real))
		return false;
	if (column->kind == NZ_KIND_DECIMAL)
		return decimal_print_real(out->real, column->scale, text) == 0;
	return !number || numeric_print_real(out->real, text) == 0;
}

static bool decode_marked(const struct nz_column *column, uint8_t mark, struct nz_bytes form,
                          struct nz_buffer *scratch, struct nz_value *out)
{
	switch (mark) {
	case 'I':
	case 'R':
		return decode_marked_number(column, mark, form, out);
	case 'T':
		out->class_ = NZ_VALUE_TEXT;
		return column->kind != NZ_KIND_TEXT && decode_text(form, scratch, &out->bytes) &&
		       !(column->as_text && numeric_is_text(out->bytes));
	case 'B':
		out->class_ = NZ_VALUE_BLOB;
		return column->kind != NZ_KIND_BYTES && decode_hex(form, scratch, &out->bytes);
	case 'U':
		out->class_ = NZ_VALUE_TEXT;
		return decode_hex(form, scratch, &out->bytes) && out->bytes.len > 0 &&
		       (memchr(out->bytes.ptr, 0, out->bytes.len) != NULL ||
		        !nz_utf8_valid(out->bytes));
	default:
		return false;
	}
}

static bool decode_numeric(const struct nz_column *column, struct nz_bytes field,
                           struct nz_value *out)
{
	if (!column->as_text)
		return numeric_parse(field, out);
	out->class_ = NZ_VALUE_TEXT;
	out->bytes = field;
	return numeric_is_text(field);
}

static bool decode_plain(const struct nz_column *column, struct nz_bytes field,
                         struct nz_buffer *scratch, struct nz_value *out)
{
	switch (column->kind) {
	case NZ_KIND_INT:
		out->class_ = NZ_VALUE_INTEGER;
		return int_parse(field, &out->integer);
	case NZ_KIND_TEXT:
		out->class_ = NZ_VALUE_TEXT;
		return decode_text(field, scratch, &out->bytes);
	case NZ_KIND_BYTES:
		out->class_ = NZ_VALUE_BLOB;
		return field.len >= 3 && memcmp(field.ptr, "\\\\x", 3) == 0 &&
		       decode_hex(nz_bytes_of(field.ptr + 3, field.len - 3), scratch, &out->bytes);
	case NZ_KIND_BOOL:
		out->class_ = NZ_VALUE_INTEGER;
		out->integer = field.len == 1 && field.ptr[0] == 't';
		return field.len == 1 && (field.ptr[0] == 't' || field.ptr[0] == 'f');
	case NZ_KIND_FLOAT8:
		out->class_ = NZ_VALUE_REAL;
		return float8_parse(field, &out->real);
	case NZ_KIND_DECIMAL:
		return decimal_parse(field, column->scale, out);
	case NZ_KIND_NUMERIC:
		return decode_numeric(column, field, out);
	}
	return false;
}

bool field_decode(const struct nz_column *column, struct nz_bytes field, struct nz_buffer *scratch,
                  struct nz_value *out)
{
	if (field.len >= 2 && field.ptr[0] == '\\') {
		const uint8_t mark = field.ptr[1];

		if (mark == 'N') {
			out->class_ = NZ_VALUE_NULL;
			return field.len == 2;
		}
		if (mark >= 'A' && mark <= 'Z')
			return decode_marked(column, mark,
			                     nz_bytes_of(field.ptr + 2, field.len - 2), scratch, out);
	}
	return decode_plain(column, field, scratch, out);
}

enum nz_status nz_record_decode(const struct nz_table *table, struct nz_bytes record,
                                struct nz_buffer *scratch, struct nz_value *values,
                                struct nz_error *err)
{
	struct nz_bytes rest = record, field;
	bool more = table->column_count > 0;

	nz_buffer_reset(scratch);
	/* Nothing unescaped or unhexed is longer than it was; both begin with a backslash. */
	if (scratch->cap < record.len && memchr(record.ptr, '\\', record.len) != NULL)
		NZ_TRY(nz_buffer_reserve(scratch, record.len));
	for (size_t i = 0; i < table->column_count; i++) {
		if (!field_next(&rest, &more, &field))
			return nz_fail(err, NZ_MALFORMED, "table %s: a record has %zu of %zu columns",
			               table->name, i, table->column_count);
		if (!field_decode(&table->columns[i], field, scratch, &values[i]))
			return nz_fail(err, NZ_MALFORMED, "table %s, column %s: not a field that was "
			               "encoded here", table->name, table->columns[i].name);
	}
	if (more || (table->column_count == 0 && record.len > 0))
		return nz_fail(err, NZ_MALFORMED, "table %s: a record has more than %zu columns",
		               table->name, table->column_count);
	return NZ_OK;
}
