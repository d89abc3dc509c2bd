/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a failed transfer means. The line that matters runs between "try again" (NZ_NETWORK) and
 * "do not" (NZ_REFUSED): a peer that cannot do the one TLS version and suite, that does not speak
 * TLS, or whose certificate is not of the root given, will not be better in a second.
 */
#include "client/http_internal.h"

#include <curl/curl.h>

_Static_assert(sizeof(((struct nz_https *)0)->curl_error) >= CURL_ERROR_SIZE,
	       "libcurl's message fits");

static const char *detail(const struct nz_https *h, CURLcode result)
{
	return h->curl_error[0] != '\0' ? h->curl_error : curl_easy_strerror(result);
}

static bool is_version_or_suite(int alert)
{
	return alert == NZ_TLS_ALERT_HANDSHAKE_FAILURE || alert == NZ_TLS_ALERT_PROTOCOL_VERSION ||
	       alert == NZ_TLS_ALERT_INSUFFICIENT_SECURITY;
}

/*
 * The peer broke the protocol, offered what we do not take, or speaks something else: there is an
 * alert of ours, or OpenSSL's own error (library 0A) without any. A peer that just went away is
 * told by the same library.
 */
static bool breaks_protocol(const struct nz_https *h)
{
	return h->alert.sent != 0 ||
	       (h->alert.received == 0 && strstr(h->curl_error, "error:0A") != NULL &&
		strstr(h->curl_error, "unexpected eof") == NULL);
}

static enum nz_status explain_tls(const struct nz_https *h, CURLcode result, struct nz_error *err)
{
	if (is_version_or_suite(h->alert.received))
		return nz_fail_code(
		    err, NZ_REFUSED, 2001,
		    "%s refuses TLS 1.3 with TLS_AES_256_GCM_SHA384 (alert %d), and nz "
		    "speaks nothing else",
		    h->origin, h->alert.received);
	if (breaks_protocol(h))
		return nz_fail_code(err, NZ_REFUSED, 2001,
				    "%s does not speak TLS 1.3 with TLS_AES_256_GCM_SHA384: %s",
				    h->origin, detail(h, result));
	return nz_fail(err, NZ_NETWORK, "%s: the TLS handshake failed: %s", h->origin,
		       detail(h, result));
}

enum nz_status nz_https_explain(const struct nz_https *h, int result, struct nz_error *err)
{
	const char *why = detail(h, (CURLcode)result);

	switch ((CURLcode)result) {
	case CURLE_SSL_CONNECT_ERROR:
		return explain_tls(h, (CURLcode)result, err);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return nz_fail_code(
		    err, NZ_REFUSED, 1001,
		    "the certificate of %s is not to be trusted by the root given: %s", h->origin,
		    why);
	case CURLE_SSL_CACERT_BADFILE:
		return nz_fail_code(err, NZ_MALFORMED, 1010,
				    "the root certificate cannot be read: %s", why);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP2:
	case CURLE_BAD_CONTENT_ENCODING:
		return nz_fail_code(err, NZ_NETWORK, 0, "%s does not speak HTTP: %s", h->origin,
				    why);
	case CURLE_OUT_OF_MEMORY:
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a transfer");
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return nz_fail(err, NZ_NETWORK, "cannot reach %s: %s", h->origin, why);
	case CURLE_OPERATION_TIMEDOUT:
		return nz_fail(err, NZ_NETWORK, "%s: %s", h->origin, why);
	default: /* cut, reset, closed */
		return nz_fail(err, NZ_NETWORK, "the connection to %s broke: %s", h->origin, why);
	}
}
