/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands about a platform share: opening the state that --state names, files that are
 * made whole or not at all, texts, exit codes. They talk to no platform but work on its state.
 */
#ifndef NZ_CLI_PLATFORM_H
#define NZ_CLI_PLATFORM_H

#include <nz/json.h>

#include "cli.h"
#include "state/state.h"

#define NZ_OPTION_STATE                                                                            \
	{.name = "state", .value = "DIR", .help = "the folder with the platform's state"}
/* That one alone. */
extern const struct nz_option nz_state_options[];
/* A command of a group that takes just `words` positional words. */
#define NZ_STATE_COMMAND(group_, verb_, words, options_, run_, synopsis_, summary_, example_)      \
	{.group = (group_), .verb = (verb_), .synopsis = (synopsis_), .summary = (summary_),       \
	 .example = (example_), .options = (options_), .min_positional = (words),                  \
	 .max_positional = (words), .run = (run_)}

/* The value of an option that must be there; NZ_INVALID. */
enum nz_status nz_platform_option(const struct nz_args *args, const char *name, const char **out,
                                  struct nz_error *err) NZ_MUST_USE;
/* Opens what --state names. *out is the caller's: nz_state_close (also for NZ_CLEANUP). */
enum nz_status nz_platform_open(const struct nz_args *args, struct nz_state **out,
                                struct nz_error *err) NZ_MUST_USE;
#define NZ_STATE(name) struct nz_state *name NZ_CLEANUP(nz_state_close) = NULL

/*
 * The exit code for a failure on this machine: 2 wrong use, 6 bad input, 5 busy, 1 otherwise. Told
 * on standard error, in the form that was asked for.
 */
int nz_platform_fail(const struct nz_args *args, const struct nz_error *err);
/* Prints the JSON value or the text, as was asked for, and gives the exit code. */
int nz_platform_print(const struct nz_args *args, const struct nz_json *json,
                      const struct nz_buffer *text);

/* NZ_INVALID for a URI of a database with a password in it, with the way to do it instead. */
enum nz_status nz_refuse_password(const char *uri, struct nz_error *err) NZ_MUST_USE;
/* Appends a path as it is from the root of the file system; links are left alone. NZ_IO. */
enum nz_status nz_absolute_path(const char *path, struct nz_buffer *out,
                                struct nz_error *err) NZ_MUST_USE;
/* Makes a file, on disk when it returns. Never over another: NZ_EXISTS. */
enum nz_status nz_write_new_file(const char *path, unsigned mode, struct nz_bytes content,
                                 struct nz_error *err) NZ_MUST_USE;
/* Forces a folder's entries to disk. */
enum nz_status nz_sync_folder(const char *path, struct nz_error *err) NZ_MUST_USE;
#define NZ_TIME_CHARS 21
/* "2026-01-31T23:59:59Z", with NUL; "-" for 0. */
void nz_time_text(int64_t at, char out[NZ_TIME_CHARS]);
/* Appends "12.3 MB". */
enum nz_status nz_size_text(int64_t bytes, struct nz_buffer *out) NZ_MUST_USE;

/* "active", "overdue" or "revoked". */
const char *nz_node_state_name(enum nz_node_state state);

/* Commands that have a file of their own beside cmd_platform.c. */
int nz_run_platform_status(const struct nz_args *args);
int nz_run_platform_backup(const struct nz_args *args);
int nz_run_platform_restore(const struct nz_args *args);

#endif
