/* SPDX-License-Identifier: Apache-2.0 */
#include "remote.h"

#include <stdio.h>
#include <unistd.h>

#include <nz/clock.h>

#define ROOT_MAX_BYTES ((size_t)64 << 10)
#define TIMEOUT_MAX_S 3600

static bool stopped(void *context)
{
	(void)context;
	return nz_cli_stopped();
}

static bool on_terminal(void)
{
	return isatty(STDERR_FILENO) == 1;
}

void nz_remote_end_line(struct nz_remote *remote)
{
	if (remote->line)
		fputs("\r\033[K", stderr);
	remote->line = false;
}

static void note(void *context, const char *message)
{
	struct nz_remote *remote = context;

	if (remote->quiet)
		return;
	char text[NZ_ERROR_MESSAGE_BYTES];
	snprintf(text, sizeof text, "%s", message);
	nz_cli_defang(text, strlen(text));
	nz_remote_end_line(remote);
	fprintf(stderr, "nz: %s\n", text);
}

static void show(struct nz_remote *remote, char *line)
{
	nz_cli_defang(line, strlen(line));
	fprintf(stderr, "\r\033[K%s", line);
	remote->line = true;
}

void nz_remote_progress(void *context, const struct nz_sync_progress *progress)
{
	struct nz_remote *remote = context;
	const int64_t now_ms = nz_clock_monotonic_ms();
	char line[NZ_PROGRESS_LINE_BYTES];

	if (!nz_progress_due(&remote->progress, now_ms) || remote->quiet || !on_terminal())
		return;
	nz_progress_line(&remote->progress, progress, now_ms, line);
	show(remote, line);
}

void nz_remote_check_progress(struct nz_remote *remote, uint64_t records, uint64_t total)
{
	char line[NZ_PROGRESS_LINE_BYTES];

	if (!nz_progress_due(&remote->progress, nz_clock_monotonic_ms()) || remote->quiet ||
	    !on_terminal())
		return;
	snprintf(line, sizeof line, "%llu of %llu rows read", (unsigned long long)records,
		 (unsigned long long)total);
	show(remote, line);
}

enum nz_status nz_remote_root(const struct nz_args *args, struct nz_buffer *out,
			      struct nz_error *err)
{
	const char *path = nz_args_get(args, "root", NULL);

	if (path == NULL)
		return nz_fail(err, NZ_INVALID,
			       "--root is needed: the platform's root.pem, got from its operator");
	const enum nz_status status = nz_cli_read(path, ROOT_MAX_BYTES, out, err);
	/* A missing file is bad input, not a dataset that nobody has. */
	return status == NZ_NOT_FOUND
		   ? nz_fail_code(err, NZ_MALFORMED, 1010, "%s: no such file", path)
		   : status;
}

static enum nz_status read_limits(const struct nz_args *args, struct nz_client *client,
				  struct nz_error *err)
{
	int64_t record, connect, stall;

	NZ_TRY(nz_args_int(args, "record-limit", 1, INT64_C(1) << 30, 0, &record, err));
	NZ_TRY(nz_args_int(args, "connect-timeout", 1, TIMEOUT_MAX_S, 0, &connect, err));
	NZ_TRY(nz_args_int(args, "stall-timeout", 1, TIMEOUT_MAX_S, 0, &stall, err));
	client->record_max_bytes = (size_t)record;
	client->connect_timeout_s = (unsigned)connect;
	client->stall_timeout_s = (unsigned)stall;
	return NZ_OK;
}

static enum nz_status load_keys(const struct nz_args *args, struct nz_node_keys *keys,
				struct nz_error *err)
{
	const enum nz_status status = nz_cli_load_keys(args, keys, err);

	/* Whatever is wrong with the file, it is bad input, and no refusal by a platform. */
	if (status != NZ_OK && status != NZ_NO_MEMORY && err->code < 1001)
		err->code = 1010;
	return status == NZ_REFUSED || status == NZ_UNVERIFIED ? NZ_MALFORMED : status;
}

enum nz_status nz_remote_init(struct nz_remote *remote, const struct nz_args *args, const char *url,
			      struct nz_error *err)
{
	struct nz_client *client = &remote->client;

	*remote = (struct nz_remote){.quiet = nz_args_flag(args, "quiet")};
	client->crypto = nz_crypto_default();
	NZ_TRY(read_limits(args, client, err));
	NZ_TRY(nz_remote_root(args, &remote->root_pem, err));
	enum nz_status status =
	    nz_client_init(client, url, nz_buffer_bytes(&remote->root_pem), err);
	if (status == NZ_MALFORMED && err->code < 1001)
		err->code = 1010;
	NZ_TRY(status);
	status = load_keys(args, &remote->keys, err);
	if (status != NZ_OK) {
		err->status = status;
		return status;
	}
	client->keys = &remote->keys;
	client->stopped = stopped;
	client->note = note;
	client->context = remote;
	return NZ_OK;
}

void nz_remote_clear(struct nz_remote *remote)
{
	nz_remote_end_line(remote);
	nz_node_keys_clear(&remote->keys);
	nz_buffer_clear(&remote->root_pem);
}

enum nz_status nz_remote_replica(const char *text, struct nz_error *err)
{
	if (strchr(text, ':') == NULL)
		return nz_fail(err, NZ_INVALID, "'%s' is no replica: did you mean sqlite:%s?", text,
			       text);
	return NZ_OK;
}

int nz_remote_local_exit(const struct nz_error *err)
{
	switch (err->status) {
	case NZ_BUSY:
		return NZ_EXIT_TEMPORARY;
	case NZ_INVALID:
		return NZ_EXIT_USAGE;
	default:
		return NZ_EXIT_FAILED;
	}
}
