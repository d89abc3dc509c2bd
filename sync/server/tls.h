/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's TLS: 1.3 with TLS_AES_256_GCM_SHA384 and nothing else, no tickets, no early data.
 * The only file of the server that sees OpenSSL.
 */
#ifndef NZ_SERVER_TLS_H
#define NZ_SERVER_TLS_H

#include <nz/bytes.h>

struct bufferevent;
struct event_base;
struct nz_tls;

/* What a connection hears of its TLS; all on the event loop. context is the connection's. */
struct nz_tls_events {
	/* The ClientHello is here. false: refuse the peer before anything is computed for it. */
	bool (*hello)(void *context);
	/* The handshake is over and good. */
	void (*established)(void *context);
	/*
	 * The handshake failed. alert: the TLS alert that was sent, minus the one that was received, or 0
	 * where there was none (what came is no TLS at all, or the peer went away). reason: OpenSSL's
	 * words, for the log.
	 */
	void (*failed)(void *context, int alert, const char *reason);
	/* The connection's memory may go: nothing refers to it any more. Always called, once. */
	void (*gone)(void *context);
};

/* From PEM texts: certificate with what it chains through, and its key. NZ_MALFORMED, NZ_MISMATCH. */
enum nz_status nz_tls_new(struct nz_bytes certificate_pem, struct nz_bytes key_pem,
                          struct nz_tls **out, struct nz_error *err) NZ_MUST_USE;
/* Connections that were made from it live on. */
void nz_tls_free(struct nz_tls **tls);

/*
 * A bufferevent for a connection yet to be accepted (its socket is set later). NULL on no memory, and
 * `gone` is then not called.
 */
struct bufferevent *nz_tls_bufferevent(struct nz_tls *tls, struct event_base *base,
                                       const struct nz_tls_events *events, void *context);
/* The context of a bufferevent made by the above; NULL for any other. */
void *nz_tls_context(struct bufferevent *bev);
/* The exporter of RFC 8446 section 7.5 with an empty context. */
enum nz_status nz_tls_export(struct bufferevent *bev, const char *label, uint8_t *out,
                             size_t len) NZ_MUST_USE;
/* Sends close_notify, where the connection is up to it. */
void nz_tls_goodbye(struct bufferevent *bev);

#endif
