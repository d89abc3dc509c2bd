/* SPDX-License-Identifier: Apache-2.0 */
/* nz verify: a replica's rows against its checkpoint, or row by row against the platform. */
#include "remote.h"

/* What was found, gathered for --json, printed at once otherwise. */
struct report {
	const struct nz_args *args;
	struct nz_remote *remote;
	bool remote_used;
	struct nz_json_doc *doc;
	struct nz_json *list;
	enum nz_status printed; /* the first failure to print */
	struct nz_error error;
};
static void report_clear(struct report *report)
{
	nz_json_free(&report->doc);
}

/* line ends with LF. */
static void print_line(struct report *report, const struct nz_buffer *line)
{
	nz_remote_end_line(report->remote);
	nz_cli_defang((char *)line->ptr, line->len - 1);
	if (report->printed == NZ_OK)
		report->printed = nz_cli_print(nz_buffer_bytes(line), &report->error);
}

static void on_batch(void *context, const struct nz_check_batch *batch)
{
	struct report *report = context;
	const bool whole = batch->from[0] == '\0' && batch->to[0] == '\0';
	NZ_BUFFER(line);

	if (report->args->json) {
		struct nz_json *one = nz_json_make_object(report->doc);

		nz_json_set_str(report->doc, one, "table", batch->table);
		nz_json_set_str(report->doc, one, "from", batch->from);
		nz_json_set_str(report->doc, one, "to", batch->to);
		nz_json_set_int(report->doc, one, "expected", (int64_t)batch->expected);
		nz_json_set_int(report->doc, one, "found", (int64_t)batch->found);
		nz_json_push(report->doc, report->list, one);
		return;
	}
	const enum nz_status status = nz_buffer_appendf(
	    &line, "differs %s %s%s%s%s%s: %llu records expected, %llu found\n", batch->table,
	    whole ? "(all of it)" : "", batch->from[0] != '\0' ? "from " : "", batch->from,
	    batch->to[0] != '\0' ? (batch->from[0] != '\0' ? " before " : "before ") : "",
	    batch->to, (unsigned long long)batch->expected, (unsigned long long)batch->found);
	if (status == NZ_OK)
		print_line(report, &line);
}

static void on_row(void *context, const struct nz_check_row *row)
{
	struct report *report = context;
	NZ_BUFFER(line);

	if (report->args->json) {
		struct nz_json *one = nz_json_make_object(report->doc);

		nz_json_set_str(report->doc, one, "table", row->table);
		nz_json_set_str(report->doc, one, "key", row->key);
		nz_json_set_str(report->doc, one, "state", nz_row_state_name(row->state));
		nz_json_push(report->doc, report->list, one);
		return;
	}
	if (nz_buffer_appendf(&line, "%s %s %s\n", nz_row_state_name(row->state), row->table,
			      row->key) == NZ_OK)
		print_line(report, &line);
}

static void on_progress(void *context, uint64_t records, uint64_t total)
{
	struct report *report = context;

	nz_remote_check_progress(report->remote, records, total);
}

static bool stopped(void *context)
{
	(void)context;
	return nz_cli_stopped();
}

/* ---- the end ---- */

static enum nz_status result_json(struct report *report, const struct nz_check_result *r,
				  struct nz_buffer *out)
{
	struct nz_json_doc *doc = report->doc;
	struct nz_json *json = nz_json_make_object(doc);

	if (r->root_known)
		nz_json_set_hex(doc, json, "root", nz_bytes_of(r->root.bytes, NZ_SHA256_BYTES));
	else
		nz_json_set(doc, json, "root", nz_json_make_null(doc));
	nz_json_set_hex(doc, json, "expected_root",
			nz_bytes_of(r->expected_root.bytes, NZ_SHA256_BYTES));
	nz_json_set_int(doc, json, "epoch", r->epoch);
	nz_json_set_str(doc, json, "dataset", r->dataset);
	nz_json_set(doc, json, "verified", nz_json_make_bool(doc, r->matches));
	nz_json_set_int(doc, json, "records", (int64_t)r->records);
	nz_json_set_int(doc, json, "tables", (int64_t)r->tables);
	nz_json_set_int(doc, json, "bytes", (int64_t)r->bytes);
	if (report->remote_used) {
		nz_json_set_int(doc, json, "checkpoint_epoch", r->checkpoint_epoch);
		nz_json_set_int(doc, json, "received_bytes", (int64_t)r->received_bytes);
		nz_json_set_int(doc, json, "repaired", (int64_t)r->repaired);
		nz_json_set(doc, json, "rows", report->list);
	} else {
		nz_json_set(doc, json, "batches", report->list);
	}
	if (r->fault[0] != '\0')
		nz_json_set_str(doc, json, "fault", r->fault);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_stringify(json, out));
	return nz_buffer_append_byte(out, '\n');
}

static enum nz_status result_text(const struct report *report, const struct nz_check_result *r,
				  struct nz_buffer *out)
{
	char root[2 * NZ_SHA256_BYTES + 1], expected[2 * NZ_SHA256_BYTES + 1];
	char size[NZ_SIZE_TEXT_BYTES];

	nz_hex_encode(nz_bytes_of(r->root.bytes, NZ_SHA256_BYTES), root);
	nz_hex_encode(nz_bytes_of(r->expected_root.bytes, NZ_SHA256_BYTES), expected);
	nz_progress_size(r->bytes, size);
	if (r->repaired > 0)
		NZ_TRY(nz_buffer_appendf(out, "repaired %llu row%s\n",
					 (unsigned long long)r->repaired,
					 r->repaired == 1 ? "" : "s"));
	if (r->matches)
		return nz_buffer_appendf(
		    out, "verified %s epoch %lld root %s %llu records %llu tables %s\n", r->dataset,
		    (long long)r->epoch, root, (unsigned long long)r->records,
		    (unsigned long long)r->tables, size);
	NZ_TRY(nz_buffer_appendf(out, "differs %s epoch %lld root %s expected %s: ", r->dataset,
				 (long long)r->epoch, r->root_known ? root : "unknown", expected));
	if (r->fault[0] == '\0' || r->differing > 0)
		NZ_TRY(nz_buffer_appendf(out, "%llu %s%s%s", (unsigned long long)r->differing,
					 report->remote_used ? "row" : "batch",
					 r->differing == 1	 ? ""
					 : report->remote_used ? "s"
							       : "es",
					 r->fault[0] != '\0' ? "; " : ""));
	const size_t fault_at = out->len;
	NZ_TRY(nz_buffer_append_str(out, r->fault));
	nz_cli_defang((char *)out->ptr + fault_at, out->len - fault_at);
	return nz_buffer_append_byte(out, '\n');
}

static int finish(struct report *report, const struct nz_check_result *result)
{
	const struct nz_args *args = report->args;
	struct nz_error err = {0};
	NZ_BUFFER(text);

	nz_remote_end_line(report->remote);
	enum nz_status status =
	    args->json ? result_json(report, result, &text) : result_text(report, result, &text);
	if (status == NZ_OK)
		status = nz_cli_print(nz_buffer_bytes(&text), &err);
	if (status == NZ_OK && report->printed != NZ_OK) {
		status = report->printed;
		err = report->error;
	}
	if (status != NZ_OK) {
		err.status = status;
		return nz_cli_fail(args, &err, NZ_EXIT_FAILED);
	}
	return result->matches ? NZ_EXIT_OK : NZ_EXIT_DIFFERS;
}

/* A failure that comes from the platform has its code; the others are this machine's. */
static int exit_of(const struct nz_error *err)
{
	if (err->status == NZ_CANCELLED)
		return NZ_EXIT_FAILED;
	if (err->status == NZ_NETWORK || err->code >= 1001)
		return nz_cli_exit_code(err);
	return nz_remote_local_exit(err);
}

static enum nz_status check(struct report *report, const struct nz_check_options *options,
			    struct nz_check_result *result, struct nz_error *err)
{
	const struct nz_args *args = report->args;

	if (!report->remote_used)
		return nz_check_replica(nz_crypto_default(), args->positional[0], options, result,
					err);
	return nz_check_against(&report->remote->client, args->positional[0], options, result, err);
}

static enum nz_status read_options(const struct nz_args *args, struct nz_error *err)
{
	static const char *const remote_only[] = {
	    "key", "repair", "passphrase-file", "record-limit", "connect-timeout", "stall-timeout"};

	NZ_TRY(nz_remote_replica(args->positional[0], err));
	if (args->positional_count > 1)
		return NZ_OK;
	for (size_t i = 0; i < sizeof remote_only / sizeof remote_only[0]; i++)
		if (nz_args_flag(args, remote_only[i]))
			return nz_fail(err, NZ_INVALID, "--%s goes with the platform's URL",
				       remote_only[i]);
	return NZ_OK;
}

static int run_verify(const struct nz_args *args)
{
	struct nz_remote remote NZ_CLEANUP(nz_remote_clear) = {.line = false};
	struct report report NZ_CLEANUP(report_clear) = {
	    .args = args, .remote = &remote, .remote_used = args->positional_count > 1};
	struct nz_check_options options = {.repair = nz_args_flag(args, "repair"),
					   .batch = on_batch,
					   .row = on_row,
					   .progress = on_progress,
					   .stopped = stopped,
					   .context = &report};
	struct nz_check_result result;
	struct nz_error err = {0};

	nz_cli_catch_signals();
	enum nz_status status = read_options(args, &err);
	if (status == NZ_OK && report.remote_used)
		status = nz_remote_init(&remote, args, args->positional[1], &err);
	else if (status == NZ_OK && nz_args_flag(args, "root"))
		status = nz_remote_root(args, &remote.root_pem, &err);
	options.root_pem = nz_buffer_bytes(&remote.root_pem);
	remote.quiet = nz_args_flag(args, "quiet");
	if (status != NZ_OK) {
		err.status = status;
		return nz_cli_fail(args, &err,
				   status == NZ_INVALID ? NZ_EXIT_USAGE : NZ_EXIT_BAD_INPUT);
	}
	status = nz_json_new(&report.doc);
	if (status == NZ_OK) {
		report.list = nz_json_make_array(report.doc);
		status = check(&report, &options, &result, &err);
	}
	if (status != NZ_OK) {
		nz_remote_end_line(&remote);
		err.status = status;
		return nz_cli_fail(args, &err, exit_of(&err));
	}
	return finish(&report, &result);
}

static const struct nz_option verify_options[] = {
    NZ_CLI_REMOTE_OPTIONS,
    {.name = "repair", .help = "mend the rows that differ, then verify again"},
    {.name = "quiet", .help = "no progress and no notes"},
    {0},
};

const struct nz_command nz_commands_verify[] = {
    {.verb = "verify",
     .synopsis = "REPLICA [URL] [--root root.pem]",
     .summary = "recompute a replica's root from its rows; with a URL, name each row that differs",
     .example = "nz verify sqlite:shop.db https://host:8443/shop --root root.pem --repair",
     .options = verify_options,
     .min_positional = 1,
     .max_positional = 2,
     .run = run_verify},
    {0},
};
