/* SPDX-License-Identifier: Apache-2.0 */
/* What every command shares: reading input, printing the result, telling a failure, signals. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <nz/json.h>

#include "proto/error.h"

#define READ_STEP_BYTES ((size_t)64 << 10)

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

void nz_cli_catch_signals(void)
{
	/* No SA_RESTART: a blocked read or poll returns, so that the command sees the flag. */
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool nz_cli_stopped(void)
{
	return stopped != 0;
}

static enum nz_status read_all(int fd, const char *name, size_t max, struct nz_buffer *out,
                               struct nz_error *err)
{
	const size_t start = out->len;

	for (;;) {
		const size_t got_so_far = out->len - start;
		const size_t left = max - got_so_far;
		const size_t room = left < READ_STEP_BYTES ? left + 1 : READ_STEP_BYTES;

		NZ_TRY(nz_buffer_reserve(out, room));
		const ssize_t got = read(fd, out->ptr + out->len, room);
		if (got < 0 && errno == EINTR && !nz_cli_stopped())
			continue;
		if (got < 0 && errno == EINTR)
			return nz_fail(err, NZ_CANCELLED, "stopped by a signal");
		if (got < 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot read %s: %m", name);
		if (got == 0)
			return NZ_OK;
		if ((size_t)got > left)
			return nz_fail(err, NZ_LIMIT, "%s is over %zu bytes", name, max);
		out->len += (size_t)got;
	}
}

enum nz_status nz_cli_read(const char *path, size_t max, struct nz_buffer *out,
                           struct nz_error *err)
{
	const bool standard_input = path == NULL || strcmp(path, "-") == 0;
	const size_t before = out->len;
	int fd = STDIN_FILENO;

	if (!standard_input) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 && errno == ENOENT)
			return nz_fail_code(err, NZ_NOT_FOUND, errno, "%s: no such file", path);
		if (fd < 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", path);
	}
	const enum nz_status status =
		read_all(fd, standard_input ? "standard input" : path, max, out, err);
	if (!standard_input)
		close(fd);
	if (status != NZ_OK)
		out->len = before;
	return status;
}

static enum nz_status write_all(int fd, struct nz_bytes text, struct nz_error *err)
{
	while (text.len > 0) {
		const ssize_t wrote = write(fd, text.ptr, text.len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot write the result: %m");
		text.ptr += wrote;
		text.len -= (size_t)wrote;
	}
	return NZ_OK;
}

enum nz_status nz_cli_print(struct nz_bytes text, struct nz_error *err)
{
	return write_all(STDOUT_FILENO, text, err);
}

void nz_cli_defang(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f) {
			text[i] = '?';
		} else if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0) {
			text[i] = '?'; /* U+0080 to U+009F, some of which terminals obey */
			text[++i] = '?';
		}
	}
}

static int code_of_status(enum nz_status status)
{
	switch (status) {
	case NZ_UNVERIFIED:
	case NZ_UNKNOWN:
		return NZ_API_SIGNATURE;
	case NZ_MISMATCH:
		return NZ_API_ROOT_MISMATCH;
	case NZ_REPLAYED:
		return NZ_API_REPLAYED;
	case NZ_EXPIRED:
		return NZ_API_CLOCK;
	case NZ_MALFORMED:
		return NZ_API_MALFORMED;
	case NZ_LIMIT:
		return NZ_API_OVER_LIMIT;
	case NZ_UNSUPPORTED:
		return NZ_API_UNSUPPORTED;
	case NZ_BUSY:
		return NZ_API_BUSY;
	default:
		return NZ_API_INTERNAL;
	}
}

int nz_cli_error_code(const struct nz_error *err)
{
	/* An errno or an engine's code may look like one of ours. */
	const bool foreign = err->status == NZ_IO || err->status == NZ_DATABASE;

	if (!foreign && err->code >= NZ_API_SIGNATURE && err->code <= NZ_API_INTERNAL)
		return err->code;
	return code_of_status(err->status);
}

int nz_cli_exit_code(const struct nz_error *err)
{
	switch (err->status) {
	case NZ_INVALID:
		return NZ_EXIT_USAGE;
	case NZ_NETWORK:
	case NZ_BUSY:
		return NZ_EXIT_TEMPORARY;
	case NZ_REFUSED:
		return NZ_EXIT_REFUSED;
	default:
		break;
	}
	const int code = nz_cli_error_code(err);
	/* A fault on this side; a platform's internal error is temporary. */
	if (code == NZ_API_INTERNAL && err->code != NZ_API_INTERNAL)
		return NZ_EXIT_FAILED;
	return nz_api_error_info(code)->exit_code;
}

static enum nz_status failure_as_json(const struct nz_error *err, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *root = nz_json_make_object(doc);

	nz_json_set_int(doc, root, "error_code", nz_cli_error_code(err));
	nz_json_set_str(doc, root, "error_message", err->message);
	nz_json_set_int(doc, root, "retry_after", err->retry_after_s);
	if (err->incident[0] != '\0')
		nz_json_set_str(doc, root, "incident", err->incident);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(root, out));
	return nz_buffer_append_byte(out, '\n');
}

int nz_cli_fail(const struct nz_args *args, const struct nz_error *err, int exit_code)
{
	NZ_BUFFER(text);

	if (args != NULL && args->json && failure_as_json(err, &text) == NZ_OK &&
	    write_all(STDERR_FILENO, nz_buffer_bytes(&text), NULL) == NZ_OK)
		return exit_code;
	/* A message may quote what a peer sent. */
	char message[NZ_ERROR_MESSAGE_BYTES];
	snprintf(message, sizeof message, "%s",
	         err->message[0] != '\0' ? err->message : nz_status_name(err->status));
	nz_cli_defang(message, strlen(message));
	fprintf(stderr, "nz: %s\n", message);
	return exit_code;
}
