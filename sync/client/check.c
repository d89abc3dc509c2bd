/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replica checked alone. The rows are read once and cut as a platform would cut them; where the
 * root is the checkpoint's, that was all. Otherwise they are read again by the checkpoint's own
 * ranges, so that the batches that differ can be named.
 */
#include "client/check_internal.h"

#include <stdio.h>
#include <stdlib.h>

const char *nz_row_state_name(enum nz_row_state state)
{
	switch (state) {
	case NZ_ROW_CHANGED:
		return "changed";
	case NZ_ROW_MISSING:
		return "missing";
	case NZ_ROW_EXTRA:
		return "extra";
	}
	return "unknown";
}

void check_end_reading(struct check *check)
{
	if (check->reading)
		check->replica->ops->read_end(check->replica);
	check->reading = false;
}

void check_clear(struct check *check)
{
	if (check->replica != NULL)
		check_end_reading(check);
	free(check->differences);
	nz_buffer_clear(&check->difference_keys);
	nz_schema_free(&check->schema);
	nz_checkpoint_clear(&check->checkpoint);
	nz_replica_close(&check->replica);
}

/*
 * The stored schema says what is compared with what: it counts only where it is the one that the
 * checkpoint's statement names, or who alters a table and the stored schema alike would go unseen.
 */
static enum nz_status schema_is_stated(struct check *check, bool *out)
{
	struct nz_hash hash;

	NZ_TRY(nz_schema_hash(check->crypto, check->schema, &hash));
	*out = nz_equal_ct(&hash, &check->checkpoint.statement.schema_sha256, sizeof hash);
	return NZ_OK;
}

static enum nz_status read_schema(struct check *check, struct nz_error *err)
{
	const struct nz_replica_ops *ops = check->replica->ops;
	struct nz_error fault = {0};
	bool stated = false;

	NZ_TRY(ops->schema(check->replica, &check->schema, err));
	NZ_TRY(schema_is_stated(check, &stated));
	if (!stated) {
		snprintf(check->result.fault, sizeof check->result.fault,
			 "the schema stored with the checkpoint was changed: run 'nz sync'");
		return NZ_OK;
	}
	const enum nz_status status = ops->schema_check(check->replica, &fault);
	if (status != NZ_MISMATCH) {
		if (status != NZ_OK && err != NULL)
			*err = fault;
		return status;
	}
	memcpy(check->result.fault, fault.message, sizeof check->result.fault);
	return NZ_OK;
}

enum nz_status check_begin(struct check *check, const char *uri, bool read_only,
			   size_t record_max_bytes, struct nz_error *err)
{
	const struct nz_replica_options options = {.read_only = read_only,
						   .record_max_bytes = record_max_bytes};
	struct nz_check_result *result = &check->result;

	NZ_TRY(nz_replica_open(uri, &options, &check->replica, err));
	const struct nz_replica_ops *ops = check->replica->ops;
	const enum nz_status status = ops->checkpoint(check->replica, &check->checkpoint, err);
	if (status == NZ_NOT_FOUND)
		return nz_fail(err, NZ_NOT_FOUND,
			       "%s has no checkpoint: nothing was synced into it", uri);
	NZ_TRY(status);
	NZ_TRY(ops->read_begin(check->replica, err));
	check->reading = true;
	const struct nz_statement *held = &check->checkpoint.statement;
	memcpy(result->dataset, held->name, sizeof result->dataset);
	result->epoch = result->checkpoint_epoch = held->epoch;
	result->expected_root = held->merkle_root;
	check->total = (uint64_t)held->records;
	NZ_TRY(read_schema(check, err));
	result->tables = check->schema->table_count;
	return NZ_OK;
}

static bool stopped(void *context)
{
	const struct check *check = context;

	return check->stopped != NULL && check->stopped(check->stopped_context);
}

static void progress(void *context, uint64_t records)
{
	const struct check *check = context;

	if (check->options->progress != NULL)
		check->options->progress(check->options->context, records, check->total);
}

enum nz_status check_ranges(struct check *check, struct nz_ranges *ranges)
{
	NZ_TRY(nz_ranges_init(ranges, check->crypto, check->replica, check->schema));
	ranges->stopped = stopped;
	ranges->progress = progress;
	ranges->context = check;
	return NZ_OK;
}

enum nz_status check_manifest(struct check *check, struct nz_entries *entries, check_visit visit,
			      struct nz_error *err)
{
	struct nz_ranges ranges NZ_CLEANUP(nz_ranges_clear) = {.crypto = NULL};
	const struct nz_batch *entry, *next;
	enum nz_status status;

	check->result.records = check->result.bytes = 0;
	NZ_TRY(check_ranges(check, &ranges));
	while ((status = nz_entries_next(entries, &entry, &next, err)) == NZ_OK) {
		struct nz_range found;

		if (entry->table >= check->schema->table_count)
			return nz_fail(err, NZ_MISMATCH, "a batch of a table that is not there");
		NZ_TRY(nz_ranges_next(&ranges, entry, next, &found, err));
		check->result.records += found.count;
		check->result.bytes += found.bytes;
		if (!nz_range_matches(&found, entry))
			NZ_TRY(visit(check, entry, next, &found, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status check_root(struct check *check, struct nz_error *err)
{
	struct nz_ranges ranges NZ_CLEANUP(nz_ranges_clear) = {.crypto = NULL};
	struct nz_replica_root found;

	NZ_TRY(check_ranges(check, &ranges));
	NZ_TRY(nz_replica_root(&ranges, &found, err));
	check->result.root = found.root;
	check->result.root_known = true;
	check->result.records = found.records;
	check->result.bytes = found.bytes;
	return NZ_OK;
}

bool check_fault_explains(const struct check *check, enum nz_status status)
{
	return check->result.fault[0] != '\0' &&
	       (status == NZ_DATABASE || status == NZ_NOT_FOUND || status == NZ_MISMATCH);
}

/* ---- alone ---- */

/* The manifest that the checkpoint was published with must still hash to its signed root. */
static enum nz_status check_own_manifest(struct check *check, bool *sound, struct nz_error *err)
{
	struct nz_dataset_root sum NZ_CLEANUP(nz_dataset_root_clear) = {.crypto = NULL};
	struct nz_entries entries NZ_CLEANUP(nz_entries_clear) = {.started = false};
	const struct nz_batch *entry, *next;
	struct nz_hash root;
	enum nz_status status;

	nz_entries_of_replica(&entries, check->replica);
	NZ_TRY(nz_dataset_root_init(&sum, check->crypto, check->schema));
	while ((status = nz_entries_next(&entries, &entry, &next, err)) == NZ_OK) {
		if (entry->table >= check->schema->table_count)
			break;
		NZ_TRY(nz_dataset_root_add(&sum, entry));
	}
	if (status != NZ_END && status != NZ_OK)
		return status;
	NZ_TRY(nz_dataset_root_get(&sum, &root));
	*sound = status == NZ_END &&
		 nz_equal_ct(&root, &check->checkpoint.statement.merkle_root, sizeof root);
	return NZ_OK;
}

static enum nz_status describe(const struct check *check, const struct nz_batch *entry,
			       struct nz_buffer *out)
{
	if (entry == NULL || entry->first_key.len == 0)
		return nz_buffer_cstr(out) != NULL ? NZ_OK : NZ_NO_MEMORY;
	const enum nz_status status =
	    nz_record_key_describe(&check->schema->tables[entry->table], entry->first_key, out);
	if (status == NZ_MALFORMED) /* a key that was cut, or tampered with */
		NZ_TRY(nz_buffer_append_str(out, "?"));
	else
		NZ_TRY(status);
	return nz_buffer_cstr(out) != NULL ? NZ_OK : NZ_NO_MEMORY;
}

static enum nz_status name_batch(struct check *check, const struct nz_batch *entry,
				 const struct nz_batch *next, const struct nz_range *found,
				 struct nz_error *err)
{
	NZ_BUFFER(from);
	NZ_BUFFER(to);

	check->result.differing++;
	if (check->options->batch == NULL)
		return NZ_OK;
	if (describe(check, entry, &from) != NZ_OK || describe(check, next, &to) != NZ_OK)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a key in words");
	const struct nz_check_batch batch = {
	    .table = check->schema->tables[entry->table].name,
	    .from = (const char *)from.ptr,
	    .to = (const char *)to.ptr,
	    .expected = entry->count,
	    .found = found->count,
	};
	check->options->batch(check->options->context, &batch);
	return NZ_OK;
}

static enum nz_status check_rows(struct check *check, struct nz_error *err)
{
	struct nz_check_result *result = &check->result;
	struct nz_entries entries NZ_CLEANUP(nz_entries_clear) = {.started = false};
	bool sound = false;

	NZ_TRY(check_own_manifest(check, &sound, err));
	NZ_TRY(check_root(check, err));
	if (nz_equal_ct(&result->root, &result->expected_root, sizeof result->root)) {
		result->matches = result->fault[0] == '\0';
		return NZ_OK;
	}
	if (!sound) {
		snprintf(result->fault, sizeof result->fault,
			 "the checkpoint's own list of batches was changed, so that they cannot be "
			 "named");
		return NZ_OK;
	}
	nz_entries_of_replica(&entries, check->replica);
	return check_manifest(check, &entries, name_batch, err);
}

enum nz_status nz_check_replica(const struct nz_crypto *crypto, const char *replica_uri,
				const struct nz_check_options *options,
				struct nz_check_result *result, struct nz_error *err)
{
	struct check check NZ_CLEANUP(check_clear) = {.crypto = crypto,
						      .options = options,
						      .stopped = options->stopped,
						      .stopped_context = options->context};

	NZ_TRY(check_begin(&check, replica_uri, true, 0, err));
	if (options->root_pem.len > 0 && check.result.fault[0] == '\0')
		NZ_TRY(check_signature(&check, options->root_pem, err));
	const enum nz_status status = check_rows(&check, err);
	if (status != NZ_OK && !check_fault_explains(&check, status))
		return status;
	*result = check.result;
	return NZ_OK;
}
