/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: its peer, its deadlines, what is in flight on it, the sessions that live on it.
 *
 * libevent's time-outs count inactivity, so a peer that sends a byte now and then would keep a
 * connection for ever. Deadlines are therefore the connection's own: one for the handshake, one for a
 * request to arrive whole, one for idling without a session, and one for taking something of an
 * answer. Whoever misses one is cut off.
 */
#ifndef NZ_SERVER_CONN_H
#define NZ_SERVER_CONN_H

#include "server/address.h"
#include "server/internal.h"

struct bufferevent;
struct event;
struct evhttp_connection;
struct nz_exchange;

#define NZ_HTTP_HEADERS_MAX ((size_t)16 << 10)
#define NZ_HTTP_BODY_MAX ((size_t)64 << 10)        /* without a session */
#define NZ_HTTP_SESSION_BODY_MAX ((size_t)4 << 20) /* with one: 100,000 batches by position */

enum nz_conn_phase {
	NZ_CONN_HANDSHAKE,
	NZ_CONN_IDLE,      /* between requests */
	NZ_CONN_RECEIVING, /* a request has begun to arrive */
	NZ_CONN_ANSWERING, /* it is here, and its answer is not yet gone */
};

struct nz_conn {
	struct nz_server *server;
	struct nz_conn *next, **link;
	struct bufferevent *bev;
	struct evhttp_connection *http; /* known from the first request on */
	struct event *deadline;
	struct event *foreign_answer; /* libevent has written an answer of its own */
	enum nz_conn_phase phase;
	bool refused; /* over the limit of connections: it ends at once */
	bool progress; /* the peer took something since the deadline was set */
	struct nz_exchange *exchange; /* being answered, or NULL */
	const char *exchange_session; /* the id of the session that it is in, "" for none */
	struct nz_session *sessions;  /* oldest first */
	size_t session_count;
	bool peer_known;
	struct nz_address address;
	unsigned port;
	char peer[NZ_ADDRESS_TEXT_BYTES];
};

/* Goes over to a phase and its deadline. */
void nz_conn_enter(struct nz_conn *conn, enum nz_conn_phase phase);
void nz_conn_set_deadline(struct nz_conn *conn, int64_t seconds);
/* Looks up the peer's address, unless it is known. */
void nz_conn_learn_peer(struct nz_conn *conn);
/* A request is here whole (its answer now begins), and its answer has gone out. */
void nz_conn_answering(struct nz_conn *conn);
void nz_conn_answered(struct nz_conn *conn);
/* A session was opened on it, or ended: other limits hold. */
void nz_conn_sessions_changed(struct nz_conn *conn);
/* Cuts it off. conn may be freed by this. Not from inside one of its own libevent callbacks. */
void nz_conn_close(struct nz_conn *conn);
/* "peer" and "peer_port" of a log line. */
void nz_conn_log(struct nz_conn *conn, struct nz_log *log);

#endif
