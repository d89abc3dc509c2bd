/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform says when it says no, and what it is told when a sync fails. */
#include "client/session.h"

#include <nz/packet.h>

#include "proto/error.h"

#define FAILURES "/v2/sync/failures"
#define REPORT_TIMEOUT_MS 10000

static enum nz_status status_of(const struct nz_api_error_info *info)
{
	switch (info->code) {
	case NZ_API_SESSION:
		return NZ_NETWORK; /* nothing is wrong but the connection's age */
	case NZ_API_ROOT_MISMATCH:
		return NZ_MISMATCH;
	case NZ_API_MALFORMED:
		return NZ_MALFORMED;
	case NZ_API_OVER_LIMIT:
		return NZ_LIMIT;
	case NZ_API_UNSUPPORTED:
		return NZ_UNSUPPORTED;
	default:
		return info->retry == NZ_API_RETRY_NEVER ? NZ_REFUSED : NZ_BUSY;
	}
}

enum nz_status nz_client_session_refusal(const struct nz_http_answer *answer, struct nz_error *err)
{
	unsigned retry_after_s = 0;
	int code = 0;

	if (nz_api_error_parse(nz_buffer_bytes(&answer->body), &code, &retry_after_s) != NZ_OK)
		return nz_fail(err, NZ_NETWORK,
			       "the platform answers HTTP %d without an error of its API",
			       answer->status);
	const struct nz_api_error_info *info = nz_api_error_info(code);
	const enum nz_status status = status_of(info);
	const bool incident = answer->incident[0] != '\0';

	nz_fail_code(err, status, code, "the platform answers %d, %s: %s%s%s%s", code,
		     info->message, info->advice, incident ? " (incident " : "", answer->incident,
		     incident ? ")" : "");
	if (err != NULL) {
		err->retry_after_s = retry_after_s;
		memcpy(err->incident, answer->incident, sizeof err->incident);
	}
	return status;
}

static enum nz_status make_report(const struct nz_client *client, const char *session_id, int code,
				  int64_t position, struct nz_buffer *out, struct nz_error *err)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *body = nz_json_make_object(doc);
	struct nz_json *payload = nz_json_make_object(doc);
	nz_json_set_str(doc, payload, "platform", client->platform);
	nz_json_set_str(doc, payload, "dataset", client->url.dataset);
	nz_json_set_str(doc, payload, "session", session_id);
	nz_json_set_int(doc, payload, "code", code);
	if (position >= 0)
		nz_json_set_int(doc, payload, "position", position);
	else
		nz_json_set(doc, payload, "position", nz_json_make_null(doc));
	nz_json_set_str(doc, body, "action", NZ_ACTION_FAILURE);
	nz_json_set(doc, body, "payload", payload);
	NZ_TRY(nz_json_failed(doc));
	return nz_packet_sign(client->crypto, client->keys, body, &(struct nz_sign_options){0}, out,
			      err);
}

enum nz_status nz_client_session_report(const struct nz_client *client, const char *session_id,
					int code, int64_t position, char incident[40],
					struct nz_error *err)
{
	struct nz_https *http NZ_CLEANUP(nz_https_free) = NULL;
	NZ_HTTP_ANSWER(answer);
	NZ_BUFFER(packet);
	const struct nz_http_options options = {.origin = client->url.origin,
						.root_pem = client->root_pem,
						.exporter_label = NZ_EXPORTER_LABEL,
						.connect_timeout_s = client->connect_timeout_s,
						.stopped = client->stopped,
						.context = client->context};

	NZ_TRY(make_report(client, session_id, code, position, &packet, err));
	NZ_TRY(nz_https_new(&options, &http, err));
	const struct nz_http_request request = {.method = "POST",
						.target = FAILURES,
						.content_type = "application/json",
						.body = nz_buffer_bytes(&packet),
						.answer_max_bytes = NZ_HTTP_ERROR_MAX_BYTES,
						.total_timeout_ms = REPORT_TIMEOUT_MS};
	NZ_TRY(nz_https_do(http, &request, &answer, err));
	memcpy(incident, answer.incident, sizeof answer.incident);
	if (answer.status < 200 || answer.status >= 300)
		return nz_client_session_refusal(&answer, err);
	return NZ_OK;
}
