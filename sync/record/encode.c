/* SPDX-License-Identifier: Apache-2.0 */
/* Values to a record. An unmarked form first, where the kind has one for the value; else a mark. */
#include <math.h>

#include "record/internal.h"

static enum nz_status append_int(struct nz_buffer *out, const char *mark, int64_t value,
                                 const char *tail, size_t tail_len)
{
	char local[NUMBER_CHARS + 32];
	const bool direct = out->cap - out->len >= sizeof(local);
	char *const to = direct ? (char *)out->ptr + out->len : local;
	size_t n = 0;

	if (mark != NULL) {
		to[n++] = mark[0];
		to[n++] = mark[1];
	}
	n += int_print(value, to + n);
	if (tail_len > 0)
		memcpy(to + n, tail, tail_len);
	n += tail_len;
	if (!direct)
		return append_bytes(out, local, n);
	out->len += n;
	return NZ_OK;
}

static enum nz_status encode_int(const struct nz_column *column, int64_t value,
                                 struct nz_buffer *out)
{
	static const char zeros[] = ".000000000000000";

	switch (column->kind) {
	case NZ_KIND_INT:
		return append_int(out, NULL, value, NULL, 0);
	case NZ_KIND_BOOL:
		if (value == 0 || value == 1)
			return append_bytes(out, value == 1 ? "t" : "f", 1);
		break;
	case NZ_KIND_DECIMAL:
		return append_int(out, NULL, value, zeros,
		                  column->scale > 0 ? column->scale + (size_t)1 : 0);
	case NZ_KIND_NUMERIC:
		if (!column->as_text)
			return append_int(out, NULL, value, NULL, 0);
		break;
	case NZ_KIND_TEXT:
	case NZ_KIND_BYTES:
	case NZ_KIND_FLOAT8:
		break;
	}
	return append_int(out, "\\I", value, NULL, 0);
}

static enum nz_status encode_real(const struct nz_column *column, double value,
                                  struct nz_buffer *out)
{
	char text[PLAIN_CHARS];
	size_t len = 0;

	if (isnan(value))
		return NZ_INVALID;
	if (column->kind == NZ_KIND_FLOAT8)
		return nz_float8_append(value, out);
	if (column->kind == NZ_KIND_DECIMAL)
		len = decimal_print_real(value, column->scale, text);
	else if (column->kind == NZ_KIND_NUMERIC && !column->as_text)
		len = numeric_print_real(value, text);
	if (len > 0)
		return append_bytes(out, text, len);
	NZ_TRY(append_bytes(out, "\\R", 2));
	return nz_float8_append(value, out);
}

static enum nz_status encode_text(const struct nz_column *column, struct nz_bytes text,
                                  struct nz_buffer *out)
{
	struct text_class found;
	const bool plain = column->kind == NZ_KIND_TEXT;

	text_classify(text, &found);
	if (found.nul || (found.high && !nz_utf8_valid(text))) {
		NZ_TRY(append_bytes(out, "\\U", 2));
		return hex_append(out, text);
	}
	if (!plain && !(column->as_text && numeric_is_text(text)))
		NZ_TRY(append_bytes(out, "\\T", 2));
	if (found.escape_count > 0)
		return escape_append(out, text);
	return append_bytes(out, text.ptr, text.len);
}

enum nz_status field_encode(const struct nz_column *column, const struct nz_value *value,
                            struct nz_buffer *out)
{
	switch (value->class_) {
	case NZ_VALUE_NULL:
		return append_bytes(out, "\\N", 2);
	case NZ_VALUE_INTEGER:
		return encode_int(column, value->integer, out);
	case NZ_VALUE_REAL:
		return encode_real(column, value->real, out);
	case NZ_VALUE_TEXT:
		return encode_text(column, value->bytes, out);
	case NZ_VALUE_BLOB:
		if (column->kind == NZ_KIND_BYTES)
			NZ_TRY(append_bytes(out, "\\\\x", 3));
		else
			NZ_TRY(append_bytes(out, "\\B", 2));
		return hex_append(out, value->bytes);
	}
	return NZ_INVALID;
}

static enum nz_status encode_fields(const struct nz_table *table, const struct nz_value *values,
                                    struct nz_buffer *out)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (i > 0) {
			if (out->cap > out->len)
				out->ptr[out->len++] = '\t';
			else
				NZ_TRY(nz_buffer_append_byte(out, '\t'));
		}
		NZ_TRY(field_encode(&table->columns[i], &values[i], out));
	}
	/* The short cuts above look at the capacity, which may be rounded up past the maximum. */
	return out->max != 0 && out->len > out->max ? NZ_LIMIT : NZ_OK;
}

enum nz_status nz_record_encode(const struct nz_table *table, const struct nz_value *values,
                                struct nz_buffer *out)
{
	const size_t before = out->len;
	const enum nz_status status = encode_fields(table, values, out);

	if (status != NZ_OK)
		out->len = before;
	return status;
}
