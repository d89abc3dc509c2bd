/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers, one file each. */
#ifndef NZ_SERVER_HANDLERS_H
#define NZ_SERVER_HANDLERS_H

#include "server/exchange.h"

void nz_handle_health(struct nz_exchange *x);
void nz_handle_open(struct nz_exchange *x);
void nz_handle_blocks(struct nz_exchange *x);
void nz_handle_proof(struct nz_exchange *x);
void nz_handle_receipt(struct nz_exchange *x);
void nz_handle_close(struct nz_exchange *x);
void nz_handle_failure(struct nz_exchange *x);

#endif
