/* SPDX-License-Identifier: Apache-2.0 */
/* A staged batch in the work file, written and read in pieces. */
#ifndef NZ_REPLICA_SQLITE_STAGED_H
#define NZ_REPLICA_SQLITE_STAGED_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_staged_put(struct nz_sqr *r, const struct nz_batch *batch,
                                 const struct nz_bytes *records, size_t count, int64_t *id,
                                 struct nz_error *err) NZ_MUST_USE;
struct nz_sqr_staged {
	sqlite3 *work;
	sqlite3_blob *blob;
	int size, offset;        /* of the blob; what was read so far */
	struct nz_buffer window; /* what was read ahead */
	size_t used;             /* of the window */
};
enum nz_status nz_sqr_staged_open(struct nz_sqr_staged *s, struct nz_sqr *r, int64_t id,
                                  struct nz_error *err) NZ_MUST_USE;
/* NZ_END after the last; record is borrowed until the next call. */
enum nz_status nz_sqr_staged_next(struct nz_sqr_staged *s, size_t record_max_bytes,
                                  struct nz_bytes *record, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_staged_clear(struct nz_sqr_staged *s);

#endif
