/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of a sync: open, manifest and plan where needed, batches, publish, receipt. */
#include "client/sync_internal.h"

#include <stdlib.h>

#include <nz/clock.h>

#include "client/trust.h"

/* Of one request: enough to make the pause between two vanish, little enough to plan ahead. */
#define RUN_MAX_BATCHES 4096
#define RUN_MAX_BYTES ((uint64_t)1 << 30)
#define RUN_MAX_KEY_BYTES ((size_t)1 << 20)

static const struct nz_statement *offered(const struct sync_run *run)
{
	return &run->session->answer.statement;
}

static enum nz_status local(struct sync_run *run, enum nz_status status)
{
	run->local = status != NZ_OK;
	return status;
}

static void show(struct sync_run *run, enum nz_sync_phase phase)
{
	run->shown.phase = phase;
	if (phase != NZ_SYNC_BATCHES)
		run->shown.table = NULL;
	if (run->options->progress != NULL)
		run->options->progress(run->options->context, &run->shown);
}

void sync_drop_session(struct sync_run *run)
{
	if (run->session == NULL)
		return;
	memcpy(run->continues, run->session->answer.session_id, sizeof run->continues);
	run->result.received_bytes += nz_https_received(run->session->http);
	nz_client_session_drop(&run->session);
}

static void close_session(struct sync_run *run)
{
	run->result.received_bytes += nz_https_received(run->session->http);
	nz_client_session_close(&run->session);
}

void sync_forget_plan(struct sync_run *run)
{
	run->planned = false;
	nz_schema_free(&run->schema);
	nz_buffer_clear(&run->target_certificate);
}

/* ---- opening ---- */

static bool same_state(const struct nz_statement *a, const struct nz_statement *b)
{
	return nz_equal_ct(&a->merkle_root, &b->merkle_root, sizeof a->merkle_root) &&
	       nz_equal_ct(&a->schema_sha256, &b->schema_sha256, sizeof a->schema_sha256);
}

/* Against what the replica holds, and against what this run was shown before. */
static enum nz_status check_trust(struct sync_run *run, struct nz_error *err)
{
	const char *certificate = (const char *)run->session->certificate.ptr;

	NZ_TRY(nz_trust_statement(run->has_checkpoint ? &run->checkpoint : NULL, offered(run),
				  certificate, run->options->accept_lineage, run->uri, err));
	if (!run->planned)
		return NZ_OK;
	const struct nz_checkpoint shown = {.statement = run->target,
					    .certificate = (char *)run->target_certificate.ptr};
	return nz_trust_statement(&shown, offered(run), certificate, false, run->uri, err);
}

static enum nz_status open_session(struct sync_run *run, struct nz_error *err)
{
	const struct nz_statement *checkpoint =
	    run->has_checkpoint ? &run->checkpoint.statement : NULL;
	const char *continues = run->continues[0] != '\0' ? run->continues : NULL;
	enum nz_status status =
	    nz_client_session_open(run->client, checkpoint, continues, &run->session, err);

	/* A platform that was restarted knows nothing of the session before. */
	if (status == NZ_NETWORK && err->code == NZ_API_SESSION && continues != NULL) {
		run->continues[0] = '\0';
		status = nz_client_session_open(run->client, checkpoint, NULL, &run->session, err);
	}
	NZ_TRY(status);
	run->result.sessions++;
	return check_trust(run, err);
}

/* ---- nothing to move ---- */

static enum nz_status nothing_to_move(struct sync_run *run, bool *out, struct nz_error *err)
{
	*out = false;
	if (!run->has_checkpoint || !same_state(&run->checkpoint.statement, offered(run)))
		return NZ_OK;
	return local(run, run->replica->ops->unchanged(run->replica, out, err));
}

/*
 * The checkpoint is left alone while its statement says the same and is young, so that a sync that
 * has nothing to do writes nothing; past half its life it is replaced by the fresh one.
 */
static bool needs_restating(const struct sync_run *run)
{
	const struct nz_statement *held = &run->checkpoint.statement;
	const struct nz_statement *fresh = offered(run);

	return held->epoch != fresh->epoch || strcmp(held->lineage, fresh->lineage) != 0 ||
	       strcmp(held->platform, fresh->platform) != 0 ||
	       nz_clock_unix() > held->issued_at + (held->expires_at - held->issued_at) / 2;
}

static enum nz_status restate(struct sync_run *run, struct nz_error *err)
{
	NZ_SCHEMA(schema);

	NZ_TRY(local(run, run->replica->ops->schema(run->replica, &schema, err)));
	run->result.tables = schema->table_count;
	run->result.unchanged = true;
	run->result.statement = *offered(run);
	if (!needs_restating(run))
		return NZ_OK;
	return local(run, run->replica->ops->restate(run->replica, offered(run),
						     (const char *)run->session->certificate.ptr,
						     nz_clock_unix(), err));
}

/* ---- the plan ---- */

static enum nz_status on_schema(void *context, const struct nz_schema *schema, struct nz_error *err)
{
	struct sync_run *run = context;

	return run->replica->ops->begin(run->replica, offered(run), schema, err);
}

static enum nz_status on_entry(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct sync_run *run = context;

	return run->replica->ops->manifest_add(run->replica, batch, err);
}

static enum nz_status make_plan(struct sync_run *run, struct nz_error *err)
{
	sync_forget_plan(run);
	show(run, NZ_SYNC_MANIFEST);
	NZ_TRY(nz_fetch_manifest(run->session, on_schema, on_entry, run, &run->schema, &run->local,
				 err));
	show(run, NZ_SYNC_PLAN);
	NZ_TRY(local(run, run->replica->ops->plan(run->replica, &run->plan, err)));
	NZ_TRY(nz_buffer_append(&run->target_certificate, run->session->certificate.ptr,
				run->session->certificate.len));
	if (nz_buffer_cstr(&run->target_certificate) == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a certificate");
	run->target = *offered(run);
	run->planned = true;
	run->records_done = run->bytes_done = 0;
	run->shown.records_total = run->plan.records_wanted;
	run->shown.bytes_total = run->plan.bytes_wanted;
	return NZ_OK;
}

/* ---- batches ---- */

static void free_positions(uint64_t **positions)
{
	free(*positions);
}

/* Where a run's keys lie in its buffer while that still moves. */
struct key_place {
	size_t at, len, bound_at, bound_len;
};

/* Adds the entry at a position and the first key of the one after it. False: the run is full. */
static enum nz_status choose_one(struct sync_run *run, uint64_t position, struct nz_fetch_run *out,
				 struct key_place *place, uint64_t *bytes, bool *full,
				 struct nz_error *err)
{
	const struct nz_replica_ops *ops = run->replica->ops;
	struct nz_batch entry, after;

	NZ_TRY(ops->entry(run->replica, position, &entry, err));
	*full = out->count > 0 && (*bytes + entry.bytes > RUN_MAX_BYTES ||
				   out->keys.len + entry.first_key.len > RUN_MAX_KEY_BYTES);
	if (*full)
		return NZ_OK;
	*bytes += entry.bytes;
	*place = (struct key_place){.at = out->keys.len, .len = entry.first_key.len};
	NZ_TRY(nz_buffer_append(&out->keys, entry.first_key.ptr, entry.first_key.len));
	out->entries[out->count] = entry;
	if (position + 1 < run->plan.batches_total) {
		NZ_TRY(ops->entry(run->replica, position + 1, &after, err));
		place->bound_at = out->keys.len;
		place->bound_len = after.table == entry.table ? after.first_key.len : 0;
		NZ_TRY(nz_buffer_append(&out->keys, after.first_key.ptr, place->bound_len));
	}
	return NZ_OK;
}

/* The next wanted positions with their entries: what one request asks for. */
static enum nz_status choose(struct sync_run *run, uint64_t *from, struct nz_fetch_run *out,
			     struct nz_error *err)
{
	uint64_t *positions NZ_CLEANUP(free_positions) = calloc(RUN_MAX_BATCHES, sizeof *positions);
	struct key_place places[RUN_MAX_BATCHES];
	size_t count = 0;
	uint64_t bytes = 0;

	out->entries = calloc(RUN_MAX_BATCHES, sizeof *out->entries);
	out->bounds = calloc(RUN_MAX_BATCHES, sizeof *out->bounds);
	if (positions == NULL || out->entries == NULL || out->bounds == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a run of batches");
	NZ_TRY(run->replica->ops->next_wanted(run->replica, *from, positions, RUN_MAX_BATCHES,
					      &count, err));
	for (size_t i = 0; i < count; i++) {
		bool full;

		NZ_TRY(choose_one(run, positions[i], out, &places[i], &bytes, &full, err));
		if (full)
			break;
		out->count = i + 1;
		*from = positions[i] + 1;
	}
	for (size_t i = 0; i < out->count; i++) {
		out->entries[i].first_key =
		    nz_bytes_of(out->keys.ptr + places[i].at, places[i].len);
		out->bounds[i] =
		    nz_bytes_of(out->keys.ptr + places[i].bound_at, places[i].bound_len);
	}
	return NZ_OK;
}

static void on_fetched(void *context, const struct nz_batch *entry, uint64_t records,
		       uint64_t bytes)
{
	struct sync_run *run = context;

	run->shown.table = run->schema->tables[entry->table].name;
	run->shown.records += records;
	run->shown.bytes += bytes;
	show(run, NZ_SYNC_BATCHES);
}

static void count_done(struct sync_run *run, const struct nz_fetch_run *wanted,
		       const struct nz_fetch_outcome *outcome)
{
	for (size_t i = 0; i < outcome->done; i++) {
		run->records_done += wanted->entries[i].count;
		run->bytes_done += wanted->entries[i].bytes;
	}
	if (outcome->done < wanted->count)
		run->failed_position = (int64_t)wanted->entries[outcome->done].position;
	run->result.batches_fetched += outcome->done;
	run->progress = run->progress || outcome->done > 0;
	/* What was begun and not finished is asked for again. */
	run->shown.records = run->records_done;
	run->shown.bytes = run->bytes_done;
}

static enum nz_status renew(struct sync_run *run, struct nz_error *err)
{
	run->again = true;
	return nz_fail_code(err, NZ_NETWORK, NZ_API_SESSION, "the session is to be renewed");
}

static bool stopped(void *context)
{
	return nz_client_stopped(context);
}

/* One request; *more is false when nothing is wanted any more. */
static enum nz_status fetch_run(struct sync_run *run, struct nz_writer *writer, uint64_t *from,
				bool *more, struct nz_error *err)
{
	struct nz_fetch_run wanted NZ_CLEANUP(nz_fetch_run_clear) = {.count = 0};
	const struct nz_fetch fetch = {.crypto = run->client->crypto,
				       .schema = run->schema,
				       .writer = writer,
				       .progress = on_fetched,
				       .context = run,
				       .stopped = stopped,
				       .stopped_context = (void *)(uintptr_t)run->client};
	struct nz_fetch_outcome outcome;

	nz_writer_hold(writer);
	enum nz_status status = local(run, choose(run, from, &wanted, err));
	nz_writer_release(writer);
	*more = wanted.count > 0;
	if (status != NZ_OK || !*more)
		return status;
	if (nz_client_session_rekey_due(run->session))
		return renew(run, err);
	status = nz_fetch_batches(run->session, &fetch, &wanted, &outcome, err);
	run->local = outcome.local;
	count_done(run, &wanted, &outcome);
	NZ_TRY(status);
	if (outcome.moved) {
		nz_client_note(run->client,
			       "the source has changed meanwhile: going on with its new state");
		return renew(run, err);
	}
	return outcome.rekey ? renew(run, err) : NZ_OK;
}

static void free_writer(struct nz_writer **writer)
{
	nz_writer_free(writer);
}

static enum nz_status fetch_wanted(struct sync_run *run, struct nz_error *err)
{
	struct nz_writer *writer NZ_CLEANUP(free_writer) = NULL;
	enum nz_status status = NZ_OK, staged;
	struct nz_error staging = {0};
	uint64_t from = 0;
	bool more = run->plan.batches_wanted > 0;

	if (!more)
		return NZ_OK;
	NZ_TRY(nz_writer_start(run->replica, &writer, err));
	while (status == NZ_OK && more)
		status = fetch_run(run, writer, &from, &more, err);
	/* Whatever happened, what was verified is kept; a failure to keep it comes first. */
	staged = nz_writer_sync(writer, &staging);
	if (staged != NZ_OK) {
		if (err != NULL)
			*err = staging;
		run->again = false;
		return local(run, staged);
	}
	return status;
}

/* ---- the end ---- */

static enum nz_status publish(struct sync_run *run, struct nz_error *err)
{
	show(run, NZ_SYNC_PUBLISH);
	NZ_TRY(local(
	    run, run->replica->ops->publish(run->replica, (const char *)run->target_certificate.ptr,
					    nz_clock_unix(), &run->result.rows_changed, err)));
	run->result.tables = run->schema->table_count;
	run->result.statement = run->target;
	return NZ_OK;
}

/* The replica is right already; a platform that cannot be told is worth a warning. */
static void send_receipt(struct sync_run *run)
{
	struct nz_error err = {0};
	NZ_BUFFER(receipt);

	if (!same_state(offered(run), &run->result.statement))
		return;
	run->result.receipt = nz_client_session_receipt(run->session, &receipt, &err) == NZ_OK;
	if (!run->result.receipt)
		nz_client_note(run->client, "warning: no receipt from the platform: %s",
			       err.message);
}

enum nz_status sync_attempt(struct sync_run *run, struct nz_error *err)
{
	bool nothing;

	run->local = run->again = run->progress = false;
	run->failed_position = -1;
	NZ_TRY(open_session(run, err));
	NZ_TRY(nothing_to_move(run, &nothing, err));
	if (nothing) {
		NZ_TRY(restate(run, err));
	} else {
		if (!run->planned || !same_state(&run->target, offered(run)) ||
		    run->target.epoch != offered(run)->epoch)
			NZ_TRY(make_plan(run, err));
		NZ_TRY(fetch_wanted(run, err));
		NZ_TRY(publish(run, err));
	}
	send_receipt(run);
	close_session(run);
	return NZ_OK;
}
