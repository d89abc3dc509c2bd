/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in a session, and error bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/error.h"
#include "proto/request.h"

static const struct nz_secret key = {{7, 7, 7}};
#define SESSION "00112233445566778899aabbccddeeff"
#define TARGET "/v2/sync/sessions/" SESSION "/blocks"

static enum nz_status check(const char *session, const char *method, const char *target,
                            const char *timestamp, const char *nonce, const char *body,
                            const char *mac)
{
	return nz_request_mac_check(nz_crypto_default(), &key, session, method, target, timestamp,
	                            nonce, nz_bytes_str(body), mac);
}

static void mac_is_over_seven_lines(void **unused)
{
	static const char text[] =
		"nz-sync-v2 request\n" SESSION "\nPOST\n" TARGET "\n1700000000\nabc\n"
		/* The last 64 characters are filled in below. */
		"................................................................";
	uint8_t expected[NZ_SHA256_BYTES], hash[NZ_SHA256_BYTES];
	char mac[NZ_REQUEST_MAC_CHARS + 1], base64[NZ_REQUEST_MAC_CHARS + 1];
	char lines[sizeof text];
	const struct nz_bytes body = nz_bytes_str("{\"manifest\":true}");
	const struct nz_crypto *crypto = nz_crypto_default();

	(void)unused;
	memcpy(lines, text, sizeof text);
	assert_int_equal(crypto->sha256(body, hash), NZ_OK);
	nz_hex_encode(nz_bytes_of(hash, sizeof hash), lines + sizeof lines - 65);
	assert_int_equal(crypto->hmac_sha256(nz_bytes_of(key.bytes, sizeof key.bytes),
	                                     nz_bytes_str(lines), expected),
	                 NZ_OK);
	nz_base64_encode(nz_bytes_of(expected, sizeof expected), base64);
	assert_int_equal(nz_request_mac(crypto, &key, SESSION, "POST", TARGET, "1700000000", "abc",
	                                body, mac),
	                 NZ_OK);
	assert_string_equal(mac, base64);
}

static void every_field_is_under_the_mac(void **unused)
{
	char mac[NZ_REQUEST_MAC_CHARS + 1], changed[NZ_REQUEST_MAC_CHARS + 1];
	const struct nz_secret other = {{7, 7, 8}};

	(void)unused;
	assert_int_equal(nz_request_mac(nz_crypto_default(), &key, "s", "GET", "/t", "1", "n",
	                                nz_bytes_str("b"), mac),
	                 NZ_OK);
	assert_int_equal(check("s", "GET", "/t", "1", "n", "b", mac), NZ_OK);
	assert_int_equal(check("S", "GET", "/t", "1", "n", "b", mac), NZ_UNVERIFIED);
	assert_int_equal(check("s", "PUT", "/t", "1", "n", "b", mac), NZ_UNVERIFIED);
	assert_int_equal(check("s", "GET", "/t?", "1", "n", "b", mac), NZ_UNVERIFIED);
	assert_int_equal(check("s", "GET", "/t", "2", "n", "b", mac), NZ_UNVERIFIED);
	assert_int_equal(check("s", "GET", "/t", "1", "m", "b", mac), NZ_UNVERIFIED);
	assert_int_equal(check("s", "GET", "/t", "1", "n", "", mac), NZ_UNVERIFIED);
	assert_int_equal(nz_request_mac_check(nz_crypto_default(), &other, "s", "GET", "/t", "1",
	                                      "n", nz_bytes_str("b"), mac),
	                 NZ_UNVERIFIED);
	assert_int_equal(check("s", "GET", "/t", "1", "n", "b", ""), NZ_UNVERIFIED);
	memcpy(changed, mac, sizeof changed);
	changed[0] = changed[0] == 'A' ? 'B' : 'A';
	assert_int_equal(check("s", "GET", "/t", "1", "n", "b", changed), NZ_UNVERIFIED);
	changed[43] = '\0'; /* without its padding */
	assert_int_equal(check("s", "GET", "/t", "1", "n", "b", changed), NZ_UNVERIFIED);
}

static void a_field_is_one_line(void **unused)
{
	char mac[NZ_REQUEST_MAC_CHARS + 1];

	(void)unused;
	assert_int_equal(nz_request_mac(nz_crypto_default(), &key, "s", "GET", "/t\n1", "1", "n",
	                                nz_bytes_str(""), mac),
	                 NZ_MALFORMED);
	assert_int_equal(nz_request_mac(nz_crypto_default(), &key, "s", "GET", "/t", "1\r", "n",
	                                nz_bytes_str(""), mac),
	                 NZ_MALFORMED);
	assert_int_equal(check("s", "GET", "/t", "1\n", "n", "", "x"), NZ_UNVERIFIED);
}

static enum nz_status parse_blocks(const char *text, struct nz_blocks_request *out)
{
	return nz_blocks_request_parse(nz_bytes_str(text), out, NULL);
}

static void blocks_request_there_and_back(void **unused)
{
	uint64_t positions[] = {0, 5, ((uint64_t)1 << 53) - 1};
	const struct nz_blocks_request manifest = {.manifest = true};
	const struct nz_blocks_request batches = {.positions = positions, .count = 3};
	struct nz_blocks_request read = {0};
	NZ_BUFFER(text);

	(void)unused;
	assert_int_equal(nz_blocks_request_append(&manifest, &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), "{\"manifest\":true}");
	assert_int_equal(parse_blocks(nz_buffer_cstr(&text), &read), NZ_OK);
	assert_true(read.manifest && read.count == 0);
	nz_blocks_request_clear(&read);
	nz_buffer_reset(&text);
	assert_int_equal(nz_blocks_request_append(&batches, &text), NZ_OK);
	assert_string_equal(
		nz_buffer_cstr(&text),
		"{\"batches\":[{\"base\":null,\"position\":0},{\"base\":null,\"position\":5},"
		"{\"base\":null,\"position\":9007199254740991}]}");
	assert_int_equal(parse_blocks(nz_buffer_cstr(&text), &read), NZ_OK);
	assert_false(read.manifest);
	assert_int_equal(read.count, 3);
	assert_memory_equal(read.positions, positions, sizeof positions);
	nz_blocks_request_clear(&read);
	assert_int_equal(parse_blocks("{\"batches\":[]}", &read), NZ_OK);
	assert_int_equal(read.count, 0);
	nz_blocks_request_clear(&read);
}

static void blocks_request_refuses(void **unused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"manifest\":false}",
		"{\"manifest\":1}",
		"{\"manifest\":true,\"x\":1}",
		"{\"manifest\":true,\"batches\":[]}",
		"{\"batches\":{}}",
		"{\"batches\":[1]}",
		"{\"batches\":[{\"position\":1}]}",
		"{\"batches\":[{\"base\":null}]}",
		"{\"batches\":[{\"position\":-1,\"base\":null}]}",
		"{\"batches\":[{\"position\":1.5,\"base\":null}]}",
		"{\"batches\":[{\"position\":9007199254740992,\"base\":null}]}",
		"{\"batches\":[{\"position\":1,\"base\":\"00\"}]}",
		"{\"batches\":[{\"position\":1,\"base\":null,\"x\":1}]}",
		"{\"batches\":[{\"position\":1,\"base\":null},{\"position\":1,\"base\":null}]}",
		"{\"batches\":[{\"position\":2,\"base\":null},{\"position\":1,\"base\":null}]}",
	};
	struct nz_blocks_request read = {.count = 77};

	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const enum nz_status status = parse_blocks(bad[i], &read);

		assert_true(status == NZ_MALFORMED || status == NZ_LIMIT);
		assert_int_equal(read.count, 77); /* untouched */
	}
	assert_int_equal(
		parse_blocks("{\"batches\":[{\"position\":1,\"base\":\"000102030405060708090a0b"
	                 "0c0d0e0f101112131415161718191a1b1c1d1e1f\"}]}",
	                 &read),
		NZ_OK);
	nz_blocks_request_clear(&read);
}

static void blocks_request_has_a_limit(void **unused)
{
	struct nz_blocks_request read = {0};
	NZ_BUFFER(text);

	(void)unused;
	for (size_t count = NZ_REQUEST_MAX_BATCHES; count <= NZ_REQUEST_MAX_BATCHES + 1; count++) {
		nz_buffer_reset(&text);
		assert_int_equal(nz_buffer_append_str(&text, "{\"batches\":["), NZ_OK);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(nz_buffer_appendf(&text,
			                                   "%s{\"base\":null,\"position\":%zu}",
			                                   i > 0 ? "," : "", i),
			                 NZ_OK);
		assert_int_equal(nz_buffer_append_str(&text, "]}"), NZ_OK);
		assert_int_equal(nz_blocks_request_parse(nz_buffer_bytes(&text), &read, NULL),
		                 count <= NZ_REQUEST_MAX_BATCHES ? NZ_OK : NZ_LIMIT);
	}
	assert_int_equal(read.count, NZ_REQUEST_MAX_BATCHES);
	nz_blocks_request_clear(&read);
}

static void proof_request_there_and_back(void **unused)
{
	struct nz_proof_request request = {.batch = 12, .records = {0, 7, 9999}, .count = 3}, read;
	NZ_BUFFER(text);

	(void)unused;
	assert_int_equal(nz_proof_request_append(&request, &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), "batch=12&records=0,7,9999");
	assert_int_equal(nz_proof_request_parse(nz_buffer_bytes(&text), &read, NULL), NZ_OK);
	assert_int_equal(read.batch, 12);
	assert_int_equal(read.count, 3);
	assert_memory_equal(read.records, request.records, 3 * sizeof request.records[0]);
	request.count = 0;
	nz_buffer_reset(&text);
	assert_int_equal(nz_proof_request_append(&request, &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), "batch=12");
	assert_int_equal(nz_proof_request_parse(nz_buffer_bytes(&text), &read, NULL), NZ_OK);
	assert_int_equal(read.count, 0);
}

static void proof_request_refuses(void **unused)
{
	static const char *const bad[] = {
		"",           "batch=",           "batch=x",           "batch=01",
		"batch=-1",   "batch=1 ",         "batch=1&",          "batch=1&records=",
		"batch=1&x=", "batch=1&records=,", "batch=1&records=1,", "batch=1&records=1,1",
		"batch=1&records=2,1", "batch=1&records=10000", "batch=9007199254740992",
		"batch=99999999999999999999", "records=1&batch=1", "batch=1&records=1&records=2",
	};
	struct nz_proof_request read;
	NZ_BUFFER(text);

	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(nz_proof_request_parse(nz_bytes_str(bad[i]), &read, NULL),
		                 NZ_MALFORMED);
	assert_int_equal(nz_buffer_append_str(&text, "batch=1&records=0"), NZ_OK);
	for (int i = 1; i < NZ_PROOF_MAX_RECORDS; i++)
		assert_int_equal(nz_buffer_appendf(&text, ",%d", i), NZ_OK);
	assert_int_equal(nz_proof_request_parse(nz_buffer_bytes(&text), &read, NULL), NZ_OK);
	assert_int_equal(nz_buffer_append_str(&text, ",1000"), NZ_OK);
	assert_int_equal(nz_proof_request_parse(nz_buffer_bytes(&text), &read, NULL), NZ_LIMIT);
}

static void error_bodies(void **unused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"error_code\":1003,\"error_message\":\"x\"}",
		"{\"error_code\":1003,\"error_message\":\"x\",\"retry_after\":0,\"why\":1}",
		"{\"error_code\":\"1003\",\"error_message\":\"x\",\"retry_after\":0}",
		"{\"error_code\":1003,\"error_message\":1,\"retry_after\":0}",
		"{\"error_code\":1003,\"error_message\":\"x\",\"retry_after\":-1}",
		"{\"error_code\":3,\"error_message\":\"x\",\"retry_after\":0}",
		"{\"error_code\":1003,\"error_message\":\"x\",\"retry_after\":1e9}",
	};
	unsigned seconds = 9;
	int code = 0;
	NZ_BUFFER(text);

	(void)unused;
	assert_int_equal(nz_api_error_body(1003, 0, &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text),
	                    "{\"error_code\":1003,\"error_message\":\"merkle root mismatch\","
	                    "\"retry_after\":0}");
	assert_int_equal(nz_api_error_parse(nz_buffer_bytes(&text), &code, &seconds), NZ_OK);
	assert_int_equal(code, 1003);
	assert_int_equal(seconds, 0);
	nz_buffer_reset(&text);
	assert_int_equal(nz_api_error_body(4711, 30, &text), NZ_OK); /* no such code */
	assert_int_equal(nz_api_error_parse(nz_buffer_bytes(&text), &code, &seconds), NZ_OK);
	assert_int_equal(code, 3999);
	assert_int_equal(seconds, 30);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(nz_api_error_parse(nz_bytes_str(bad[i]), &code, &seconds),
		                 NZ_MALFORMED);
}

/* The exit codes that scripts rely on. */
static void error_table(void **unused)
{
	static const struct {
		int code, http, exit_code;
	} expected[] = {
		{1001, 401, 4}, {1002, 403, 4}, {1003, 409, 3}, {1004, 403, 4}, {1005, 409, 5},
		{1006, 401, 5}, {1007, 401, 5}, {1008, 400, 5}, {1009, 401, 5}, {1010, 400, 6},
		{1011, 413, 6}, {1012, 404, 4}, {1013, 400, 6}, {2001, 0, 4},   {2002, 403, 4},
		{3001, 503, 5}, {3002, 429, 5}, {3003, 503, 5}, {3999, 500, 5},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		const struct nz_api_error_info *info = nz_api_error_info(expected[i].code);

		assert_int_equal(info->code, expected[i].code);
		assert_int_equal(info->http, expected[i].http);
		assert_int_equal(info->exit_code, expected[i].exit_code);
		assert_true(strlen(info->message) > 0 && strlen(info->advice) > 0);
	}
	assert_int_equal(nz_api_error_info(1)->code, 3999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_is_over_seven_lines),
		cmocka_unit_test(every_field_is_under_the_mac),
		cmocka_unit_test(a_field_is_one_line),
		cmocka_unit_test(blocks_request_there_and_back),
		cmocka_unit_test(blocks_request_refuses),
		cmocka_unit_test(blocks_request_has_a_limit),
		cmocka_unit_test(proof_request_there_and_back),
		cmocka_unit_test(proof_request_refuses),
		cmocka_unit_test(error_bodies),
		cmocka_unit_test(error_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
