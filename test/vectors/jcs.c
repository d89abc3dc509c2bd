/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of RFC 8785's reference project: input to output, byte for byte, and the output's
 * hex, which was written down independently. The output is a fixed point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/json.h>

#include "../testdata.h"

static void canonical(const struct nz_buffer *text, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);
	struct nz_error err = {0};

	if (nz_json_parse(nz_buffer_bytes(text), NULL, &doc, &err) != NZ_OK)
		fail_msg("%s", err.message);
	assert_int_equal(nz_json_canonical(nz_json_root(doc), out), NZ_OK);
}

/* Hex pairs with white space between them. */
static void read_hex(const struct nz_buffer *text, struct nz_buffer *out)
{
	for (size_t i = 0; i + 1 < text->len;) {
		uint8_t byte;

		if (text->ptr[i] == ' ' || text->ptr[i] == '\n' || text->ptr[i] == '\r') {
			i++;
			continue;
		}
		assert_int_equal(nz_hex_decode(nz_bytes_of(text->ptr + i, 2), &byte, 1), NZ_OK);
		assert_int_equal(nz_buffer_append_byte(out, byte), NZ_OK);
		i += 2;
	}
}

static void expect_same(const struct nz_buffer *a, const struct nz_buffer *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->ptr, b->ptr, a->len);
}

static void documents(void **state)
{
	static const char *const names[] = {"arrays", "french", "structures",
	                                    "unicode", "values", "weird"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		NZ_BUFFER(input);
		NZ_BUFFER(output);
		NZ_BUFFER(hex_text);
		NZ_BUFFER(hex);
		NZ_BUFFER(got);
		NZ_BUFFER(again);
		char path[64];

		(void)snprintf(path, sizeof(path), "jcs/input/%s.json", names[i]);
		testdata_read(path, &input);
		(void)snprintf(path, sizeof(path), "jcs/output/%s.json", names[i]);
		testdata_read(path, &output);
		(void)snprintf(path, sizeof(path), "jcs/outhex/%s.txt", names[i]);
		testdata_read(path, &hex_text);
		read_hex(&hex_text, &hex);
		assert_true(hex.len > 0);
		canonical(&input, &got);
		expect_same(&got, &output);
		expect_same(&got, &hex);
		canonical(&got, &again);
		expect_same(&again, &got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
