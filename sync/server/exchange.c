/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/util.h>
#include <stdlib.h>

#include "server/session.h"

#define JSON_TYPE "application/json"

static void log_refusal(struct nz_server *server, struct nz_conn *conn, struct nz_refusal *r,
                        const char *path)
{
	const bool ours = r->code >= NZ_API_BUSY;
	struct nz_log log;

	if (r->incident[0] == '\0' && nz_incident_make(server->crypto, r->incident) != NZ_OK)
		r->incident[0] = '\0';
	nz_log_begin(&log, ours ? NZ_LOG_ERROR : NZ_LOG_WARNING, "refused");
	nz_log_int(&log, "error_code", r->code);
	nz_log_str(&log, "incident", r->incident);
	nz_log_str(&log, "node_id", r->node_id);
	nz_log_str(&log, "dataset", r->dataset);
	nz_log_str(&log, "session", r->session);
	nz_log_str(&log, "path", path);
	nz_log_error(&log, &r->why);
	if (conn != NULL)
		nz_conn_log(conn, &log);
	nz_log_end(&log);
}

static void free_exchange(struct nz_exchange *x)
{
	if (x->conn != NULL) {
		x->conn->exchange = NULL;
		x->conn->exchange_session = NULL;
	}
	if (x->drop != NULL)
		x->drop(x->own);
	nz_free_str(&x->query);
	nz_buffer_clear(&x->body);
	free(x);
}

void nz_exchange_end(struct nz_exchange *x)
{
	free_exchange(x);
}

void nz_exchange_orphan(struct nz_exchange *x)
{
	/* Where libevent has let go of the request it is ours to free, else it frees it. */
	if (x->req != NULL && evhttp_request_get_connection(x->req) == NULL)
		evhttp_request_free(x->req);
	x->req = NULL;
	x->conn->exchange = NULL;
	x->conn->exchange_session = NULL;
	x->conn = NULL;
	if (x->orphaned != NULL)
		x->orphaned(x);
}

void nz_exchange_run(struct nz_exchange *x, struct nz_workers *workers,
                     void (*run)(struct nz_job *job, struct nz_worker *worker),
                     void (*done)(struct nz_job *job))
{
	x->job.run = run;
	x->job.done = done;
	nz_workers_submit(workers, &x->job);
}

void nz_exchange_header(struct nz_exchange *x, const char *name, const char *value)
{
	if (x->req != NULL)
		evhttp_add_header(evhttp_request_get_output_headers(x->req), name, value);
}

const char *nz_exchange_request_header(struct nz_exchange *x, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(x->req), name);
}

/* What all answers have. Date goes out to HTTP/1.0 too: a client corrects its clock by it. */
static void common_headers(struct nz_exchange *x, const char *type)
{
	char date[64];

	if (evutil_date_rfc1123(date, sizeof date, NULL) > 0)
		nz_exchange_header(x, "Date", date);
	nz_exchange_header(x, "Content-Type", type);
	nz_exchange_header(x, "Cache-Control", "no-store");
	if (x->server->draining)
		nz_exchange_header(x, "Connection", "close");
	const struct nz_session *session = x->conn != NULL && x->session_id[0] != '\0'
	                                           ? nz_session_find(x->conn, x->session_id)
	                                           : NULL;

	if (session != NULL && nz_clock_monotonic_ms() >= session->rekey_ms)
		nz_exchange_header(x, NZ_HEADER_REKEY, "1");
}

void nz_exchange_answer(struct nz_exchange *x, int http, struct nz_bytes json)
{
	if (x->req != NULL) {
		struct evbuffer *buf = evbuffer_new();

		common_headers(x, JSON_TYPE);
		if (buf == NULL || evbuffer_add(buf, json.ptr, json.len) != 0) {
			if (buf != NULL)
				evbuffer_free(buf);
			buf = NULL; /* an empty answer is all that can be had */
		}
		evhttp_send_reply(x->req, http, NULL, buf);
		if (buf != NULL)
			evbuffer_free(buf);
	}
	free_exchange(x);
}

void nz_exchange_log_refusal(struct nz_exchange *x)
{
	struct nz_refusal *r = &x->refusal;

	if (r->session[0] == '\0')
		memcpy(r->session, x->session_id, sizeof r->session);
	log_refusal(x->server, x->conn, r, x->route != NULL ? x->route->path : NULL);
	if (r->session[0] != '\0')
		nz_sessions_incident(&x->server->sessions, r->session, r->incident);
}

void nz_exchange_refuse(struct nz_exchange *x)
{
	NZ_BUFFER(body);
	struct nz_refusal *r = &x->refusal;
	const int http = nz_api_error_info(r->code)->http;

	nz_exchange_log_refusal(x);
	if (nz_api_error_body(r->code, r->retry_after_s, &body) != NZ_OK)
		nz_buffer_reset(&body);
	nz_exchange_header(x, NZ_HEADER_INCIDENT, r->incident);
	nz_exchange_answer(x, http, nz_buffer_bytes(&body));
}

void nz_exchange_begin_blocks(struct nz_exchange *x)
{
	if (x->req == NULL)
		return;
	common_headers(x, NZ_CONTENT_BLOCKS);
	evhttp_send_reply_start(x->req, 200, NULL);
}

enum nz_status nz_http_bare_refusal(struct nz_conn *conn, int code, struct nz_buffer *out)
{
	NZ_BUFFER(body);
	struct nz_refusal r = {0};
	char date[64] = "";

	nz_refuse(&r, code, "not a request that HTTP knows, or over its limits");
	log_refusal(conn->server, conn, &r, NULL);
	NZ_TRY(nz_api_error_body(code, 0, &body));
	evutil_date_rfc1123(date, sizeof date, NULL);
	NZ_TRY(nz_buffer_appendf(out,
	                         "HTTP/1.1 %d Refused\r\nDate: %s\r\nContent-Type: " JSON_TYPE "\r\n"
	                         "Content-Length: %zu\r\n" NZ_HEADER_INCIDENT
	                         ": %s\r\nConnection: close\r\n\r\n",
	                         nz_api_error_info(code)->http, date, body.len, r.incident));
	return nz_buffer_append(out, body.ptr, body.len);
}
