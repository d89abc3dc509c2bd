/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the client needs of TLS beyond what the HTTP library offers: the exporter that binds a
 * session to its connection (RFC 8446 section 7.5), and the alert that ended a handshake.
 */
#ifndef NZ_CLIENT_TLS_EXPORTER_H
#define NZ_CLIENT_TLS_EXPORTER_H

#include <nz/status.h>

#include <stddef.h>
#include <stdint.h>

/* The last fatal alert of a connection, by RFC 8446 section 6; 0: none. */
struct nz_tls_alert {
	int received;
	int sent;
};
#define NZ_TLS_ALERT_HANDSHAKE_FAILURE 40
#define NZ_TLS_ALERT_PROTOCOL_VERSION 70
#define NZ_TLS_ALERT_INSUFFICIENT_SECURITY 71

/* Has the alerts of all connections made from ssl_ctx (an SSL_CTX) written to *alert. */
enum nz_status nz_client_tls_watch_alerts(void *ssl_ctx, struct nz_tls_alert *alert) NZ_MUST_USE;
/* len bytes for label, without context. ssl: an SSL after its handshake. NZ_CRYPTO. */
enum nz_status nz_client_tls_export(void *ssl, const char *label, uint8_t *out,
				    size_t len) NZ_MUST_USE;

#endif
