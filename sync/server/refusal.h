/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request is not served: what the peer gets, what the log gets. */
#ifndef NZ_SERVER_REFUSAL_H
#define NZ_SERVER_REFUSAL_H

#include "proto/error.h"
#include "proto/handshake.h"

#define NZ_INCIDENT_CHARS 32

/* Why a request is not served: a code for the peer, the rest for the log. */
struct nz_refusal {
	int code; /* enum nz_api_error; 0: none */
	unsigned retry_after_s;
	char node_id[NZ_NODE_ID_MAX_BYTES + 1]; /* claimed or known */
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
	char session[NZ_SESSION_ID_CHARS + 1];
	char incident[NZ_INCIDENT_CHARS + 1]; /* "": a new one */
	struct nz_error why;
};
/* Sets code and reason. */
void nz_refuse(struct nz_refusal *refusal, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A fault of ours or of the source, by its status: 3001, 3003 (from a source) or 3999. */
void nz_refuse_fault(struct nz_refusal *refusal, enum nz_status status, const struct nz_error *err,
                     bool source);
/* 128 random bits in hex. */
enum nz_status nz_incident_make(const struct nz_crypto *crypto,
                                char out[NZ_INCIDENT_CHARS + 1]) NZ_MUST_USE;

#endif
