/* SPDX-License-Identifier: Apache-2.0 */
/* Key bytes: what records are ordered by, on every engine alike. */
#include "record/internal.h"

#define KEY_INTEGER 0x01
#define KEY_TEXT 0x02
#define KEY_MARKED 0x03
#define SIGN (UINT64_C(1) << 63)
/* Of a key in words. */
#define DESCRIBE_BYTES 200
#define DESCRIBE_ONE_BYTES 80

static enum nz_status append_integer(int64_t value, struct nz_buffer *out)
{
	const uint64_t bits = (uint64_t)value ^ SIGN;
	uint8_t key[9] = {KEY_INTEGER};

	for (int i = 0; i < 8; i++)
		key[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
	return nz_buffer_append(out, key, sizeof(key));
}

static enum nz_status append_text(struct nz_bytes field, struct nz_buffer *out)
{
	size_t len;

	NZ_TRY(nz_buffer_reserve(out, field.len + 2));
	out->ptr[out->len] = KEY_TEXT;
	if (!unescape(field, out->ptr + out->len + 1, &len))
		return NZ_MALFORMED;
	if (len > 0 && memchr(out->ptr + out->len + 1, 0, len) != NULL)
		return NZ_MALFORMED;
	out->ptr[out->len + 1 + len] = 0;
	out->len += len + 2;
	return NZ_OK;
}

static enum nz_status append_field(const struct nz_column *column, struct nz_bytes field,
                                   struct nz_buffer *out)
{
	int64_t integer;

	if (field.len >= 2 && field.ptr[0] == '\\' && field.ptr[1] >= 'A' && field.ptr[1] <= 'Z') {
		if (field.ptr[1] == 'N' || memchr(field.ptr, 0, field.len) != NULL)
			return NZ_MALFORMED;
		NZ_TRY(nz_buffer_append_byte(out, KEY_MARKED));
		NZ_TRY(nz_buffer_append(out, field.ptr, field.len));
		return nz_buffer_append_byte(out, 0);
	}
	if (column->kind != NZ_KIND_INT)
		return append_text(field, out);
	if (!int_parse(field, &integer))
		return NZ_MALFORMED;
	return append_integer(integer, out);
}

/* Splits a record far enough for its key columns, and counts the rest. */
static enum nz_status find_field(struct nz_bytes record, size_t column, struct nz_bytes *field)
{
	struct nz_bytes rest = record;
	bool more = true;

	for (size_t i = 0; i <= column; i++)
		if (!field_next(&rest, &more, field))
			return NZ_MALFORMED;
	return NZ_OK;
}

/* Eight bytes at a time: a byte of `other` is 0 where there is a tab; its high bit is then set. */
static size_t count_tabs(struct nz_bytes record)
{
	const uint64_t each = UINT64_C(0x0101010101010101), low = each * 0x7f;
	size_t count = 0, i = 0;

	for (; record.len - i >= 8; i += 8) {
		uint64_t other;

		memcpy(&other, record.ptr + i, sizeof(other));
		other ^= each * '\t';
		other = ~(((other & low) + low) | other | low);
		count += (size_t)((other >> 7) * each >> 56);
	}
	for (; i < record.len; i++)
		count += record.ptr[i] == '\t';
	return count;
}

static enum nz_status append_key(const struct nz_table *table, struct nz_bytes record,
                                 struct nz_buffer *out)
{
	struct nz_bytes field;

	if (table->column_count == 0 || count_tabs(record) != table->column_count - 1)
		return NZ_MALFORMED;
	if (table->key_count == 0) {
		NZ_TRY(nz_buffer_append_byte(out, KEY_TEXT));
		return nz_buffer_append(out, record.ptr, record.len);
	}
	for (size_t i = 0; i < table->key_count; i++) {
		if (table->key[i] >= table->column_count)
			return NZ_INVALID;
		NZ_TRY(find_field(record, table->key[i], &field));
		NZ_TRY(append_field(&table->columns[table->key[i]], field, out));
	}
	return NZ_OK;
}

enum nz_status nz_record_key(const struct nz_table *table, struct nz_bytes record,
                             struct nz_buffer *out)
{
	const size_t before = out->len;
	const enum nz_status status = append_key(table, record, out);

	if (status != NZ_OK)
		out->len = before;
	return status;
}

/* Takes one column's bytes off the front of a key. */
static bool next_part(struct nz_bytes *key, uint8_t *tag, struct nz_bytes *part)
{
	const uint8_t *end;

	if (key->len == 0)
		return false;
	*tag = key->ptr[0];
	*key = nz_bytes_of(key->ptr + 1, key->len - 1);
	if (*tag == KEY_INTEGER) {
		if (key->len < 8)
			return false;
		*part = nz_bytes_of(key->ptr, 8);
		*key = nz_bytes_of(key->ptr + 8, key->len - 8);
		return true;
	}
	end = key->len > 0 ? memchr(key->ptr, 0, key->len) : NULL;
	if (end == NULL)
		return false;
	*part = nz_bytes_of(key->ptr, (size_t)(end - key->ptr));
	*key = nz_bytes_of(end + 1, key->len - part->len - 1);
	return true;
}

/* Text for people: control bytes as dots, cut at a character. */
static enum nz_status describe_text(struct nz_bytes text, size_t max, struct nz_buffer *out)
{
	size_t len = text.len;

	if (len > max) {
		len = max;
		while (len > 0 && (text.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	for (size_t i = 0; i < len; i++)
		NZ_TRY(nz_buffer_append_byte(
			out, text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? (uint8_t)'.'
								       : text.ptr[i]));
	return len < text.len ? nz_buffer_append_str(out, "...") : NZ_OK;
}

static enum nz_status describe_part(uint8_t tag, struct nz_bytes part, struct nz_buffer *out)
{
	uint64_t bits = 0;

	if (tag == KEY_INTEGER) {
		for (size_t i = 0; i < 8; i++)
			bits = bits << 8 | part.ptr[i];
		return nz_buffer_appendf(out, "%lld", (long long)(int64_t)(bits ^ SIGN));
	}
	NZ_TRY(nz_buffer_append_byte(out, '\''));
	NZ_TRY(describe_text(part, DESCRIBE_ONE_BYTES, out));
	return nz_buffer_append_byte(out, '\'');
}

static enum nz_status describe(const struct nz_table *table, struct nz_bytes key,
                               struct nz_buffer *out)
{
	const size_t before = out->len;
	struct nz_bytes part;
	uint8_t tag;

	if (table->key_count == 0) {
		if (key.len > 0)
			key = nz_bytes_of(key.ptr + 1, key.len - 1);
		NZ_TRY(nz_buffer_append_str(out, "record '"));
		NZ_TRY(describe_text(key, DESCRIBE_BYTES - 20, out));
		return nz_buffer_append_byte(out, '\'');
	}
	for (size_t i = 0; i < table->key_count; i++) {
		if (!next_part(&key, &tag, &part))
			return nz_buffer_append_str(out, "...");
		if (i > 0)
			NZ_TRY(nz_buffer_append_str(out, ", "));
		if (out->len - before > DESCRIBE_BYTES - DESCRIBE_ONE_BYTES)
			return nz_buffer_append_str(out, "...");
		NZ_TRY(describe_text(nz_bytes_str(table->columns[table->key[i]].name), 40, out));
		NZ_TRY(nz_buffer_append_byte(out, '='));
		NZ_TRY(describe_part(tag, part, out));
	}
	return NZ_OK;
}

enum nz_status nz_record_key_describe(const struct nz_table *table, struct nz_bytes key,
                                      struct nz_buffer *out)
{
	const size_t before = out->len;
	const enum nz_status status = describe(table, key, out);

	if (status != NZ_OK)
		out->len = before;
	return status;
}
