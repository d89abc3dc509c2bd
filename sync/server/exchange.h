/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers. An exchange is one request from its arrival to the end of its answer; a route
 * says who handles it. A handler runs on the event loop and must not wait: it answers at once or has
 * a job run on a worker and answers after. Every error is the API's three-member object with an
 * incident id in NZ-Incident and one line in the log that says why; the peer is never told.
 */
#ifndef NZ_SERVER_EXCHANGE_H
#define NZ_SERVER_EXCHANGE_H

#include "proto/request.h"
#include "server/conn.h"
#include "server/refusal.h"

struct evhttp_request;
struct nz_exchange;
struct nz_session;

enum nz_method { NZ_METHOD_GET, NZ_METHOD_POST, NZ_METHOD_DELETE };
struct nz_route {
	enum nz_method method;
	const char *path; /* "{id}" stands for a session id */
	size_t body_max;
	bool in_session; /* MAC, timestamp and nonce are checked before the handler runs */
	void (*handle)(struct nz_exchange *x);
};
struct nz_exchange {
	struct nz_job job;
	struct nz_server *server;
	struct nz_conn *conn;       /* NULL once the peer is gone */
	struct evhttp_request *req; /* NULL once the peer is gone */
	const struct nz_route *route;
	struct nz_session *session; /* of an in_session route: valid until the handler returns */
	char session_id[NZ_SESSION_ID_CHARS + 1];
	char *query; /* "" for none */
	char mac[NZ_REQUEST_MAC_CHARS + 1];
	struct nz_buffer body;
	struct nz_address address; /* of the peer */
	struct nz_refusal refusal;
	/* The handler's own; dropped (with its memory) when the exchange ends. */
	void *own;
	void (*drop)(void *own);
	/* Told when the peer goes away while the answer is made. May be NULL. */
	void (*orphaned)(struct nz_exchange *x);
};

/* Runs run on a worker, then done on the loop; done ends the exchange or goes on. */
void nz_exchange_run(struct nz_exchange *x, struct nz_workers *workers,
                     void (*run)(struct nz_job *job, struct nz_worker *worker),
                     void (*done)(struct nz_job *job));
static inline struct nz_exchange *nz_exchange_of(struct nz_job *job)
{
	return (struct nz_exchange *)(void *)job; /* its first member */
}

/* Each of these ends the exchange: x is freed. They do nothing else where the peer is gone. */
void nz_exchange_answer(struct nz_exchange *x, int http, struct nz_bytes json);
/* With x->refusal, whose code must be set. */
void nz_exchange_refuse(struct nz_exchange *x);
/* Logs x->refusal under an incident, for an answer that was already begun; x goes on. */
void nz_exchange_log_refusal(struct nz_exchange *x);
/* Without another word, where the answer was already begun or nobody is there. */
void nz_exchange_end(struct nz_exchange *x);

/* A header of the answer. */
void nz_exchange_header(struct nz_exchange *x, const char *name, const char *value);
/* NULL when absent. */
const char *nz_exchange_request_header(struct nz_exchange *x, const char *name);
/* An answer of blocks begins; its pieces follow (delivery.c). */
void nz_exchange_begin_blocks(struct nz_exchange *x);

/* The connection is going away: the request is let go of. */
void nz_exchange_orphan(struct nz_exchange *x);
/* A whole answer in bytes, for a request that libevent refused by itself; logged. */
enum nz_status nz_http_bare_refusal(struct nz_conn *conn, int code,
                                    struct nz_buffer *out) NZ_MUST_USE;

#endif
