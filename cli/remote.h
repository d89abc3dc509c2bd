/* SPDX-License-Identifier: Apache-2.0 */
/* What nz sync and nz verify share: the node's side of talking to a platform, progress, sizes. */
#ifndef NZ_CLI_REMOTE_H
#define NZ_CLI_REMOTE_H

#include "cli.h"
#include "client/client.h"
#include "client/progress.h"

/* For the option tables of commands that talk to a platform. */
#define NZ_CLI_REMOTE_OPTIONS                                                                      \
	{.name = "root", .value = "PEM", .help = "the platform's root certificate"},               \
	    NZ_CLI_KEY_OPTIONS,                                                                    \
	    {.name = "record-limit",                                                               \
	     .value = "BYTES",                                                                     \
	     .help = "largest record to accept (default 64 MiB)"},                                 \
	    {.name = "connect-timeout",                                                            \
	     .value = "S",                                                                         \
	     .help = "seconds to wait for a connection (default 20)"},                             \
	{                                                                                          \
		.name = "stall-timeout", .value = "S",                                             \
		.help = "seconds without a byte before a connection counts as dead (default 60)"   \
	}

/* A client as the options describe it, with what it borrows. The caller's storage; not to be moved.
 */
struct nz_remote {
	struct nz_client client;
	struct nz_node_keys keys;
	struct nz_buffer root_pem;
	bool quiet; /* no notes on standard error */
	bool line;  /* a progress line stands on the terminal */
	struct nz_progress progress;
};
enum nz_status nz_remote_init(struct nz_remote *remote, const struct nz_args *args, const char *url,
			      struct nz_error *err) NZ_MUST_USE;
void nz_remote_clear(struct nz_remote *remote);
/* Reads --root. NZ_INVALID where it is missing, NZ_MALFORMED for a file that is. */
enum nz_status nz_remote_root(const struct nz_args *args, struct nz_buffer *out,
			      struct nz_error *err) NZ_MUST_USE;
/* For struct nz_sync_options: a line on the terminal, where standard error is one. */
void nz_remote_progress(void *remote, const struct nz_sync_progress *progress);
/* For struct nz_check_options. */
void nz_remote_check_progress(struct nz_remote *remote, uint64_t records, uint64_t total);
/* Takes the progress line off the terminal. */
void nz_remote_end_line(struct nz_remote *remote);

/*
 * The replica of a command line: "sqlite:PATH", with the name of the missing scheme where only a
 * path was given. NZ_INVALID.
 */
enum nz_status nz_remote_replica(const char *text, struct nz_error *err) NZ_MUST_USE;
/* The exit code of a failure that is the replica's or this machine's own, not the platform's. */
int nz_remote_local_exit(const struct nz_error *err);

#endif
