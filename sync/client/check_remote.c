/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replica checked against the platform, row by row. The platform's manifest is proven first and
 * kept in a temporary file; the replica's rows are read once by its ranges; and only for the ranges
 * that differ do leaf hashes, and then single records, travel.
 *
 * The rows are read in one snapshot, the session is renewed where that took too long, and the whole
 * is only as good as the platform's state standing still meanwhile: where it moves, the check says
 * so instead of guessing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/compare.h"
#include "client/fetch.h"
#include "client/trust.h"
#include "proto/error.h"

struct remote {
	struct check check;
	const struct nz_client *client;
	const char *uri;
	struct nz_client_session *session;
	struct nz_statement statement; /* of the first session: what everything is compared with */
	struct nz_spool *manifest;
	struct check_repair repair;
};

static void remote_clear(struct remote *remote)
{
	check_clear(&remote->check);
	nz_client_session_drop(&remote->session);
	nz_spool_free(&remote->manifest);
	nz_spool_free(&remote->repair.removals);
	nz_spool_free(&remote->repair.puts);
}

static enum nz_status open_session(struct remote *remote, const char *continues,
				   struct nz_error *err)
{
	const struct nz_checkpoint *held = &remote->check.checkpoint;
	enum nz_status status = nz_client_session_open(remote->client, &held->statement, continues,
						       &remote->session, err);

	if (status == NZ_NETWORK && continues != NULL && err != NULL && err->code == NZ_API_SESSION)
		status = nz_client_session_open(remote->client, &held->statement, NULL,
						&remote->session, err);
	NZ_TRY(status);
	return nz_trust_statement(held, &remote->session->answer.statement,
				  (const char *)remote->session->certificate.ptr, false,
				  remote->uri, err);
}

/* A session fit for the next request, of the same state. */
static enum nz_status renew_session(struct remote *remote, struct nz_error *err)
{
	char continues[NZ_SESSION_ID_CHARS + 1];

	memcpy(continues, remote->session->answer.session_id, sizeof continues);
	remote->check.result.received_bytes += nz_https_received(remote->session->http);
	nz_client_session_drop(&remote->session);
	NZ_TRY(open_session(remote, continues, err));
	const struct nz_statement *now = &remote->session->answer.statement;
	if (now->epoch != remote->statement.epoch ||
	    !nz_equal_ct(&now->merkle_root, &remote->statement.merkle_root,
			 sizeof now->merkle_root))
		return nz_fail_code(err, NZ_BUSY, NZ_API_BUSY,
				    "the platform's source has changed meanwhile: run it again");
	return NZ_OK;
}

/* NZ_OK with *same false: another schema, said in the result. */
static enum nz_status fetch_manifest(struct remote *remote, bool *same, struct nz_error *err)
{
	struct nz_check_result *result = &remote->check.result;
	const struct nz_statement *held = &remote->check.checkpoint.statement;
	NZ_SCHEMA(schema);
	bool local = false;

	remote->statement = remote->session->answer.statement;
	const struct nz_statement *now = &remote->statement;
	result->epoch = now->epoch;
	result->expected_root = now->merkle_root;
	remote->check.total = (uint64_t)now->records;
	if (now->epoch != held->epoch)
		nz_client_note(
		    remote->client,
		    "the platform is at epoch %lld, the replica at %lld: comparing with the "
		    "platform's",
		    (long long)now->epoch, (long long)held->epoch);
	*same = nz_equal_ct(&now->schema_sha256, &held->schema_sha256, sizeof now->schema_sha256);
	if (!*same) {
		snprintf(result->fault, sizeof result->fault,
			 "the platform's schema of epoch %lld is another: run 'nz sync'",
			 (long long)now->epoch);
		return NZ_OK;
	}
	NZ_TRY(nz_spool_new(&remote->manifest, err));
	return nz_fetch_manifest(remote->session, NULL, nz_entries_spool, remote->manifest, &schema,
				 &local, err);
}

static enum nz_status on_difference(struct check *check, const struct nz_batch *entry,
				    const struct nz_batch *next, const struct nz_range *found,
				    struct nz_error *err)
{
	(void)next;
	if (check->difference_count >= NZ_CHECK_MAX_ROWS)
		return nz_fail_code(err, NZ_LIMIT, NZ_API_ROOT_MISMATCH,
				    "more than %d batches differ: run 'nz sync'",
				    NZ_CHECK_MAX_ROWS);
	if (check->difference_count == check->difference_cap) {
		const size_t cap = check->difference_cap > 0 ? 2 * check->difference_cap : 16;
		struct check_difference *more = reallocarray(check->differences, cap, sizeof *more);

		if (more == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for what differs");
		check->differences = more;
		check->difference_cap = cap;
	}
	check->differences[check->difference_count++] =
	    (struct check_difference){*entry, check->difference_keys.len, *found};
	return nz_buffer_append(&check->difference_keys, entry->first_key.ptr,
				entry->first_key.len);
}

/* Reads the rows by the platform's ranges; the differences are in check. */
static enum nz_status read_rows(struct remote *remote, struct nz_error *err)
{
	struct nz_entries entries NZ_CLEANUP(nz_entries_clear) = {.started = false};
	struct check *check = &remote->check;

	check->difference_count = 0;
	nz_buffer_reset(&check->difference_keys);
	NZ_TRY(nz_entries_of_spool(&entries, remote->manifest, err));
	NZ_TRY(check_manifest(check, &entries, on_difference, err));
	if (check->difference_count == 0) {
		check->result.root = remote->statement.merkle_root;
		check->result.root_known = true;
		return NZ_OK;
	}
	return check_root(check, err);
}

/* At least so many rows differ: known before any of them is asked for. */
static uint64_t least_rows(const struct check *check)
{
	uint64_t rows = 0;

	for (size_t i = 0; i < check->difference_count; i++) {
		const uint64_t expected = check->differences[i].entry.count;
		const uint64_t found = check->differences[i].found.count;

		rows += expected == found  ? 1
			: expected > found ? expected - found
					   : found - expected;
	}
	return rows;
}

/* Names the rows of every difference. A session that ends on the way is renewed once a batch. */
static enum nz_status compare_rows(struct remote *remote, struct nz_error *err)
{
	struct check *check = &remote->check;

	if (least_rows(check) > NZ_CHECK_MAX_ROWS)
		return compare_too_many(err);
	for (size_t i = 0; i < check->difference_count; i++) {
		struct check_difference difference = check->differences[i];

		difference.entry.first_key = nz_bytes_of(
		    check->difference_keys.ptr + difference.key_at, difference.entry.first_key.len);
		if (nz_client_session_rekey_due(remote->session))
			NZ_TRY(renew_session(remote, err));
		NZ_TRY(compare_batch(check, remote->session, &difference, &remote->repair, err));
	}
	return NZ_OK;
}

/* ---- repair ---- */

static enum nz_status prepare_repair(struct remote *remote, struct nz_error *err)
{
	struct nz_check_result *result = &remote->check.result;
	const struct nz_statement *held = &remote->check.checkpoint.statement;

	if (!nz_equal_ct(&held->merkle_root, &remote->statement.merkle_root,
			 sizeof held->merkle_root)) {
		snprintf(
		    result->fault, sizeof result->fault,
		    "nothing was repaired: the platform is at epoch %lld, the replica at %lld; "
		    "'nz sync' mends and updates at once",
		    (long long)remote->statement.epoch, (long long)held->epoch);
		return NZ_OK;
	}
	if (result->fault[0] != '\0')
		return NZ_OK;
	NZ_TRY(nz_spool_new(&remote->repair.removals, err));
	return nz_spool_new(&remote->repair.puts, err);
}

static enum nz_status apply(struct remote *remote, struct nz_error *err)
{
	struct nz_replica *replica = remote->check.replica;
	struct check_row_head head;
	enum nz_status status;
	NZ_BUFFER(record);

	NZ_TRY(nz_spool_rewind(remote->repair.removals, err));
	while ((status = nz_spool_next(remote->repair.removals, &head, sizeof head, &record,
				       err)) == NZ_OK)
		NZ_TRY(replica->ops->repair_remove(replica, (size_t)head.table, head.rowid,
						   nz_buffer_bytes(&record), err));
	if (status != NZ_END)
		return status;
	NZ_TRY(nz_spool_rewind(remote->repair.puts, err));
	while ((status = nz_spool_next(remote->repair.puts, &head, sizeof head, &record, err)) ==
	       NZ_OK)
		NZ_TRY(replica->ops->repair_put(replica, (size_t)head.table,
						nz_buffer_bytes(&record), err));
	return status == NZ_END ? NZ_OK : status;
}

/* One transaction, of the very snapshot that was compared; then everything is read again. */
static enum nz_status repair(struct remote *remote, struct nz_error *err)
{
	struct check *check = &remote->check;
	struct nz_replica *replica = check->replica;
	const uint64_t rows = check->result.differing;

	NZ_TRY(replica->ops->repair_begin(replica, err));
	enum nz_status status = apply(remote, err);
	check->reading = false; /* repair_end ends the snapshot too */
	if (status != NZ_OK) {
		if (replica->ops->repair_end(replica, false, NULL) != NZ_OK)
			nz_client_note(remote->client,
				       "the repair could not be rolled back at once");
		return status;
	}
	NZ_TRY(replica->ops->repair_end(replica, true, err));
	check->result.repaired = rows;
	NZ_TRY(replica->ops->read_begin(replica, err));
	check->reading = true;
	NZ_TRY(read_rows(remote, err));
	check->result.differing = check->difference_count;
	check->result.matches = check->difference_count == 0;
	return NZ_OK;
}

static enum nz_status check_all(struct remote *remote, struct nz_error *err)
{
	struct check *check = &remote->check;
	const bool wants_repair = check->options->repair;
	bool same = false;

	NZ_TRY(open_session(remote, NULL, err));
	NZ_TRY(fetch_manifest(remote, &same, err));
	if (!same)
		return check_root(check, err);
	NZ_TRY(read_rows(remote, err));
	check->result.matches = check->difference_count == 0 && check->result.fault[0] == '\0';
	if (check->difference_count > 0) {
		if (wants_repair)
			NZ_TRY(prepare_repair(remote, err));
		NZ_TRY(compare_rows(remote, err));
		if (remote->repair.removals != NULL)
			NZ_TRY(repair(remote, err));
	}
	if (check->result.matches && wants_repair &&
	    remote->statement.epoch == check->checkpoint.statement.epoch) {
		check_end_reading(check);
		return check->replica->ops->mark_verified(check->replica, err);
	}
	return NZ_OK;
}

enum nz_status nz_check_against(const struct nz_client *client, const char *replica_uri,
				const struct nz_check_options *options,
				struct nz_check_result *result, struct nz_error *err)
{
	struct remote remote NZ_CLEANUP(remote_clear) = {
	    .check = {.crypto = client->crypto,
		      .options = options,
		      .stopped = client->stopped,
		      .stopped_context = client->context},
	    .client = client,
	    .uri = replica_uri};

	NZ_TRY(check_begin(&remote.check, replica_uri, !options->repair, client->record_max_bytes,
			   err));
	const enum nz_status status = check_all(&remote, err);
	/* The platform's own failures have a code. */
	const bool local = err == NULL || err->code < 1001;
	if (status != NZ_OK && !(local && check_fault_explains(&remote.check, status)))
		return status;
	if (remote.session != NULL) {
		remote.check.result.received_bytes += nz_https_received(remote.session->http);
		nz_client_session_close(&remote.session);
	}
	*result = remote.check.result;
	return NZ_OK;
}
