/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"info", "warning", "error"};

/* RFC 3339 in UTC with milliseconds. */
static void time_text(char out[32])
{
	struct timespec now = {0};
	struct tm parts = {0};
	char seconds[24];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out, 32, "%s.%03uZ", seconds, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

void nz_log_begin(struct nz_log *log, enum nz_log_level level, const char *event)
{
	char at[32];

	*log = (struct nz_log){0};
	if (nz_json_new(&log->doc) != NZ_OK)
		return;
	log->line = nz_json_make_object(log->doc);
	time_text(at);
	nz_log_str(log, "at", at);
	nz_log_str(log, "level", level_names[level]);
	nz_log_str(log, "event", event);
}

void nz_log_str(struct nz_log *log, const char *name, const char *text)
{
	if (log->doc == NULL || text == NULL || text[0] == '\0')
		return;
	const size_t valid = nz_utf8_prefix(nz_bytes_str(text));

	nz_json_set_bytes(log->doc, log->line, name, nz_bytes_of(text, valid));
}

void nz_log_int(struct nz_log *log, const char *name, int64_t value)
{
	if (log->doc != NULL)
		nz_json_set_int(log->doc, log->line, name, value);
}

void nz_log_error(struct nz_log *log, const struct nz_error *err)
{
	if (err == NULL)
		return;
	nz_log_str(log, "reason", err->message);
	if (err->code != 0)
		nz_log_int(log, "reason_code", err->code);
}

static void write_whole(const uint8_t *at, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(STDERR_FILENO, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody reads the log: serving goes on */
		at += n;
		len -= (size_t)n;
	}
}

void nz_log_end(struct nz_log *log)
{
	NZ_BUFFER(text);

	if (log->doc != NULL && nz_json_failed(log->doc) == NZ_OK &&
	    nz_json_canonical(log->line, &text) == NZ_OK &&
	    nz_buffer_append_byte(&text, '\n') == NZ_OK)
		write_whole(text.ptr, text.len);
	nz_json_free(&log->doc);
	log->line = NULL;
}
