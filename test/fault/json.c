/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, parsing, building and printing JSON while memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <nz/json.h>

#include "alloc.h"

/* Members, elements and text enough for every array of the parser to grow several times. */
static struct nz_buffer sample;

static int make_sample(void **state)
{
	enum nz_status status = nz_buffer_append_str(&sample, "{\"list\":[0");

	(void)state;
	for (unsigned i = 1; i < 300 && status == NZ_OK; i++)
		status = nz_buffer_appendf(&sample, ",%u", i);
	if (status == NZ_OK)
		status = nz_buffer_append_str(&sample, "],\"nested\":[[[[[[{\"deep\":\"\\u00e9\"}]]]]]]");
	for (unsigned i = 0; i < 300 && status == NZ_OK; i++)
		status = nz_buffer_appendf(&sample, ",\"member %u\":\"an escape\\n in %u\"", i, i);
	if (status == NZ_OK)
		status = nz_buffer_append_str(&sample, "}");
	return status == NZ_OK ? 0 : -1;
}

static int drop_sample(void **state)
{
	(void)state;
	nz_buffer_clear(&sample);
	return 0;
}

static enum nz_status growth(struct nz_error *err)
{
	NZ_BUFFER(b);
	enum nz_status status = NZ_OK;
	size_t len = 0;

	(void)err;
	for (unsigned i = 0; i < 64 && status == NZ_OK; i++) {
		len = b.len;
		status = FAULTY(nz_buffer_append(&b, "0123456789abcdef", 16));
	}
	for (unsigned i = 0; i < 64 && status == NZ_OK; i++) {
		len = b.len;
		status = FAULTY(nz_buffer_appendf(&b, "%u and %s\n", i, "a string of some length"));
	}
	assert_int_equal(b.len, status == NZ_OK ? b.len : len);
	if (b.len >= 16)
		assert_memory_equal(b.ptr, "0123456789abcdef", 16);
	return status;
}

/* Text of its own; the terminator needs one byte more than fits. */
static enum nz_status terminated(struct nz_error *err)
{
	NZ_BUFFER(b);
	const char *text;

	(void)err;
	assert_int_equal(nz_buffer_append(&b, "0123456789abcdef0123456789abcdef"
	                                      "0123456789abcdef0123456789abcdef", 64), NZ_OK);
	fault_on();
	text = nz_buffer_cstr(&b);
	fault_off();
	assert_int_equal(b.len, 64);
	if (text != NULL)
		assert_int_equal(strlen(text), 64);
	return text != NULL ? NZ_OK : NZ_NO_MEMORY;
}

static enum nz_status copies(struct nz_error *err)
{
	char *copy;

	(void)err;
	fault_on();
	copy = nz_strdup_bytes(nz_bytes_str("text"));
	fault_off();
	if (copy == NULL)
		return NZ_NO_MEMORY;
	assert_string_equal(copy, "text");
	nz_free_str(&copy);
	assert_null(copy);
	return NZ_OK;
}

static enum nz_status encodings(struct nz_error *err)
{
	uint8_t bytes[300] = {1, 2, 3}, exact[300];
	NZ_BUFFER(text);
	NZ_BUFFER(back);
	enum nz_status status;

	(void)err;
	assert_int_equal(nz_buffer_append_str(&text, "kept"), NZ_OK);
	assert_int_equal(nz_buffer_append_str(&back, "kept"), NZ_OK);
	status = FAULTY(nz_base64_append(&text, nz_bytes_of(bytes, sizeof(bytes))));
	if (status == NZ_OK) {
		const struct nz_bytes encoded = nz_bytes_of(text.ptr + 4, text.len - 4);

		status = FAULTY(nz_base64_decode(encoded, &back));
		assert_int_equal(back.len, status == NZ_OK ? 4 + sizeof(bytes) : 4);
		if (status == NZ_OK)
			status = FAULTY(nz_base64_decode_exact(encoded, exact, sizeof(exact)));
	} else {
		assert_int_equal(text.len, 4);
	}
	assert_memory_equal(text.ptr, "kept", 4);
	assert_memory_equal(back.ptr, "kept", 4);
	return status;
}

static enum nz_status parse(struct nz_error *err)
{
	NZ_JSON_DOC(doc);
	const enum nz_status status =
		FAULTY(nz_json_parse(nz_buffer_bytes(&sample), NULL, &doc, err));

	if (status != NZ_OK)
		assert_null(doc);
	else
		assert_int_equal(nz_json_count(nz_json_root(doc)), 302);
	return status;
}

static enum nz_status print_as(enum nz_status (*print)(const struct nz_json *, struct nz_buffer *))
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(out);

	assert_int_equal(nz_json_parse(nz_buffer_bytes(&sample), NULL, &doc, NULL), NZ_OK);
	assert_int_equal(nz_buffer_append_str(&out, "kept"), NZ_OK);
	const enum nz_status status = FAULTY(print(nz_json_root(doc), &out));
	assert_memory_equal(out.ptr, "kept", 4);
	assert_true(status == NZ_OK ? out.len > 1000 : out.len == 4);
	return status;
}

static enum nz_status canonical(struct nz_error *err)
{
	(void)err;
	return print_as(nz_json_canonical);
}

static enum nz_status stringify(struct nz_error *err)
{
	(void)err;
	return print_as(nz_json_stringify);
}

/* Each builder; a chain is checked at its end alone. */
static enum nz_status chain(struct nz_json_doc *doc)
{
	struct nz_json *root = nz_json_make_object(doc), *list = nz_json_make_array(doc);
	uint8_t bytes[100] = {0};
	char name[16];

	nz_json_set(doc, root, "list", list);
	for (unsigned i = 0; i < 100; i++) {
		nz_json_push(doc, list, nz_json_make_number(doc, i));
		(void)snprintf(name, sizeof(name), "%u", i);
		nz_json_set_str(doc, root, name, "a text that takes some room in the arena");
		nz_json_set_int(doc, root, name, i);
	}
	nz_json_push(doc, list, nz_json_make_bool(doc, true));
	nz_json_push(doc, list, nz_json_make_null(doc));
	nz_json_push(doc, list, nz_json_make_string(doc, nz_bytes_str("string")));
	nz_json_set_hex(doc, root, "hex", nz_bytes_of(bytes, sizeof(bytes)));
	nz_json_set_base64(doc, root, "base64", nz_bytes_of(bytes, sizeof(bytes)));
	nz_json_set(doc, root, "copy", nz_json_copy(doc, root));
	nz_json_remove(root, "50");
	nz_json_set_root(doc, root);
	return nz_json_failed(doc);
}

static enum nz_status build(struct nz_error *err)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(out);

	(void)err;
	NZ_TRY(FAULTY(nz_json_new(&doc)));
	NZ_TRY(FAULTY(chain(doc)));
	assert_int_equal(nz_json_count(nz_json_root(doc)), 103);
	assert_int_equal(nz_json_canonical(nz_json_root(doc), &out), NZ_OK);
	return NZ_OK;
}

static void buffers(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, growth);
	FAULT_EACH(FAULT_MALLOC, terminated);
	FAULT_EACH(FAULT_MALLOC, copies);
	FAULT_EACH(FAULT_MALLOC, encodings);
}

static void documents(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, parse);
	FAULT_EACH(FAULT_MALLOC, canonical);
	FAULT_EACH(FAULT_MALLOC, stringify);
	FAULT_EACH(FAULT_MALLOC, build);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers),
		cmocka_unit_test(documents),
	};

	fault_install();
	return cmocka_run_group_tests(tests, make_sample, drop_sample);
}
