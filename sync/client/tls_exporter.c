/* SPDX-License-Identifier: Apache-2.0 */
#include "client/tls_exporter.h"

#include <string.h>

#include <openssl/ssl.h>

static int alert_index(void)
{
	static int index = -1; /* set once, by the thread that makes the first context */

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct nz_tls_alert *alert = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), alert_index());

	if ((where & SSL_CB_ALERT) == 0 || alert == NULL || value >> 8 != SSL3_AL_FATAL)
		return;
	if ((where & SSL_CB_READ) != 0)
		alert->received = value & 0xff;
	else
		alert->sent = value & 0xff;
}

enum nz_status nz_client_tls_watch_alerts(void *ssl_ctx, struct nz_tls_alert *alert)
{
	if (alert_index() < 0 || SSL_CTX_set_ex_data(ssl_ctx, alert_index(), alert) != 1)
		return NZ_CRYPTO;
	SSL_CTX_set_info_callback(ssl_ctx, on_info);
	return NZ_OK;
}

enum nz_status nz_client_tls_export(void *ssl, const char *label, uint8_t *out, size_t len)
{
	if (SSL_export_keying_material(ssl, out, len, label, strlen(label), NULL, 0, 0) != 1)
		return NZ_CRYPTO;
	return NZ_OK;
}
