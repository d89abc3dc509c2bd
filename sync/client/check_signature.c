/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the checkpoint's statement was signed under a root that the caller holds. Without it a
 * check alone tells chance and clumsiness, not somebody who rewrites rows and checkpoint together.
 */
#include "client/check_internal.h"

#include <stdio.h>

#include <nz/pki.h>

#define CHAIN_MAX 4
#define CERTIFICATE_MAX_BYTES ((size_t)16 << 10)

static const struct nz_json_limits limits = {(size_t)1 << 20, 2, 1};

/* The stored chain (a JSON array of base64 DER) into storage, one after the other. */
static enum nz_status read_chain(const char *certificate, struct nz_buffer *storage,
				 struct nz_bytes chain[CHAIN_MAX], size_t *count)
{
	size_t ends[CHAIN_MAX] = {0};
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(nz_bytes_str(certificate), &limits, &doc, NULL));
	const struct nz_json *array = nz_json_root(doc);
	if (!nz_json_is(array, NZ_JSON_ARRAY) || nz_json_count(array) == 0 ||
	    nz_json_count(array) > CHAIN_MAX)
		return NZ_MALFORMED;
	*count = nz_json_count(array);
	for (size_t i = 0; i < *count; i++) {
		const struct nz_bytes text = nz_json_string(nz_json_at(array, i));

		if (text.len > NZ_BASE64_CHARS(CERTIFICATE_MAX_BYTES))
			return NZ_MALFORMED;
		NZ_TRY(nz_base64_decode(text, storage));
		ends[i] = storage->len;
	}
	for (size_t i = 0; i < *count; i++) {
		const size_t start = i > 0 ? ends[i - 1] : 0;

		chain[i] = nz_bytes_of(storage->ptr + start, ends[i] - start);
	}
	return NZ_OK;
}

static enum nz_status verify(const struct check *check, struct nz_bytes root_pem,
			     struct nz_error *err)
{
	const struct nz_checkpoint *held = &check->checkpoint;
	uint8_t key[NZ_ED25519_PUBLIC_BYTES];
	struct nz_bytes chain[CHAIN_MAX];
	char platform[65];
	size_t count = 0;
	NZ_BUFFER(storage);

	NZ_TRY(nz_pki_platform_id(root_pem, platform, err));
	if (strcmp(platform, held->statement.platform) != 0)
		return nz_fail(err, NZ_UNVERIFIED, "it is of another platform");
	if (held->certificate == NULL ||
	    read_chain(held->certificate, &storage, chain, &count) != NZ_OK)
		return nz_fail(err, NZ_UNVERIFIED, "its certificates cannot be read");
	/* The leaf was valid when it signed; that it has expired since does not matter. */
	NZ_TRY(nz_pki_check_signing_chain(root_pem, chain, count, held->statement.issued_at, key,
					  err));
	if (nz_statement_verify(check->crypto, key, &held->statement) != NZ_OK)
		return nz_fail(err, NZ_UNVERIFIED, "its signature does not verify");
	return NZ_OK;
}

enum nz_status check_signature(struct check *check, struct nz_bytes root_pem, struct nz_error *err)
{
	struct nz_error why = {0};
	const enum nz_status status = verify(check, root_pem, &why);

	if (status == NZ_UNVERIFIED) {
		snprintf(check->result.fault, sizeof check->result.fault,
			 "the checkpoint's statement is not signed under this root: %.300s",
			 why.message);
		return NZ_OK;
	}
	if (status != NZ_OK && err != NULL)
		*err = why;
	return status;
}
