/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTPS connection to a platform: TLS 1.3 with TLS_AES_256_GCM_SHA384, trusting one root and
 * nothing else, no proxy, no redirect, no resumption. It is made by the first request and never
 * made again: a request that would go over another connection is not sent. Not a general client.
 * One thread at a time.
 */
#ifndef NZ_CLIENT_HTTP_H
#define NZ_CLIENT_HTTP_H

#include <nz/bytes.h>

#define NZ_HTTP_EXPORTER_BYTES 32
#define NZ_HTTP_ERROR_MAX_BYTES                                                                    \
	((size_t)64 << 10) /* of the body of an answer that is no success                          \
			    */
#define NZ_HTTP_CONNECT_TIMEOUT_S 20
#define NZ_HTTP_STALL_TIMEOUT_S 60

struct nz_http_options {
	const char *origin;	    /* "https://host:port" */
	struct nz_bytes root_pem;   /* borrowed for the connection's life */
	const char *exporter_label; /* a constant */
	unsigned connect_timeout_s; /* 0: the default above */
	unsigned stall_timeout_s;   /* without a byte; 0: the default above */
	/* Asked at least every second; true ends the transfer with NZ_CANCELLED. May be NULL. */
	bool (*stopped)(void *context);
	void *context;
};

struct nz_http_request {
	const char *method;	  /* GET, POST, DELETE */
	const char *target;	  /* sent as it is */
	const char *content_type; /* of body; NULL: no body */
	struct nz_bytes body;
	const char *headers[4]; /* "Name: value"; the first NULL ends them */
	size_t
	    answer_max_bytes; /* of a success that goes to `body`; not of one that goes to a sink */
	unsigned total_timeout_ms; /* 0: none */
	unsigned stall_timeout_s;  /* for this request; 0: the connection's */
	/*
	 * Takes the body of a success (2xx) of that content type instead of answer->body. A failure
	 * ends the transfer and the connection and comes back from nz_https_do unchanged.
	 */
	const char *sink_content_type;
	enum nz_status (*sink)(void *context, struct nz_bytes bytes, struct nz_error *err);
	void *sink_context;
};

struct nz_http_answer {
	int status; /* 200 … */
	struct nz_buffer body;
	char incident[40]; /* the header's value where it looks like one, else "" */
	bool rekey_required;
	int64_t date; /* UNIX seconds of the Date header; 0: none */
	bool sunk;    /* the body went to the sink */
};
void nz_https_answer_clear(struct nz_http_answer *answer);
#define NZ_HTTP_ANSWER(name) struct nz_http_answer name NZ_CLEANUP(nz_https_answer_clear) = {0}

struct nz_https;
/* Connects to nothing yet. options' strings are copied but for root_pem. */
enum nz_status nz_https_new(const struct nz_http_options *options, struct nz_https **out,
			    struct nz_error *err) NZ_MUST_USE;
/* Closes the connection at once. */
void nz_https_free(struct nz_https **http);
/*
 * Sends a request and takes the whole answer, whatever its status. NZ_REFUSED with code 2001 (TLS
 * version, suite, or no TLS at all) or 1001 (a certificate not to be trusted); NZ_NETWORK (not
 * reached, cut, stalled, and with code 1007 where the connection is gone); NZ_LIMIT for an answer
 * over its size; NZ_MALFORMED for what is no HTTP; NZ_CANCELLED.
 */
enum nz_status nz_https_do(struct nz_https *http, const struct nz_http_request *request,
			   struct nz_http_answer *answer, struct nz_error *err) NZ_MUST_USE;
/* The exporter of the connection, once an answer has come. NULL before. */
const uint8_t *nz_https_exporter(const struct nz_https *http);
uint64_t nz_https_received(const struct nz_https *http); /* body bytes, all answers */

#endif
