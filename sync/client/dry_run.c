/* SPDX-License-Identifier: Apache-2.0 */
/* What a sync would move, told from the checkpoint's manifest: the replica is opened for reading.
 */
#include <stdlib.h>

#include "client/fetch.h"
#include "client/trust.h"

/* What makes a batch one that the replica has. */
struct held {
	struct nz_hash root;
	uint64_t table;
};
struct dry {
	struct nz_replica *replica; /* NULL when there is none */
	struct nz_checkpoint checkpoint;
	bool has_checkpoint;
	struct held *held;
	size_t held_count, held_cap;
	struct nz_sync_plan plan;
};

static void dry_clear(struct dry *dry)
{
	free(dry->held);
	nz_checkpoint_clear(&dry->checkpoint);
	nz_replica_close(&dry->replica);
}

static int compare_held(const void *a, const void *b)
{
	const struct held *x = a, *y = b;
	const int order = memcmp(&x->root, &y->root, sizeof x->root);

	return order != 0 ? order : (x->table > y->table) - (x->table < y->table);
}

static enum nz_status on_held(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct dry *dry = context;

	if (dry->held_count == dry->held_cap)
		return nz_fail(err, NZ_MISMATCH, "the checkpoint has more batches than it says");
	dry->held[dry->held_count++] = (struct held){batch->root, batch->table};
	return NZ_OK;
}

static enum nz_status read_held(struct dry *dry, struct nz_error *err)
{
	const struct nz_replica_ops *ops = dry->replica->ops;
	bool unchanged;

	dry->held_cap = (size_t)dry->checkpoint.statement.batches;
	dry->held = calloc(dry->held_cap > 0 ? dry->held_cap : 1, sizeof *dry->held);
	if (dry->held == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for the checkpoint's batches");
	NZ_TRY(ops->unchanged(dry->replica, &unchanged, err));
	dry->plan.touched = !unchanged;
	NZ_TRY(ops->read_begin(dry->replica, err));
	const enum nz_status status =
	    ops->batches(dry->replica, 0, dry->held_cap, on_held, dry, err);
	ops->read_end(dry->replica);
	NZ_TRY(status);
	qsort(dry->held, dry->held_count, sizeof *dry->held, compare_held);
	return NZ_OK;
}

static enum nz_status on_entry(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct dry *dry = context;
	const struct held wanted = {batch->root, batch->table};

	(void)err;
	if (dry->held_count > 0 &&
	    bsearch(&wanted, dry->held, dry->held_count, sizeof *dry->held, compare_held) != NULL)
		return NZ_OK;
	dry->plan.batches_wanted++;
	dry->plan.records_wanted += batch->count;
	dry->plan.bytes_wanted += batch->bytes;
	return NZ_OK;
}

static enum nz_status open_replica(struct dry *dry, const char *uri, size_t record_max_bytes,
				   struct nz_error *err)
{
	const struct nz_replica_options options = {.read_only = true,
						   .record_max_bytes = record_max_bytes};
	enum nz_status status = nz_replica_open(uri, &options, &dry->replica, err);

	if (status == NZ_NOT_FOUND) {
		dry->plan.first = true;
		return NZ_OK;
	}
	NZ_TRY(status);
	status = dry->replica->ops->checkpoint(dry->replica, &dry->checkpoint, err);
	dry->has_checkpoint = status == NZ_OK;
	dry->plan.first = status == NZ_NOT_FOUND;
	return dry->plan.first ? NZ_OK : status;
}

enum nz_status nz_sync_dry_run(const struct nz_client *client, const char *replica_uri,
			       const struct nz_sync_options *options, struct nz_sync_plan *plan,
			       struct nz_error *err)
{
	struct dry dry NZ_CLEANUP(dry_clear) = {.replica = NULL};
	NZ_SESSION(session);
	NZ_SCHEMA(schema);
	bool local = false;

	NZ_TRY(open_replica(&dry, replica_uri, client->record_max_bytes, err));
	const struct nz_checkpoint *held = dry.has_checkpoint ? &dry.checkpoint : NULL;
	NZ_TRY(nz_client_session_open(client, held != NULL ? &held->statement : NULL, NULL,
				      &session, err));
	const struct nz_statement *offered = &session->answer.statement;
	NZ_TRY(nz_trust_statement(held, offered, (const char *)session->certificate.ptr,
				  options->accept_lineage, replica_uri, err));
	dry.plan.rebuild =
	    held != NULL && !nz_equal_ct(&offered->schema_sha256, &held->statement.schema_sha256,
					 sizeof offered->schema_sha256);
	if (held != NULL && !dry.plan.rebuild)
		NZ_TRY(read_held(&dry, err));
	NZ_TRY(nz_fetch_manifest(session, NULL, on_entry, &dry, &schema, &local, err));
	dry.plan.tables = schema->table_count;
	dry.plan.statement = *offered;
	nz_client_session_close(&session);
	*plan = dry.plan;
	return NZ_OK;
}
