/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>

#include "server/accept.h"
#include "server/request_auth.h"
#include "server/routes.h"

/* True where path fits the pattern; *id then is the session id in it, or empty. */
static bool fits(const char *pattern, const char *path, char id[NZ_SESSION_ID_CHARS + 1])
{
	const char *hole = strstr(pattern, "{id}");

	id[0] = '\0';
	if (hole == NULL)
		return strcmp(pattern, path) == 0;
	const size_t before = (size_t)(hole - pattern);

	if (strncmp(pattern, path, before) != 0 ||
	    strspn(path + before, "0123456789abcdef") != NZ_SESSION_ID_CHARS ||
	    strcmp(hole + 4, path + before + NZ_SESSION_ID_CHARS) != 0)
		return false;
	memcpy(id, path + before, NZ_SESSION_ID_CHARS);
	id[NZ_SESSION_ID_CHARS] = '\0';
	return true;
}

static const char *method_name(const struct nz_route *route)
{
	static const char *const names[] = {"GET", "POST", "DELETE"};

	return names[route->method];
}

/* The route, or NULL; *allowed then is the method that the path would have taken, or NULL. */
static const struct nz_route *find_route(struct nz_exchange *x, const char *path,
                                         const char **allowed)
{
	const enum evhttp_cmd_type command = evhttp_request_get_command(x->req);

	*allowed = NULL;
	for (size_t i = 0; i < nz_route_count; i++) {
		static const enum evhttp_cmd_type commands[] = {
			[NZ_METHOD_GET] = EVHTTP_REQ_GET,
			[NZ_METHOD_POST] = EVHTTP_REQ_POST,
			[NZ_METHOD_DELETE] = EVHTTP_REQ_DELETE,
		};
		if (!fits(nz_routes[i].path, path, x->session_id))
			continue;
		*allowed = method_name(&nz_routes[i]);
		if (commands[nz_routes[i].method] == command)
			return &nz_routes[i];
	}
	x->session_id[0] = '\0';
	return NULL;
}

/* 404 and 405 have the three members too; 1010 is their code: a client that asks so must change. */
static void no_route(struct nz_exchange *x, const char *allowed)
{
	NZ_BUFFER(body);
	struct nz_refusal *r = &x->refusal;

	nz_refuse(r, NZ_API_MALFORMED, allowed != NULL ? "method not allowed" : "no such path");
	if (allowed != NULL)
		nz_exchange_header(x, "Allow", allowed);
	nz_exchange_log_refusal(x);
	if (nz_api_error_body(r->code, 0, &body) != NZ_OK)
		nz_buffer_reset(&body);
	nz_exchange_header(x, NZ_HEADER_INCIDENT, r->incident);
	nz_exchange_answer(x, allowed != NULL ? 405 : 404, nz_buffer_bytes(&body));
}

/* Takes what the handler needs out of libevent's request. */
static enum nz_status take_request(struct nz_exchange *x)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(x->req);
	const char *query = evhttp_uri_get_query(uri);
	struct evbuffer *input = evhttp_request_get_input_buffer(x->req);
	const size_t len = evbuffer_get_length(input);

	x->query = strdup(query != NULL ? query : "");
	if (x->query == NULL)
		return NZ_NO_MEMORY;
	if (len > x->route->body_max)
		return NZ_LIMIT;
	NZ_TRY(nz_buffer_reserve(&x->body, len));
	if (len > 0 && evbuffer_remove(input, x->body.ptr, len) != (int)len)
		return NZ_NO_MEMORY;
	x->body.len = len;
	return NZ_OK;
}

static void on_complete(struct evhttp_request *req, void *arg)
{
	(void)req;
	nz_conn_answered(arg);
}

static void serve(struct nz_exchange *x)
{
	const char *allowed;
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(x->req));

	x->route = find_route(x, path != NULL ? path : "", &allowed);
	if (x->route == NULL) {
		no_route(x, allowed);
		return;
	}
	switch (take_request(x)) {
	case NZ_OK:
		break;
	case NZ_LIMIT:
		nz_refuse(&x->refusal, NZ_API_OVER_LIMIT, "body over %zu bytes",
		          x->route->body_max);
		nz_exchange_refuse(x);
		return;
	default:
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "no memory");
		nz_exchange_refuse(x);
		return;
	}
	if (x->route->in_session &&
	    !nz_request_authenticate(x, method_name(x->route), evhttp_request_get_uri(x->req))) {
		nz_exchange_refuse(x);
		return;
	}
	x->route->handle(x);
}

void nz_http_dispatch(struct evhttp_request *req, void *arg)
{
	struct nz_server *server = arg;
	struct nz_conn *conn = nz_conn_of(req);

	if (conn == NULL) { /* no TLS: memory ran out when it was accepted */
		evhttp_connection_free(evhttp_request_get_connection(req));
		return;
	}
	struct nz_exchange *x = calloc(1, sizeof *x);

	if (x == NULL) {
		nz_conn_close(conn);
		return;
	}
	x->server = server;
	x->conn = conn;
	x->req = req;
	conn->exchange = x;
	conn->exchange_session = x->session_id;
	nz_conn_answering(conn);
	x->address = conn->address;
	evhttp_request_set_on_complete_cb(req, on_complete, conn);
	if (!conn->peer_known) {
		nz_refuse(&x->refusal, NZ_API_INTERNAL, "the peer's address is not known");
		nz_exchange_refuse(x);
		return;
	}
	serve(x);
}
