/* SPDX-License-Identifier: Apache-2.0 */
/* Records: kinds, fields both ways, key bytes. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "record/record.h"

#define S(text) nz_bytes_of(text, sizeof(text) - 1)

static struct nz_column column_of(const char *type)
{
	struct nz_column column = {.name = (char *)"c", .nullable = true};

	column.type = (char *)type;
	column.kind = nz_kind_of_sqlite_type(type, &column.scale);
	column.as_text = nz_type_is_numeric_text(type);
	return column;
}

static struct nz_table table_of(struct nz_column *columns, size_t count)
{
	return (struct nz_table){.name = (char *)"t", .columns = columns, .column_count = count};
}

static struct nz_value integer(int64_t value)
{
	return (struct nz_value){.class_ = NZ_VALUE_INTEGER, .integer = value};
}

static struct nz_value real(double value)
{
	return (struct nz_value){.class_ = NZ_VALUE_REAL, .real = value};
}

static struct nz_value text(struct nz_bytes bytes)
{
	return (struct nz_value){.class_ = NZ_VALUE_TEXT, .bytes = bytes};
}

static struct nz_value blob(struct nz_bytes bytes)
{
	return (struct nz_value){.class_ = NZ_VALUE_BLOB, .bytes = bytes};
}

static void kinds(void **state)
{
	static const struct {
		const char *type;
		enum nz_kind kind;
		uint8_t scale;
	} cases[] = {
		{"INTEGER", NZ_KIND_INT, 0},
		{"bigint", NZ_KIND_INT, 0},
		{"POINT", NZ_KIND_INT, 0},
		{"CHARINT", NZ_KIND_INT, 0},
		{"NVARCHAR(160)", NZ_KIND_TEXT, 0},
		{"clob", NZ_KIND_TEXT, 0},
		{"TEXT", NZ_KIND_TEXT, 0},
		{"DATETIME", NZ_KIND_TEXT, 0},
		{"timestamp", NZ_KIND_TEXT, 0},
		{"", NZ_KIND_BYTES, 0},
		{"BLOB", NZ_KIND_BYTES, 0},
		{"DOUBLE PRECISION", NZ_KIND_FLOAT8, 0},
		{"float", NZ_KIND_FLOAT8, 0},
		{"REAL", NZ_KIND_FLOAT8, 0},
		{"BOOLEAN", NZ_KIND_BOOL, 0},
		{"NUMERIC(10,2)", NZ_KIND_DECIMAL, 2},
		{"decimal ( 10 , 2 )", NZ_KIND_DECIMAL, 2},
		{"DECIMAL(15)", NZ_KIND_DECIMAL, 0},
		{"NUMERIC(15,15)", NZ_KIND_DECIMAL, 15},
		{"NUMERIC(16,2)", NZ_KIND_NUMERIC, 0},
		{"NUMERIC(2,3)", NZ_KIND_NUMERIC, 0},
		{"NUMERIC(0)", NZ_KIND_NUMERIC, 0},
		{"NUMERIC(5,-2)", NZ_KIND_NUMERIC, 0},
		{"NUMERIC(5,2", NZ_KIND_NUMERIC, 0},
		{"NUMERIC(00005,2)", NZ_KIND_NUMERIC, 0},
		{"NUMERIC", NZ_KIND_NUMERIC, 0},
		{"ANY", NZ_KIND_NUMERIC, 0},
		{"NUMERIC_TEXT", NZ_KIND_NUMERIC, 0},
		{"NUMERIC_TEXT2", NZ_KIND_TEXT, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t scale = 99;

		assert_int_equal(nz_kind_of_sqlite_type(cases[i].type, &scale), cases[i].kind);
		assert_int_equal(scale, cases[i].scale);
	}
}

static void check_field(const char *type, struct nz_value value, const char *expected)
{
	struct nz_column column = column_of(type);
	const struct nz_table table = table_of(&column, 1);
	struct nz_value again = {0};
	NZ_BUFFER(record);
	NZ_BUFFER(scratch);
	struct nz_error err;

	assert_int_equal(nz_record_encode(&table, &value, &record), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&record), expected);
	assert_int_equal(nz_record_decode(&table, nz_buffer_bytes(&record), &scratch, &again, &err),
	                 NZ_OK);
	assert_int_equal(again.class_, value.class_);
	switch (value.class_) {
	case NZ_VALUE_INTEGER:
		assert_true(again.integer == value.integer);
		break;
	case NZ_VALUE_REAL:
		assert_memory_equal(&again.real, &value.real, sizeof(double));
		break;
	case NZ_VALUE_TEXT:
	case NZ_VALUE_BLOB:
		assert_true(nz_bytes_equal(again.bytes, value.bytes));
		break;
	case NZ_VALUE_NULL:
		break;
	}
}

static void integers(void **state)
{
	(void)state;
	check_field("INT", integer(0), "0");
	check_field("INT", integer(-1), "-1");
	check_field("INT", integer(INT64_MAX), "9223372036854775807");
	check_field("INT", integer(INT64_MIN), "-9223372036854775808");
	check_field("TEXT", integer(5), "\\I5");
	check_field("BLOB", integer(5), "\\I5");
	check_field("REAL", integer(5), "\\I5");
	check_field("BOOL", integer(0), "f");
	check_field("BOOL", integer(1), "t");
	check_field("BOOL", integer(2), "\\I2");
	check_field("BOOL", integer(-1), "\\I-1");
	check_field("DECIMAL(10,2)", integer(5), "5.00");
	check_field("DECIMAL(10,2)", integer(INT64_MIN), "-9223372036854775808.00");
	check_field("DECIMAL(10)", integer(-5), "-5");
	check_field("NUMERIC", integer(7), "7");
	check_field("NUMERIC_TEXT", integer(7), "\\I7");
}

static void reals(void **state)
{
	(void)state;
	check_field("REAL", real(5), "5");
	check_field("REAL", real(-0.0), "-0");
	check_field("REAL", real(INFINITY), "Infinity");
	check_field("REAL", real(-INFINITY), "-Infinity");
	check_field("REAL", real(-2.0034855448487448e+16), "-2.0034855448487448e+16");
	check_field("REAL", real(1e-5), "1e-05");
	check_field("INT", real(5.5), "\\R5.5");
	check_field("TEXT", real(1e15), "\\R1e+15");
	check_field("BOOL", real(1), "\\R1");
	check_field("DECIMAL(10,2)", real(5.5), "5.50");
	check_field("DECIMAL(10,2)", real(-0.05), "-0.05");
	check_field("DECIMAL(10,2)", real(5), "\\R5");
	check_field("DECIMAL(10,2)", real(-0.0), "\\R-0");
	check_field("DECIMAL(10,2)", real(0.001), "\\R0.001");
	check_field("DECIMAL(10,2)", real(-0.001), "\\R-0.001");
	check_field("DECIMAL(10,2)", real(1e20), "100000000000000000000.00");
	check_field("DECIMAL(10,2)", real(0x1p63), "9223372036854775808.00");
	check_field("DECIMAL(10,2)", real(-0x1p63), "\\R-9.223372036854776e+18");
	check_field("DECIMAL(10,2)", real(INFINITY), "\\RInfinity");
	check_field("DECIMAL(10)", real(5.5), "\\R5.5");
	check_field("DECIMAL(15,15)", real(0.123456789012345), "0.123456789012345");
	check_field("NUMERIC", real(5.5), "5.5");
	check_field("NUMERIC", real(5), "\\R5");
	check_field("NUMERIC", real(1e-7), "0.0000001");
	check_field("NUMERIC", real(1e19), "10000000000000000000");
	check_field("NUMERIC", real(-0x1p63), "-9223372036854776000");
	check_field("NUMERIC", real(0x1.fffffffffffffp62), "\\R9.223372036854775e+18");
	check_field("NUMERIC", real(-0.0), "\\R-0");
	check_field("NUMERIC", real(-INFINITY), "\\R-Infinity");
	check_field("NUMERIC_TEXT", real(5.5), "\\R5.5");
}

static void texts_and_blobs(void **state)
{
	(void)state;
	check_field("TEXT", text(S("")), "");
	check_field("TEXT", text(S("plain text, long enough for words")),
	            "plain text, long enough for words");
	check_field("TEXT", text(S("\b\t\n\v\f\r\\")), "\\b\\t\\n\\v\\f\\r\\\\");
	check_field("TEXT", text(S("\001\007\016\037\177")), "\001\007\016\037\177");
	check_field("TEXT", text(S("\\N")), "\\\\N");
	check_field("TEXT", text(S("\\I5")), "\\\\I5");
	check_field("TEXT", text(S("12345678\t")), "12345678\\t");
	check_field("TEXT", text(S("gr\xc3\xbc\xc3\x9f")), "gr\xc3\xbc\xc3\x9f");
	check_field("TEXT", text(S("a\0b")), "\\U610062");
	check_field("TEXT", text(S("\xff")), "\\Uff");
	check_field("TEXT", text(S("\xed\xa0\x80")), "\\Ueda080");
	check_field("INT", text(S("5")), "\\T5");
	check_field("INT", text(S("")), "\\T");
	check_field("BLOB", text(S("a\tb")), "\\Ta\\tb");
	check_field("BLOB", text(S("\xff")), "\\Uff");
	check_field("NUMERIC_TEXT", text(S("1.50")), "1.50");
	check_field("NUMERIC_TEXT", text(S("-0.00")), "-0.00");
	check_field("NUMERIC_TEXT", text(S("NaN")), "NaN");
	check_field("NUMERIC_TEXT", text(S("1e5")), "\\T1e5");
	check_field("NUMERIC_TEXT", text(S("01")), "\\T01");
	check_field("NUMERIC_TEXT", text(S("1.")), "\\T1.");
	check_field("NUMERIC_TEXT", text(S("")), "\\T");
	check_field("NUMERIC", text(S("1.50")), "\\T1.50");
	check_field("BLOB", blob(S("\0\xff")), "\\\\x00ff");
	check_field("BLOB", blob(S("")), "\\\\x");
	check_field("TEXT", blob(S("\0\xff")), "\\B00ff");
	check_field("TEXT", blob(S("")), "\\B");
	check_field("INT", (struct nz_value){0}, "\\N");
	check_field("TEXT", (struct nz_value){0}, "\\N");
}

/* Forms that encode never gives. */
static void refused(void **state)
{
	static const struct {
		const char *type;
		struct nz_bytes field;
	} cases[] = {
		{"INT", {NULL, 0}},
		{"INT", {(const uint8_t *)"05", 2}},
		{"INT", {(const uint8_t *)"-0", 2}},
		{"INT", {(const uint8_t *)"+5", 2}},
		{"INT", {(const uint8_t *)"5 ", 2}},
		{"INT", {(const uint8_t *)"9223372036854775808", 19}},
		{"INT", {(const uint8_t *)"\\I5", 3}},
		{"INT", {(const uint8_t *)"\\R", 2}},
		{"INT", {(const uint8_t *)"\\R5.50", 6}},
		{"INT", {(const uint8_t *)"\\RNaN", 5}},
		{"INT", {(const uint8_t *)"\\X5", 3}},
		{"INT", {(const uint8_t *)"\\Nx", 3}},
		{"INT", {(const uint8_t *)"\\", 1}},
		{"INT", {(const uint8_t *)"\\U61", 4}},
		{"INT", {(const uint8_t *)"\\U", 2}},
		{"INT", {(const uint8_t *)"\\BAA", 4}},
		{"INT", {(const uint8_t *)"\\Ba", 3}},
		{"INT", {(const uint8_t *)"\\T\xff", 3}},
		{"INT", {(const uint8_t *)"\\Ta\0", 4}},
		{"TEXT", {(const uint8_t *)"\\Tx", 3}},
		{"TEXT", {(const uint8_t *)"a\nb", 3}},
		{"TEXT", {(const uint8_t *)"a\\q", 3}},
		{"TEXT", {(const uint8_t *)"a\\", 2}},
		{"TEXT", {(const uint8_t *)"\xff", 1}},
		{"TEXT", {(const uint8_t *)"a\0b", 3}},
		{"TEXT", {(const uint8_t *)"\\\\\xff", 3}},
		{"BLOB", {(const uint8_t *)"00", 2}},
		{"BLOB", {(const uint8_t *)"\\x00", 4}},
		{"BLOB", {(const uint8_t *)"\\\\x0", 4}},
		{"BLOB", {(const uint8_t *)"\\\\x0G", 5}},
		{"BLOB", {(const uint8_t *)"\\B00", 4}},
		{"BOOL", {(const uint8_t *)"true", 4}},
		{"BOOL", {(const uint8_t *)"1", 1}},
		{"BOOL", {(const uint8_t *)"\\I1", 3}},
		{"REAL", {(const uint8_t *)"5.0", 3}},
		{"REAL", {(const uint8_t *)"1e5", 3}},
		{"REAL", {(const uint8_t *)"NaN", 3}},
		{"REAL", {(const uint8_t *)"inf", 3}},
		{"REAL", {(const uint8_t *)"0x1p3", 5}},
		{"REAL", {(const uint8_t *)" 5", 2}},
		{"REAL", {(const uint8_t *)"\\R5", 3}},
		{"DECIMAL(10,2)", {(const uint8_t *)"5", 1}},
		{"DECIMAL(10,2)", {(const uint8_t *)"5.0", 3}},
		{"DECIMAL(10,2)", {(const uint8_t *)"5.000", 5}},
		{"DECIMAL(10,2)", {(const uint8_t *)"-0.00", 5}},
		{"DECIMAL(10,2)", {(const uint8_t *)"05.00", 5}},
		{"DECIMAL(10,2)", {(const uint8_t *)".50", 3}},
		{"DECIMAL(10,2)", {(const uint8_t *)"\\R5.5", 5}},
		{"DECIMAL(10,2)", {(const uint8_t *)"\\I5", 3}},
		{"DECIMAL(10,2)", {(const uint8_t *)"123456789012345678.55", 21}},
		{"NUMERIC", {(const uint8_t *)"5.0", 3}},
		{"NUMERIC", {(const uint8_t *)"5.50", 4}},
		{"NUMERIC", {(const uint8_t *)"1e5", 3}},
		{"NUMERIC", {(const uint8_t *)"1.2.3", 5}},
		{"NUMERIC", {(const uint8_t *)"--1", 3}},
		{"NUMERIC", {(const uint8_t *)"\\R5.5", 5}},
		{"NUMERIC", {(const uint8_t *)"\\I5", 3}},
		{"NUMERIC_TEXT", {(const uint8_t *)"x", 1}},
		{"NUMERIC_TEXT", {(const uint8_t *)"\\T1", 3}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nz_column column = column_of(cases[i].type);
		const struct nz_table table = table_of(&column, 1);
		struct nz_value value;
		NZ_BUFFER(scratch);

		if (nz_record_decode(&table, cases[i].field, &scratch, &value, NULL) != NZ_MALFORMED)
			fail_msg("case %zu: %s took %.*s", i, cases[i].type, (int)cases[i].field.len,
			         (const char *)cases[i].field.ptr);
	}
}

static void column_counts(void **state)
{
	struct nz_column columns[2] = {column_of("INT"), column_of("TEXT")};
	const struct nz_table table = table_of(columns, 2);
	struct nz_value values[2];
	struct nz_error err;
	NZ_BUFFER(scratch);
	NZ_BUFFER(key);

	(void)state;
	assert_int_equal(nz_record_decode(&table, S("1\t"), &scratch, values, &err), NZ_OK);
	assert_int_equal(values[1].bytes.len, 0);
	assert_int_equal(nz_record_decode(&table, S("1"), &scratch, values, &err), NZ_MALFORMED);
	assert_int_equal(nz_record_decode(&table, S("1\ta\tb"), &scratch, values, &err),
	                 NZ_MALFORMED);
	assert_int_equal(nz_record_key(&table, S("1"), &key), NZ_MALFORMED);
	assert_int_equal(nz_record_key(&table, S("1\ta\tb"), &key), NZ_MALFORMED);
	assert_int_equal(key.len, 0);
}

static uint64_t seed = 88172645463325252u;
static uint64_t random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static double random_real(void)
{
	const uint64_t bits = random_bits();
	double value;

	switch (random_bits() % 6) {
	case 0:
		return (double)(int64_t)(bits % 2000001) / 100 - 10000;
	case 1:
		return (double)(int64_t)bits;
	case 2:
		return (double)(int64_t)(bits % 100) - 50;
	case 3:
		return (double)(int64_t)bits / 1000;
	case 4:
		return ldexp((double)(bits % 1000000007), (int)(bits >> 40) % 200 - 100);
	default:
		memcpy(&value, &bits, sizeof(value));
		return isnan(value) ? -0.0 : value;
	}
}

static struct nz_bytes random_text(uint8_t *room, size_t max)
{
	static const char *const numbers[] = {"0", "-1", "1.50", "NaN", "Infinity", "1e5", "+1", "\\N"};
	const size_t len = random_bits() % max;
	const uint64_t mode = random_bits() % 4;

	if (mode == 3)
		return nz_bytes_str(numbers[random_bits() % 8]);
	for (size_t i = 0; i < len; i++) {
		room[i] = (uint8_t)random_bits();
		if (mode == 0)
			room[i] = (uint8_t)(' ' + room[i] % 95);
		if (mode == 1)
			room[i] = (uint8_t)(room[i] % 16 == 0 ? '\\' : 1 + room[i] % 16);
	}
	return nz_bytes_of(room, len);
}

static struct nz_value random_value(uint8_t *room, size_t max)
{
	switch (random_bits() % 5) {
	case 0:
		return integer((int64_t)(random_bits() >> random_bits() % 64));
	case 1:
		return real(random_real());
	case 2:
		return text(random_text(room, max));
	case 3:
		return blob(random_text(room, max));
	default:
		return (struct nz_value){0};
	}
}

static bool same(const struct nz_value *a, const struct nz_value *b)
{
	if (a->class_ != b->class_)
		return false;
	switch (a->class_) {
	case NZ_VALUE_INTEGER:
		return a->integer == b->integer;
	case NZ_VALUE_REAL:
		return memcmp(&a->real, &b->real, sizeof(double)) == 0;
	case NZ_VALUE_TEXT:
	case NZ_VALUE_BLOB:
		return nz_bytes_equal(a->bytes, b->bytes);
	case NZ_VALUE_NULL:
		break;
	}
	return true;
}

#define COLUMNS 9
static void all_columns(struct nz_column columns[COLUMNS])
{
	static const char *const types[COLUMNS] = {"INTEGER", "TEXT",    "",
	                                           "BOOLEAN", "REAL",    "DECIMAL(10,2)",
	                                           "NUMERIC", "DECIMAL", "NUMERIC_TEXT"};

	for (size_t i = 0; i < COLUMNS; i++)
		columns[i] = column_of(types[i]);
	columns[7] = column_of("NUMERIC(15,9)");
}

/* Any value in any column comes back, bit for bit; and so does the record. */
static void any_value_any_kind(void **state)
{
	static uint8_t room[COLUMNS][64];
	struct nz_column columns[COLUMNS];
	const struct nz_table table = table_of(columns, COLUMNS);
	struct nz_value values[COLUMNS], again[COLUMNS];
	NZ_BUFFER(record);
	NZ_BUFFER(second);
	NZ_BUFFER(scratch);
	struct nz_error err;

	(void)state;
	all_columns(columns);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < COLUMNS; i++)
			values[i] = random_value(room[i], sizeof(room[i]));
		nz_buffer_reset(&record);
		nz_buffer_reset(&second);
		assert_int_equal(nz_record_encode(&table, values, &record), NZ_OK);
		if (nz_record_decode(&table, nz_buffer_bytes(&record), &scratch, again, &err) != NZ_OK)
			fail_msg("%s: %s", err.message, nz_buffer_cstr(&record));
		for (size_t i = 0; i < COLUMNS; i++)
			if (!same(&values[i], &again[i]))
				fail_msg("column %zu of %s", i, nz_buffer_cstr(&record));
		assert_int_equal(nz_record_encode(&table, again, &second), NZ_OK);
		assert_true(nz_bytes_equal(nz_buffer_bytes(&record), nz_buffer_bytes(&second)));
	}
}

/* Whatever decode takes, encode gives: damaged records are refused, or are other records. */
static void damaged_records(void **state)
{
	static uint8_t room[COLUMNS][24];
	struct nz_column columns[COLUMNS];
	const struct nz_table table = table_of(columns, COLUMNS);
	struct nz_value values[COLUMNS];
	NZ_BUFFER(record);
	NZ_BUFFER(second);
	NZ_BUFFER(scratch);
	size_t taken = 0;

	(void)state;
	all_columns(columns);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < COLUMNS; i++)
			values[i] = random_value(room[i], sizeof(room[i]));
		nz_buffer_reset(&record);
		nz_buffer_reset(&second);
		assert_int_equal(nz_record_encode(&table, values, &record), NZ_OK);
		record.ptr[random_bits() % record.len] = (uint8_t)"\\\t0159.-eNIRTBUx\n"[random_bits() % 18];
		if (nz_record_decode(&table, nz_buffer_bytes(&record), &scratch, values, NULL) != NZ_OK)
			continue;
		taken++;
		assert_int_equal(nz_record_encode(&table, values, &second), NZ_OK);
		assert_true(nz_bytes_equal(nz_buffer_bytes(&record), nz_buffer_bytes(&second)));
	}
	assert_true(taken > 0);
}

static void limits(void **state)
{
	struct nz_column column = column_of("TEXT");
	const struct nz_table table = table_of(&column, 1);
	const struct nz_value five = text(S("12345")), nan_value = real(NAN);

	(void)state;
	for (size_t before = 0; before < 3; before++) {
		for (size_t max = 1; max < 12; max++) {
			NZ_BUFFER(out);
			const bool fits = before + 5 <= max;

			assert_int_equal(nz_buffer_append(&out, "abc", before), NZ_OK);
			out.max = max;
			assert_int_equal(nz_record_encode(&table, &five, &out), fits ? NZ_OK : NZ_LIMIT);
			assert_int_equal(out.len, fits ? before + 5 : before);
		}
	}
	NZ_BUFFER(out);
	assert_int_equal(nz_record_encode(&table, &nan_value, &out), NZ_INVALID);
	assert_int_equal(out.len, 0);
}

static void check_key(const struct nz_table *table, struct nz_bytes record, const char *hex)
{
	char text_hex[256];
	NZ_BUFFER(key);

	assert_int_equal(nz_record_key(table, record, &key), NZ_OK);
	nz_hex_encode(nz_buffer_bytes(&key), text_hex);
	assert_string_equal(text_hex, hex);
}

static void keys(void **state)
{
	struct nz_column columns[3] = {column_of("INT"), column_of("TEXT"), column_of("BLOB")};
	size_t first[] = {0}, two[] = {1, 0}, third[] = {2};
	struct nz_table table = table_of(columns, 3);
	NZ_BUFFER(key);

	(void)state;
	check_key(&table, S("1\ta\t\\N"), "02" "310961095c4e");
	table.key = first;
	table.key_count = 1;
	check_key(&table, S("0\ta\t\\N"), "01" "8000000000000000");
	check_key(&table, S("-1\ta\t\\N"), "01" "7fffffffffffffff");
	check_key(&table, S("9223372036854775807\ta\t\\N"), "01" "ffffffffffffffff");
	check_key(&table, S("\\T5\ta\t\\N"), "03" "5c5435" "00");
	check_key(&table, S("\\R5.5\ta\t\\N"), "03" "5c52352e35" "00");
	assert_int_equal(nz_record_key(&table, S("\\N\ta\t\\N"), &key), NZ_MALFORMED);
	assert_int_equal(nz_record_key(&table, S("x\ta\t\\N"), &key), NZ_MALFORMED);
	table.key = two;
	table.key_count = 2;
	check_key(&table, S("0\t\\\\\\tb\t\\N"), "02" "5c0962" "00" "01" "8000000000000000");
	check_key(&table, S("0\t\t\\N"), "02" "00" "01" "8000000000000000");
	check_key(&table, S("0\t\\Uff\t\\N"), "03" "5c556666" "00" "01" "8000000000000000");
	assert_int_equal(nz_record_key(&table, S("0\ta\\q\t\\N"), &key), NZ_MALFORMED);
	table.key = third;
	table.key_count = 1;
	check_key(&table, S("0\t\t\\\\x61"), "02" "5c783631" "00");
	assert_int_equal(key.len, 0);
}

static void describe(const struct nz_table *table, struct nz_bytes record, const char *expected)
{
	NZ_BUFFER(key);
	NZ_BUFFER(words);

	assert_int_equal(nz_record_key(table, record, &key), NZ_OK);
	assert_int_equal(nz_record_key_describe(table, nz_buffer_bytes(&key), &words), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&words), expected);
	/* Cut anywhere, it is still words. */
	for (size_t i = 0; i < key.len; i++) {
		nz_buffer_reset(&words);
		assert_int_equal(nz_record_key_describe(table, nz_bytes_of(key.ptr, i), &words), NZ_OK);
		assert_true(words.len <= 220);
	}
}

static void keys_in_words(void **state)
{
	struct nz_column columns[2] = {column_of("INT"), column_of("TEXT")};
	size_t both[] = {0, 1};
	struct nz_table table = table_of(columns, 2);

	(void)state;
	columns[0].name = (char *)"id";
	describe(&table, S("42\tx"), "record '42.x'");
	table.key = both;
	table.key_count = 2;
	describe(&table, S("-42\tx\\ny"), "id=-42, c='x.y'");
	describe(&table, S("\\T4\tx"), "id='\\T4', c='x'");
	describe(&table,
	         S("1\t01234567890123456789012345678901234567890123456789012345678901234567890123456"
	           "\xc3\xbc\xc3\xbc\xc3\xbc"),
	         "id=1, c='01234567890123456789012345678901234567890123456789012345678901234567890123456"
	         "\xc3\xbc...'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(integers),
		cmocka_unit_test(reals),
		cmocka_unit_test(texts_and_blobs),
		cmocka_unit_test(refused),
		cmocka_unit_test(column_counts),
		cmocka_unit_test(any_value_any_kind),
		cmocka_unit_test(damaged_records),
		cmocka_unit_test(limits),
		cmocka_unit_test(keys),
		cmocka_unit_test(keys_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
