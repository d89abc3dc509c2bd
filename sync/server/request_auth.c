/* SPDX-License-Identifier: Apache-2.0 */
#include "server/request_auth.h"

#define NONCE_MAX_CHARS 64
#define TIMESTAMP_MAX_CHARS 15

static const char printable[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-.:~";

static bool is_nonce(const char *text)
{
	const size_t len = text != NULL ? strlen(text) : 0;

	return len >= 1 && len <= NONCE_MAX_CHARS && strspn(text, printable) == len;
}

/* Decimal digits without a leading zero. */
static bool parse_timestamp(const char *text, int64_t *out)
{
	const size_t len = text != NULL ? strlen(text) : 0;
	int64_t n = 0;

	if (len < 1 || len > TIMESTAMP_MAX_CHARS || strspn(text, "0123456789") != len ||
	    text[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (text[i] - '0');
	*out = n;
	return true;
}

static bool refuse(struct nz_exchange *x, int code, const char *why)
{
	nz_refuse(&x->refusal, code, "%s", why);
	return false;
}

static bool check_mac(struct nz_exchange *x, const char *method, const char *target,
                      const char *timestamp, const char *nonce)
{
	const char *mac = nz_exchange_request_header(x, NZ_HEADER_MAC);

	if (mac == NULL || strlen(mac) != NZ_REQUEST_MAC_CHARS ||
	    nz_request_mac_check(x->server->crypto, &x->session->authentication, x->session_id,
	                         method, target, timestamp, nonce, nz_buffer_bytes(&x->body),
	                         mac) != NZ_OK)
		return refuse(x, NZ_API_REQUEST_MAC, "the request's MAC does not verify");
	memcpy(x->mac, mac, sizeof x->mac);
	return true;
}

static bool check_nonce(struct nz_exchange *x, const char *nonce)
{
	switch (nz_nonces_add(&x->session->nonces, x->server->crypto, nz_bytes_str(nonce))) {
	case NZ_OK:
		return true;
	case NZ_REPLAYED:
		return refuse(x, NZ_API_REPLAYED, "nonce seen before in this session");
	case NZ_LIMIT:
		return refuse(x, NZ_API_SESSION, "the session has used up its requests");
	default:
		return refuse(x, NZ_API_INTERNAL, "no memory");
	}
}

bool nz_request_authenticate(struct nz_exchange *x, const char *method, const char *target)
{
	const char *timestamp = nz_exchange_request_header(x, NZ_HEADER_TIMESTAMP);
	const char *nonce = nz_exchange_request_header(x, NZ_HEADER_NONCE);
	const int64_t now = nz_clock_unix();
	int64_t at;

	x->session = nz_session_find(x->conn, x->session_id);
	if (x->session == NULL)
		return refuse(x, NZ_API_SESSION, "no such session on this connection");
	memcpy(x->refusal.node_id, x->session->facts.node_id, sizeof x->refusal.node_id);
	memcpy(x->refusal.dataset, x->session->facts.dataset, sizeof x->refusal.dataset);
	if (!parse_timestamp(timestamp, &at) || !is_nonce(nonce))
		return refuse(x, NZ_API_REQUEST_MAC, "timestamp or nonce is missing or malformed");
	if (!check_mac(x, method, target, timestamp, nonce))
		return false;
	if (at < now - NZ_REQUEST_WINDOW_S || at > now + NZ_REQUEST_WINDOW_S)
		return refuse(x, NZ_API_CLOCK, "timestamp outside the window");
	return check_nonce(x, nonce);
}
