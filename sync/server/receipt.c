/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST …/receipt: the node says which root it has verified. Where it is the statement's, the platform
 * signs that it heard so; where it is another, that is 1003, and an incident.
 */
#include <stdio.h>
#include <stdlib.h>

#include <nz/labelled.h>

#include "server/handlers.h"

#define RECORDS_MAX (((int64_t)1 << 53) - 1)

struct receipt {
	struct nz_statement statement;
	struct nz_platform *platform;
	struct nz_hash root; /* as the node has it */
	int64_t records;
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	char peer[NZ_ADDRESS_TEXT_BYTES];
	struct nz_buffer answer;
};

static void drop(void *own)
{
	struct receipt *r = own;

	nz_platform_release(&r->platform);
	nz_buffer_clear(&r->answer);
	free(r);
}

static enum nz_status parse(struct nz_bytes body, struct receipt *out, struct nz_error *err)
{
	static const struct nz_json_limits limits = {4096, 4, 8};
	static const char *const names[] = {"root", "records", NULL};
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_parse(body, &limits, &doc, err));
	const struct nz_json *json = nz_json_root(doc);

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "not an object");
	NZ_TRY(nz_json_only_members(json, names, err));
	NZ_TRY(nz_json_get_hex(json, "root", out->root.bytes, sizeof out->root.bytes, err));
	return nz_json_get_int(json, "records", 0, RECORDS_MAX, &out->records, err);
}

static bool agrees(const struct receipt *r)
{
	return memcmp(&r->root, &r->statement.merkle_root, sizeof r->root) == 0 &&
	       r->records == r->statement.records;
}

static enum nz_status sign(struct receipt *r, const struct nz_crypto *crypto, int64_t at)
{
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_hash statement, digest;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_statement_hash(crypto, &r->statement, &statement));
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *answer = nz_json_make_object(doc);
	struct nz_json *receipt = nz_json_make_object(doc);

	nz_json_set_hex(doc, receipt, "statement", nz_bytes_of(&statement, sizeof statement));
	nz_json_set_int(doc, receipt, "records", r->records);
	nz_json_set_str(doc, receipt, "node_id", r->node_id);
	nz_json_set_int(doc, receipt, "at", at);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_digest(crypto, receipt, NULL, &digest));
	NZ_TRY(nz_labelled_sign(crypto, r->platform->signer, NZ_LABEL_RECEIPT, &digest, 1, signature));
	nz_json_set(doc, answer, "receipt", receipt);
	nz_json_set_base64(doc, answer, "signature", nz_bytes_of(signature, sizeof signature));
	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(answer, &r->answer);
}

static void note_mismatch(struct nz_exchange *x, struct nz_worker *worker)
{
	const struct receipt *r = x->own;
	struct nz_failure failure = {.at = nz_clock_unix(), .code = NZ_API_ROOT_MISMATCH};
	struct nz_error err = {0};

	nz_refuse(&x->refusal, NZ_API_ROOT_MISMATCH, "the node has %lld records, and %s root",
	          (long long)r->records, r->records == r->statement.records ? "another" : "perhaps another");
	if (nz_incident_make(worker->crypto, x->refusal.incident) != NZ_OK)
		return; /* one is made with the log line */
	memcpy(failure.incident, x->refusal.incident, sizeof x->refusal.incident);
	memcpy(failure.node_id, r->node_id, sizeof failure.node_id);
	memcpy(failure.dataset, r->statement.name, sizeof failure.dataset);
	memcpy(failure.peer, r->peer, sizeof failure.peer);
	snprintf(failure.detail, sizeof failure.detail, "receipt: %.200s", x->refusal.why.message);
	if (worker->state->ops->failure_add(worker->state, &failure, &err) != NZ_OK) {
		struct nz_log log;

		nz_log_begin(&log, NZ_LOG_ERROR, "failure_not_stored");
		nz_log_str(&log, "incident", failure.incident);
		nz_log_error(&log, &err);
		nz_log_end(&log);
	}
}

static void run(struct nz_job *job, struct nz_worker *worker)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct receipt *r = x->own;
	const int64_t at = nz_clock_unix();
	struct nz_error err = {0};

	if (!agrees(r)) {
		note_mismatch(x, worker);
		return;
	}
	enum nz_status status = sign(r, worker->crypto, at);

	if (status == NZ_OK)
		status = worker->state->ops->receipt_add(worker->state, r->node_id,
		                                         r->statement.name, r->statement.epoch,
		                                         r->records, at, &err);
	if (status != NZ_OK)
		nz_refuse_fault(&x->refusal, status, &err, false);
}

static void done(struct nz_job *job)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct receipt *r = x->own;
	NZ_BUFFER(answer);

	if (x->refusal.code != 0) {
		nz_exchange_refuse(x);
		return;
	}
	answer = r->answer;
	r->answer = (struct nz_buffer){0};
	nz_exchange_answer(x, 200, nz_buffer_bytes(&answer));
}

void nz_handle_receipt(struct nz_exchange *x)
{
	struct receipt *r = calloc(1, sizeof *r);
	struct nz_error err = {0};

	if (r == NULL) {
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
		nz_exchange_refuse(x);
		return;
	}
	x->own = r;
	x->drop = drop;
	if (parse(nz_buffer_bytes(&x->body), r, &err) != NZ_OK) {
		nz_refuse(&x->refusal, NZ_API_MALFORMED, "%s", err.message);
		nz_exchange_refuse(x);
		return;
	}
	r->statement = x->session->statement;
	r->platform = nz_platform_keep(x->session->platform);
	memcpy(r->node_id, x->session->facts.node_id, sizeof r->node_id);
	memcpy(r->peer, x->conn->peer, sizeof r->peer);
	nz_exchange_run(x, x->server->workers, run, done);
}
