/* SPDX-License-Identifier: Apache-2.0 */
/* records.json: section 5 of doc/protocol.md up to key bytes. */
#include <stdlib.h>

#include "published.h"
#include "record/record.h"

static const char *const declared[] = {
	"INTEGER", "int8", "POINT", "VARCHAR(40)", "NCHAR", "clob", "TEXT", "BLOB", "", "REAL",
	"DOUBLE PRECISION", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "DECIMAL(10,2)",
	"NUMERIC(15)", "numeric ( 5 , 5 )", "NUMERIC(16,2)", "DECIMAL(2,3)", "NUMERIC",
	"NUMERIC_TEXT", "JSON", "CHARINT",
};

enum { I = NZ_VALUE_INTEGER, R = NZ_VALUE_REAL, T = NZ_VALUE_TEXT, B = NZ_VALUE_BLOB };

/* One value of a column of that declared type. Text and blobs: bytes of that length. */
struct sample {
	const char *type;
	int class_;
	int64_t integer;
	double real;
	const char *bytes;
	size_t len;
};
#define BYTES(text) .bytes = (text), .len = sizeof(text) - 1
static const struct sample samples[] = {
	{"INTEGER", I, .integer = 0},
	{"INTEGER", I, .integer = -42},
	{"INTEGER", I, .integer = INT64_MAX},
	{"INTEGER", I, .integer = INT64_MIN},
	{"INTEGER", R, .real = 1.5},
	{"INTEGER", T, BYTES("42")},
	{"INTEGER", B, BYTES("\x00\xff")},
	{"INTEGER", NZ_VALUE_NULL},
	{"TEXT", T, BYTES("")},
	{"TEXT", T, BYTES("plain")},
	{"TEXT", T, BYTES("tab\tline\nback\\slash\b\f\r\v")},
	{"TEXT", T, BYTES("\\N")},
	{"TEXT", T, BYTES("\xe2\x82\xac \xf0\x9f\x98\x80 \x01\x7f")},
	{"TEXT", T, BYTES("a\x00" "b")},
	{"TEXT", T, BYTES("\xff\xfe")},
	{"TEXT", I, .integer = 7},
	{"TEXT", R, .real = 0.1},
	{"TEXT", B, BYTES("blob")},
	{"BLOB", B, BYTES("")},
	{"BLOB", B, BYTES("\x00\x01\xfe\xff")},
	{"BLOB", T, BYTES("text in a blob column")},
	{"BLOB", I, .integer = 1},
	{"BOOLEAN", I, .integer = 0},
	{"BOOLEAN", I, .integer = 1},
	{"BOOLEAN", I, .integer = 2},
	{"BOOLEAN", T, BYTES("true")},
	{"REAL", R, .real = 0.0},
	{"REAL", R, .real = -0.0},
	{"REAL", R, .real = 1.0},
	{"REAL", R, .real = 0.1},
	{"REAL", R, .real = 1e-4},
	{"REAL", R, .real = 1e-5},
	{"REAL", R, .real = 123456789012345.0},
	{"REAL", R, .real = 1e15},
	{"REAL", R, .real = 1e100},
	{"REAL", R, .real = -2.0034855448587448e+16},
	{"REAL", R, .real = 5e-324},
	{"REAL", R, .real = 1.7976931348623157e308},
	{"REAL", R, .real = 1.0 / 3},
	{"REAL", R, .real = __builtin_inf()},
	{"REAL", R, .real = -__builtin_inf()},
	{"REAL", I, .integer = 3},
	{"REAL", T, BYTES("NaN")},
	{"DECIMAL(10,2)", I, .integer = 5},
	{"DECIMAL(10,2)", I, .integer = -12},
	{"DECIMAL(10,2)", R, .real = 5.5},
	{"DECIMAL(10,2)", R, .real = -0.25},
	{"DECIMAL(10,2)", R, .real = 12345678.9},
	{"DECIMAL(10,2)", R, .real = 5.0},
	{"DECIMAL(10,2)", R, .real = 0.125},
	{"DECIMAL(10,2)", R, .real = 1e300},
	{"DECIMAL(10,2)", T, BYTES("1.00")},
	{"DECIMAL(5,0)", I, .integer = 12},
	{"NUMERIC", I, .integer = -7},
	{"NUMERIC", R, .real = 0.1},
	{"NUMERIC", R, .real = 1e-7},
	{"NUMERIC", R, .real = 2.5},
	{"NUMERIC", R, .real = 2.0},
	{"NUMERIC", R, .real = 1e20},
	{"NUMERIC", R, .real = -0.0},
	{"NUMERIC", T, BYTES("12.50")},
	{"NUMERIC_TEXT", T, BYTES("12.50")},
	{"NUMERIC_TEXT", T, BYTES("NaN")},
	{"NUMERIC_TEXT", T, BYTES("-0")},
	{"NUMERIC_TEXT", T, BYTES("x")},
	{"NUMERIC_TEXT", I, .integer = 3},
	{"NUMERIC_TEXT", R, .real = 0.5},
	{"DATE", T, BYTES("2026-01-31")},
	{"DATE", I, .integer = 20260131},
};

/* Tables for whole records; a sample by its index, columns named a, b, c. */
static const struct {
	const char *types[3];
	struct sample values[3];
	size_t columns;
	size_t key[2], key_count;
} rows[] = {
	{.types = {"INTEGER", "TEXT", "DECIMAL(10,2)"},
         .values = {{NULL, I, .integer = 1}, {NULL, T, BYTES("Ada\tLovelace")}, {NULL, R, .real = 9.5}},
         .columns = 3,
         .key_count = 1},
	{.types = {"INTEGER", "TEXT"},
         .values = {{NULL, I, .integer = -1}, {NULL, NZ_VALUE_NULL}},
         .columns = 2,
         .key_count = 1},
	{.types = {"TEXT", "INTEGER", "BLOB"},
         .values = {{NULL, T, BYTES("SKU\\1")}, {NULL, I, .integer = 4}, {NULL, B, BYTES("\xde\xad")}},
         .columns = 3,
         .key = {0, 1},
         .key_count = 2},
	{.types = {"TEXT", "INTEGER", "BLOB"},
         .values = {{NULL, T, BYTES("SKU\\1")}, {NULL, I, .integer = 4}, {NULL, B, BYTES("\xde\xad")}},
         .columns = 3,
         .key = {1, 0},
         .key_count = 2},
	{.types = {"INTEGER", "TEXT"},
         .values = {{NULL, T, BYTES("seven")}, {NULL, T, BYTES("a marked key")}},
         .columns = 2,
         .key_count = 1},
	{.types = {"REAL", "TEXT"},
         .values = {{NULL, R, .real = 2.5}, {NULL, T, BYTES("x")}},
         .columns = 2,
         .key_count = 1},
	{.types = {"TEXT", "INTEGER"},
         .values = {{NULL, T, BYTES("no\nkey")}, {NULL, NZ_VALUE_NULL}},
         .columns = 2},
};

static struct nz_value value_of(const struct sample *s)
{
	return (struct nz_value){.class_ = (enum nz_value_class)s->class_,
	                         .integer = s->integer,
	                         .real = s->real,
	                         .bytes = nz_bytes_of(s->bytes, s->len)};
}

/* {"null": true}, {"integer": "7"}, {"real": hex of the 8 bytes}, {"text": hex}, {"blob": hex}. */
static struct nz_json *value_json(struct nz_json_doc *doc, const struct sample *s)
{
	struct nz_json *json = nz_json_make_object(doc);
	char text[24];
	uint8_t real[8];
	uint64_t bits;
	NZ_BUFFER(number);

	switch (s->class_) {
	case NZ_VALUE_NULL:
		nz_json_set(doc, json, "null", nz_json_make_bool(doc, true));
		break;
	case NZ_VALUE_INTEGER:
		if (nz_buffer_appendf(&number, "%lld", (long long)s->integer) != NZ_OK)
			return NULL;
		put_text(doc, json, "integer", &number);
		break;
	case NZ_VALUE_REAL:
		memcpy(&bits, &s->real, sizeof bits);
		for (unsigned i = 0; i < 8; i++)
			real[i] = (uint8_t)(bits >> (56 - 8 * i));
		nz_hex_encode(nz_bytes_of(real, sizeof real), text);
		nz_json_set_str(doc, json, "real", text);
		break;
	default:
		nz_json_set_hex(doc, json, s->class_ == T ? "text" : "blob",
		                nz_bytes_of(s->bytes, s->len));
		break;
	}
	return json;
}

static void column_of(const char *type, struct nz_column *out)
{
	out->name = NULL;
	out->type = (char *)(uintptr_t)type; /* only read */
	out->kind = nz_kind_of_sqlite_type(type, &out->scale);
	out->as_text = nz_type_is_numeric_text(type);
}

static enum nz_status put_kinds(struct nz_json_doc *doc, struct nz_json *root)
{
	static const char *const names[] = {"",     "int",    "text",    "bytes",
	                                    "bool", "float8", "decimal", "numeric"};
	struct nz_json *list = put_array(doc, root, "kinds");

	for (size_t i = 0; i < sizeof declared / sizeof declared[0]; i++) {
		struct nz_json *item = push_object(doc, list);
		uint8_t scale;
		const enum nz_kind kind = nz_kind_of_sqlite_type(declared[i], &scale);

		nz_json_set_str(doc, item, "declared", declared[i]);
		nz_json_set_str(doc, item, "kind", names[kind]);
		if (kind == NZ_KIND_DECIMAL)
			nz_json_set_int(doc, item, "scale", scale);
	}
	return nz_json_failed(doc);
}

static enum nz_status put_fields(struct nz_json_doc *doc, struct nz_json *root)
{
	struct nz_json *list = put_array(doc, root, "fields");

	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct nz_column column = {.nullable = true};
		const struct nz_table table = {.columns = &column, .column_count = 1};
		const struct nz_value value = value_of(&samples[i]);
		struct nz_json *item = push_object(doc, list);
		NZ_BUFFER(text);

		column_of(samples[i].type, &column);
		NZ_TRY(nz_record_encode(&table, &value, &text));
		nz_json_set_str(doc, item, "declared", samples[i].type);
		nz_json_set(doc, item, "value", value_json(doc, &samples[i]));
		put_text(doc, item, "field", &text);
	}
	return nz_json_failed(doc);
}

static enum nz_status put_row(struct nz_json_doc *doc, struct nz_json *item, size_t index)
{
	struct nz_column columns[3] = {{.nullable = false}};
	struct nz_value values[3];
	size_t key_columns[2] = {rows[index].key[0], rows[index].key[1]};
	const struct nz_table table = {.columns = columns,
	                               .column_count = rows[index].columns,
	                               .key = key_columns,
	                               .key_count = rows[index].key_count};
	struct nz_json *types = put_array(doc, item, "declared");
	struct nz_json *key_json = put_array(doc, item, "key");
	struct nz_json *value_list = put_array(doc, item, "values");
	struct nz_hasher *hasher = NULL;
	struct nz_hash leaf;
	NZ_BUFFER(record);
	NZ_BUFFER(key);

	for (size_t c = 0; c < table.column_count; c++) {
		column_of(rows[index].types[c], &columns[c]);
		values[c] = value_of(&rows[index].values[c]);
		nz_json_push(doc, types,
		             nz_json_make_string(doc, nz_bytes_str(rows[index].types[c])));
		nz_json_push(doc, value_list, value_json(doc, &rows[index].values[c]));
	}
	for (size_t k = 0; k < table.key_count; k++)
		nz_json_push(doc, key_json, nz_json_make_number(doc, (double)key_columns[k]));
	NZ_TRY(nz_record_encode(&table, values, &record));
	NZ_TRY(nz_record_key(&table, nz_buffer_bytes(&record), &key));
	const struct nz_bytes bytes = nz_buffer_bytes(&record);
	NZ_TRY(nz_crypto_default()->hasher_new(&hasher));
	const enum nz_status status =
		nz_crypto_default()->hash_many(hasher, 0x00, &bytes, 1, &leaf);
	nz_crypto_default()->hasher_free(&hasher);
	put_text(doc, item, "record", &record);
	nz_json_set_hex(doc, item, "key_bytes", nz_buffer_bytes(&key));
	put_hash(doc, item, "leaf", &leaf);
	return status;
}

enum nz_status published_records(struct nz_json_doc *doc, struct nz_json **out)
{
	struct nz_json *root = nz_json_make_object(doc);

	nz_json_set_str(doc, root, "about",
	                "Section 5 of doc/protocol.md: SQLite's declared types, values as fields, rows as "
	                "records with their key bytes and leaves. A value is null, an integer (decimal), "
	                "a real (its IEEE 754 bytes, big endian, in hex), a text or a blob (bytes in hex). "
	                "key has indexes of columns; without any, the whole record is the key.");
	NZ_TRY(put_kinds(doc, root));
	NZ_TRY(put_fields(doc, root));
	struct nz_json *list = put_array(doc, root, "records");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		NZ_TRY(put_row(doc, push_object(doc, list), i));
	*out = root;
	return nz_json_failed(doc);
}
