/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items on their way through a temporary file: written once, read in order, as often as wanted.
 * For what may be too much for memory. The file has no name and goes with the spool.
 */
#ifndef NZ_CLIENT_SPOOL_H
#define NZ_CLIENT_SPOOL_H

#include <nz/bytes.h>

struct nz_spool;
enum nz_status nz_spool_new(struct nz_spool **out, struct nz_error *err) NZ_MUST_USE;
void nz_spool_free(struct nz_spool **spool);
/* head is of head_len bytes, the same for all items of a spool. */
enum nz_status nz_spool_add(struct nz_spool *spool, const void *head, size_t head_len,
			    struct nz_bytes bytes, struct nz_error *err) NZ_MUST_USE;
/* To the first item; adds nothing more from here on. */
enum nz_status nz_spool_rewind(struct nz_spool *spool, struct nz_error *err) NZ_MUST_USE;
/* The next item, its bytes in place of buffer's. NZ_END. */
enum nz_status nz_spool_next(struct nz_spool *spool, void *head, size_t head_len,
			     struct nz_buffer *buffer, struct nz_error *err) NZ_MUST_USE;
uint64_t nz_spool_count(const struct nz_spool *spool);

#endif
