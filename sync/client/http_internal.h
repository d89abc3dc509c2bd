/* SPDX-License-Identifier: Apache-2.0 */
/* The connection's state, shared by http.c and http_explain.c. Private to them. */
#ifndef NZ_CLIENT_HTTP_INTERNAL_H
#define NZ_CLIENT_HTTP_INTERNAL_H

#include <nz/clock.h>

#include "client/http.h"
#include "client/tls_exporter.h"

struct nz_https {
	void *curl; /* the easy handle */
	char *origin;
	const char *exporter_label;
	unsigned stall_timeout_s;
	bool (*stopped)(void *context);
	void *context;

	bool has_exporter;
	uint8_t exporter[NZ_HTTP_EXPORTER_BYTES];
	int local_port;
	uint64_t received;

	/* The transfer at hand. */
	const struct nz_http_request *request;
	struct nz_http_answer *answer;
	bool sink_type;
	int64_t last_ms; /* when something last arrived or left */
	int64_t uploaded;
	enum nz_status failed; /* by a callback, with error */
	struct nz_error error;
	struct nz_tls_alert alert;
	char curl_error[256]; /* CURL_ERROR_SIZE */
};

/* A failed transfer (a CURLcode) as a status and a message for the operator. */
enum nz_status nz_https_explain(const struct nz_https *h, int result, struct nz_error *err);

#endif
