/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, tied down. The exporter is read in the header callback, the one place where the TLS
 * object is sure to be there; each later answer is checked to come over the same connection, and
 * each later request is held back where libcurl would make a new one.
 */
#include "client/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include <curl/curl.h>

#include "client/http_internal.h"

/* Takes one TLS record and more at a time; libcurl's default is 16 KiB. */
#define RECEIVE_BYTES ((long)128 << 10)

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void init_global(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void nz_https_answer_clear(struct nz_http_answer *answer)
{
	nz_buffer_clear(&answer->body);
}

void nz_https_free(struct nz_https **http)
{
	struct nz_https *h = *http;

	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	free(h->origin);
	nz_wipe(h->exporter, sizeof h->exporter);
	free(h);
	*http = NULL;
}

/* ---- callbacks of a transfer ---- */

/* Remembers a failure of ours, which the transfer's own failure would hide. */
static void keep(struct nz_https *h, enum nz_status status)
{
	if (h->failed == NZ_OK)
		h->failed = status;
}

static CURLcode on_ssl_ctx(CURL *curl, void *ssl_ctx, void *context)
{
	struct nz_https *h = context;

	(void)curl;
	return nz_client_tls_watch_alerts(ssl_ctx, &h->alert) == NZ_OK ? CURLE_OK
								       : CURLE_FAILED_INIT;
}

static int on_before_request(void *context, char *peer, char *local, int peer_port, int local_port)
{
	struct nz_https *h = context;

	(void)peer;
	(void)local;
	(void)peer_port;
	if (h->has_exporter && local_port != h->local_port) {
		keep(h, nz_fail_code(&h->error, NZ_NETWORK, 1007, "the connection was closed"));
		return CURL_PREREQFUNC_ABORT;
	}
	h->local_port = local_port;
	return CURL_PREREQFUNC_OK;
}

/* The exporter of the connection that answers must be the one of the first answer. */
static bool check_connection(struct nz_https *h)
{
	struct curl_tlssessioninfo *tls = NULL;
	uint8_t exporter[NZ_HTTP_EXPORTER_BYTES];

	if (curl_easy_getinfo(h->curl, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || tls == NULL ||
	    tls->backend != CURLSSLBACKEND_OPENSSL || tls->internals == NULL ||
	    nz_client_tls_export(tls->internals, h->exporter_label, exporter, sizeof exporter) !=
		NZ_OK) {
		keep(h, nz_fail(&h->error, NZ_CRYPTO, "the TLS connection gives no exporter"));
		return false;
	}
	const bool same = !h->has_exporter || nz_equal_ct(exporter, h->exporter, sizeof exporter);
	memcpy(h->exporter, exporter, sizeof exporter);
	nz_wipe(exporter, sizeof exporter);
	h->has_exporter = true;
	if (!same)
		keep(h, nz_fail_code(&h->error, NZ_NETWORK, 1007, "the connection was closed"));
	return same;
}

static struct nz_bytes trimmed(struct nz_bytes text)
{
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
		text.ptr++;
		text.len--;
	}
	while (text.len > 0 && text.ptr[text.len - 1] <= ' ')
		text.len--;
	return text;
}

static bool is_header(struct nz_bytes line, const char *name, struct nz_bytes *value)
{
	const size_t len = strlen(name);

	if (line.len <= len || line.ptr[len] != ':' ||
	    strncasecmp((const char *)line.ptr, name, len) != 0)
		return false;
	*value = trimmed(nz_bytes_of(line.ptr + len + 1, line.len - len - 1));
	return true;
}

/* Only what an incident id is made of: it goes into messages. */
static void take_incident(struct nz_http_answer *answer, struct nz_bytes value)
{
	if (value.len >= sizeof answer->incident)
		return;
	for (size_t i = 0; i < value.len; i++) {
		const uint8_t c = value.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != '-' && c != '_' && c != '.')
			return;
	}
	memcpy(answer->incident, value.ptr, value.len);
	answer->incident[value.len] = '\0';
}

static void take_date(struct nz_http_answer *answer, struct nz_bytes value)
{
	char text[64];

	if (value.len >= sizeof text)
		return;
	memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	const time_t date = curl_getdate(text, NULL);
	if (date > 0)
		answer->date = date;
}

static size_t on_header(char *text, size_t size, size_t count, void *context)
{
	struct nz_https *h = context;
	const struct nz_bytes line = nz_bytes_of(text, size * count);
	struct nz_bytes value;

	h->last_ms = nz_clock_monotonic_ms();
	if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0) {
		/* A 100 before the answer starts it anew; so do no headers of it count. */
		if (!check_connection(h))
			return 0;
		h->answer->incident[0] = '\0';
		h->answer->rekey_required = false;
		h->sink_type = false;
	} else if (is_header(line, "NZ-Incident", &value)) {
		take_incident(h->answer, value);
	} else if (is_header(line, "NZ-Rekey-Required", &value)) {
		h->answer->rekey_required = nz_bytes_equal(value, nz_bytes_str("1"));
	} else if (is_header(line, "Date", &value)) {
		take_date(h->answer, value);
	} else if (is_header(line, "Content-Type", &value)) {
		h->sink_type = h->request->sink_content_type != NULL &&
			       nz_bytes_equal(value, nz_bytes_str(h->request->sink_content_type));
	}
	return line.len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct nz_https *h = context;
	const struct nz_bytes piece = nz_bytes_of(bytes, size * count);
	struct nz_http_answer *answer = h->answer;
	enum nz_status status;
	long code = 0;

	h->received += piece.len;
	if (answer->status == 0 &&
	    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK)
		answer->status = (int)code;
	const bool success = answer->status >= 200 && answer->status < 300;
	if (success && h->request->sink != NULL) {
		if (!h->sink_type) {
			keep(h, nz_fail(&h->error, NZ_MALFORMED,
					"the platform's answer is not of the type asked for"));
			return 0;
		}
		answer->sunk = true;
		status = h->request->sink(h->request->sink_context, piece, &h->error);
	} else {
		answer->body.max = success ? h->request->answer_max_bytes : NZ_HTTP_ERROR_MAX_BYTES;
		status = nz_buffer_append(&answer->body, piece.ptr, piece.len);
		if (status != NZ_OK)
			nz_fail(&h->error, status, "the platform's answer is over %zu bytes",
				answer->body.max);
	}
	h->last_ms = nz_clock_monotonic_ms(); /* what the sink took is not the network's fault */
	if (status != NZ_OK) {
		keep(h, status);
		return 0;
	}
	return piece.len;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
		       curl_off_t up)
{
	struct nz_https *h = context;

	(void)down_total;
	(void)down;
	(void)up_total;
	if (h->stopped != NULL && h->stopped(h->context)) {
		keep(h, nz_fail(&h->error, NZ_CANCELLED, "stopped"));
		return 1;
	}
	const int64_t now = nz_clock_monotonic_ms();
	if (up != h->uploaded) {
		h->uploaded = up;
		h->last_ms = now;
	}
	const unsigned stall_s =
	    h->request->stall_timeout_s != 0 ? h->request->stall_timeout_s : h->stall_timeout_s;
	if (now - h->last_ms > (int64_t)stall_s * 1000) {
		keep(h, nz_fail(&h->error, NZ_NETWORK, "%s: nothing was received for %u s",
				h->origin, stall_s));
		return 1;
	}
	return 0;
}

/* ---- a connection ---- */

/* What holds for every request of the connection. */
static bool set_up(struct nz_https *h, const struct nz_http_options *options)
{
	CURL *c = h->curl;
	struct curl_blob root = {(void *)(uintptr_t)options->root_pem.ptr, options->root_pem.len,
				 CURL_BLOB_NOCOPY};
	const unsigned connect_s = options->connect_timeout_s != 0 ? options->connect_timeout_s
								   : NZ_HTTP_CONNECT_TIMEOUT_S;
	CURLcode r[] = {
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https"),
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L),
	    curl_easy_setopt(c, CURLOPT_PROXY, ""),
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L),
	    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1),
	    curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 1L),
	    curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, 100000L),
	    curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L),
	    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L),
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)connect_s),
	    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, RECEIVE_BYTES),
	    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L),
	    /* TLS: one version, one suite, one root. */
	    curl_easy_setopt(c, CURLOPT_SSLVERSION,
			     (long)CURL_SSLVERSION_TLSv1_3 | (long)CURL_SSLVERSION_MAX_TLSv1_3),
	    curl_easy_setopt(c, CURLOPT_TLS13_CIPHERS, "TLS_AES_256_GCM_SHA384"),
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L),
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L),
	    curl_easy_setopt(c, CURLOPT_CAINFO, NULL),
	    curl_easy_setopt(c, CURLOPT_CAPATH, NULL),
	    curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &root),
	    curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L),
	    curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx),
	    curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h),
	    /* Callbacks. */
	    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_before_request),
	    curl_easy_setopt(c, CURLOPT_PREREQDATA, h),
	    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header),
	    curl_easy_setopt(c, CURLOPT_HEADERDATA, h),
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body),
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, h),
	    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress),
	    curl_easy_setopt(c, CURLOPT_XFERINFODATA, h),
	    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L),
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->curl_error),
	};

	for (size_t i = 0; i < sizeof r / sizeof r[0]; i++)
		if (r[i] != CURLE_OK)
			return false;
	return true;
}

enum nz_status nz_https_new(const struct nz_http_options *options, struct nz_https **out,
			    struct nz_error *err)
{
	struct nz_https *h NZ_CLEANUP(nz_https_free) = NULL;

	pthread_once(&global_once, init_global);
	if (global_result != CURLE_OK)
		return nz_fail(err, NZ_CRYPTO, "libcurl does not start: %s",
			       curl_easy_strerror(global_result));
	h = calloc(1, sizeof *h);
	if (h == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a connection");
	h->curl = curl_easy_init();
	h->origin = strdup(options->origin);
	if (h->curl == NULL || h->origin == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a connection");
	h->exporter_label = options->exporter_label;
	h->stall_timeout_s =
	    options->stall_timeout_s != 0 ? options->stall_timeout_s : NZ_HTTP_STALL_TIMEOUT_S;
	h->stopped = options->stopped;
	h->context = options->context;
	if (!set_up(h, options))
		return nz_fail(err, NZ_UNSUPPORTED, "this libcurl cannot do what nz needs of TLS");
	*out = h;
	h = NULL;
	return NZ_OK;
}

static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
	*list = NULL;
}

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

static bool make_headers(const struct nz_http_request *request, struct curl_slist **list)
{
	NZ_BUFFER(type);
	bool made = add_header(list, "Expect:") && add_header(list, "Accept:");

	if (request->content_type != NULL)
		made =
		    made &&
		    nz_buffer_appendf(&type, "Content-Type: %s", request->content_type) == NZ_OK &&
		    nz_buffer_cstr(&type) != NULL && add_header(list, (const char *)type.ptr);
	for (size_t i = 0; i < sizeof request->headers / sizeof request->headers[0]; i++) {
		if (request->headers[i] == NULL)
			break;
		made = made && add_header(list, request->headers[i]);
	}
	return made;
}

static bool set_request(struct nz_https *h, const struct nz_http_request *request,
			struct curl_slist *headers)
{
	CURL *c = h->curl;
	NZ_BUFFER(url);

	if (nz_buffer_appendf(&url, "%s%s", h->origin, request->target) != NZ_OK ||
	    nz_buffer_cstr(&url) == NULL)
		return false;
	/* One after the other: each of the first three changes the method. */
	CURLcode r = curl_easy_setopt(c, CURLOPT_POSTFIELDS, NULL);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	if (r == CURLE_OK && request->content_type != NULL) {
		r = curl_easy_setopt(c, CURLOPT_POST, 1L);
		if (r == CURLE_OK)
			r = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
					     (curl_off_t)request->body.len);
		if (r == CURLE_OK)
			r = curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->body.ptr);
	}
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request->method);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_URL, url.ptr);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms);
	return r == CURLE_OK;
}

enum nz_status nz_https_do(struct nz_https *h, const struct nz_http_request *request,
			   struct nz_http_answer *answer, struct nz_error *err)
{
	struct curl_slist *headers NZ_CLEANUP(free_list) = NULL;
	long code = 0;

	if (!make_headers(request, &headers) || !set_request(h, request, headers))
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a request");
	nz_https_answer_clear(answer);
	*answer = (struct nz_http_answer){0};
	h->request = request;
	h->answer = answer;
	h->failed = NZ_OK;
	h->error = (struct nz_error){0};
	h->curl_error[0] = '\0';
	h->alert = (struct nz_tls_alert){0};
	h->uploaded = 0;
	h->last_ms = nz_clock_monotonic_ms();

	const CURLcode result = curl_easy_perform(h->curl);
	h->request = NULL;
	h->answer = NULL;
	(void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	if (h->failed != NZ_OK) {
		if (err != NULL)
			*err = h->error;
		return h->failed;
	}
	if (result != CURLE_OK)
		return nz_https_explain(h, (int)result, err);
	if (curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &code) != CURLE_OK || code == 0)
		return nz_fail(err, NZ_MALFORMED, "%s does not speak HTTP", h->origin);
	answer->status = (int)code;
	return NZ_OK;
}

const uint8_t *nz_https_exporter(const struct nz_https *http)
{
	return http->has_exporter ? http->exporter : NULL;
}

uint64_t nz_https_received(const struct nz_https *http)
{
	return http->received;
}
