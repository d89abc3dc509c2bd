/* SPDX-License-Identifier: Apache-2.0 */
/* The two messages that open a session. */
#include "proto/handshake.h"

#define INTEGER_MAX (((int64_t)1 << 53) - 1)
#define CHAIN_MAX 4
#define CERTIFICATE_MAX_BYTES ((size_t)16 << 10)
/* How far ahead of our clock a statement may have been issued. */
#define AHEAD_MAX_S 300

static const struct nz_json_limits answer_limits = {NZ_HANDSHAKE_MAX_BYTES, 8, 64};

/* ---- the client's request ---- */

struct nz_json *nz_open_request_to_json(const struct nz_open_request *request,
                                        struct nz_json_doc *doc)
{
	struct nz_json *body = nz_json_make_object(doc);
	struct nz_json *payload = nz_json_make_object(doc);

	nz_json_set_str(doc, body, "action", NZ_ACTION_OPEN);
	nz_json_set_str(doc, payload, "platform", request->platform);
	nz_json_set_str(doc, payload, "dataset", request->dataset);
	nz_json_set_base64(doc, payload, "x25519",
	                   nz_bytes_of(request->x25519, sizeof request->x25519));
	if (request->has_checkpoint)
		nz_json_set_hex(doc, payload, "checkpoint",
		                nz_bytes_of(request->checkpoint.bytes,
		                            sizeof request->checkpoint.bytes));
	else
		nz_json_set(doc, payload, "checkpoint", nz_json_make_null(doc));
	if (request->has_epoch)
		nz_json_set_int(doc, payload, "epoch", request->epoch);
	else
		nz_json_set(doc, payload, "epoch", nz_json_make_null(doc));
	if (request->has_continues)
		nz_json_set_str(doc, payload, "continues", request->continues);
	else
		nz_json_set(doc, payload, "continues", nz_json_make_null(doc));
	nz_json_set(doc, body, "payload", payload);
	return nz_json_failed(doc) == NZ_OK ? body : NULL;
}

/* A member that must be there, and may be null. */
static enum nz_status get_nullable(const struct nz_json *object, const char *name, bool *present,
                                   struct nz_error *err)
{
	const struct nz_json *value = nz_json_get(object, name);

	if (value == NULL)
		return nz_fail(err, NZ_MALFORMED, "member '%s' is missing", name);
	*present = !nz_json_is(value, NZ_JSON_NULL);
	return NZ_OK;
}

static enum nz_status get_session_id(const struct nz_json *object, const char *name,
                                     char out[NZ_SESSION_ID_CHARS + 1], struct nz_error *err)
{
	uint8_t id[NZ_SESSION_ID_CHARS / 2];

	NZ_TRY(nz_json_get_hex(object, name, id, sizeof id, err));
	nz_hex_encode(nz_bytes_of(id, sizeof id), out);
	return NZ_OK;
}

static enum nz_status get_payload(const struct nz_json *payload, struct nz_open_request *r,
                                  struct nz_error *err)
{
	static const char *const members[] = {"platform", "dataset",   "x25519", "checkpoint",
	                                      "epoch",    "continues", NULL};
	uint8_t platform[NZ_SHA256_BYTES];
	struct nz_bytes name;

	NZ_TRY(nz_json_only_members(payload, members, err));
	NZ_TRY(nz_json_get_hex(payload, "platform", platform, sizeof platform, err));
	nz_hex_encode(nz_bytes_of(platform, sizeof platform), r->platform);
	NZ_TRY(nz_json_get_string(payload, "dataset", &name, err));
	if (!nz_dataset_name_valid(name))
		return nz_fail(err, NZ_MALFORMED, "member 'dataset' is no dataset's name");
	memcpy(r->dataset, name.ptr, name.len);
	NZ_TRY(nz_json_get_base64(payload, "x25519", r->x25519, sizeof r->x25519, err));
	NZ_TRY(get_nullable(payload, "checkpoint", &r->has_checkpoint, err));
	if (r->has_checkpoint)
		NZ_TRY(nz_json_get_hex(payload, "checkpoint", r->checkpoint.bytes,
		                       sizeof r->checkpoint.bytes, err));
	NZ_TRY(get_nullable(payload, "epoch", &r->has_epoch, err));
	if (r->has_epoch)
		NZ_TRY(nz_json_get_int(payload, "epoch", 1, INTEGER_MAX, &r->epoch, err));
	NZ_TRY(get_nullable(payload, "continues", &r->has_continues, err));
	if (r->has_continues)
		NZ_TRY(get_session_id(payload, "continues", r->continues, err));
	return NZ_OK;
}

enum nz_status nz_open_request_from_json(const struct nz_json *body, struct nz_open_request *out,
                                         struct nz_error *err)
{
	static const char *const members[] = {"action", "payload", NULL};
	struct nz_open_request request = {{0}};
	struct nz_bytes action;
	struct nz_json *payload;

	if (!nz_json_is(body, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "the body is not an object");
	NZ_TRY(nz_json_get_string(body, "action", &action, err));
	if (!nz_bytes_equal(action, nz_bytes_str(NZ_ACTION_OPEN)))
		return nz_fail(err, NZ_UNSUPPORTED, "the action is not " NZ_ACTION_OPEN);
	NZ_TRY(nz_json_only_members(body, members, err));
	NZ_TRY(nz_json_get_object(body, "payload", &payload, err));
	NZ_TRY(get_payload(payload, &request, err));
	*out = request;
	return NZ_OK;
}

/* ---- the platform's answer ---- */

static struct nz_json *answer_json(struct nz_json_doc *doc, const struct nz_bytes *chain,
                                   size_t chain_len, const struct nz_open_answer *answer)
{
	struct nz_json *json = nz_json_make_object(doc);
	struct nz_json *certificate = nz_json_make_array(doc);

	nz_json_set_str(doc, json, "session_id", answer->session_id);
	nz_json_set_base64(doc, json, "x25519", nz_bytes_of(answer->x25519, sizeof answer->x25519));
	nz_json_set_base64(doc, json, "nonce", nz_bytes_of(answer->nonce, sizeof answer->nonce));
	nz_json_set(doc, json, "dataset", nz_statement_to_json(&answer->statement, doc));
	nz_json_set_int(doc, json, "expires_in", answer->expires_in);
	nz_json_set_int(doc, json, "rekey_in", answer->rekey_in);
	for (size_t i = 0; i < chain_len; i++) {
		NZ_BUFFER(text);
		struct nz_json *one = NULL; /* a failed build, which the document remembers */

		if (nz_base64_append(&text, chain[i]) == NZ_OK)
			one = nz_json_make_string(doc, nz_buffer_bytes(&text));
		nz_json_push(doc, certificate, one);
	}
	nz_json_set(doc, json, "certificate", certificate);
	return json;
}

enum nz_status nz_open_answer_make(const struct nz_crypto *crypto, const struct nz_signer *signer,
                                   const struct nz_bytes *chain, size_t chain_len,
                                   const struct nz_open_answer *answer, const struct nz_hash *h1,
                                   struct nz_buffer *out, struct nz_hash *h2, struct nz_error *err)
{
	NZ_JSON_DOC(doc);
	struct nz_hash digests[2] = {*h1};
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];

	if (chain_len == 0 || chain_len > CHAIN_MAX)
		return nz_fail(err, NZ_INVALID, "a chain of %zu certificates", chain_len);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *json = answer_json(doc, chain, chain_len, answer);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_digest(crypto, json, NULL, &digests[1]));
	NZ_TRY(nz_labelled_sign(crypto, signer, NZ_LABEL_HANDSHAKE, digests, 2, signature));
	nz_json_set_base64(doc, json, "signature", nz_bytes_of(signature, sizeof signature));
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(json, out));
	*h2 = digests[1];
	return NZ_OK;
}

/* The chain as DER: all certificates in storage, one after the other. */
struct chain {
	struct nz_buffer storage;
	struct nz_bytes certificates[CHAIN_MAX];
	size_t count;
};

static void chain_clear(struct chain *chain)
{
	nz_buffer_clear(&chain->storage);
}

static enum nz_status get_chain(const struct nz_json *json, struct chain *chain,
                                struct nz_error *err)
{
	size_t ends[CHAIN_MAX] = {0};
	struct nz_json *array;

	NZ_TRY(nz_json_get_array(json, "certificate", &array, err));
	const size_t count = nz_json_count(array);
	if (count == 0 || count > CHAIN_MAX)
		return nz_fail(err, NZ_MALFORMED, "member 'certificate' has %zu elements", count);
	for (size_t i = 0; i < count; i++) {
		const struct nz_json *one = nz_json_at(array, i);
		enum nz_status status = NZ_MALFORMED;

		if (nz_json_is(one, NZ_JSON_STRING) &&
		    nz_json_string(one).len <= NZ_BASE64_CHARS(CERTIFICATE_MAX_BYTES))
			status = nz_base64_decode(nz_json_string(one), &chain->storage);
		if (status != NZ_OK)
			return nz_fail(err, status, "member 'certificate' is not base64 DER");
		ends[i] = chain->storage.len;
	}
	for (size_t i = 0; i < count; i++) { /* now that storage stays where it is */
		const size_t start = i > 0 ? ends[i - 1] : 0;

		chain->certificates[i] = nz_bytes_of(chain->storage.ptr + start, ends[i] - start);
	}
	chain->count = count;
	return NZ_OK;
}

static enum nz_status get_answer(const struct nz_json *json, struct nz_open_answer *a,
                                 struct chain *chain, uint8_t signature[NZ_ED25519_SIGNATURE_BYTES],
                                 struct nz_error *err)
{
	static const char *const members[] = {"session_id", "x25519",   "nonce",       "dataset",
	                                      "expires_in", "rekey_in", "certificate", "signature",
	                                      NULL};
	struct nz_json *statement;

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "not an object");
	NZ_TRY(nz_json_only_members(json, members, err));
	NZ_TRY(get_session_id(json, "session_id", a->session_id, err));
	NZ_TRY(nz_json_get_base64(json, "x25519", a->x25519, sizeof a->x25519, err));
	NZ_TRY(nz_json_get_base64(json, "nonce", a->nonce, sizeof a->nonce, err));
	NZ_TRY(nz_json_get_object(json, "dataset", &statement, err));
	NZ_TRY(nz_statement_from_json(statement, &a->statement, err));
	NZ_TRY(nz_json_get_int(json, "expires_in", 1, NZ_SESSION_LIFETIME_S, &a->expires_in, err));
	NZ_TRY(nz_json_get_int(json, "rekey_in", 1, NZ_SESSION_REKEY_S, &a->rekey_in, err));
	if (a->rekey_in > a->expires_in)
		return nz_fail(err, NZ_MALFORMED, "member 'rekey_in' is past 'expires_in'");
	NZ_TRY(get_chain(json, chain, err));
	return nz_json_get_base64(json, "signature", signature, NZ_ED25519_SIGNATURE_BYTES, err);
}

/* What a well-signed statement must be for us: of this platform, and of this time. */
static enum nz_status check_statement(const struct nz_statement *s, struct nz_bytes root_pem,
                                      int64_t now, struct nz_error *err)
{
	char platform[65];

	NZ_TRY(nz_pki_platform_id(root_pem, platform, err));
	if (strcmp(platform, s->platform) != 0)
		return nz_fail(err, NZ_UNVERIFIED, "the statement is of another platform");
	if (s->expires_at < now)
		return nz_fail(err, NZ_EXPIRED, "the statement expired %lld s ago",
		               (long long)(now - s->expires_at));
	if (s->issued_at > now + AHEAD_MAX_S)
		return nz_fail(err, NZ_EXPIRED, "the statement was issued %lld s ahead of this clock",
		               (long long)(s->issued_at - now));
	return NZ_OK;
}

enum nz_status nz_open_answer_check(const struct nz_crypto *crypto, struct nz_bytes text,
                                    struct nz_bytes root_pem, int64_t now, const struct nz_hash *h1,
                                    struct nz_open_answer *out, struct nz_hash *h2,
                                    struct nz_error *err)
{
	struct chain chain NZ_CLEANUP(chain_clear) = {.count = 0};
	NZ_JSON_DOC(doc);
	struct nz_open_answer answer = {{0}};
	struct nz_hash digests[2] = {*h1};
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES], key[NZ_ED25519_PUBLIC_BYTES];

	enum nz_status status = nz_json_parse(text, &answer_limits, &doc, err);
	if (status == NZ_OK)
		status = get_answer(nz_json_root(doc), &answer, &chain, signature, err);
	if (status != NZ_OK)
		return nz_error_prefix(err, status == NZ_LIMIT ? NZ_MALFORMED : status,
		                       "the platform's answer");
	NZ_TRY(nz_pki_check_signing_chain(root_pem, chain.certificates, chain.count, now, key, err));
	NZ_TRY(nz_json_digest(crypto, nz_json_root(doc), "signature", &digests[1]));
	status = nz_labelled_verify(crypto, key, NZ_LABEL_HANDSHAKE, digests, 2, signature);
	if (status != NZ_OK)
		return nz_fail(err, status, "the answer's signature does not verify");
	status = nz_statement_verify(crypto, key, &answer.statement);
	if (status != NZ_OK)
		return nz_fail(err, status, "the statement's signature does not verify");
	NZ_TRY(check_statement(&answer.statement, root_pem, now, err));
	memcpy(answer.signing_key, key, sizeof answer.signing_key);
	*out = answer;
	*h2 = digests[1];
	return NZ_OK;
}
