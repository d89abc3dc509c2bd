/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v2/sync/failures: a node says, in a signed packet, that something from the platform did not
 * open or did not match. Both sides then log it under one incident id: the session's, where the
 * platform already had one, else a new one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/gate.h"
#include "server/handlers.h"

#define POSITION_MAX (((int64_t)1 << 53) - 1)

struct report {
	struct nz_server *server;
	struct nz_admission admission;
	struct nz_platform *platform;
	struct nz_failure failure;
	char session[NZ_SESSION_ID_CHARS + 1]; /* "" for none */
	int64_t position;                      /* -1 for none */
};

static void drop(void *own)
{
	struct report *r = own;

	nz_admission_clear(&r->admission);
	nz_platform_release(&r->platform);
	free(r);
}

/* A string member that is copied out, or null. */
static enum nz_status take_string(const struct nz_json *object, const char *name, size_t max,
                                  char *out, struct nz_error *err)
{
	struct nz_bytes text;

	if (nz_json_get(object, name) != NULL &&
	    nz_json_type(nz_json_get(object, name)) == NZ_JSON_NULL)
		return NZ_OK;
	NZ_TRY(nz_json_get_string(object, name, &text, err));
	if (text.len > max || memchr(text.ptr, 0, text.len) != NULL)
		return nz_fail(err, NZ_MALFORMED, "%s is too long", name);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return NZ_OK;
}

/* payload: {platform, session, dataset, position, code}; session and position may be null. */
static enum nz_status parse(const struct nz_json *body, struct report *r, char platform[65],
                            struct nz_error *err)
{
	static const char *const names[] = {"platform", "session", "dataset", "position", "code", NULL};
	struct nz_json *payload;
	struct nz_bytes action;
	int64_t code;

	NZ_TRY(nz_json_get_string(body, "action", &action, err));
	if (!nz_bytes_equal(action, nz_bytes_str(NZ_ACTION_FAILURE)))
		return nz_fail(err, NZ_UNSUPPORTED, "another action than " NZ_ACTION_FAILURE);
	NZ_TRY(nz_json_get_object(body, "payload", &payload, err));
	NZ_TRY(nz_json_only_members(payload, names, err));
	NZ_TRY(take_string(payload, "platform", 64, platform, err));
	NZ_TRY(take_string(payload, "session", NZ_SESSION_ID_CHARS, r->session, err));
	NZ_TRY(take_string(payload, "dataset", NZ_DATASET_NAME_MAX_BYTES, r->failure.dataset, err));
	NZ_TRY(nz_json_get_int(payload, "code", 1000, 9999, &code, err));
	r->failure.code = (int)code;
	if (nz_json_type(nz_json_get(payload, "position")) == NZ_JSON_NULL)
		return NZ_OK;
	return nz_json_get_int(payload, "position", 0, POSITION_MAX, &r->position, err);
}

static void run_check(struct nz_job *job, struct nz_worker *worker)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct report *r = x->own;
	struct nz_error err = {0};
	char platform[65] = "";

	if (!nz_gate_admit(worker, r->server->replay, nz_buffer_bytes(&x->body), &x->address,
	                   &r->admission, &x->refusal))
		return;
	const enum nz_status status =
		parse(nz_verified_packet_body(r->admission.packet), r, platform, &err);

	if (status != NZ_OK)
		nz_refuse(&x->refusal,
		          status == NZ_UNSUPPORTED ? NZ_API_UNSUPPORTED : NZ_API_MALFORMED, "%s",
		          err.message);
	else if (strcmp(platform, r->platform->id) != 0)
		nz_refuse(&x->refusal, NZ_API_SIGNATURE, "the packet is for another platform");
	else if (!nz_gate_granted(&r->admission.pin, r->failure.dataset))
		nz_refuse(&x->refusal, NZ_API_DATASET, "the dataset is not granted to the node");
}

static void run_store(struct nz_job *job, struct nz_worker *worker)
{
	struct nz_exchange *x = nz_exchange_of(job);
	const struct report *r = x->own;
	struct nz_error err = {0};
	const enum nz_status status =
		worker->state->ops->failure_add(worker->state, &r->failure, &err);

	if (status != NZ_OK)
		nz_refuse_fault(&x->refusal, status, &err, false);
}

static void done_store(struct nz_job *job)
{
	struct nz_exchange *x = nz_exchange_of(job);
	const struct report *r = x->own;
	NZ_BUFFER(answer);

	memcpy(x->refusal.incident, r->failure.incident, sizeof x->refusal.incident);
	if (x->refusal.code == 0 &&
	    nz_buffer_appendf(&answer, "{\"incident\":\"%s\"}", r->failure.incident) != NZ_OK)
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
	if (x->refusal.code != 0) {
		nz_exchange_refuse(x);
		return;
	}
	nz_exchange_header(x, NZ_HEADER_INCIDENT, r->failure.incident);
	nz_exchange_answer(x, 200, nz_buffer_bytes(&answer));
}

/* The incident that the session already has, if it is this node's; else a new one, noted with it. */
static bool choose_incident(struct nz_server *server, struct report *r)
{
	struct nz_session_facts *facts =
		r->session[0] != '\0' ? nz_session_facts_find(&server->sessions, r->session) : NULL;

	if (facts != NULL && strcmp(facts->node_id, r->failure.node_id) != 0)
		facts = NULL;
	if (facts != NULL && facts->incident[0] != '\0') {
		memcpy(r->failure.incident, facts->incident, sizeof facts->incident);
		return true;
	}
	if (nz_incident_make(server->crypto, r->failure.incident) != NZ_OK)
		return false;
	if (facts != NULL)
		memcpy(facts->incident, r->failure.incident, sizeof facts->incident);
	return true;
}

static void log_report(struct nz_exchange *x, const struct report *r)
{
	struct nz_log log;

	nz_log_begin(&log, NZ_LOG_WARNING, "failure_reported");
	nz_log_int(&log, "error_code", r->failure.code);
	nz_log_str(&log, "incident", r->failure.incident);
	nz_log_str(&log, "node_id", r->failure.node_id);
	nz_log_str(&log, "dataset", r->failure.dataset);
	nz_log_str(&log, "session", r->session);
	if (r->position >= 0)
		nz_log_int(&log, "position", r->position);
	nz_conn_log(x->conn, &log);
	nz_log_end(&log);
}

static void done_check(struct nz_job *job)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct report *r = x->own;

	if (x->conn == NULL) {
		nz_exchange_end(x);
		return;
	}
	memcpy(r->failure.node_id, x->refusal.node_id, sizeof r->failure.node_id);
	if (x->refusal.code == 0 && !choose_incident(x->server, r))
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no random bytes");
	if (x->refusal.code != 0) {
		nz_exchange_refuse(x);
		return;
	}
	r->failure.at = nz_clock_unix();
	memcpy(r->failure.peer, x->conn->peer, sizeof r->failure.peer);
	if (r->position >= 0)
		snprintf(r->failure.detail, sizeof r->failure.detail,
		         "reported by the node: batch %lld", (long long)r->position);
	else
		snprintf(r->failure.detail, sizeof r->failure.detail, "reported by the node");
	log_report(x, r);
	nz_exchange_run(x, x->server->workers, run_store, done_store);
}

void nz_handle_failure(struct nz_exchange *x)
{
	struct report *r = calloc(1, sizeof *r);

	if (r == NULL) {
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
		nz_exchange_refuse(x);
		return;
	}
	r->server = x->server;
	r->platform = nz_platform_keep(x->server->platform);
	r->position = -1;
	x->own = r;
	x->drop = drop;
	nz_exchange_run(x, x->server->workers, run_check, done_check);
}
