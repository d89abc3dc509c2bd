/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections from their first byte to their last: what libevent tells of them.
 *
 * libevent answers some bad requests by itself, with pages of HTML. Those are replaced by the API's
 * own form before they are written.
 */
#ifndef NZ_SERVER_ACCEPT_H
#define NZ_SERVER_ACCEPT_H

struct bufferevent;
struct event_base;
struct evhttp_request;
struct nz_conn;

/* For evhttp_set_bevcb; arg is the server. */
struct bufferevent *nz_conn_accept(struct event_base *base, void *arg);
/* The connection of a request that has just arrived; NULL where it is no TLS. */
struct nz_conn *nz_conn_of(struct evhttp_request *req);

#endif
