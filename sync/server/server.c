/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, serving, ending. */
#include "server/server.h"

#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/accept.h"
#include "server/conn.h"
#include "server/http.h"
#include "server/listen.h"
#include "server/notify.h"
#include "server/reload.h"

#define DEFAULT_LISTEN "127.0.0.1:8443"
#define REPLAY_FILE "replay"
#define FILES_RESERVED 64 /* besides connections: databases, log, listeners */
#define DRAIN_TICK_US 20000
#define DAY_S 86400
/* Our own deadlines come first; this one only keeps libevent's default of 50 s away. */
#define LIBEVENT_TIMEOUT_S 86400

struct listener {
	int fd;
	struct evhttp_bound_socket *bound;
	char text[NZ_LISTEN_TEXT_BYTES];
};

struct running {
	struct nz_server server;
	const struct nz_server_options *options;
	struct nz_server_config file;
	const char *state;
	struct listener listeners[NZ_SERVER_MAX_LISTEN];
	size_t listener_count;
	struct event *signals[3]; /* SIGTERM, SIGINT, SIGHUP */
	struct event *daily;
	struct event *drain_tick;
	int64_t drain_until_ms;
	bool cut_short;
};

void nz_server_options_init(struct nz_server_options *options)
{
	struct nz_server_config unset;

	nz_server_config_init(&unset);
	*options = (struct nz_server_options){.given = unset.settings};
}

/* ---- ending ---- */

static void log_plain(enum nz_log_level level, const char *event, const char *name,
                      const char *value)
{
	struct nz_log log;

	nz_log_begin(&log, level, event);
	if (name != NULL)
		nz_log_str(&log, name, value);
	nz_log_end(&log);
}

static void close_idle(struct nz_server *server)
{
	struct nz_conn *next;

	for (struct nz_conn *conn = server->connections; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->exchange == NULL && conn->phase != NZ_CONN_ANSWERING)
			nz_conn_close(conn);
	}
}

static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct running *r = arg;

	(void)fd, (void)what;
	close_idle(&r->server);
	if (r->server.connection_count == 0 || nz_clock_monotonic_ms() >= r->drain_until_ms)
		event_base_loopbreak(r->server.base);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval tick = {.tv_usec = DRAIN_TICK_US};
	struct running *r = arg;

	(void)fd, (void)what;
	if (r->server.draining) {
		r->cut_short = true;
		event_base_loopbreak(r->server.base);
		return;
	}
	r->server.draining = true;
	log_plain(NZ_LOG_INFO, "draining", NULL, NULL);
	nz_notify("STOPPING=1");
	for (size_t i = 0; i < r->listener_count; i++)
		evhttp_del_accept_socket(r->server.http, r->listeners[i].bound);
	r->listener_count = 0;
	r->drain_until_ms = nz_clock_monotonic_ms() + r->server.settings.drain_s * 1000;
	event_add(r->drain_tick, &tick);
}

static void on_hup(evutil_socket_t fd, short what, void *arg)
{
	struct running *r = arg;

	(void)fd, (void)what;
	nz_reload(&r->server, r->options);
}

static void on_daily(evutil_socket_t fd, short what, void *arg)
{
	const struct running *r = arg;

	(void)fd, (void)what;
	nz_warn_of_expiry(&r->server);
}

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

static void shut_down(struct running *r)
{
	struct nz_server *server = &r->server;

	server->draining = server->stopping = true;
	if (server->workers != NULL)
		nz_workers_stop(server->workers);
	if (server->indexers != NULL)
		nz_workers_stop(server->indexers);
	if (server->http != NULL) /* ends connections, sessions and streams */
		evhttp_free(server->http);
	if (server->base != NULL)
		event_base_loop(server->base, EVLOOP_NONBLOCK); /* what bufferevents leave for later */
	nz_workers_free(&server->indexers);
	nz_datasets_clear(&server->datasets);
	nz_workers_free(&server->workers);
	nz_sessions_clear(&server->sessions);
	nz_tls_free(&server->tls);
	nz_platform_release(&server->platform);
	nz_replay_free(&server->replay);
	for (size_t i = 0; i < sizeof r->signals / sizeof r->signals[0]; i++)
		free_event(&r->signals[i]);
	free_event(&r->daily);
	free_event(&r->drain_tick);
	if (server->base != NULL)
		event_base_free(server->base);
	nz_server_config_clear(&r->file);
}

/* ---- starting ---- */

/* As many descriptors as the system grants, and no more connections than that allows. */
static void fit_descriptors(struct nz_settings *settings)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	const int64_t most = (int64_t)limit.rlim_cur - FILES_RESERVED;

	if (settings->max_connections > most)
		settings->max_connections = most > 1 ? most : 1;
}

static void on_libevent_log(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN)
		log_plain(severity == EVENT_LOG_WARN ? NZ_LOG_WARNING : NZ_LOG_ERROR, "libevent",
		          "reason", message);
}

static enum nz_status read_options(struct running *r, struct nz_error *err)
{
	const struct nz_server_options *o = r->options;

	if (o->config != NULL)
		NZ_TRY(nz_server_config_read(o->config, &r->file, err));
	NZ_TRY(nz_settings_merge(&o->given, &r->file.settings, &r->server.settings, err));
	fit_descriptors(&r->server.settings);
	r->state = o->state != NULL ? o->state : r->file.state;
	return r->state != NULL ? NZ_OK
	                        : nz_fail(err, NZ_INVALID, "no state is given: --state DIR");
}

static enum nz_status load_platform(struct running *r, struct nz_error *err)
{
	struct nz_server *server = &r->server;
	struct nz_state *state = NULL;

	NZ_TRY(nz_state_open(r->state, false, &state, err));
	const enum nz_status status = nz_platform_load(state, &server->platform, err);

	nz_state_close(&state);
	NZ_TRY(status);
	return nz_tls_new(nz_buffer_bytes(&server->platform->tls_certificate),
	                  nz_buffer_bytes(&server->platform->tls_key), &server->tls, err);
}

/* Beside the state, so that a restart does not forget the nonces. */
static enum nz_status open_replay(struct running *r, struct nz_error *err)
{
	const struct nz_settings *s = &r->server.settings;
	const struct nz_replay_limits limits = {
		.entries = (size_t)s->replay_entries,
		.entries_per_node = (size_t)s->replay_entries_per_node,
		.window_s = NZ_PACKET_WINDOW_S,
	};
	NZ_BUFFER(path);

	NZ_TRY(nz_buffer_appendf(&path, "%s/" REPLAY_FILE, r->state));
	const char *text = nz_buffer_cstr(&path);

	if (text == NULL)
		return NZ_NO_MEMORY;
	return nz_replay_file(r->server.crypto, text, &limits, &r->server.replay, err);
}

static enum nz_status start_loop(struct running *r, struct nz_error *err)
{
	struct nz_server *server = &r->server;

	event_set_log_callback(on_libevent_log);
	server->base = event_base_new();
	server->http = server->base != NULL ? evhttp_new(server->base) : NULL;
	if (server->http == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for the event loop");
	evhttp_set_bevcb(server->http, nz_conn_accept, server);
	evhttp_set_gencb(server->http, nz_http_dispatch, server);
	evhttp_set_max_headers_size(server->http, (ev_ssize_t)NZ_HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(server->http, (ev_ssize_t)NZ_HTTP_BODY_MAX);
	evhttp_set_default_content_type(server->http, NULL);
	evhttp_set_timeout(server->http, LIBEVENT_TIMEOUT_S);
	/* All that libevent knows: which of them a path takes is ours to say. */
	evhttp_set_allowed_methods(server->http,
	                           EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
	                                   EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
	                                   EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
	                                   EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	NZ_TRY(nz_workers_new(server->base, server->crypto, r->state,
	                      (size_t)server->settings.workers, &server->workers, err));
	return nz_workers_new(server->base, server->crypto, r->state,
	                      (size_t)server->settings.indexers, &server->indexers, err);
}

static enum nz_status catch_signals(struct running *r, struct nz_error *err)
{
	static const struct timeval day = {.tv_sec = DAY_S};
	static const struct {
		int number;
		event_callback_fn handle;
	} handled[] = {{SIGTERM, on_term}, {SIGINT, on_term}, {SIGHUP, on_hup}};
	struct event_base *base = r->server.base;

	for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) {
		r->signals[i] = evsignal_new(base, handled[i].number, handled[i].handle, r);
		if (r->signals[i] == NULL || event_add(r->signals[i], NULL) != 0)
			return nz_fail(err, NZ_NO_MEMORY, "cannot catch signals");
	}
	r->daily = event_new(base, -1, EV_PERSIST, on_daily, r);
	r->drain_tick = event_new(base, -1, EV_PERSIST, on_drain_tick, r);
	if (r->daily == NULL || r->drain_tick == NULL || event_add(r->daily, &day) != 0)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for timers");
	return NZ_OK;
}

static enum nz_status listen_on(struct running *r, const char *address, struct nz_error *err)
{
	struct listener *l = &r->listeners[r->listener_count];

	if (r->listener_count == NZ_SERVER_MAX_LISTEN)
		return nz_fail(err, NZ_LIMIT, "over %d addresses to listen on",
		               NZ_SERVER_MAX_LISTEN);
	NZ_TRY(nz_listen(address, &l->fd, l->text, err));
	l->bound = evhttp_accept_socket_with_handle(r->server.http, l->fd);
	if (l->bound == NULL) {
		close(l->fd);
		return nz_fail(err, NZ_NO_MEMORY, "cannot listen on %s", address);
	}
	r->listener_count++;
	return NZ_OK;
}

static enum nz_status listen_on_all(struct running *r, struct nz_error *err)
{
	const struct nz_server_options *o = r->options;

	for (size_t i = 0; i < o->listen_count; i++)
		NZ_TRY(listen_on(r, o->listen[i], err));
	for (size_t i = 0; o->listen_count == 0 && i < r->file.listen_count; i++)
		NZ_TRY(listen_on(r, r->file.listen[i], err));
	if (r->listener_count == 0)
		NZ_TRY(listen_on(r, DEFAULT_LISTEN, err));
	return NZ_OK;
}

static enum nz_status serve(struct running *r, struct nz_error *err)
{
	NZ_TRY(read_options(r, err));
	NZ_TRY(load_platform(r, err));
	NZ_TRY(open_replay(r, err));
	NZ_TRY(start_loop(r, err));
	NZ_TRY(catch_signals(r, err));
	NZ_TRY(listen_on_all(r, err));
	nz_warn_of_expiry(&r->server);
	for (size_t i = 0; i < r->listener_count; i++)
		log_plain(NZ_LOG_INFO, "ready", "listen", r->listeners[i].text);
	nz_notify("READY=1");
	if (event_base_dispatch(r->server.base) < 0)
		return nz_fail(err, NZ_IO, "the event loop failed");
	return r->cut_short ? nz_fail(err, NZ_CANCELLED, "ended by a second signal") : NZ_OK;
}

enum nz_status nz_server_run(const struct nz_server_options *options, struct nz_error *err)
{
	struct running *r = calloc(1, sizeof *r);

	if (r == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	r->options = options;
	r->server.crypto = nz_crypto_default();
	nz_server_config_init(&r->file);
	const enum nz_status status = serve(r, err);

	shut_down(r);
	if (status == NZ_OK)
		log_plain(NZ_LOG_INFO, "stopped", NULL, NULL);
	free(r);
	return status;
}
