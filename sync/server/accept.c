/* SPDX-License-Identifier: Apache-2.0 */
#include "server/accept.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

#include "server/exchange.h"

static void log_crowd(struct nz_conn *conn)
{
	struct nz_server *server = conn->server;
	const int64_t now_ms = nz_clock_monotonic_ms();
	struct nz_log log;

	if (server->crowd_logged_ms != 0 && now_ms - server->crowd_logged_ms < 1000)
		return;
	server->crowd_logged_ms = now_ms;
	nz_log_begin(&log, NZ_LOG_WARNING, "connection_refused");
	nz_log_int(&log, "error_code", NZ_API_BUSY);
	nz_log_int(&log, "connections", (int64_t)server->connection_count);
	nz_conn_log(conn, &log);
	nz_log_end(&log);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct nz_conn *conn = arg;

	(void)fd, (void)what;
	if (conn->refused) {
		log_crowd(conn);
	} else if (conn->phase == NZ_CONN_ANSWERING &&
	           (conn->progress ||
	            evbuffer_get_length(bufferevent_get_output(conn->bev)) == 0)) {
		nz_conn_set_deadline(conn, conn->server->settings.stall_timeout_s); /* we are the slow ones */
		return;
	} else if (conn->phase != NZ_CONN_IDLE) {
		static const char *const doing[] = {"handshake", "idle", "request", "answer"};
		struct nz_log log;

		nz_log_begin(&log, NZ_LOG_INFO, "deadline_missed");
		nz_log_str(&log, "during", doing[conn->phase]);
		nz_conn_log(conn, &log);
		nz_log_end(&log);
	}
	nz_conn_close(conn);
}

/* ---- what TLS tells ---- */

static bool on_hello(void *context)
{
	struct nz_conn *conn = context;

	nz_conn_learn_peer(conn);
	return !conn->refused;
}

static void on_established(void *context)
{
	nz_conn_enter(context, NZ_CONN_IDLE);
}

static void on_failed(void *context, int alert, const char *reason)
{
	struct nz_conn *conn = context;
	struct nz_log log;

	if (conn->refused)
		return;
	nz_log_begin(&log, alert < 0 ? NZ_LOG_INFO : NZ_LOG_WARNING, "tls_refused");
	if (alert >= 0)
		nz_log_int(&log, "error_code", NZ_API_TLS);
	if (alert != 0) {
		nz_log_int(&log, "alert", alert < 0 ? -alert : alert);
		nz_log_str(&log, "by", alert < 0 ? "peer" : "platform");
	}
	nz_log_str(&log, "reason", reason);
	nz_conn_log(conn, &log);
	nz_log_end(&log);
}

static void free_conn(struct nz_conn *conn)
{
	if (conn->deadline != NULL)
		event_free(conn->deadline);
	if (conn->foreign_answer != NULL)
		event_free(conn->foreign_answer);
	free(conn);
}

static void on_gone(void *context)
{
	struct nz_conn *conn = context;

	*conn->link = conn->next;
	if (conn->next != NULL)
		conn->next->link = conn->link;
	conn->server->connection_count--;
	free_conn(conn);
}

static const struct nz_tls_events tls_events = {
	.hello = on_hello,
	.established = on_established,
	.failed = on_failed,
	.gone = on_gone,
};

/* ---- what the buffers tell ---- */

static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct nz_conn *conn = arg;

	(void)buffer;
	if (info->n_added > 0 && conn->phase == NZ_CONN_IDLE)
		nz_conn_enter(conn, NZ_CONN_RECEIVING);
}

static void on_output(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct nz_conn *conn = arg;

	(void)buffer;
	if (info->n_deleted > 0)
		conn->progress = true;
	if (info->n_added > 0 && conn->phase != NZ_CONN_ANSWERING)
		event_active(conn->foreign_answer, EV_TIMEOUT, 0); /* runs before anything is sent */
}

static void on_foreign_answer(evutil_socket_t fd, short what, void *arg)
{
	struct nz_conn *conn = arg;
	struct evbuffer *output = bufferevent_get_output(conn->bev);
	char start[13] = {0}; /* "HTTP/1.1 413" */
	NZ_BUFFER(answer);

	(void)fd, (void)what;
	if (evbuffer_copyout(output, start, sizeof start - 1) < (ev_ssize_t)sizeof start - 1 ||
	    start[9] == '1') /* 100 Continue may go as it is */
		return;
	const int code = strcmp(start + 9, "413") == 0 ? NZ_API_OVER_LIMIT : NZ_API_MALFORMED;

	evbuffer_drain(output, evbuffer_get_length(output));
	nz_conn_enter(conn, NZ_CONN_ANSWERING);
	if (nz_http_bare_refusal(conn, code, &answer) == NZ_OK)
		evbuffer_add(output, answer.ptr, answer.len);
	else
		nz_conn_close(conn);
}

/* ---- life ---- */

static struct nz_conn *new_conn(struct nz_server *server)
{
	struct nz_conn *conn = calloc(1, sizeof *conn);

	if (conn == NULL)
		return NULL;
	conn->server = server;
	conn->deadline = evtimer_new(server->base, on_deadline, conn);
	conn->foreign_answer = event_new(server->base, -1, 0, on_foreign_answer, conn);
	if (conn->deadline == NULL || conn->foreign_answer == NULL) {
		free_conn(conn);
		return NULL;
	}
	return conn;
}

struct bufferevent *nz_conn_accept(struct event_base *base, void *arg)
{
	struct nz_server *server = arg;
	struct nz_conn *conn = new_conn(server);

	if (conn == NULL)
		return NULL;
	conn->bev = nz_tls_bufferevent(server->tls, base, &tls_events, conn);
	if (conn->bev == NULL) {
		free_conn(conn);
		return NULL;
	}
	conn->next = server->connections;
	conn->link = &server->connections;
	if (conn->next != NULL)
		conn->next->link = &conn->next;
	server->connections = conn;
	conn->refused = server->draining ||
	                server->connection_count >= (size_t)server->settings.max_connections;
	server->connection_count++;
	nz_conn_enter(conn, NZ_CONN_HANDSHAKE);
	if (conn->refused)
		nz_conn_set_deadline(conn, 0);
	evbuffer_add_cb(bufferevent_get_input(conn->bev), on_input, conn);
	evbuffer_add_cb(bufferevent_get_output(conn->bev), on_output, conn);
	nz_conn_sessions_changed(conn);
	return conn->bev;
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct nz_conn *conn = arg;

	(void)http;
	conn->http = NULL;
	nz_tls_goodbye(conn->bev);
	if (conn->exchange != NULL)
		nz_exchange_orphan(conn->exchange);
	nz_sessions_end_all(conn);
	event_del(conn->deadline);
	event_del(conn->foreign_answer);
}

struct nz_conn *nz_conn_of(struct evhttp_request *req)
{
	struct evhttp_connection *http = evhttp_request_get_connection(req);
	struct nz_conn *conn = nz_tls_context(evhttp_connection_get_bufferevent(http));

	if (conn != NULL && conn->http == NULL) {
		conn->http = http;
		evhttp_connection_set_closecb(http, on_close, conn);
		nz_conn_sessions_changed(conn);
	}
	return conn;
}
