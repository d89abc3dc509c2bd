/* SPDX-License-Identifier: Apache-2.0 */
/* The work file: client state, the new manifest, staged batches. */
#ifndef NZ_REPLICA_SQLITE_WORK_H
#define NZ_REPLICA_SQLITE_WORK_H

#include "replica/sqlite/handle.h"

/* Opens the work file, makes it anew when it is missing or of no use. */
enum nz_status nz_sqr_work(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Opens it to look into; NZ_NOT_FOUND when there is none that can be read. */
enum nz_status nz_sqr_work_peek(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_work_close(struct nz_sqr *r);
enum nz_status nz_sqr_state_put(struct nz_sqr *r, const char *name, struct nz_bytes value,
                                struct nz_error *err) NZ_MUST_USE;
/* Replaces out's content; empty when there is no such state. */
enum nz_status nz_sqr_state_get(struct nz_sqr *r, const char *name, struct nz_buffer *out,
                                struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_state_remove(struct nz_sqr *r, const char *name,
                                   struct nz_error *err) NZ_MUST_USE;
/* Forgets manifest, staged batches and operations, and gives the room back. */
enum nz_status nz_sqr_work_reset(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_note_error(struct nz_replica *replica, int64_t at, const char *message,
                                 struct nz_error *err);
enum nz_status nz_sqr_last_error(struct nz_replica *replica, int64_t *at,
                                 struct nz_buffer *message, struct nz_error *err);

#endif
