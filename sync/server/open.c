/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v2/sync/sessions: who asks is checked on a worker (gate.c), the index is brought up to date
 * (datasets.c), then a worker makes the ephemeral key, the signed answer and the session's keys.
 */
#include <stdlib.h>

#include "server/gate.h"
#include "server/handlers.h"

/* Sessions before this one that a moving source has ended: from here on a snapshot is held. */
#define TURNED_BACK_MAX 2

struct nz_opening {
	struct nz_server *server;
	struct nz_opening *next, **link; /* of the admitted ones; link is NULL before that */
	struct nz_admission admission;
	struct nz_open_request request;
	struct nz_hash h1;
	struct nz_platform *platform;
	int64_t expires_in, rekey_in, statement_lifetime;
	unsigned turned_back;
	struct nz_secret exporter;
	struct nz_session *session;
	struct nz_buffer answer;
};

static void drop(void *own)
{
	struct nz_opening *o = own;

	o->server->opening--;
	if (o->link != NULL) {
		*o->link = o->next;
		if (o->next != NULL)
			o->next->link = o->link;
	}
	nz_admission_clear(&o->admission);
	nz_platform_release(&o->platform);
	nz_secret_clear(&o->exporter);
	nz_buffer_clear(&o->answer);
	if (o->session != NULL)
		nz_session_discard(o->session);
	free(o);
}

/* ---- 1: who asks for what (on a worker) ---- */

static void read_request(struct nz_opening *o, struct nz_worker *worker, struct nz_bytes packet,
                         struct nz_refusal *refusal)
{
	struct nz_error err = {0};
	enum nz_status status = nz_open_request_from_json(
		nz_verified_packet_body(o->admission.packet), &o->request, &err);

	if (status != NZ_OK) {
		nz_refuse(refusal, status == NZ_UNSUPPORTED ? NZ_API_UNSUPPORTED : NZ_API_MALFORMED,
		          "%s", err.message);
		return;
	}
	memcpy(refusal->dataset, o->request.dataset, sizeof refusal->dataset);
	if (strcmp(o->request.platform, o->platform->id) != 0) {
		nz_refuse(refusal, NZ_API_SIGNATURE, "the packet is for another platform");
		return;
	}
	if (!nz_gate_granted(&o->admission.pin, o->request.dataset)) {
		nz_refuse(refusal, NZ_API_DATASET, "the dataset is not granted to the node");
		return;
	}
	status = nz_packet_digest(worker->crypto, packet, NULL, &o->h1, &err);
	if (status != NZ_OK)
		nz_refuse_fault(refusal, status, &err, false);
}

static void run_check(struct nz_job *job, struct nz_worker *worker)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct nz_opening *o = x->own;
	const struct nz_bytes packet = nz_buffer_bytes(&x->body);

	if (nz_gate_admit(worker, o->server->replay, packet, &x->address, &o->admission,
	                  &x->refusal))
		read_request(o, worker, packet, &x->refusal);
}

/* ---- 2: may it have another session, and of what (on the loop) ---- */

/* What a node has, and will have: opens that wait for an index are many sessions at once after it. */
static size_t count_of_node(const struct nz_server *server, const char *node_id)
{
	size_t count = nz_sessions_of_node(&server->sessions, node_id);

	for (const struct nz_opening *o = server->admitted; o != NULL; o = o->next)
		count += strcmp(o->admission.pin.node.node_id, node_id) == 0;
	return count;
}

static void admit(struct nz_server *server, struct nz_opening *o)
{
	o->next = server->admitted;
	o->link = &server->admitted;
	if (o->next != NULL)
		o->next->link = &o->next;
	server->admitted = o;
}

static bool check_limits(struct nz_exchange *x)
{
	const struct nz_server *server = x->server;
	const struct nz_opening *o = x->own;
	const struct nz_settings *s = &server->settings;
	const char *node_id = o->admission.pin.node.node_id;

	if (server->draining)
		nz_refuse(&x->refusal, NZ_API_BUSY, "the platform is going down");
	else if (server->sessions.count + server->opening > (size_t)s->max_sessions)
		nz_refuse(&x->refusal, NZ_API_BUSY, "too many sessions");
	else if (count_of_node(server, node_id) >= (size_t)s->max_sessions_per_node)
		nz_refuse(&x->refusal, NZ_API_BUSY, "too many sessions of this node");
	else
		return true;
	x->refusal.retry_after_s = 2;
	return false;
}

static bool check_continues(struct nz_exchange *x)
{
	struct nz_opening *o = x->own;

	if (!o->request.has_continues)
		return true;
	const struct nz_session_facts *facts =
		nz_session_facts_find(&x->server->sessions, o->request.continues);

	if (facts == NULL || strcmp(facts->node_id, o->admission.pin.node.node_id) != 0 ||
	    strcmp(facts->dataset, o->request.dataset) != 0) {
		nz_refuse(&x->refusal, NZ_API_SESSION,
		          "continues no session of this node and dataset");
		return false;
	}
	o->turned_back = facts->turned_back + facts->moved;
	return true;
}

static void on_dataset(void *context, struct nz_index *index, struct nz_source *held,
                       const struct nz_refusal *refusal);

static void done_check(struct nz_job *job)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct nz_opening *o = x->own;

	if (x->conn == NULL) {
		nz_exchange_end(x);
		return;
	}
	if (x->refusal.code != 0 || !check_limits(x) || !check_continues(x)) {
		nz_exchange_refuse(x);
		return;
	}
	admit(x->server, o);
	if (nz_datasets_want(x->server, o->request.dataset, o->admission.pin.node.node_id,
	                     o->turned_back >= TURNED_BACK_MAX, on_dataset, x) != NZ_OK) {
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
		nz_exchange_refuse(x);
	}
}

/* ---- 3: the answer (on a worker) ---- */

static void describe(const struct nz_opening *o, struct nz_statement *out)
{
	const struct nz_dataset *d = &o->session->index->dataset;

	*out = (struct nz_statement){
		.epoch = d->epoch,
		.merkle_root = d->root,
		.records = d->records,
		.batches = d->batches,
		.bytes = d->bytes,
		.schema_sha256 = d->schema_sha256,
		.issued_at = nz_clock_unix(),
	};
	out->expires_at = out->issued_at + o->statement_lifetime;
	memcpy(out->platform, o->platform->id, sizeof out->platform);
	memcpy(out->name, d->name, sizeof out->name);
	memcpy(out->lineage, d->lineage, sizeof out->lineage);
	memcpy(out->encoding, d->encoding, sizeof out->encoding);
	nz_hex_encode(nz_bytes_of(&d->version, sizeof d->version), out->position);
}

/* Random values of a session: its id, its start nonce, its ephemeral key. */
static enum nz_status draw(const struct nz_crypto *crypto, struct nz_open_answer *answer,
                           struct nz_secret *ephemeral)
{
	uint8_t id[NZ_SESSION_ID_CHARS / 2];

	NZ_TRY(crypto->random(id, sizeof id));
	nz_hex_encode(nz_bytes_of(id, sizeof id), answer->session_id);
	NZ_TRY(crypto->random(answer->nonce, sizeof answer->nonce));
	NZ_TRY(crypto->random(ephemeral->bytes, sizeof ephemeral->bytes));
	return crypto->x25519_public(ephemeral, answer->x25519);
}

static void clear_keys(struct nz_session_keys *keys)
{
	nz_session_keys_clear(keys);
}

static enum nz_status make_answer(struct nz_opening *o, const struct nz_crypto *crypto,
                                  struct nz_error *err)
{
	struct nz_session *session = o->session;
	struct nz_open_answer answer = {.expires_in = o->expires_in, .rekey_in = o->rekey_in};
	struct nz_session_keys keys NZ_CLEANUP(clear_keys) = {{{0}}, {{0}}};
	struct nz_hash h2;
	NZ_SECRET(ephemeral);

	NZ_TRY(draw(crypto, &answer, &ephemeral));
	describe(o, &answer.statement);
	NZ_TRY(nz_statement_sign(crypto, o->platform->signer, &answer.statement));
	NZ_TRY(nz_open_answer_make(crypto, o->platform->signer, o->platform->chain,
	                           o->platform->chain_len, &answer, &o->h1, &o->answer, &h2, err));
	NZ_TRY(nz_session_keys_derive(crypto, &ephemeral, o->request.x25519, &o->h1, &h2,
	                              o->exporter.bytes, &keys));
	NZ_TRY(nz_block_cipher_new(crypto, &keys.encryption, answer.nonce, &session->cipher));
	session->authentication = keys.authentication;
	session->statement = answer.statement;
	memcpy(session->facts.id, answer.session_id, sizeof session->facts.id);
	return NZ_OK;
}

static void run_answer(struct nz_job *job, struct nz_worker *worker)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct nz_error err = {0};
	const enum nz_status status = make_answer(x->own, worker->crypto, &err);

	if (status == NZ_UNVERIFIED) /* an ephemeral key of small order */
		nz_refuse(&x->refusal, NZ_API_MALFORMED, "the X25519 key is of small order");
	else if (status != NZ_OK)
		nz_refuse_fault(&x->refusal, status, &err, false);
}

/* ---- 4: the session (on the loop) ---- */

static void log_opened(const struct nz_exchange *x, const struct nz_session *session)
{
	struct nz_log log;

	nz_log_begin(&log, NZ_LOG_INFO, "session_opened");
	nz_log_str(&log, "session", session->facts.id);
	nz_log_str(&log, "node_id", session->facts.node_id);
	nz_log_str(&log, "dataset", session->facts.dataset);
	nz_log_int(&log, "epoch", session->statement.epoch);
	if (session->held != NULL)
		nz_log_int(&log, "snapshot_s", x->server->settings.snapshot_s);
	nz_conn_log(x->conn, &log);
	nz_log_end(&log);
}

static void done_answer(struct nz_job *job)
{
	struct nz_exchange *x = nz_exchange_of(job);
	struct nz_opening *o = x->own;
	NZ_BUFFER(answer);

	if (x->conn == NULL) {
		nz_exchange_end(x);
		return;
	}
	if (x->refusal.code == 0 && nz_session_begin(o->session, x->conn) != NZ_OK)
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
	if (x->refusal.code != 0) {
		nz_exchange_refuse(x);
		return;
	}
	log_opened(x, o->session);
	o->session = NULL; /* lives on its connection now */
	answer = o->answer;
	o->answer = (struct nz_buffer){0};
	nz_exchange_answer(x, 200, nz_buffer_bytes(&answer));
}

static struct nz_session *new_session(struct nz_exchange *x)
{
	const struct nz_opening *o = x->own;
	struct nz_session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	session->server = x->server;
	session->platform = nz_platform_keep(o->platform);
	session->facts.turned_back = o->turned_back;
	memcpy(session->facts.node_id, o->admission.pin.node.node_id,
	       sizeof session->facts.node_id);
	memcpy(session->facts.dataset, o->request.dataset, sizeof session->facts.dataset);
	return session;
}

/* Between 2 and 3. */
static void on_dataset(void *context, struct nz_index *index, struct nz_source *held,
                       const struct nz_refusal *refusal)
{
	struct nz_exchange *x = context;
	struct nz_opening *o = x->own;

	o->session = index != NULL ? new_session(x) : NULL;
	if (o->session != NULL) { /* owns both from here on, whatever happens */
		o->session->index = index;
		o->session->held = held;
	} else {
		nz_index_release(&index);
		nz_session_let_go(x->server, held);
	}
	if (x->conn == NULL) {
		nz_exchange_end(x);
		return;
	}
	if (refusal != NULL) {
		x->refusal.code = refusal->code;
		x->refusal.retry_after_s = refusal->retry_after_s;
		x->refusal.why = refusal->why;
		nz_exchange_refuse(x);
	} else if (o->session == NULL ||
	           nz_tls_export(x->conn->bev, NZ_EXPORTER_LABEL, o->exporter.bytes,
	                         sizeof o->exporter.bytes) != NZ_OK) {
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory, or no exporter");
		nz_exchange_refuse(x);
	} else {
		nz_exchange_run(x, x->server->workers, run_answer, done_answer);
	}
}

void nz_handle_open(struct nz_exchange *x)
{
	const struct nz_settings *s = &x->server->settings;
	struct nz_opening *o = calloc(1, sizeof *o);

	if (o == NULL) {
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
		nz_exchange_refuse(x);
		return;
	}
	o->server = x->server;
	o->server->opening++;
	o->platform = nz_platform_keep(x->server->platform);
	o->expires_in = s->session_lifetime_s;
	o->rekey_in = s->session_lifetime_s - s->rekey_before_s;
	o->statement_lifetime = s->statement_lifetime_s;
	x->own = o;
	x->drop = drop;
	nz_exchange_run(x, x->server->workers, run_check, done_check);
}
