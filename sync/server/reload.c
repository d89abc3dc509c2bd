/* SPDX-License-Identifier: Apache-2.0 */
#include "server/reload.h"

#include <stdlib.h>

#define DAY_S ((int64_t)86400)
#define WARN_DAYS 30

struct reload {
	struct nz_job job;
	struct nz_server *server;
	const struct nz_server_options *options;
	struct nz_platform *platform;
	struct nz_tls *tls;
	struct nz_settings settings;
	enum nz_status status;
	struct nz_error err;
};

static enum nz_status read_settings(struct reload *r)
{
	struct nz_server_config file NZ_CLEANUP(nz_server_config_clear);

	nz_server_config_init(&file);
	if (r->options->config != NULL)
		NZ_TRY(nz_server_config_read(r->options->config, &file, &r->err));
	return nz_settings_merge(&r->options->given, &file.settings, &r->settings, &r->err);
}

static enum nz_status read_all(struct reload *r, struct nz_worker *worker)
{
	NZ_TRY(read_settings(r));
	NZ_TRY(nz_platform_load(worker->state, &r->platform, &r->err));
	return nz_tls_new(nz_buffer_bytes(&r->platform->tls_certificate),
	                  nz_buffer_bytes(&r->platform->tls_key), &r->tls, &r->err);
}

static void run(struct nz_job *job, struct nz_worker *worker)
{
	struct reload *r = (struct reload *)(void *)job;

	r->status = read_all(r, worker);
}

static void done(struct nz_job *job)
{
	struct reload *r = (struct reload *)(void *)job;
	struct nz_server *server = r->server;
	struct nz_log log;

	nz_log_begin(&log, r->status == NZ_OK ? NZ_LOG_INFO : NZ_LOG_ERROR,
	             r->status == NZ_OK ? "reloaded" : "reload_failed");
	if (r->status == NZ_OK) {
		nz_platform_release(&server->platform);
		server->platform = r->platform;
		nz_tls_free(&server->tls);
		server->tls = r->tls;
		server->settings = r->settings;
	} else {
		nz_log_error(&log, &r->err);
		nz_platform_release(&r->platform);
		nz_tls_free(&r->tls);
	}
	nz_log_end(&log);
	if (r->status == NZ_OK)
		nz_warn_of_expiry(server);
	server->reloading = false;
	free(r);
}

void nz_reload(struct nz_server *server, const struct nz_server_options *options)
{
	struct reload *r = server->reloading ? NULL : calloc(1, sizeof *r);

	if (r == NULL)
		return;
	r->job = (struct nz_job){.run = run, .done = done};
	r->server = server;
	r->options = options;
	server->reloading = true;
	nz_workers_submit(server->workers, &r->job);
}

static void warn(const char *which, int64_t expires)
{
	const int64_t left_s = expires - nz_clock_unix();
	struct nz_log log;

	if (left_s > WARN_DAYS * DAY_S)
		return;
	nz_log_begin(&log, left_s > 0 ? NZ_LOG_WARNING : NZ_LOG_ERROR, "certificate_expires");
	nz_log_str(&log, "certificate", which);
	nz_log_int(&log, "days_left", left_s > 0 ? left_s / DAY_S : 0);
	nz_log_str(&log, "advice", "nz platform renew");
	nz_log_end(&log);
}

void nz_warn_of_expiry(const struct nz_server *server)
{
	warn("tls", server->platform->tls_expires);
	warn("signing", server->platform->signing_expires);
}
