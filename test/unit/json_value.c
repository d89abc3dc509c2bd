/* SPDX-License-Identifier: Apache-2.0 */
/* Covers the values of lib/json: readers, builders, and both printed forms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <nz/json.h>

static struct nz_json_doc *parse_good(struct nz_bytes text)
{
	struct nz_json_doc *doc = NULL;
	struct nz_error err = {0};

	if (nz_json_parse(text, NULL, &doc, &err) != NZ_OK)
		fail_msg("%s", err.message);
	return doc;
}

static void expect_form(const struct nz_json *value, const char *expected)
{
	NZ_BUFFER(out);

	assert_int_equal(nz_json_canonical(value, &out), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&out), expected);
}

static void expect_canonical(const char *text, const char *expected)
{
	struct nz_json_doc *doc = parse_good(nz_bytes_str(text));

	expect_form(nz_json_root(doc), expected);
	nz_json_free(&doc);
	assert_null(doc);
}

static void canonical_strings(void **state)
{
	(void)state;
	expect_canonical("\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\\\/\\u007f\\u2028\"",
	                 "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/\x7f\xE2\x80\xA8\"");
	expect_canonical("\"\"", "\"\"");
	/* RFC 8785 section 3.2.2. */
	expect_canonical("{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,"
	                 "0.000000000000000000000000001],\"string\":\"\\u20ac$\\u000F\\u000aA'"
	                 "\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}",
	                 "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,"
	                 "0.002,1e-27],\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

static void canonical_order(void **state)
{
	(void)state;
	/* RFC 8785 section 3.2.3: U+1F600 is D83D DE00 in UTF-16, before U+FB33. */
	expect_canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
	                 "\"\\u0080\":6,\"\\u00f6\":7}",
	                 "{\"\\r\":2,\"1\":4,\"\xC2\x80\":6,\"\xC3\xB6\":7,\"\xE2\x82\xAC\":1,"
	                 "\"\xF0\x9F\x98\x80\":5,\"\xEF\xAC\xB3\":3}");
	expect_canonical("{\"\\uffff\":1,\"\\ue000\":2,\"\\udbff\\udfff\":3,\"\\ud7ff\":4,"
	                 "\"\\ud800\\udc00\":5}",
	                 "{\"\xED\x9F\xBF\":4,\"\xF0\x90\x80\x80\":5,\"\xF4\x8F\xBF\xBF\":3,"
	                 "\"\xEE\x80\x80\":2,\"\xEF\xBF\xBF\":1}");
	expect_canonical("{\"b\":0,\"aa\":0,\"a\":0,\"\":0,\"B\":0,\"10\":0,\"9\":0,\"a\\u0000\":0}",
	                 "{\"\":0,\"10\":0,\"9\":0,\"B\":0,\"a\":0,\"a\\u0000\":0,\"aa\":0,\"b\":0}");
	expect_canonical(" [ { } , [ ] , \t\r\n{ \"a\" : [ 1 , 2 ] } ] ", "[{},[],{\"a\":[1,2]}]");
}

static void expect_stringify(const char *text, const char *expected)
{
	struct nz_json_doc *doc = parse_good(nz_bytes_str(text));
	NZ_BUFFER(out);

	assert_int_equal(nz_json_stringify(nz_json_root(doc), &out), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&out), expected);
	nz_json_free(&doc);
}

static void stringify(void **state)
{
	(void)state;
	expect_stringify("{ \"b\":1.0, \"a\":{\"z\":-0,\"y\":\"\\u0041\"} }",
	                 "{\"b\":1,\"a\":{\"z\":0,\"y\":\"A\"}}");
	expect_stringify("{\"b\":0,\"10\":1,\"9\":2,\"a\":3,\"0\":4,\"01\":5,\"-1\":6,\"1.5\":7,"
	                 "\"4294967295\":8,\"4294967294\":9,\"\":10,\"100\":11,\"42949672940\":12,"
	                 "\"99999999999999999999\":13}",
	                 "{\"0\":4,\"9\":2,\"10\":1,\"100\":11,\"4294967294\":9,\"b\":0,\"a\":3,"
	                 "\"01\":5,\"-1\":6,\"1.5\":7,\"4294967295\":8,\"\":10,\"42949672940\":12,"
	                 "\"99999999999999999999\":13}");
	expect_stringify("{\"__proto__\":1,\"x\":[{\"2\":1,\"c\":0,\"1\":2}]}",
	                 "{\"__proto__\":1,\"x\":[{\"1\":2,\"2\":1,\"c\":0}]}");
}

static void readers_of_nothing(void **state)
{
	struct nz_json_doc *doc = parse_good(nz_bytes_str("[1,\"s\",{\"n\":null,\"t\":true}]"));
	struct nz_json *root = nz_json_root(doc), *object = nz_json_at(root, 2);

	(void)state;
	assert_int_equal(nz_json_type(NULL), NZ_JSON_NULL);
	assert_false(nz_json_is(NULL, NZ_JSON_NULL));
	assert_true(nz_json_is(nz_json_get(object, "n"), NZ_JSON_NULL));
	assert_null(nz_json_get(object, "x"));
	assert_null(nz_json_get(nz_json_get(object, "x"), "y"));
	assert_null(nz_json_get(root, "n"));
	assert_null(nz_json_at(root, 3));
	assert_null(nz_json_at(object, 2));
	assert_null(nz_json_at(NULL, 0));
	assert_null(nz_json_at(nz_json_at(root, 1), 0));
	assert_int_equal(nz_json_count(nz_json_at(root, 1)), 0);
	assert_int_equal(nz_json_count(root), 3);
	assert_int_equal(nz_json_count(object), 2);
	assert_int_equal(nz_json_name_at(root, 0).len, 0);
	assert_int_equal(nz_json_name_at(object, 2).len, 0);
	assert_int_equal(nz_json_string(root).len, 0);
	assert_int_equal(nz_json_string(nz_json_at(root, 1)).len, 1);
	assert_true(nz_json_number(nz_json_at(root, 1)) == 0);
	assert_true(nz_json_number(nz_json_at(root, 0)) == 1);
	assert_true(nz_json_bool(nz_json_get(object, "t")));
	assert_false(nz_json_bool(nz_json_get(object, "n")));
	assert_null(nz_json_root(NULL));
	nz_json_free(&doc);
	nz_json_free(&doc);
}

static void typed_members(void **state)
{
	static const char *const listed[] = {"s", "i", "big", "f", "z", "o", "a", "x", "h", NULL};
	static const char *const too_few[] = {"s", "i", NULL};
	struct nz_json_doc *doc = parse_good(
		nz_bytes_str("{\"s\":\"text\",\"i\":-7,\"big\":9007199254740992,\"f\":1.5,\"z\":-0,"
	                     "\"o\":{},\"a\":[],\"x\":\"AAEC\",\"h\":\"00ff\"}"));
	struct nz_json *root = nz_json_root(doc), *child = NULL;
	struct nz_bytes text = {0};
	struct nz_error err = {0};
	int64_t n = 99;
	uint8_t bytes[3] = {9, 9, 9};

	(void)state;
	assert_int_equal(nz_json_get_string(root, "s", &text, &err), NZ_OK);
	assert_true(nz_bytes_equal(text, nz_bytes_str("text")));
	assert_int_equal(nz_json_get_string(root, "i", &text, &err), NZ_MALFORMED);
	assert_non_null(strstr(err.message, "\"i\""));
	assert_int_equal(nz_json_get_string(root, "none", &text, &err), NZ_MALFORMED);
	assert_non_null(strstr(err.message, "\"none\""));
	assert_int_equal(nz_json_get_int(root, "big", INT64_MIN, INT64_MAX, &n, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_int(root, "f", INT64_MIN, INT64_MAX, &n, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_int(root, "s", INT64_MIN, INT64_MAX, &n, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_int(root, "i", -6, 0, &n, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_int(root, "i", -9, -8, &n, &err), NZ_MALFORMED);
	assert_int_equal(n, 99);
	assert_int_equal(nz_json_get_int(root, "i", -7, -7, &n, &err), NZ_OK);
	assert_int_equal(n, -7);
	assert_int_equal(nz_json_get_int(root, "z", 0, 0, &n, &err), NZ_OK);
	assert_int_equal(n, 0);
	assert_int_equal(nz_json_get_object(root, "o", &child, &err), NZ_OK);
	assert_ptr_equal(child, nz_json_get(root, "o"));
	assert_int_equal(nz_json_get_array(root, "o", &child, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_array(root, "a", &child, &err), NZ_OK);
	assert_int_equal(nz_json_get_object(root, "a", &child, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_base64(root, "x", bytes, 2, &err), NZ_MALFORMED);
	assert_int_equal(bytes[0], 9);
	assert_int_equal(nz_json_get_base64(root, "x", bytes, 3, &err), NZ_OK);
	assert_memory_equal(bytes, "\0\1\2", 3);
	assert_int_equal(nz_json_get_hex(root, "x", bytes, 2, &err), NZ_MALFORMED);
	assert_int_equal(nz_json_get_hex(root, "h", bytes, 2, &err), NZ_OK);
	assert_memory_equal(bytes, "\0\xff\2", 3);
	assert_int_equal(nz_json_only_members(root, listed, &err), NZ_OK);
	assert_int_equal(nz_json_only_members(root, too_few, &err), NZ_MALFORMED);
	assert_non_null(strstr(err.message, "\"big\""));
	nz_json_free(&doc);
}

/* A stranger's member name does not put control characters, or its length, into a log. */
static void strange_names_are_tamed(void **state)
{
	static const char *const none[] = {NULL};
	struct nz_json_doc *doc = parse_good(
		nz_bytes_str("{\"\\n\\u001b[2J\xC3\xA9"
	                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}"));
	struct nz_error err = {0};

	(void)state;
	assert_int_equal(nz_json_only_members(nz_json_root(doc), none, &err), NZ_MALFORMED);
	assert_non_null(strstr(err.message, "\"??[2J??aaaa"));
	assert_true(strlen(err.message) < 80);
	nz_json_free(&doc);
}

static void build(void **state)
{
	static const uint8_t bytes[] = {0, 1, 0xFE};
	NZ_JSON_DOC(doc);
	struct nz_json *root, *list;

	(void)state;
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	assert_null(nz_json_root(doc));
	root = nz_json_make_object(doc);
	list = nz_json_make_array(doc);
	nz_json_set_root(doc, root);
	nz_json_set(doc, root, "list", list);
	nz_json_set_str(doc, root, "text", "a\n");
	nz_json_set_bytes(doc, root, "bytes", nz_bytes_of("b\0c", 3));
	nz_json_set_int(doc, root, "least", -9007199254740991);
	nz_json_set_int(doc, root, "most", 9007199254740991);
	nz_json_set_hex(doc, root, "hex", nz_bytes_of(bytes, 3));
	nz_json_set_base64(doc, root, "base64", nz_bytes_of(bytes, 3));
	nz_json_set_hex(doc, root, "none", nz_bytes_of(NULL, 0));
	/* A container goes on growing where it is. */
	nz_json_push(doc, list, nz_json_make_null(doc));
	nz_json_push(doc, list, nz_json_make_bool(doc, true));
	nz_json_push(doc, list, nz_json_make_bool(doc, false));
	nz_json_push(doc, list, nz_json_make_number(doc, -0.5));
	nz_json_push(doc, list, nz_json_make_string(doc, nz_bytes_str("\xC3\xA9")));
	nz_json_push(doc, list, nz_json_make_object(doc));
	assert_int_equal(nz_json_failed(doc), NZ_OK);
	expect_form(root, "{\"base64\":\"AAH+\",\"bytes\":\"b\\u0000c\",\"hex\":\"0001fe\","
	                  "\"least\":-9007199254740991,"
	                  "\"list\":[null,true,false,-0.5,\"\xC3\xA9\",{}],"
	                  "\"most\":9007199254740991,\"none\":\"\",\"text\":\"a\\n\"}");
	nz_json_set_int(doc, root, "list", 1);
	nz_json_set_str(doc, root, "text", "new");
	nz_json_remove(root, "hex");
	nz_json_remove(root, "hex");
	nz_json_remove(root, "none");
	nz_json_remove(NULL, "none");
	expect_form(root, "{\"base64\":\"AAH+\",\"bytes\":\"b\\u0000c\",\"least\":-9007199254740991,"
	                  "\"list\":1,\"most\":9007199254740991,\"text\":\"new\"}");
	assert_int_equal(nz_json_count(root), 6);
	assert_true(nz_bytes_equal(nz_json_name_at(root, 0), nz_bytes_str("list")));
	assert_true(nz_bytes_equal(nz_json_name_at(root, 5), nz_bytes_str("base64")));
}

/* Set and remove in a scrambled order, against a plain table. */
static void build_many(void **state)
{
	enum { N = 500 };
	NZ_JSON_DOC(doc);
	struct nz_json *root, *list;
	bool present[N] = {false};
	size_t count = 0;
	char name[16];

	(void)state;
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	root = nz_json_make_object(doc);
	list = nz_json_make_array(doc);
	for (size_t i = 0; i < 5 * (size_t)N; i++) {
		const size_t which = i * 331 % N;

		(void)snprintf(name, sizeof(name), "%zu", which);
		if (i % 3 == 2) {
			count -= present[which] ? 1 : 0;
			present[which] = false;
			nz_json_remove(root, name);
		} else {
			count += present[which] ? 0 : 1;
			present[which] = true;
			nz_json_set_int(doc, root, name, (int64_t)i);
		}
		nz_json_push(doc, list, nz_json_make_number(doc, (double)i));
	}
	assert_int_equal(nz_json_failed(doc), NZ_OK);
	assert_int_equal(nz_json_count(root), count);
	assert_int_equal(nz_json_count(list), 5 * N);
	for (size_t i = 0; i < 5 * (size_t)N; i++)
		assert_true(nz_json_number(nz_json_at(list, i)) == (double)i);
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		assert_int_equal(nz_json_get(root, name) != NULL, present[i]);
	}
}

/* A parsed document can be built on, and copied from into another. */
static void extend_and_copy(void **state)
{
	struct nz_json_doc *source = parse_good(
		nz_bytes_str("{\"b\":[1,[true,null,\"x\\u0000\"]],\"a\":{\"c\":-1.5},\"\":[]}"));
	struct nz_json *root = nz_json_root(source);
	NZ_JSON_DOC(doc);

	(void)state;
	nz_json_set_str(source, root, "aa", "new");
	nz_json_push(source, nz_json_get(root, ""), nz_json_make_null(source));
	nz_json_push(source, nz_json_get(root, "b"), nz_json_copy(source, nz_json_get(root, "a")));
	nz_json_set_int(source, nz_json_get(root, "a"), "c", 7);
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	nz_json_set_root(doc, nz_json_copy(doc, root));
	assert_int_equal(nz_json_failed(source), NZ_OK);
	nz_json_free(&source);
	assert_int_equal(nz_json_failed(doc), NZ_OK);
	expect_form(nz_json_root(doc), "{\"\":[null],\"a\":{\"c\":7},\"aa\":\"new\","
	                               "\"b\":[1,[true,null,\"x\\u0000\"],{\"c\":-1.5}]}");
	assert_true(nz_bytes_equal(nz_json_name_at(nz_json_root(doc), 0), nz_bytes_str("b")));
}

static enum nz_status failure_of(void (*act)(struct nz_json_doc *, struct nz_json *))
{
	NZ_JSON_DOC(doc);
	struct nz_json *object;

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	object = nz_json_make_object(doc);
	act(doc, object);
	assert_int_equal(nz_json_count(object), 0);
	return nz_json_failed(doc);
}

static void set_nothing(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_set(doc, object, "a", NULL);
}

static void set_in_nothing(struct nz_json_doc *doc, struct nz_json *object)
{
	(void)object;
	nz_json_set_str(doc, NULL, "a", "b");
}

static void set_infinity(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_set(doc, object, "a", nz_json_make_number(doc, (double)INFINITY));
}

static void set_nan(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_set(doc, object, "a", nz_json_make_number(doc, (double)NAN));
}

static void set_large(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_set_int(doc, object, "a", INT64_C(1) << 53);
}

static void set_bad_text(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_set_str(doc, object, "a", "\xED\xA0\x80");
}

static void set_bad_name(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_set_int(doc, object, "\xFF", 1);
}

static void push_on_object(struct nz_json_doc *doc, struct nz_json *object)
{
	nz_json_push(doc, object, nz_json_make_null(doc));
}

static void copy_of_itself(struct nz_json_doc *doc, struct nz_json *object)
{
	struct nz_json *array = nz_json_make_array(doc);

	nz_json_push(doc, array, array);
	nz_json_set(doc, object, "a", nz_json_copy(doc, array));
}

static void builder_failures_are_kept(void **state)
{
	(void)state;
	assert_int_equal(failure_of(set_nothing), NZ_NO_MEMORY);
	assert_int_equal(failure_of(set_in_nothing), NZ_NO_MEMORY);
	assert_int_equal(failure_of(set_infinity), NZ_INVALID);
	assert_int_equal(failure_of(set_nan), NZ_INVALID);
	assert_int_equal(failure_of(set_large), NZ_INVALID);
	assert_int_equal(failure_of(set_bad_text), NZ_INVALID);
	assert_int_equal(failure_of(set_bad_name), NZ_INVALID);
	assert_int_equal(failure_of(push_on_object), NZ_INVALID);
	assert_int_equal(failure_of(copy_of_itself), NZ_LIMIT);
	assert_int_equal(nz_json_failed(NULL), NZ_NO_MEMORY);
	assert_null(nz_json_make_null(NULL));
	nz_json_set_str(NULL, NULL, "a", "b");
	nz_json_set_hex(NULL, NULL, "a", nz_bytes_str("b"));
}

static void printing_fails_whole(void **state)
{
	NZ_JSON_DOC(doc);
	struct nz_json *array;
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = {.max = 12};

	(void)state;
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	assert_int_equal(nz_buffer_append_str(&out, "keep"), NZ_OK);
	array = nz_json_make_array(doc);
	nz_json_push(doc, array, nz_json_make_number(doc, 123456));
	assert_int_equal(nz_json_canonical(array, &out), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&out), "keep[123456]");
	out.len = 4;
	nz_json_push(doc, array, nz_json_make_null(doc));
	assert_int_equal(nz_json_canonical(array, &out), NZ_LIMIT);
	assert_string_equal(nz_buffer_cstr(&out), "keep");
	assert_int_equal(nz_json_canonical(NULL, &out), NZ_INVALID);
	out.max = 0;
	nz_json_push(doc, array, array);
	assert_int_equal(nz_json_canonical(array, &out), NZ_LIMIT);
	assert_int_equal(nz_json_stringify(array, &out), NZ_LIMIT);
	assert_string_equal(nz_buffer_cstr(&out), "keep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_strings),
		cmocka_unit_test(canonical_order),
		cmocka_unit_test(stringify),
		cmocka_unit_test(readers_of_nothing),
		cmocka_unit_test(typed_members),
		cmocka_unit_test(strange_names_are_tamed),
		cmocka_unit_test(build),
		cmocka_unit_test(build_many),
		cmocka_unit_test(extend_and_copy),
		cmocka_unit_test(builder_failures_are_kept),
		cmocka_unit_test(printing_fails_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
