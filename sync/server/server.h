/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform as a server: HTTPS on one event loop, the API of doc/protocol.md, workers for what
 * takes long. One process is one instance; several may share a state.
 */
#ifndef NZ_SERVER_SERVER_H
#define NZ_SERVER_SERVER_H

#include "server/config.h"

struct nz_server_options {
	const char *state;         /* location; NULL: the configuration file's */
	const char *const *listen; /* "ADDRESS:PORT", "[ADDRESS]:PORT"; port 0: any that is free */
	size_t listen_count;       /* 0: the file's, else 127.0.0.1:8443 */
	const char *config;        /* path of the YAML file, or NULL; read again on SIGHUP */
	struct nz_settings given;  /* of the command line; -1 where not given */
};
/* Nothing given. */
void nz_server_options_init(struct nz_server_options *options);

/*
 * Serves until SIGTERM or SIGINT: then takes no more connections, lets streams finish for a while and
 * returns NZ_OK; a second signal ends at once (NZ_CANCELLED). SIGHUP reads certificates and settings
 * again. Says that it is ready in one log line for each address ("event":"ready", "listen":…) and to
 * the service manager (NOTIFY_SOCKET). NZ_NOT_FOUND for a state without a platform; NZ_IO for an
 * address that cannot be had; NZ_INVALID, NZ_MALFORMED for what it was told.
 */
enum nz_status nz_server_run(const struct nz_server_options *options,
                             struct nz_error *err) NZ_MUST_USE;

#endif
