/* SPDX-License-Identifier: Apache-2.0 */
/* nz sync: a verified copy of a platform's dataset. */
#include "remote.h"

#include <stdio.h>
#include <time.h>

#include <nz/clock.h>

#define DEFAULT_RETRIES 8
#define DEFAULT_INTERVAL_S 10
#define WAIT_SLICE_MS 100

static enum nz_status statement_members(struct nz_json_doc *doc, struct nz_json *json,
					const struct nz_statement *s)
{
	nz_json_set_str(doc, json, "dataset", s->name);
	nz_json_set_str(doc, json, "lineage", s->lineage);
	nz_json_set_int(doc, json, "issued_at", s->issued_at);
	nz_json_set_int(doc, json, "expires_at", s->expires_at);
	return nz_json_failed(doc);
}

/* The root first, as scripts and people look for it; so no canonical order. */
static enum nz_status result_json(const struct nz_sync_result *r, struct nz_buffer *out)
{
	const struct nz_statement *s = &r->statement;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_hex(doc, json, "root", nz_bytes_of(s->merkle_root.bytes, NZ_SHA256_BYTES));
	nz_json_set_int(doc, json, "epoch", s->epoch);
	nz_json_set_int(doc, json, "records", s->records);
	nz_json_set_int(doc, json, "tables", (int64_t)r->tables);
	nz_json_set_int(doc, json, "bytes", s->bytes);
	nz_json_set(doc, json, "seconds", nz_json_make_number(doc, r->seconds));
	nz_json_set_int(doc, json, "received_bytes", (int64_t)r->received_bytes);
	nz_json_set_int(doc, json, "batches", s->batches);
	nz_json_set_int(doc, json, "batches_fetched", (int64_t)r->batches_fetched);
	nz_json_set_int(doc, json, "rows_changed", (int64_t)r->rows_changed);
	nz_json_set_int(doc, json, "sessions", (int64_t)r->sessions);
	nz_json_set(doc, json, "unchanged", nz_json_make_bool(doc, r->unchanged));
	nz_json_set(doc, json, "receipt", nz_json_make_bool(doc, r->receipt));
	NZ_TRY(statement_members(doc, json, s));
	NZ_TRY(nz_json_stringify(json, out));
	return nz_buffer_append_byte(out, '\n');
}

static enum nz_status result_text(const struct nz_sync_result *r, struct nz_buffer *out)
{
	const struct nz_statement *s = &r->statement;
	char root[2 * NZ_SHA256_BYTES + 1], size[NZ_SIZE_TEXT_BYTES];

	nz_hex_encode(nz_bytes_of(s->merkle_root.bytes, NZ_SHA256_BYTES), root);
	nz_progress_size((uint64_t)s->bytes, size);
	return nz_buffer_appendf(out,
				 "verified %s epoch %lld root %s %lld records %llu tables %s in "
				 "%.1f s\n",
				 s->name, (long long)s->epoch, root, (long long)s->records,
				 (unsigned long long)r->tables, size, r->seconds);
}

static enum nz_status print_result(const struct nz_args *args, const struct nz_sync_result *result,
				   struct nz_error *err)
{
	NZ_BUFFER(text);

	NZ_TRY(args->json ? result_json(result, &text) : result_text(result, &text));
	return nz_cli_print(nz_buffer_bytes(&text), err);
}

/* ---- a dry run ---- */

static enum nz_status plan_json(const struct nz_sync_plan *p, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_hex(doc, json, "root",
			nz_bytes_of(p->statement.merkle_root.bytes, NZ_SHA256_BYTES));
	nz_json_set_int(doc, json, "epoch", p->statement.epoch);
	nz_json_set_int(doc, json, "records", p->statement.records);
	nz_json_set_int(doc, json, "tables", (int64_t)p->tables);
	nz_json_set_int(doc, json, "bytes", p->statement.bytes);
	nz_json_set(doc, json, "dry_run", nz_json_make_bool(doc, true));
	nz_json_set_int(doc, json, "batches", p->statement.batches);
	nz_json_set_int(doc, json, "batches_wanted", (int64_t)p->batches_wanted);
	nz_json_set_int(doc, json, "records_wanted", (int64_t)p->records_wanted);
	nz_json_set_int(doc, json, "bytes_wanted", (int64_t)p->bytes_wanted);
	nz_json_set(doc, json, "first", nz_json_make_bool(doc, p->first));
	nz_json_set(doc, json, "rebuild", nz_json_make_bool(doc, p->rebuild));
	nz_json_set(doc, json, "touched", nz_json_make_bool(doc, p->touched));
	NZ_TRY(statement_members(doc, json, &p->statement));
	NZ_TRY(nz_json_stringify(json, out));
	return nz_buffer_append_byte(out, '\n');
}

static enum nz_status plan_text(const struct nz_sync_plan *p, struct nz_buffer *out)
{
	char size[NZ_SIZE_TEXT_BYTES];

	nz_progress_size(p->bytes_wanted, size);
	return nz_buffer_appendf(
	    out, "would fetch %llu of %lld batches of %s epoch %lld: %llu records, %s%s\n",
	    (unsigned long long)p->batches_wanted, (long long)p->statement.batches,
	    p->statement.name, (long long)p->statement.epoch, (unsigned long long)p->records_wanted,
	    size,
	    p->rebuild	 ? " (another schema: the replica is made anew)"
	    : p->first	 ? " (first sync)"
	    : p->touched ? " (by the checkpoint: the replica was written to, so its rows are read "
			   "first and more may be needed)"
			 : "");
}

static int dry_run(const struct nz_args *args, struct nz_remote *remote,
		   const struct nz_sync_options *options)
{
	struct nz_error err = {0};
	struct nz_sync_plan plan;
	NZ_BUFFER(text);

	enum nz_status status =
	    nz_sync_dry_run(&remote->client, args->positional[1], options, &plan, &err);
	if (status == NZ_OK)
		status = args->json ? plan_json(&plan, &text) : plan_text(&plan, &text);
	if (status == NZ_OK)
		status = nz_cli_print(nz_buffer_bytes(&text), &err);
	if (status == NZ_OK)
		return NZ_EXIT_OK;
	err.status = status;
	return nz_cli_fail(args, &err,
			   status == NZ_CANCELLED ? NZ_EXIT_FAILED : nz_cli_exit_code(&err));
}

/* ---- runs ---- */

/* One whole run; an unchanged replica is told of only where `quiet_unchanged` is false. */
static int run_once(const struct nz_args *args, struct nz_remote *remote,
		    const struct nz_sync_options *options, bool quiet_unchanged)
{
	struct nz_sync_result result;
	struct nz_error err = {0};

	const enum nz_status status =
	    nz_sync_run(&remote->client, args->positional[1], options, &result, &err);
	nz_remote_end_line(remote);
	if (status != NZ_OK) {
		err.status = status;
		return nz_cli_fail(args, &err,
				   status == NZ_CANCELLED ? NZ_EXIT_FAILED
				   : result.local	  ? nz_remote_local_exit(&err)
							  : nz_cli_exit_code(&err));
	}
	if (quiet_unchanged && result.unchanged)
		return NZ_EXIT_OK;
	const enum nz_status printed = print_result(args, &result, &err);
	if (printed != NZ_OK) {
		err.status = printed;
		return nz_cli_fail(args, &err, NZ_EXIT_FAILED);
	}
	return NZ_EXIT_OK;
}

static void wait_s(int64_t seconds)
{
	const int64_t until = nz_clock_monotonic_ms() + seconds * 1000;
	const struct timespec pause = {.tv_nsec = WAIT_SLICE_MS * 1000000L};

	while (!nz_cli_stopped() && nz_clock_monotonic_ms() < until)
		(void)nanosleep(&pause, NULL);
}

/* Stays: syncs again every interval, and ends by a signal or a failure that no retry cures. */
static int follow(const struct nz_args *args, struct nz_remote *remote,
		  const struct nz_sync_options *options, int64_t interval_s)
{
	bool first = true;

	for (;;) {
		const int code = run_once(args, remote, options, !first);

		if (nz_cli_stopped())
			return code == NZ_EXIT_OK ? NZ_EXIT_OK : NZ_EXIT_FAILED;
		if (code != NZ_EXIT_OK && code != NZ_EXIT_TEMPORARY)
			return code;
		first = first && code != NZ_EXIT_OK;
		wait_s(interval_s);
		if (nz_cli_stopped())
			return first ? NZ_EXIT_FAILED : NZ_EXIT_OK;
	}
}

static enum nz_status read_options(const struct nz_args *args, struct nz_sync_options *options,
				   int64_t *interval_s, struct nz_error *err)
{
	int64_t jobs, retries, timeout_s;

	NZ_TRY(nz_args_int(args, "jobs", 1, 64, 1, &jobs, err));
	if (jobs > 1)
		return nz_fail(
		    err, NZ_INVALID,
		    "--jobs %lld: a SQLite replica has one writer, so it is synced with one "
		    "session; leave --jobs out or give 1",
		    (long long)jobs);
	NZ_TRY(nz_args_int(args, "retries", 0, 1000000, DEFAULT_RETRIES, &retries, err));
	NZ_TRY(nz_args_int(args, "timeout", 1, 30 * 86400, 0, &timeout_s, err));
	NZ_TRY(nz_args_int(args, "interval", 1, 86400, DEFAULT_INTERVAL_S, interval_s, err));
	if (nz_args_get(args, "interval", NULL) != NULL && !nz_args_flag(args, "follow"))
		return nz_fail(err, NZ_INVALID, "--interval goes with --follow");
	if (nz_args_flag(args, "follow") && nz_args_flag(args, "dry-run"))
		return nz_fail(err, NZ_INVALID, "--dry-run and --follow exclude each other");
	options->accept_lineage = nz_args_flag(args, "accept-lineage");
	options->retries = (unsigned)retries;
	options->timeout_ms = timeout_s * 1000;
	return nz_remote_replica(args->positional[1], err);
}

static int run_sync(const struct nz_args *args)
{
	struct nz_remote remote NZ_CLEANUP(nz_remote_clear) = {.line = false};
	struct nz_sync_options options = {.progress = nz_remote_progress, .context = &remote};
	struct nz_error err = {0};
	int64_t interval_s = 0;

	nz_cli_catch_signals();
	enum nz_status status = read_options(args, &options, &interval_s, &err);
	if (status == NZ_OK)
		status = nz_remote_init(&remote, args, args->positional[0], &err);
	if (status != NZ_OK) {
		err.status = status;
		return nz_cli_fail(args, &err,
				   status == NZ_INVALID ? NZ_EXIT_USAGE : NZ_EXIT_BAD_INPUT);
	}
	if (nz_args_flag(args, "dry-run"))
		return dry_run(args, &remote, &options);
	if (nz_args_flag(args, "follow"))
		return follow(args, &remote, &options, interval_s);
	return run_once(args, &remote, &options, false);
}

static const struct nz_option sync_options[] = {
    NZ_CLI_REMOTE_OPTIONS,
    {.name = "jobs", .value = "N", .help = "sessions at once (SQLite replicas take 1)"},
    {.name = "dry-run", .help = "say what would be fetched, and write nothing"},
    {.name = "follow", .help = "stay, and sync again whenever the platform's state changes"},
    {.name = "interval",
     .value = "S",
     .help = "with --follow: seconds between two looks (default 10)"},
    {.name = "accept-lineage", .help = "take a dataset that was added anew under the same name"},
    {.name = "retries",
     .value = "N",
     .help = "tries without progress before giving up (default 8)"},
    {.name = "timeout", .value = "S", .help = "seconds for the whole run (default: none)"},
    {.name = "quiet", .help = "no progress and no notes, failures only"},
    {0},
};

const struct nz_command nz_commands_sync[] = {
    {.verb = "sync",
     .synopsis = "URL REPLICA --root root.pem",
     .summary = "make a verified copy of a dataset, or bring one up to date",
     .example = "nz sync https://host:8443/shop sqlite:shop.db --root root.pem",
     .options = sync_options,
     .min_positional = 2,
     .max_positional = 2,
     .run = run_sync},
    {0},
};
