/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's log: one JSON object a line on standard error, written with one write(2) from any
 * thread. Text from outside is a JSON string in it, so nobody can forge a line. Never a secret.
 */
#ifndef NZ_SERVER_LOG_H
#define NZ_SERVER_LOG_H

#include <nz/json.h>

enum nz_log_level { NZ_LOG_INFO, NZ_LOG_WARNING, NZ_LOG_ERROR };

/* A line being made: members are set with nz_json_set_… on doc and line, until nz_log_end. */
struct nz_log {
	struct nz_json_doc *doc;
	struct nz_json *line;
};
/* Starts a line with "at" (UTC, milliseconds), "level" and "event". No failure: no line then. */
void nz_log_begin(struct nz_log *log, enum nz_log_level level, const char *event);
/* Sets a member unless text is NULL or empty. Bytes that are not UTF-8 are left out from there on. */
void nz_log_str(struct nz_log *log, const char *name, const char *text);
void nz_log_int(struct nz_log *log, const char *name, int64_t value);
/* err's message as "reason", and its code as "reason_code" where it has one. err may be NULL. */
void nz_log_error(struct nz_log *log, const struct nz_error *err);
/* Writes the line and frees what it took. */
void nz_log_end(struct nz_log *log);

#endif
