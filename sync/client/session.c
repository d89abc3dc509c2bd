/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include <stdio.h>
#include <stdlib.h>

#include <nz/clock.h>
#include <nz/packet.h>

#include "proto/error.h"

#define SESSIONS "/v2/sync/sessions"
#define JSON_TYPE "application/json"
/* A source being indexed may keep the open waiting; the platform then answers 3001 by itself. */
#define OPEN_STALL_TIMEOUT_S 180
#define DELETE_TIMEOUT_MS 250
#define RECEIPT_MAX_BYTES ((size_t)64 << 10)

static void session_free(struct nz_client_session **session)
{
	struct nz_client_session *s = *session;

	if (s == NULL)
		return;
	nz_https_free(&s->http);
	nz_block_cipher_free(&s->cipher);
	nz_session_keys_clear(&s->keys);
	nz_buffer_clear(&s->certificate);
	free(s);
	*session = NULL;
}

void nz_client_session_drop(struct nz_client_session **session)
{
	session_free(session);
}

/* ---- opening ---- */

static enum nz_status connect_to(const struct nz_client *client, struct nz_https **out,
				 struct nz_error *err)
{
	const struct nz_http_options options = {
	    .origin = client->url.origin,
	    .root_pem = client->root_pem,
	    .exporter_label = NZ_EXPORTER_LABEL,
	    .connect_timeout_s = client->connect_timeout_s,
	    .stall_timeout_s = client->stall_timeout_s,
	    .stopped = client->stopped,
	    .context = client->context,
	};

	return nz_https_new(&options, out, err);
}

/* The signed packet, its digest H1, and the ephemeral key whose other half it carries. */
struct open_packet {
	struct nz_buffer text;
	struct nz_hash h1;
	struct nz_secret ephemeral;
};
static void open_packet_clear(struct open_packet *packet)
{
	nz_buffer_clear(&packet->text);
	nz_secret_clear(&packet->ephemeral);
}

static enum nz_status make_packet(const struct nz_client *client,
				  const struct nz_statement *checkpoint, const char *continues,
				  struct open_packet *out, struct nz_error *err)
{
	const struct nz_crypto *crypto = client->crypto;
	struct nz_open_request request = {.has_checkpoint = checkpoint != NULL,
					  .has_epoch = checkpoint != NULL,
					  .has_continues = continues != NULL};
	NZ_JSON_DOC(doc);

	memcpy(request.platform, client->platform, sizeof request.platform);
	memcpy(request.dataset, client->url.dataset, sizeof request.dataset);
	if (checkpoint != NULL) {
		request.checkpoint = checkpoint->merkle_root;
		request.epoch = checkpoint->epoch;
	}
	if (continues != NULL)
		memcpy(request.continues, continues, sizeof request.continues);
	NZ_TRY(crypto->random(out->ephemeral.bytes, sizeof out->ephemeral.bytes));
	NZ_TRY(crypto->x25519_public(&out->ephemeral, request.x25519));
	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *body = nz_open_request_to_json(&request, doc);
	if (body == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a request");
	NZ_TRY(nz_packet_sign(crypto, client->keys, body, &(struct nz_sign_options){0}, &out->text,
			      err));
	return nz_packet_digest(crypto, nz_buffer_bytes(&out->text), &nz_json_packet_limits,
				&out->h1, err);
}

/* The chain as it came, to be kept with the checkpoint. The answer was checked before. */
static enum nz_status keep_certificate(struct nz_client_session *s, struct nz_bytes answer,
				       struct nz_error *err)
{
	static const struct nz_json_limits limits = {NZ_HANDSHAKE_MAX_BYTES, 8, 64};
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(answer, &limits, &doc, err));
	NZ_TRY(nz_json_canonical(nz_json_get(nz_json_root(doc), "certificate"), &s->certificate));
	return nz_buffer_cstr(&s->certificate) != NULL ? NZ_OK : NZ_NO_MEMORY;
}

/* Nothing of the answer is used before all of this has passed. */
static enum nz_status check_answer(struct nz_client_session *s, struct nz_bytes text,
				   const struct nz_hash *h1, struct nz_hash *h2,
				   struct nz_error *err)
{
	const struct nz_client *client = s->client;
	const enum nz_status status = nz_open_answer_check(
	    client->crypto, text, client->root_pem, nz_clock_unix(), h1, &s->answer, h2, err);

	if (status == NZ_MALFORMED || status == NZ_UNVERIFIED || status == NZ_EXPIRED) {
		nz_error_prefix(err, NZ_REFUSED, "%s is not to be believed", client->url.origin);
		if (err != NULL)
			err->code = NZ_API_SIGNATURE;
		return NZ_REFUSED;
	}
	NZ_TRY(status);
	const struct nz_statement *statement = &s->answer.statement;
	if (strcmp(statement->name, client->url.dataset) != 0)
		return nz_fail_code(err, NZ_REFUSED, NZ_API_SIGNATURE,
				    "asked for dataset %s, the platform's statement is of %s",
				    client->url.dataset, statement->name);
	if (strcmp(statement->encoding, NZ_ENCODING_TEXT) != 0)
		return nz_fail_code(err, NZ_UNSUPPORTED, NZ_API_UNSUPPORTED,
				    "dataset %s is encoded as %s, which this build cannot read",
				    statement->name, statement->encoding);
	return NZ_OK;
}

static enum nz_status derive(struct nz_client_session *s, struct open_packet *packet,
			     const struct nz_hash *h2, struct nz_error *err)
{
	const uint8_t *exporter = nz_https_exporter(s->http);
	enum nz_status status;

	if (exporter == NULL)
		return nz_fail(err, NZ_CRYPTO, "the TLS connection gives no exporter");
	status = nz_session_keys_derive(s->client->crypto, &packet->ephemeral, s->answer.x25519,
					&packet->h1, h2, exporter, &s->keys);
	if (status == NZ_UNVERIFIED)
		return nz_fail_code(err, NZ_REFUSED, NZ_API_SIGNATURE,
				    "the platform's ephemeral key gives no shared secret");
	NZ_TRY(status);
	return nz_block_cipher_new(s->client->crypto, &s->keys.encryption, s->answer.nonce,
				   &s->cipher);
}

/* A wrong clock is said with the difference, where the platform's time is known. */
static enum nz_status refused_open(const struct nz_http_answer *answer, int64_t now,
				   struct nz_error *err)
{
	const enum nz_status status = nz_client_session_refusal(answer, err);

	if (err != NULL && err->code == NZ_API_CLOCK && answer->date != 0) {
		const int64_t ahead = now - answer->date;

		return nz_error_prefix(
		    err, status, "this machine's clock is %lld s %s the platform's",
		    (long long)(ahead < 0 ? -ahead : ahead), ahead < 0 ? "behind" : "ahead of");
	}
	return status;
}

enum nz_status nz_client_session_open(const struct nz_client *client,
				      const struct nz_statement *checkpoint, const char *continues,
				      struct nz_client_session **out, struct nz_error *err)
{
	struct open_packet packet NZ_CLEANUP(open_packet_clear) = {.text = {0}};
	struct nz_client_session *s NZ_CLEANUP(session_free) = calloc(1, sizeof *s);
	NZ_HTTP_ANSWER(answer);
	struct nz_hash h2;

	if (s == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a session");
	s->client = client;
	NZ_TRY(connect_to(client, &s->http, err));
	NZ_TRY(make_packet(client, checkpoint, continues, &packet, err));
	const struct nz_http_request request = {
	    .method = "POST",
	    .target = SESSIONS,
	    .content_type = JSON_TYPE,
	    .body = nz_buffer_bytes(&packet.text),
	    .stall_timeout_s = client->stall_timeout_s == 0 ? OPEN_STALL_TIMEOUT_S : 0,
	    .answer_max_bytes = NZ_HANDSHAKE_MAX_BYTES};
	s->opened_ms = nz_clock_monotonic_ms();
	NZ_TRY(nz_https_do(s->http, &request, &answer, err));
	if (answer.status != 200 && answer.status != 201)
		return refused_open(&answer, nz_clock_unix(), err);
	NZ_TRY(check_answer(s, nz_buffer_bytes(&answer.body), &packet.h1, &h2, err));
	NZ_TRY(keep_certificate(s, nz_buffer_bytes(&answer.body), err));
	NZ_TRY(derive(s, &packet, &h2, err));
	*out = s;
	s = NULL;
	return NZ_OK;
}

/* ---- age ---- */

static int64_t age_ms(const struct nz_client_session *s)
{
	return nz_clock_monotonic_ms() - s->opened_ms;
}

bool nz_client_session_rekey_due(const struct nz_client_session *session)
{
	return session->rekey_noticed || age_ms(session) >= session->answer.rekey_in * 1000;
}

bool nz_client_session_expired(const struct nz_client_session *session)
{
	return age_ms(session) >= session->answer.expires_in * 1000;
}

/* ---- requests ---- */

/* The three headers that authenticate a request, and its MAC for the stream's H. */
struct request_auth {
	char timestamp[64], nonce[64], header[96];
	char mac[NZ_REQUEST_MAC_CHARS + 1];
	char target[2 * NZ_SESSION_ID_CHARS + 16384];
};

static enum nz_status authenticate(const struct nz_client_session *s, const char *method,
				   const char *target, struct nz_bytes body,
				   struct request_auth *out, struct nz_error *err)
{
	const struct nz_crypto *crypto = s->client->crypto;
	uint8_t random[16];
	char nonce[2 * sizeof random + 1], timestamp[24];

	const int len = snprintf(out->target, sizeof out->target, SESSIONS "/%s%s",
				 s->answer.session_id, target);
	if (len < 0 || (size_t)len >= sizeof out->target)
		return nz_fail(err, NZ_INVALID, "a request's target is too long");
	NZ_TRY(crypto->random(random, sizeof random));
	nz_hex_encode(nz_bytes_of(random, sizeof random), nonce);
	(void)snprintf(timestamp, sizeof timestamp, "%lld", (long long)nz_clock_unix());
	NZ_TRY(nz_request_mac(crypto, &s->keys.authentication, s->answer.session_id, method,
			      out->target, timestamp, nonce, body, out->mac));
	(void)snprintf(out->timestamp, sizeof out->timestamp, NZ_HEADER_TIMESTAMP ": %s",
		       timestamp);
	(void)snprintf(out->nonce, sizeof out->nonce, NZ_HEADER_NONCE ": %s", nonce);
	(void)snprintf(out->header, sizeof out->header, NZ_HEADER_MAC ": %s", out->mac);
	return NZ_OK;
}

static struct nz_http_request request_of(const char *method, const struct request_auth *auth,
					 struct nz_bytes body)
{
	return (struct nz_http_request){
	    .method = method,
	    .target = auth->target,
	    .content_type = body.len > 0 ? JSON_TYPE : NULL,
	    .body = body,
	    .headers = {auth->timestamp, auth->nonce, auth->header},
	};
}

struct stream {
	struct nz_client_session *session;
	struct nz_block_reader *reader;
	const struct nz_block_events *events;
	bool events_failed; /* so that the failure is theirs, not the stream's */
};

static enum nz_status on_object(void *context, enum nz_block_type type,
				const struct nz_json *object, struct nz_error *err)
{
	struct stream *stream = context;

	if (type == NZ_BLOCK_NOTICE) {
		const struct nz_bytes notice = nz_json_string(nz_json_get(object, "notice"));

		if (nz_bytes_equal(notice, nz_bytes_str("RekeyRequired")))
			stream->session->rekey_noticed = true;
	}
	const enum nz_status status =
	    stream->events->object(stream->events->context, type, object, err);
	stream->events_failed = status != NZ_OK;
	return status;
}

static enum nz_status on_records(void *context, enum nz_block_type type,
				 const struct nz_bytes *plaintexts, size_t count,
				 struct nz_error *err)
{
	struct stream *stream = context;
	const enum nz_status status =
	    stream->events->records(stream->events->context, type, plaintexts, count, err);

	stream->events_failed = status != NZ_OK;
	return status;
}

static enum nz_status on_bytes(void *context, struct nz_bytes bytes, struct nz_error *err)
{
	struct stream *stream = context;

	if (nz_client_session_expired(stream->session)) {
		stream->events_failed = true; /* nothing is wrong with the stream */
		return nz_fail_code(err, NZ_NETWORK, NZ_API_SESSION,
				    "the session's keys have expired");
	}
	return nz_block_reader_feed(stream->reader, bytes, err);
}

/* A failure of the reader itself is a block that failed. */
static enum nz_status block_failed(enum nz_status status, struct nz_error *err)
{
	if (err != NULL &&
	    (status == NZ_UNVERIFIED || status == NZ_MALFORMED || status == NZ_LIMIT))
		err->code = NZ_API_BATCH_REJECTED;
	return status;
}

enum nz_status nz_client_session_stream(struct nz_client_session *session, enum nz_stream_kind kind,
					const char *method, const char *target,
					struct nz_bytes body, const struct nz_block_events *events,
					struct nz_error *err)
{
	struct stream stream = {.session = session, .events = events};
	const struct nz_block_events own = {&stream, on_object, on_records};
	struct nz_block_reader *reader NZ_CLEANUP(nz_block_reader_free) = NULL;
	const size_t record_max = session->client->record_max_bytes != 0
				      ? session->client->record_max_bytes
				      : NZ_RECORD_MAX_BYTES;
	const size_t block_max = record_max + NZ_AEAD_TAG_BYTES < NZ_BLOCK_MAX_BYTES
				     ? NZ_BLOCK_MAX_BYTES
				     : record_max + NZ_AEAD_TAG_BYTES;
	struct request_auth auth;
	NZ_HTTP_ANSWER(answer);

	NZ_TRY(authenticate(session, method, target, body, &auth, err));
	NZ_TRY(nz_block_reader_new(session->cipher, kind, auth.mac, block_max, &own, &reader));
	stream.reader = reader;
	struct nz_http_request request = request_of(method, &auth, body);
	request.sink_content_type = NZ_CONTENT_BLOCKS;
	request.sink = on_bytes;
	request.sink_context = &stream;
	const enum nz_status status = nz_https_do(session->http, &request, &answer, err);
	if (status != NZ_OK)
		return stream.events_failed ? status : block_failed(status, err);
	if (answer.rekey_required)
		session->rekey_noticed = true;
	if (answer.status != 200)
		return nz_client_session_refusal(&answer, err);
	if (!nz_block_reader_done(reader)) {
		/* HTTP says that this was all: not a cut, but a stream without its end. */
		nz_fail(err, NZ_MALFORMED, "the stream has no end");
		return block_failed(NZ_MALFORMED, err);
	}
	return NZ_OK;
}

void nz_client_session_close(struct nz_client_session **session)
{
	struct nz_client_session *s = *session;
	struct request_auth auth;
	NZ_HTTP_ANSWER(answer);

	if (s != NULL && !nz_client_session_expired(s) && !nz_client_stopped(s->client) &&
	    authenticate(s, "DELETE", "", (struct nz_bytes){0}, &auth, NULL) == NZ_OK) {
		struct nz_http_request request = request_of("DELETE", &auth, (struct nz_bytes){0});

		/* A courtesy: closing the connection ends the session just as well. */
		request.total_timeout_ms = DELETE_TIMEOUT_MS;
		request.answer_max_bytes = NZ_HTTP_ERROR_MAX_BYTES;
		if (nz_https_do(s->http, &request, &answer, NULL) != NZ_OK)
			nz_client_note(s->client, "the session was not ended in time");
	}
	session_free(session);
}

/* ---- receipt ---- */

static enum nz_status check_receipt(const struct nz_client_session *s, struct nz_bytes text,
				    struct nz_error *err)
{
	static const struct nz_json_limits limits = {RECEIPT_MAX_BYTES, 8, 64};
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	const struct nz_statement *statement = &s->answer.statement;
	struct nz_hash digest, ours, theirs;
	struct nz_json *receipt;
	int64_t records;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(text, &limits, &doc, err));
	NZ_TRY(nz_json_get_object(nz_json_root(doc), "receipt", &receipt, err));
	NZ_TRY(
	    nz_json_get_base64(nz_json_root(doc), "signature", signature, sizeof signature, err));
	NZ_TRY(nz_json_digest(s->client->crypto, receipt, NULL, &digest));
	if (nz_labelled_verify(s->client->crypto, s->answer.signing_key, NZ_LABEL_RECEIPT, &digest,
			       1, signature) != NZ_OK)
		return nz_fail(err, NZ_UNVERIFIED, "the receipt's signature does not verify");
	NZ_TRY(nz_json_get_hex(receipt, "statement", theirs.bytes, sizeof theirs.bytes, err));
	NZ_TRY(nz_json_get_int(receipt, "records", 0, INT64_C(1) << 52, &records, err));
	NZ_TRY(nz_statement_hash(s->client->crypto, statement, &ours));
	if (!nz_equal_ct(&ours, &theirs, sizeof ours) || records != statement->records)
		return nz_fail(err, NZ_MISMATCH, "the receipt is for another statement");
	return NZ_OK;
}

enum nz_status nz_client_session_receipt(struct nz_client_session *session, struct nz_buffer *out,
					 struct nz_error *err)
{
	const struct nz_statement *statement = &session->answer.statement;
	char root[2 * NZ_SHA256_BYTES + 1];
	struct request_auth auth;
	NZ_HTTP_ANSWER(answer);
	NZ_BUFFER(body);

	nz_hex_encode(nz_bytes_of(statement->merkle_root.bytes, NZ_SHA256_BYTES), root);
	NZ_TRY(nz_buffer_appendf(&body, "{\"records\":%lld,\"root\":\"%s\"}",
				 (long long)statement->records, root));
	NZ_TRY(authenticate(session, "POST", "/receipt", nz_buffer_bytes(&body), &auth, err));
	struct nz_http_request request = request_of("POST", &auth, nz_buffer_bytes(&body));
	request.answer_max_bytes = RECEIPT_MAX_BYTES;
	NZ_TRY(nz_https_do(session->http, &request, &answer, err));
	if (answer.status != 200 && answer.status != 201)
		return nz_client_session_refusal(&answer, err);
	NZ_TRY(check_receipt(session, nz_buffer_bytes(&answer.body), err));
	return nz_buffer_append(out, answer.body.ptr, answer.body.len);
}
