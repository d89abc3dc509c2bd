/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>

struct nz_tls {
	SSL_CTX *ctx;
};

/* What hangs on an SSL: freed with it. */
struct attachment {
	struct nz_tls_events events;
	void *context;
	bool established, told;
};

static int attachment_index = -1;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void free_attachment(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
                            void *argp)
{
	struct attachment *a = ptr;

	(void)parent, (void)data, (void)index, (void)argl, (void)argp;
	if (a == NULL)
		return;
	if (a->events.gone != NULL)
		a->events.gone(a->context);
	free(a);
}

static void make_index(void)
{
	attachment_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_attachment);
}

static struct attachment *attached(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, attachment_index);
}

static void tell_failed(struct attachment *a, int alert, const char *reason)
{
	if (a->told || a->established)
		return;
	a->told = true;
	if (a->events.failed != NULL)
		a->events.failed(a->context, alert, reason);
}

static const char *last_reason(const char *fallback)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason != NULL ? reason : fallback;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct attachment *a = attached(ssl);

	if (a == NULL)
		return;
	if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && !a->established) {
		a->established = true;
		if (a->events.established != NULL)
			a->events.established(a->context);
	} else if ((where & SSL_CB_ALERT) != 0 && (value >> 8) == SSL3_AL_FATAL) {
		if ((where & SSL_CB_WRITE) != 0)
			tell_failed(a, value & 0xff, last_reason(SSL_alert_desc_string_long(value)));
		else
			tell_failed(a, -(value & 0xff), SSL_alert_desc_string_long(value));
	} else if ((where & SSL_CB_EXIT) != 0 && value <= 0 && ERR_peek_last_error() != 0) {
		tell_failed(a, 0, last_reason("handshake failed"));
	}
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
	const struct attachment *a = attached(ssl);

	(void)arg;
	if (a == NULL || a->events.hello == NULL || a->events.hello(a->context))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_ACCESS_DENIED;
	return SSL_CLIENT_HELLO_ERROR;
}

/* http/1.1 where it is offered; a peer that offers only others is told so (RFC 7301 section 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl, (void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* There is no passphrase, and nobody to ask. */
static int no_passphrase(char *buf, int size, int rw, void *arg)
{
	(void)buf, (void)size, (void)rw, (void)arg;
	return -1;
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}
static void free_x509(X509 **x509)
{
	X509_free(*x509);
}
static void free_pkey(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static enum nz_status use_certificates(SSL_CTX *ctx, struct nz_bytes pem, struct nz_error *err)
{
	BIO *bio NZ_CLEANUP(free_bio) = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	size_t count = 0;

	for (; bio != NULL; count++) {
		X509 *certificate NZ_CLEANUP(free_x509) =
			PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
		if (certificate == NULL)
			break;
		if ((count == 0 ? SSL_CTX_use_certificate(ctx, certificate)
		                : (int)SSL_CTX_add1_chain_cert(ctx, certificate)) != 1)
			return nz_fail(err, NZ_MALFORMED, "TLS certificate: %s",
			               last_reason("refused"));
	}
	ERR_clear_error(); /* the end of the text is an error to the reader */
	return count > 0 ? NZ_OK : nz_fail(err, NZ_MALFORMED, "no TLS certificate");
}

static enum nz_status use_key(SSL_CTX *ctx, struct nz_bytes pem, struct nz_error *err)
{
	BIO *bio NZ_CLEANUP(free_bio) = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key NZ_CLEANUP(free_pkey) =
		bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	if (key == NULL) {
		ERR_clear_error();
		return nz_fail(err, NZ_MALFORMED, "no TLS key");
	}
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		return nz_fail(err, NZ_MISMATCH, "the TLS key is not its certificate's");
	}
	return NZ_OK;
}

static enum nz_status set_up(SSL_CTX *ctx, struct nz_error *err)
{
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 0) != 1 || SSL_CTX_set_max_early_data(ctx, 0) != 1)
		return nz_fail(err, NZ_CRYPTO, "cannot set TLS up: %s", last_reason("refused"));
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_info_callback(ctx, on_info);
	SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return NZ_OK;
}

enum nz_status nz_tls_new(struct nz_bytes certificate_pem, struct nz_bytes key_pem,
                          struct nz_tls **out, struct nz_error *err)
{
	pthread_once(&index_once, make_index);
	if (attachment_index < 0)
		return NZ_NO_MEMORY;
	if (certificate_pem.len > INT_MAX || key_pem.len > INT_MAX)
		return NZ_LIMIT;
	struct nz_tls *tls = calloc(1, sizeof *tls);

	if (tls == NULL)
		return NZ_NO_MEMORY;
	tls->ctx = SSL_CTX_new(TLS_server_method());
	enum nz_status status = tls->ctx != NULL ? set_up(tls->ctx, err) : NZ_NO_MEMORY;

	if (status == NZ_OK)
		status = use_certificates(tls->ctx, certificate_pem, err);
	if (status == NZ_OK)
		status = use_key(tls->ctx, key_pem, err);
	if (status != NZ_OK) {
		nz_tls_free(&tls);
		return status;
	}
	*out = tls;
	return NZ_OK;
}

void nz_tls_free(struct nz_tls **tls)
{
	if (*tls == NULL)
		return;
	SSL_CTX_free((*tls)->ctx);
	free(*tls);
	*tls = NULL;
}

struct bufferevent *nz_tls_bufferevent(struct nz_tls *tls, struct event_base *base,
                                       const struct nz_tls_events *events, void *context)
{
	struct attachment *a = calloc(1, sizeof *a);
	SSL *ssl = a != NULL ? SSL_new(tls->ctx) : NULL;

	if (ssl == NULL || SSL_set_ex_data(ssl, attachment_index, a) != 1) {
		SSL_free(ssl);
		free(a);
		return NULL;
	}
	/* The SSL is the bufferevent's; events are given only once nothing can fail any more. */
	struct bufferevent *bev = bufferevent_openssl_socket_new(
		base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) /* it has freed the SSL, and the attachment with it */
		return NULL;
	a->events = *events;
	a->context = context;
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

void *nz_tls_context(struct bufferevent *bev)
{
	const SSL *ssl = bufferevent_openssl_get_ssl(bev);
	const struct attachment *a = ssl != NULL ? attached(ssl) : NULL;

	return a != NULL ? a->context : NULL;
}

enum nz_status nz_tls_export(struct bufferevent *bev, const char *label, uint8_t *out, size_t len)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl == NULL || SSL_export_keying_material(ssl, out, len, label, strlen(label),
	                                              (const unsigned char *)"", 0, 1) != 1)
		return NZ_CRYPTO;
	return NZ_OK;
}

void nz_tls_goodbye(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl == NULL || SSL_is_init_finished(ssl) != 1)
		return;
	if (SSL_shutdown(ssl) < 0)
		ERR_clear_error();
}
