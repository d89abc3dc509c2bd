/* SPDX-License-Identifier: Apache-2.0 */
/* Requests inside a session: whose, unchanged, in time, and for the first time. */
#ifndef NZ_SERVER_REQUEST_AUTH_H
#define NZ_SERVER_REQUEST_AUTH_H

#include "server/exchange.h"

/*
 * Finds the session of x->session_id on x's own connection (else 1007) and checks the request's MAC
 * over method and target as sent (1009), then its timestamp (1006), then its nonce (1005), which is
 * recorded. On true x->session and x->mac are set; on false x->refusal is.
 */
bool nz_request_authenticate(struct nz_exchange *x, const char *method, const char *target);

#endif
