/* SPDX-License-Identifier: Apache-2.0 */
/* Covers the parser of lib/json: what is accepted, what is refused and where, every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <nz/json.h>

/* Parses from memory of exactly that length, so that a sanitizer sees the byte read past it. */
static enum nz_status parse_limited(struct nz_bytes text, const struct nz_json_limits *limits,
                                    struct nz_json_doc **out, struct nz_error *err)
{
	uint8_t *exact = malloc(text.len > 0 ? text.len : 1);
	enum nz_status status;

	assert_non_null(exact);
	if (text.len > 0)
		memcpy(exact, text.ptr, text.len);
	status = nz_json_parse(nz_bytes_of(exact, text.len), limits, out, err);
	/* A document owns what it says: nothing of the text may be needed now. */
	memset(exact, 0xDD, text.len);
	free(exact);
	return status;
}

static struct nz_json_doc *parse_good(struct nz_bytes text)
{
	struct nz_json_doc *doc = NULL;
	struct nz_error err = {0};

	if (parse_limited(text, NULL, &doc, &err) != NZ_OK)
		fail_msg("%s", err.message);
	return doc;
}

static void expect_fault_limited(struct nz_bytes text, const struct nz_json_limits *limits,
                                 enum nz_json_fault fault, size_t at)
{
	struct nz_json_doc *doc = NULL;
	struct nz_error err = {0};
	char place[32];
	const enum nz_status expected =
		fault >= NZ_JSON_FAULT_BYTES_LIMIT ? NZ_LIMIT : NZ_MALFORMED;
	const enum nz_status status = parse_limited(text, limits, &doc, &err);
	size_t len;

	(void)snprintf(place, sizeof(place), " at byte %zu", at);
	len = strlen(err.message);
	if (status != expected || err.code != (int)fault || err.status != expected ||
	    len < strlen(place) || strcmp(err.message + len - strlen(place), place) != 0)
		fail_msg("%.*s: status %d, fault %d, not %d%s: %s", (int)text.len,
		         (const char *)text.ptr, (int)status, err.code, (int)fault, place,
		         err.message);
	assert_null(doc);
}

static void faults(void **state)
{
	static const struct {
		const char *text;
		enum nz_json_fault fault;
		size_t at;
	} cases[] = {
		{"", NZ_JSON_FAULT_TRUNCATED, 0},
		{"  ", NZ_JSON_FAULT_TRUNCATED, 2},
		{"[", NZ_JSON_FAULT_TRUNCATED, 1},
		{"tru", NZ_JSON_FAULT_TRUNCATED, 3},
		{"-", NZ_JSON_FAULT_TRUNCATED, 1},
		{"1.", NZ_JSON_FAULT_TRUNCATED, 2},
		{"1e", NZ_JSON_FAULT_TRUNCATED, 2},
		{"1e+", NZ_JSON_FAULT_TRUNCATED, 3},
		{"\"a", NZ_JSON_FAULT_TRUNCATED, 2},
		{"\"\\", NZ_JSON_FAULT_TRUNCATED, 2},
		{"\"\\u12", NZ_JSON_FAULT_TRUNCATED, 5},
		{"\"\\ud800\\", NZ_JSON_FAULT_TRUNCATED, 8},
		{"{\"a\"", NZ_JSON_FAULT_TRUNCATED, 4},
		{"{\"a\":", NZ_JSON_FAULT_TRUNCATED, 5},
		{"{\"a\":1,", NZ_JSON_FAULT_TRUNCATED, 7},
		{"trUe", NZ_JSON_FAULT_SYNTAX, 2},
		{"nul1", NZ_JSON_FAULT_SYNTAX, 3},
		{"True", NZ_JSON_FAULT_SYNTAX, 0},
		{"NaN", NZ_JSON_FAULT_SYNTAX, 0},
		{"Infinity", NZ_JSON_FAULT_SYNTAX, 0},
		{"-Infinity", NZ_JSON_FAULT_SYNTAX, 1},
		{"+1", NZ_JSON_FAULT_SYNTAX, 0},
		{".5", NZ_JSON_FAULT_SYNTAX, 0},
		{"01", NZ_JSON_FAULT_SYNTAX, 1},
		{"-01", NZ_JSON_FAULT_SYNTAX, 2},
		{"00", NZ_JSON_FAULT_SYNTAX, 1},
		{"1.e1", NZ_JSON_FAULT_SYNTAX, 2},
		{"1ex", NZ_JSON_FAULT_SYNTAX, 2},
		{"--1", NZ_JSON_FAULT_SYNTAX, 1},
		{"[1,]", NZ_JSON_FAULT_SYNTAX, 3},
		{"[,1]", NZ_JSON_FAULT_SYNTAX, 1},
		{"[1 2]", NZ_JSON_FAULT_SYNTAX, 3},
		{"[1}", NZ_JSON_FAULT_SYNTAX, 2},
		{"{]", NZ_JSON_FAULT_SYNTAX, 1},
		{"{1:2}", NZ_JSON_FAULT_SYNTAX, 1},
		{"{'a':2}", NZ_JSON_FAULT_SYNTAX, 1},
		{"{\"a\" 1}", NZ_JSON_FAULT_SYNTAX, 5},
		{"{\"a\":1,}", NZ_JSON_FAULT_SYNTAX, 7},
		{"{\"a\":}", NZ_JSON_FAULT_SYNTAX, 5},
		{"{,}", NZ_JSON_FAULT_SYNTAX, 1},
		{"]", NZ_JSON_FAULT_SYNTAX, 0},
		{"/* */1", NZ_JSON_FAULT_SYNTAX, 0},
		{"\f1", NZ_JSON_FAULT_SYNTAX, 0},
		{"\xC2\xA0""1", NZ_JSON_FAULT_SYNTAX, 0},
		{"\"\xFF\"", NZ_JSON_FAULT_UTF8, 1},
		{"\"\xC0\x80\"", NZ_JSON_FAULT_UTF8, 1},
		{"\"\xED\xA0\x80\"", NZ_JSON_FAULT_UTF8, 1},
		{"\"\xF4\x90\x80\x80\"", NZ_JSON_FAULT_UTF8, 1},
		{"\"a\xE2\x82", NZ_JSON_FAULT_UTF8, 2},
		{"\xFE\xFF", NZ_JSON_FAULT_UTF8, 0},
		{"\xEF\xBB\xBF{}", NZ_JSON_FAULT_BOM, 0},
		{" \xEF\xBB\xBF{}", NZ_JSON_FAULT_SYNTAX, 1},
		{"\"\\x41\"", NZ_JSON_FAULT_ESCAPE, 1},
		{"\"\\'\"", NZ_JSON_FAULT_ESCAPE, 1},
		{"\"\\U0041\"", NZ_JSON_FAULT_ESCAPE, 1},
		{"\"\\u00g1\"", NZ_JSON_FAULT_ESCAPE, 5},
		{"\"\\u+041\"", NZ_JSON_FAULT_ESCAPE, 3},
		{"\"\\ud800\"", NZ_JSON_FAULT_SURROGATE, 1},
		{"\"a\\udc00\"", NZ_JSON_FAULT_SURROGATE, 2},
		{"\"\\ud800\\u0041\"", NZ_JSON_FAULT_SURROGATE, 1},
		{"\"\\ud800\\ud800\"", NZ_JSON_FAULT_SURROGATE, 1},
		{"\"\\udbff\\n\"", NZ_JSON_FAULT_SURROGATE, 1},
		{"{\"\\udead\":1}", NZ_JSON_FAULT_SURROGATE, 2},
		{"\"\n\"", NZ_JSON_FAULT_CONTROL, 1},
		{"\"a\x1F\"", NZ_JSON_FAULT_CONTROL, 2},
		{"\"\t\"", NZ_JSON_FAULT_CONTROL, 1},
		{"1e400", NZ_JSON_FAULT_NUMBER_OVERFLOW, 0},
		{"[-1e309]", NZ_JSON_FAULT_NUMBER_OVERFLOW, 1},
		{"1.7976931348623159e308", NZ_JSON_FAULT_NUMBER_OVERFLOW, 0},
		{"1e99999999999999999999", NZ_JSON_FAULT_NUMBER_OVERFLOW, 0},
		{"9007199254740993", NZ_JSON_FAULT_NUMBER_INEXACT, 0},
		{"[-9007199254740993]", NZ_JSON_FAULT_NUMBER_INEXACT, 1},
		{"18446744073709551615", NZ_JSON_FAULT_NUMBER_INEXACT, 0},
		{"12345678901234567890123", NZ_JSON_FAULT_NUMBER_INEXACT, 0},
		{"100000000000000000000000", NZ_JSON_FAULT_NUMBER_INEXACT, 0},
		{"{\"a\":1,\"a\":1}", NZ_JSON_FAULT_DUPLICATE, 12},
		{"{\"a\":1,\"\\u0061\":2}", NZ_JSON_FAULT_DUPLICATE, 17},
		{"[{\"\":1,\"b\":0,\"\":2} ]", NZ_JSON_FAULT_DUPLICATE, 17},
		{"{\"\xC3\xA9\":1,\"\\u00E9\":2}", NZ_JSON_FAULT_DUPLICATE, 18},
		{"1 2", NZ_JSON_FAULT_TRAILING, 2},
		{"{}}", NZ_JSON_FAULT_TRAILING, 2},
		{"null,", NZ_JSON_FAULT_TRAILING, 4},
		{"1x", NZ_JSON_FAULT_TRAILING, 1},
		{"0x10", NZ_JSON_FAULT_TRAILING, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_fault_limited(nz_bytes_str(cases[i].text), NULL, cases[i].fault,
		                     cases[i].at);
	expect_fault_limited(nz_bytes_of("\0", 1), NULL, NZ_JSON_FAULT_SYNTAX, 0);
	expect_fault_limited(nz_bytes_of("\"\0\"", 3), NULL, NZ_JSON_FAULT_CONTROL, 1);
	expect_fault_limited(nz_bytes_of("\"\\\0\"", 4), NULL, NZ_JSON_FAULT_ESCAPE, 1);
	expect_fault_limited(nz_bytes_of("1\0", 2), NULL, NZ_JSON_FAULT_TRAILING, 1);
	expect_fault_limited((struct nz_bytes){NULL, 0}, NULL, NZ_JSON_FAULT_TRUNCATED, 0);
}

static void failure_leaves_out_alone(void **state)
{
	struct nz_json_doc *doc = parse_good(nz_bytes_str("1")), *same = doc;

	(void)state;
	assert_int_equal(nz_json_parse(nz_bytes_str("[1"), NULL, &doc, NULL), NZ_MALFORMED);
	assert_ptr_equal(doc, same);
	nz_json_free(&doc);
}

/* Cut anywhere, a document is truncated, and the place named is its end. */
static void cut_at_every_byte(void **state)
{
	static const char text[] =
		"{\"a\":[true,false,null,-1.5e+3,\"\\u00e9\\ud83d\\ude00\\n\"],\"b\":{\"\":[[],{}]},"
		"\"number\":1234567890123}";
	struct nz_json_doc *doc;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		expect_fault_limited(nz_bytes_of(text, len), NULL, NZ_JSON_FAULT_TRUNCATED, len);
	doc = parse_good(nz_bytes_str(text));
	assert_int_equal(nz_json_count(nz_json_root(doc)), 3);
	nz_json_free(&doc);
}

/* Any one byte changed: accepted or refused, but never read past and never the same document. */
static void change_every_byte(void **state)
{
	static const char text[] = "{\"k\\u00e9\":[1.5e3,\"a\\n\xC3\xA9\",true],\"l\":{}}";
	size_t accepted = 0;

	(void)state;
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char changed[sizeof(text)];
			struct nz_json_doc *doc = NULL;

			memcpy(changed, text, sizeof(text));
			changed[at] = (char)byte;
			if (parse_limited(nz_bytes_of(changed, sizeof(text) - 1), NULL, &doc,
			                  NULL) == NZ_OK) {
				NZ_BUFFER(out);

				accepted++;
				assert_int_equal(nz_json_canonical(nz_json_root(doc), &out), NZ_OK);
				nz_json_free(&doc);
			}
			assert_null(doc);
		}
	}
	assert_in_range(accepted, sizeof(text) - 1, (sizeof(text) - 1) * 128);
}

static void text_length_limit(void **state)
{
	const struct nz_json_limits limits = {.bytes = 5, .depth = 1, .members = 0};
	struct nz_json_doc *doc = NULL;

	(void)state;
	assert_int_equal(parse_limited(nz_bytes_str("[1,2]"), &limits, &doc, NULL), NZ_OK);
	nz_json_free(&doc);
	expect_fault_limited(nz_bytes_str("[1,2] "), &limits, NZ_JSON_FAULT_BYTES_LIMIT, 5);
	expect_fault_limited(nz_bytes_str("\xFF\xFF\xFF\xFF\xFF\xFF"), &limits,
	                     NZ_JSON_FAULT_BYTES_LIMIT, 5);
	assert_int_equal(nz_json_packet_limits.bytes, 1048576);
	assert_int_equal(nz_json_packet_limits.depth, 64);
	assert_int_equal(nz_json_packet_limits.members, 10000);
}

/* depth containers in one another, arrays and objects in turn. */
static void nest(struct nz_buffer *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		assert_int_equal(nz_buffer_append_str(out, i % 2 ? "{\"a\":" : "["), NZ_OK);
	assert_int_equal(nz_buffer_append_str(out, "0"), NZ_OK);
	for (size_t i = depth; i > 0; i--)
		assert_int_equal(nz_buffer_append_str(out, i % 2 ? "]" : "}"), NZ_OK);
}

static void depth_limit(void **state)
{
	(void)state;
	for (size_t limit = 0; limit <= 1001; limit = limit < 70 ? limit + 1 : limit + 133) {
		const struct nz_json_limits limits = {.bytes = 1 << 20, .depth = limit, .members = 1};
		const size_t most = limit < 1000 ? limit : 1000;
		struct nz_json_doc *doc = NULL;
		NZ_BUFFER(text);
		NZ_BUFFER(out);

		nest(&text, most);
		assert_int_equal(parse_limited(nz_buffer_bytes(&text), &limits, &doc, NULL),
		                 NZ_OK);
		assert_int_equal(nz_json_canonical(nz_json_root(doc), &out), NZ_OK);
		assert_true(nz_bytes_equal(nz_buffer_bytes(&out), nz_buffer_bytes(&text)));
		nz_json_free(&doc);
		nz_buffer_reset(&text);
		nest(&text, most + 1);
		expect_fault_limited(nz_buffer_bytes(&text), &limits, NZ_JSON_FAULT_DEPTH_LIMIT,
		                     most / 2 * 6 + most % 2);
	}
}

/* An object of count members whose names have a long start in common, in a scrambled order. */
static void many_members(struct nz_buffer *out, size_t count)
{
	assert_int_equal(nz_buffer_append_str(out, "{"), NZ_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(nz_buffer_appendf(out, "%s\"the name of member %05zu\":%zu",
		                                   i > 0 ? "," : "", i * 7919 % count, i),
		                 NZ_OK);
	assert_int_equal(nz_buffer_append_str(out, "}"), NZ_OK);
}

static void members_limit(void **state)
{
	NZ_BUFFER(text);
	struct nz_json_doc *doc;
	struct nz_error err = {0};
	const struct nz_json_limits two = {.bytes = 100, .depth = 9, .members = 2};
	size_t at;

	(void)state;
	many_members(&text, 10000);
	doc = parse_good(nz_buffer_bytes(&text));
	assert_int_equal(nz_json_count(nz_json_root(doc)), 10000);
	for (size_t i = 0; i < 10000; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "the name of member %05zu", i * 7919 % 10000);
		assert_true(nz_bytes_equal(nz_json_name_at(nz_json_root(doc), i),
		                           nz_bytes_str(name)));
		assert_true(nz_json_number(nz_json_get(nz_json_root(doc), name)) == (double)i);
	}
	nz_json_free(&doc);

	/* One name becomes another's: found, wherever they are. */
	at = text.len - 40;
	while (memcmp(text.ptr + at, "\"the", 4) != 0)
		at--;
	assert_memory_equal(text.ptr + 1, "\"the name of member 00000\"", 26);
	memcpy(text.ptr + at, text.ptr + 1, 26);
	assert_int_equal(parse_limited(nz_buffer_bytes(&text), NULL, &doc, &err), NZ_MALFORMED);
	assert_int_equal(err.code, NZ_JSON_FAULT_DUPLICATE);

	nz_buffer_reset(&text);
	many_members(&text, 10001);
	assert_int_equal(parse_limited(nz_buffer_bytes(&text), NULL, &doc, &err), NZ_LIMIT);
	assert_int_equal(err.code, NZ_JSON_FAULT_MEMBERS_LIMIT);

	/* Of one object, not of all. */
	assert_int_equal(parse_limited(nz_bytes_str("[{\"a\":1,\"b\":{\"c\":1,\"d\":2}},{\"e\":1}]"),
	                               &two, &doc, NULL),
	                 NZ_OK);
	nz_json_free(&doc);
	expect_fault_limited(nz_bytes_str("{\"a\":1,\"b\":{\"c\":1,\"d\":2,\"e\":3}}"), &two,
	                     NZ_JSON_FAULT_MEMBERS_LIMIT, 24);
}

static void expect_number(const char *text, double expected)
{
	struct nz_json_doc *doc = parse_good(nz_bytes_str(text));
	const double got = nz_json_number(nz_json_root(doc));

	if (memcmp(&got, &expected, sizeof(got)) != 0)
		fail_msg("%s: %a, not %a", text, got, expected);
	nz_json_free(&doc);
}

static void numbers(void **state)
{
	char text[3000];

	(void)state;
	expect_number("0", 0);
	expect_number("-0", -0.0);
	expect_number("-0.0e5", -0.0);
	expect_number("0e99999999999999", 0);
	expect_number("1E2", 100);
	expect_number("1e+2", 100);
	expect_number("1500e-2", 15);
	expect_number("0.1", 0.1);
	expect_number("1e-400", 0);
	expect_number("-1e-99999999999999999999", -0.0);
	expect_number("4.9e-324", 0x1p-1074);
	expect_number("2.4703282292062327e-324", 0);
	expect_number("2.4703282292062328e-324", 0x1p-1074);
	expect_number("1.7976931348623157e308", 0x1.fffffffffffffp1023);
	expect_number("1.7976931348623158e308", 0x1.fffffffffffffp1023);
	expect_number("9007199254740991", 9007199254740991);
	expect_number("9007199254740992", 9007199254740992);
	expect_number("-9007199254740994", -9007199254740994);
	expect_number("9007199254740993.0", 9007199254740992);
	expect_number("9007199254740993e0", 9007199254740992);
	expect_number("18446744073709551616", 0x1p64);
	expect_number("18446744073709552000", 0x1p64);
	expect_number("-123456789012345680000", -123456789012345680000.0);
	expect_number("100000000000000000000", 1e20);
	expect_number("0.1e1", 1);
	expect_number("123456789012345.678901234567890", 123456789012345.678901234567890);

	/* 2^53 + 1 is a tie, and even stays; anything after it, ever so far on, goes up. */
	memset(text, '0', sizeof(text));
	memcpy(text, "9007199254740993.", 17);
	text[2998] = '\0';
	expect_number(text, 9007199254740992);
	text[2997] = '1';
	expect_number(text, 9007199254740994);
	/* Digits and exponent that make up for each other. */
	memset(text, '0', sizeof(text));
	text[1] = '.';
	memcpy(text + 2000, "15e1999", 8);
	expect_number(text, 15.0 / 10);
	memset(text, '0', sizeof(text));
	text[0] = '7';
	memcpy(text + 2000, "e-1998", 7);
	expect_number(text, 70);
	/* An integer literal of 309 digits. */
	(void)snprintf(text, sizeof(text), "%.0f", 0x1.fffffffffffffp1023);
	expect_number(text, 0x1.fffffffffffffp1023);
	text[308] = '9';
	expect_fault_limited(nz_bytes_str(text), NULL, NZ_JSON_FAULT_NUMBER_INEXACT, 0);
	memset(text, '9', 400);
	text[400] = '\0';
	expect_fault_limited(nz_bytes_str(text), NULL, NZ_JSON_FAULT_NUMBER_OVERFLOW, 0);
}

static size_t utf8_of(uint32_t code, uint8_t *out)
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xC0 + code / 64);
		out[1] = (uint8_t)(0x80 + code % 64);
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xE0 + code / 4096);
		out[1] = (uint8_t)(0x80 + code / 64 % 64);
		out[2] = (uint8_t)(0x80 + code % 64);
		return 3;
	}
	out[0] = (uint8_t)(0xF0 + code / 262144);
	out[1] = (uint8_t)(0x80 + code / 4096 % 64);
	out[2] = (uint8_t)(0x80 + code / 64 % 64);
	out[3] = (uint8_t)(0x80 + code % 64);
	return 4;
}

/* Every code point, escaped and as itself, noncharacters among them. */
static void every_code_point(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10FFFF; code += code < 0x20000 ? 1 : 97) {
		struct nz_json_doc *doc;
		uint8_t utf8[8] = "\"";
		char text[32];
		size_t len;

		if (code >= 0xD800 && code <= 0xDFFF)
			continue;
		if (code < 0x10000)
			(void)snprintf(text, sizeof(text), code % 2 ? "\"\\u%04x\"" : "\"\\u%04X\"",
			               code);
		else
			(void)snprintf(text, sizeof(text), "\"\\u%04x\\u%04X\"",
			               0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF));
		len = utf8_of(code, utf8 + 1);
		doc = parse_good(nz_bytes_str(text));
		assert_int_equal(nz_json_string(nz_json_root(doc)).len, len);
		assert_memory_equal(nz_json_string(nz_json_root(doc)).ptr, utf8 + 1, len);
		nz_json_free(&doc);
		if (code < 0x20 || code == '"' || code == '\\')
			continue;
		utf8[len + 1] = '"';
		doc = parse_good(nz_bytes_of(utf8, len + 2));
		assert_memory_equal(nz_json_string(nz_json_root(doc)).ptr, utf8 + 1, len);
		nz_json_free(&doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults),
		cmocka_unit_test(failure_leaves_out_alone),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(change_every_byte),
		cmocka_unit_test(text_length_limit),
		cmocka_unit_test(depth_limit),
		cmocka_unit_test(members_limit),
		cmocka_unit_test(numbers),
		cmocka_unit_test(every_code_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
