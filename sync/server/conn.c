/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>

void nz_conn_learn_peer(struct nz_conn *conn)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (conn->peer_known ||
	    getpeername(bufferevent_getfd(conn->bev), (struct sockaddr *)&peer, &len) != 0 ||
	    nz_address_from_socket((struct sockaddr *)&peer, &conn->address, &conn->port) != NZ_OK)
		return;
	nz_address_text(&conn->address, conn->peer);
	conn->peer_known = true;
}

void nz_conn_log(struct nz_conn *conn, struct nz_log *log)
{
	nz_conn_learn_peer(conn);
	if (!conn->peer_known)
		return;
	nz_log_str(log, "peer", conn->peer);
	nz_log_int(log, "peer_port", conn->port);
}

void nz_conn_set_deadline(struct nz_conn *conn, int64_t seconds)
{
	const struct timeval wait = {.tv_sec = (time_t)seconds};

	conn->progress = false;
	event_add(conn->deadline, &wait);
}

void nz_conn_enter(struct nz_conn *conn, enum nz_conn_phase phase)
{
	const struct nz_settings *s = &conn->server->settings;

	conn->phase = phase;
	switch (phase) {
	case NZ_CONN_HANDSHAKE:
		nz_conn_set_deadline(conn, s->handshake_timeout_s);
		break;
	case NZ_CONN_IDLE: /* a session ends at a deadline of its own, and its connection with it */
		if (conn->sessions == NULL)
			nz_conn_set_deadline(conn, s->idle_timeout_s);
		else
			event_del(conn->deadline);
		break;
	case NZ_CONN_RECEIVING:
		nz_conn_set_deadline(conn, s->request_timeout_s);
		break;
	case NZ_CONN_ANSWERING:
		nz_conn_set_deadline(conn, s->stall_timeout_s);
		break;
	}
}

void nz_conn_close(struct nz_conn *conn)
{
	if (conn->http != NULL)
		evhttp_connection_free(conn->http);
	else /* libevent's part of it is out of reach: it hears of the end and frees it */
		shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
}

void nz_conn_answering(struct nz_conn *conn)
{
	nz_conn_learn_peer(conn);
	nz_conn_enter(conn, NZ_CONN_ANSWERING);
}

void nz_conn_answered(struct nz_conn *conn)
{
	nz_conn_enter(conn, NZ_CONN_IDLE);
	if (evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0)
		nz_conn_enter(conn, NZ_CONN_RECEIVING); /* the next one came early */
}

/*
 * Who has no session may send a packet and no more. The read watermark bounds what a peer can pile up
 * while an answer goes out; it has room for a whole request, which libevent gathers in its buffer.
 */
void nz_conn_sessions_changed(struct nz_conn *conn)
{
	const size_t body = conn->sessions != NULL ? NZ_HTTP_SESSION_BODY_MAX : NZ_HTTP_BODY_MAX;

	bufferevent_setwatermark(conn->bev, EV_READ, 0, body + 2 * NZ_HTTP_HEADERS_MAX);
	if (conn->http != NULL)
		evhttp_connection_set_max_body_size(conn->http, (ev_ssize_t)body);
	if (conn->phase == NZ_CONN_IDLE)
		nz_conn_enter(conn, NZ_CONN_IDLE);
}
