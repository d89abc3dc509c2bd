/* SPDX-License-Identifier: Apache-2.0 */
/* nz serve: the platform. Its log is one JSON object a line on standard error. */
#include "cli.h"

#include "server/server.h"

static const struct nz_option options[] = {
	{"state", "DIR", "the platform's state (nz platform init)", false},
	{"listen", "ADDRESS:PORT",
         "where to listen (repeatable; default 127.0.0.1:8443; port 0: any that is free)", true},
	{"config", "FILE", "YAML with the same names as these options; read again on SIGHUP", false},
#define X(field, name, value, min, max, fallback, help) {name, value, help, false},
#include "server/settings.def"
#undef X
	{0},
};

static enum nz_status read_settings(const struct nz_args *args, struct nz_settings *out,
                                    struct nz_error *err)
{
#define X(field, name, value, min, max, fallback, help) \
	NZ_TRY(nz_args_int(args, name, min, max, -1, &out->field, err));
#include "server/settings.def"
#undef X
	return NZ_OK;
}

static int exit_code(const struct nz_error *err)
{
	switch (err->status) {
	case NZ_INVALID:
		return NZ_EXIT_USAGE;
	case NZ_MALFORMED:
	case NZ_LIMIT:
		return NZ_EXIT_BAD_INPUT;
	default:
		return NZ_EXIT_FAILED;
	}
}

static int run_serve(const struct nz_args *args)
{
	const char *listen[NZ_SERVER_MAX_LISTEN];
	struct nz_server_options server;
	struct nz_error err = {0};
	const char *address;

	nz_server_options_init(&server);
	server.state = nz_args_get(args, "state", NULL);
	server.config = nz_args_get(args, "config", NULL);
	server.listen = listen;
	while ((address = nz_args_get_nth(args, "listen", server.listen_count)) != NULL) {
		if (server.listen_count == NZ_SERVER_MAX_LISTEN) {
			nz_fail(&err, NZ_INVALID, "over %d addresses to listen on",
			        NZ_SERVER_MAX_LISTEN);
			return nz_cli_fail(args, &err, NZ_EXIT_USAGE);
		}
		listen[server.listen_count++] = address;
	}
	enum nz_status status = read_settings(args, &server.given, &err);

	if (status == NZ_OK)
		status = nz_server_run(&server, &err);
	if (status == NZ_OK)
		return NZ_EXIT_OK;
	err.status = status;
	return nz_cli_fail(args, &err, exit_code(&err));
}

const struct nz_command nz_commands_serve[] = {
	{
		.verb = "serve",
		.synopsis = "--state DIR [--listen ADDRESS:PORT]... [--config FILE]",
		.summary = "serve the platform's datasets over TLS 1.3",
		.example = "nz serve --state platform --listen 0.0.0.0:8443",
		.options = options,
		.run = run_serve,
	},
	{0},
};
