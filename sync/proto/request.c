/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/request.h"

#include <stdlib.h>

#define LABEL "nz-sync-v2 request"
#define INTEGER_MAX (((int64_t)1 << 53) - 1)
#define BATCH_RECORDS_MAX 10000 /* indexes of records in a batch are below */
/* A batch takes at most 110 characters with a base; white space is the sender's affair. */
#define BODY_MAX_BYTES ((size_t)NZ_REQUEST_MAX_BATCHES * 128)

/* Lines end at LF: a field that held one could pass for two. */
static bool is_line(const char *text)
{
	return strpbrk(text, "\r\n") == NULL;
}

static enum nz_status append_line(struct nz_buffer *out, const char *text)
{
	if (!is_line(text))
		return NZ_MALFORMED;
	NZ_TRY(nz_buffer_append_str(out, text));
	return nz_buffer_append_byte(out, '\n');
}

static enum nz_status raw_mac(const struct nz_crypto *crypto,
                              const struct nz_secret *authentication, const char *const lines[],
                              size_t count, struct nz_bytes body, uint8_t out[NZ_SHA256_BYTES])
{
	NZ_BUFFER(text);
	struct nz_hash hash;
	char hex[2 * NZ_SHA256_BYTES + 1];

	for (size_t i = 0; i < count; i++)
		NZ_TRY(append_line(&text, lines[i]));
	NZ_TRY(crypto->sha256(body, hash.bytes));
	nz_hex_encode(nz_bytes_of(hash.bytes, sizeof hash.bytes), hex);
	NZ_TRY(nz_buffer_append_str(&text, hex));
	return crypto->hmac_sha256(nz_bytes_of(authentication->bytes, sizeof authentication->bytes),
	                           nz_buffer_bytes(&text), out);
}

enum nz_status nz_request_mac(const struct nz_crypto *crypto,
                              const struct nz_secret *authentication, const char *session_id,
                              const char *method, const char *target, const char *timestamp,
                              const char *nonce, struct nz_bytes body,
                              char out[NZ_REQUEST_MAC_CHARS + 1])
{
	const char *const lines[] = {LABEL, session_id, method, target, timestamp, nonce};
	uint8_t mac[NZ_SHA256_BYTES];

	NZ_TRY(raw_mac(crypto, authentication, lines, sizeof lines / sizeof lines[0], body, mac));
	nz_base64_encode(nz_bytes_of(mac, sizeof mac), out);
	return NZ_OK;
}

enum nz_status nz_request_mac_check(const struct nz_crypto *crypto,
                                    const struct nz_secret *authentication, const char *session_id,
                                    const char *method, const char *target, const char *timestamp,
                                    const char *nonce, struct nz_bytes body, const char *mac)
{
	const char *const lines[] = {LABEL, session_id, method, target, timestamp, nonce};
	uint8_t ours[NZ_SHA256_BYTES], theirs[NZ_SHA256_BYTES];
	const enum nz_status status =
		raw_mac(crypto, authentication, lines, sizeof lines / sizeof lines[0], body, ours);

	if (status == NZ_MALFORMED)
		return NZ_UNVERIFIED;
	NZ_TRY(status);
	if (nz_base64_decode_exact(nz_bytes_str(mac), theirs, sizeof theirs) != NZ_OK ||
	    !nz_equal_ct(ours, theirs, sizeof ours))
		return NZ_UNVERIFIED;
	return NZ_OK;
}

void nz_blocks_request_clear(struct nz_blocks_request *request)
{
	free(request->positions);
	*request = (struct nz_blocks_request){0};
}

enum nz_status nz_blocks_request_append(const struct nz_blocks_request *request,
                                        struct nz_buffer *out)
{
	const size_t before = out->len;
	enum nz_status status;

	if (request->manifest)
		return nz_buffer_append_str(out, "{\"manifest\":true}");
	status = nz_buffer_append_str(out, "{\"batches\":[");
	for (size_t i = 0; i < request->count && status == NZ_OK; i++)
		status =
			nz_buffer_appendf(out, "%s{\"base\":null,\"position\":%llu}", i > 0 ? "," : "",
		                      (unsigned long long)request->positions[i]);
	if (status == NZ_OK)
		status = nz_buffer_append_str(out, "]}");
	if (status != NZ_OK)
		out->len = before;
	return status;
}

/* {"position": n, "base": root or null}; n above *last, or anything for the first. */
static enum nz_status get_batch(const struct nz_json *batch, bool first, uint64_t last,
                                uint64_t *out, struct nz_error *err)
{
	static const char *const members[] = {"position", "base", NULL};
	const struct nz_json *base = nz_json_get(batch, "base");
	uint8_t root[NZ_SHA256_BYTES];
	int64_t position;

	if (!nz_json_is(batch, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "a batch is not an object");
	NZ_TRY(nz_json_only_members(batch, members, err));
	NZ_TRY(nz_json_get_int(batch, "position", 0, INTEGER_MAX, &position, err));
	if (!first && (uint64_t)position <= last)
		return nz_fail(err, NZ_MALFORMED, "positions do not ascend");
	if (base == NULL)
		return nz_fail(err, NZ_MALFORMED, "member 'base' is missing");
	if (!nz_json_is(base, NZ_JSON_NULL))
		NZ_TRY(nz_json_get_hex(batch, "base", root, sizeof root, err));
	*out = (uint64_t)position;
	return NZ_OK;
}

static enum nz_status get_batches(const struct nz_json *object, struct nz_blocks_request *r,
                                  struct nz_error *err)
{
	struct nz_json *batches;

	NZ_TRY(nz_json_get_array(object, "batches", &batches, err));
	const size_t count = nz_json_count(batches);
	if (count > NZ_REQUEST_MAX_BATCHES)
		return nz_fail(err, NZ_LIMIT, "%zu batches in a request", count);
	r->positions = calloc(count > 0 ? count : 1, sizeof *r->positions);
	if (r->positions == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a request");
	r->count = count;
	for (size_t i = 0; i < count; i++)
		NZ_TRY(get_batch(nz_json_at(batches, i), i == 0, i > 0 ? r->positions[i - 1] : 0,
		                 &r->positions[i], err));
	return NZ_OK;
}

enum nz_status nz_blocks_request_parse(struct nz_bytes body, struct nz_blocks_request *out,
                                       struct nz_error *err)
{
	static const struct nz_json_limits limits = {BODY_MAX_BYTES, 3, 2};
	static const char *const manifest_members[] = {"manifest", NULL};
	static const char *const batches_members[] = {"batches", NULL};
	struct nz_blocks_request request NZ_CLEANUP(nz_blocks_request_clear) = {0};
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(body, &limits, &doc, err));
	const struct nz_json *root = nz_json_root(doc);
	if (!nz_json_is(root, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "the request is not an object");
	if (nz_json_get(root, "batches") != NULL) {
		NZ_TRY(nz_json_only_members(root, batches_members, err));
		NZ_TRY(get_batches(root, &request, err));
	} else {
		const struct nz_json *manifest = nz_json_get(root, "manifest");

		NZ_TRY(nz_json_only_members(root, manifest_members, err));
		if (!nz_json_is(manifest, NZ_JSON_BOOL) || !nz_json_bool(manifest))
			return nz_fail(err, NZ_MALFORMED, "member 'manifest' is not true");
		request.manifest = true;
	}
	*out = request;
	request = (struct nz_blocks_request){0};
	return NZ_OK;
}

enum nz_status nz_proof_request_append(const struct nz_proof_request *request,
                                       struct nz_buffer *query)
{
	const size_t before = query->len;
	enum nz_status status =
		nz_buffer_appendf(query, "batch=%llu", (unsigned long long)request->batch);

	for (size_t i = 0; i < request->count && status == NZ_OK; i++)
		status = nz_buffer_appendf(query, "%s%u", i == 0 ? "&records=" : ",",
		                           (unsigned)request->records[i]);
	if (status != NZ_OK)
		query->len = before;
	return status;
}

/* A decimal integer without leading zeros, of at most 16 digits, off the front of *text. */
static enum nz_status take_number(struct nz_bytes *text, uint64_t *out)
{
	uint64_t value = 0;
	size_t n = 0;

	while (n < text->len && n < 16 && text->ptr[n] >= '0' && text->ptr[n] <= '9')
		value = value * 10 + (uint64_t)(text->ptr[n++] - '0');
	if (n == 0 || (n > 1 && text->ptr[0] == '0') || value > (uint64_t)INTEGER_MAX)
		return NZ_MALFORMED;
	text->ptr += n;
	text->len -= n;
	*out = value;
	return NZ_OK;
}

static bool take_word(struct nz_bytes *text, const char *word)
{
	const size_t len = strlen(word);

	if (text->len < len || memcmp(text->ptr, word, len) != 0)
		return false;
	text->ptr += len;
	text->len -= len;
	return true;
}

static enum nz_status take_records(struct nz_bytes *text, struct nz_proof_request *r,
                                   struct nz_error *err)
{
	do {
		uint64_t index;

		if (r->count == NZ_PROOF_MAX_RECORDS)
			return nz_fail(err, NZ_LIMIT, "over %d records in a request",
			               NZ_PROOF_MAX_RECORDS);
		if (take_number(text, &index) != NZ_OK || index >= BATCH_RECORDS_MAX)
			return nz_fail(err, NZ_MALFORMED, "'records' is not a list of indexes");
		if (r->count > 0 && index <= r->records[r->count - 1])
			return nz_fail(err, NZ_MALFORMED, "'records' do not ascend");
		r->records[r->count++] = (uint32_t)index;
	} while (take_word(text, ","));
	return NZ_OK;
}

enum nz_status nz_proof_request_parse(struct nz_bytes query, struct nz_proof_request *out,
                                      struct nz_error *err)
{
	struct nz_proof_request request = {0};

	if (!take_word(&query, "batch=") || take_number(&query, &request.batch) != NZ_OK)
		return nz_fail(err, NZ_MALFORMED, "the query does not start with batch=N");
	if (take_word(&query, "&records="))
		NZ_TRY(take_records(&query, &request, err));
	if (query.len > 0)
		return nz_fail(err, NZ_MALFORMED, "the query goes on after what is known");
	*out = request;
	return NZ_OK;
}
