/* SPDX-License-Identifier: Apache-2.0 */
/* A replica made anew beside the old one. */
#ifndef NZ_REPLICA_SQLITE_FRESH_H
#define NZ_REPLICA_SQLITE_FRESH_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_fresh_begin(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_fresh_close(struct nz_sqr *r);
void nz_sqr_fresh_remove(struct nz_sqr *r);
/* Puts a batch's rows, one by one as `next` gives them. All or nothing. */
typedef enum nz_status (*nz_sqr_next_record)(void *context, struct nz_bytes *record,
                                             struct nz_error *err);
enum nz_status nz_sqr_fresh_put(struct nz_sqr *r, const struct nz_batch *batch,
                                nz_sqr_next_record next, void *context,
                                struct nz_error *err) NZ_MUST_USE;
/* Rows done: indexes, sequences, checkpoint. Afterwards it is a replica like any other. */
enum nz_status nz_sqr_fresh_finish(struct nz_sqr *r, const char *certificate, int64_t now,
                                   struct nz_error *err) NZ_MUST_USE;

#endif
