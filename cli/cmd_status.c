/* SPDX-License-Identifier: Apache-2.0 */
/* nz status: what a replica holds, as its checkpoint says. Reads no row and asks no platform. */
#include "remote.h"

#include <stdio.h>
#include <time.h>

#include <nz/clock.h>

#define TIME_CHARS 32

struct status {
	struct nz_checkpoint checkpoint;
	bool untouched; /* nobody wrote since nz last verified the rows */
	int64_t error_at;
	struct nz_buffer error;
};
static void status_clear(struct status *status)
{
	nz_checkpoint_clear(&status->checkpoint);
	nz_buffer_clear(&status->error);
}

static void time_text(int64_t at, char out[TIME_CHARS])
{
	const time_t when = (time_t)at;
	struct tm parts;

	if (gmtime_r(&when, &parts) == NULL ||
	    strftime(out, TIME_CHARS, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(out, TIME_CHARS, "%lld", (long long)at);
}

static enum nz_status read_status(struct nz_replica *replica, const char *uri, struct status *out,
				  struct nz_error *err)
{
	const struct nz_replica_ops *ops = replica->ops;
	enum nz_status status = ops->checkpoint(replica, &out->checkpoint, err);

	if (status == NZ_NOT_FOUND)
		return nz_fail(err, NZ_NOT_FOUND,
			       "%s has no checkpoint: nothing was synced into it", uri);
	NZ_TRY(status);
	NZ_TRY(ops->unchanged(replica, &out->untouched, err));
	status = ops->last_error(replica, &out->error_at, &out->error, err);
	return status == NZ_NOT_FOUND ? NZ_OK : status;
}

static enum nz_status status_json(const struct status *st, struct nz_buffer *out)
{
	const struct nz_statement *s = &st->checkpoint.statement;
	const int64_t now = nz_clock_unix();
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_hex(doc, json, "root", nz_bytes_of(s->merkle_root.bytes, NZ_SHA256_BYTES));
	nz_json_set_int(doc, json, "epoch", s->epoch);
	nz_json_set_str(doc, json, "dataset", s->name);
	nz_json_set_str(doc, json, "lineage", s->lineage);
	nz_json_set_str(doc, json, "platform", s->platform);
	nz_json_set_int(doc, json, "records", s->records);
	nz_json_set_int(doc, json, "batches", s->batches);
	nz_json_set_int(doc, json, "bytes", s->bytes);
	nz_json_set_int(doc, json, "synced_at", st->checkpoint.synced_at);
	nz_json_set_int(doc, json, "age", now - st->checkpoint.synced_at);
	nz_json_set_int(doc, json, "issued_at", s->issued_at);
	nz_json_set_int(doc, json, "expires_at", s->expires_at);
	nz_json_set(doc, json, "expired", nz_json_make_bool(doc, s->expires_at < now));
	nz_json_set(doc, json, "untouched", nz_json_make_bool(doc, st->untouched));
	if (st->error.len > 0) {
		struct nz_json *error = nz_json_make_object(doc);

		nz_json_set_int(doc, error, "at", st->error_at);
		nz_json_set_bytes(doc, error, "message", nz_buffer_bytes(&st->error));
		nz_json_set(doc, json, "last_error", error);
	} else {
		nz_json_set(doc, json, "last_error", nz_json_make_null(doc));
	}
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_stringify(json, out));
	return nz_buffer_append_byte(out, '\n');
}

static enum nz_status status_text(const struct status *st, struct nz_buffer *out)
{
	const struct nz_statement *s = &st->checkpoint.statement;
	const int64_t now = nz_clock_unix();
	char root[2 * NZ_SHA256_BYTES + 1], size[NZ_SIZE_TEXT_BYTES], age[NZ_SIZE_TEXT_BYTES];
	char synced[TIME_CHARS], expires[TIME_CHARS], failed[TIME_CHARS];

	nz_hex_encode(nz_bytes_of(s->merkle_root.bytes, NZ_SHA256_BYTES), root);
	nz_progress_size((uint64_t)s->bytes, size);
	nz_progress_duration((double)(now - st->checkpoint.synced_at), age);
	time_text(st->checkpoint.synced_at, synced);
	time_text(s->expires_at, expires);
	NZ_TRY(
	    nz_buffer_appendf(out,
			      "dataset   %s\nepoch     %lld\nroot      %s\n"
			      "content   %lld records, %s\nsynced    %s (%s ago)\n"
			      "statement %s %s\nrows      %s\n",
			      s->name, (long long)s->epoch, root, (long long)s->records, size,
			      synced, age, s->expires_at < now ? "expired" : "valid until", expires,
			      st->untouched ? "untouched since they were verified"
					    : "maybe touched since they were verified: nz verify"));
	if (st->error.len == 0)
		return NZ_OK;
	time_text(st->error_at, failed);
	NZ_TRY(nz_buffer_appendf(out, "last sync failed at %s: ", failed));
	const size_t error_at = out->len;
	NZ_TRY(nz_buffer_append(out, st->error.ptr, st->error.len));
	nz_cli_defang((char *)out->ptr + error_at, out->len - error_at);
	return nz_buffer_append_byte(out, '\n');
}

static int run_status(const struct nz_args *args)
{
	struct nz_replica *replica NZ_CLEANUP(nz_replica_close) = NULL;
	struct status st NZ_CLEANUP(status_clear) = {.untouched = false};
	const struct nz_replica_options options = {.read_only = true};
	const char *uri = args->positional[0];
	struct nz_error err = {0};
	NZ_BUFFER(text);

	enum nz_status status = nz_remote_replica(uri, &err);
	if (status == NZ_OK)
		status = nz_replica_open(uri, &options, &replica, &err);
	if (status == NZ_OK)
		status = read_status(replica, uri, &st, &err);
	if (status == NZ_OK)
		status = args->json ? status_json(&st, &text) : status_text(&st, &text);
	if (status == NZ_OK)
		status = nz_cli_print(nz_buffer_bytes(&text), &err);
	if (status == NZ_OK)
		return NZ_EXIT_OK;
	err.status = status;
	return nz_cli_fail(args, &err, nz_remote_local_exit(&err));
}

const struct nz_command nz_commands_status[] = {
    {.verb = "status",
     .synopsis = "REPLICA",
     .summary = "say what a replica holds: epoch, root, age, last error",
     .example = "nz status sqlite:shop.db",
     .min_positional = 1,
     .max_positional = 1,
     .run = run_status},
    {0},
};
