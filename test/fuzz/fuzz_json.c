/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever parses, prints; the canonical form reads back, and its canonical form is itself. The
 * received form reads back to the same canonical form, and a copy prints alike.
 */
#include <stdint.h>
#include <stdlib.h>

#include <nz/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void canonical_of(struct nz_bytes text, const struct nz_json_limits *limits,
                         struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);

	require(nz_json_parse(text, limits, &doc, NULL) == NZ_OK);
	require(nz_json_canonical(nz_json_root(doc), out) == NZ_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Printed forms may be longer than the text: 1e20 has 21 digits. */
	const struct nz_json_limits limits = {.bytes = 4096, .depth = 50, .members = 200};
	const struct nz_json_limits wide = {.bytes = 1 << 20, .depth = 50, .members = 200};
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_JSON_DOC(copy);
	NZ_BUFFER(first);
	NZ_BUFFER(again);
	NZ_BUFFER(received);
	const enum nz_status status = nz_json_parse(nz_bytes_of(data, size), &limits, &doc, &err);

	if (status != NZ_OK) {
		require(status == NZ_MALFORMED || status == NZ_LIMIT);
		require(err.status == status && err.code > NZ_JSON_FAULT_NONE && doc == NULL);
		return 0;
	}
	require(nz_json_canonical(nz_json_root(doc), &first) == NZ_OK);
	canonical_of(nz_buffer_bytes(&first), &wide, &again);
	require(nz_bytes_equal(nz_buffer_bytes(&first), nz_buffer_bytes(&again)));

	require(nz_json_stringify(nz_json_root(doc), &received) == NZ_OK);
	nz_buffer_reset(&again);
	canonical_of(nz_buffer_bytes(&received), &wide, &again);
	require(nz_bytes_equal(nz_buffer_bytes(&first), nz_buffer_bytes(&again)));

	require(nz_json_new(&copy) == NZ_OK);
	nz_json_set_root(copy, nz_json_copy(copy, nz_json_root(doc)));
	require(nz_json_failed(copy) == NZ_OK);
	nz_buffer_reset(&again);
	require(nz_json_canonical(nz_json_root(copy), &again) == NZ_OK);
	require(nz_bytes_equal(nz_buffer_bytes(&first), nz_buffer_bytes(&again)));
	return 0;
}
