/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a dataset: what is taken apart, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/url.h"

static void whole(void **state)
{
	static const struct {
		const char *text, *origin, *dataset;
		unsigned port;
	} cases[] = {
	    {"https://host:8443/shop", "https://host:8443", "shop", 8443},
	    {"https://host/shop", "https://host:443", "shop", 443},
	    {"HTTPS://Host.Example/a.b_c-1", "https://Host.Example:443", "a.b_c-1", 443},
	    {"https://127.0.0.1:1/0", "https://127.0.0.1:1", "0", 1},
	    {"https://[::1]:65535/x", "https://[::1]:65535", "x", 65535},
	    {"https://[2001:db8::1]/x", "https://[2001:db8::1]:443", "x", 443},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nz_url url;

		assert_int_equal(nz_url_parse(cases[i].text, &url, NULL), NZ_OK);
		assert_string_equal(url.origin, cases[i].origin);
		assert_string_equal(url.dataset, cases[i].dataset);
		assert_int_equal(url.port, cases[i].port);
	}
}

static void refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "shop",
	    "host:8443/shop",
	    "http://host/shop",
	    "ftp://host/shop",
	    "https:/host/shop",
	    "https://",
	    "https:///shop",
	    "https://host",
	    "https://host/",
	    "https://host:8443",
	    "https://host:/shop",
	    "https://host:0/shop",
	    "https://host:65536/shop",
	    "https://host:99999999999999999999/shop",
	    "https://host:8443x/shop",
	    "https://host:-1/shop",
	    "https://user@host/shop",
	    "https://user:password@host/shop",
	    "https://host/shop/",
	    "https://host/shop/more",
	    "https://host/../shop",
	    "https://host/Shop",
	    "https://host/-shop",
	    "https://host/sh%6fp",
	    "https://host/shop?x=1",
	    "https://host/shop#x",
	    "https://[::1/shop",
	    "https://[::g]/shop",
	    "https://[]/shop",
	    "https://ho st/shop",
	    "https://host\n/shop",
	    "https://host/shop\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nz_url url = {.port = 7};
		struct nz_error err = {0};

		if (nz_url_parse(cases[i], &url, &err) != NZ_INVALID)
			fail_msg("'%s' is taken", cases[i]);
		assert_int_equal(url.port, 7); /* untouched */
		assert_true(err.message[0] != '\0');
	}
}

static void limits(void **state)
{
	struct nz_url url;
	NZ_BUFFER(text);

	(void)state;
	assert_int_equal(nz_buffer_append_str(&text, "https://"), NZ_OK);
	for (int i = 0; i < 253; i++)
		assert_int_equal(nz_buffer_append_byte(&text, 'a'), NZ_OK);
	const size_t host_end = text.len;
	assert_int_equal(nz_buffer_append_str(&text, ":65535/"), NZ_OK);
	for (int i = 0; i < NZ_DATASET_NAME_MAX_BYTES; i++)
		assert_int_equal(nz_buffer_append_byte(&text, 'd'), NZ_OK);
	assert_int_equal(nz_url_parse(nz_buffer_cstr(&text), &url, NULL), NZ_OK);
	assert_int_equal(strlen(url.dataset), NZ_DATASET_NAME_MAX_BYTES);
	assert_int_equal(nz_buffer_append_byte(&text, 'd'), NZ_OK);
	assert_int_equal(nz_url_parse(nz_buffer_cstr(&text), &url, NULL), NZ_INVALID);
	text.len = host_end;
	assert_int_equal(nz_buffer_append_str(&text, "a/shop"), NZ_OK);
	assert_int_equal(nz_url_parse(nz_buffer_cstr(&text), &url, NULL), NZ_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
