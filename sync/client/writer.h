/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of the pipeline: one thread that stages verified batches while the first half
 * receives and verifies the next ones. At most NZ_WRITER_QUEUE_BYTES of records (and at least one
 * batch) wait or are being written, so a slow disk slows the network down instead of filling
 * memory.
 *
 * The replica's handle is the writer's between start and free, but for nz_writer_hold to
 * nz_writer_release, during which it is the caller's.
 */
#ifndef NZ_CLIENT_WRITER_H
#define NZ_CLIENT_WRITER_H

#include "replica/replica.h"

#define NZ_WRITER_QUEUE_BYTES ((uint64_t)8 << 20)

/* A batch on its way: entry with a key of its own, records in one run of memory. */
struct nz_writer_batch {
	struct nz_writer_batch *next;
	struct nz_batch entry;
	struct nz_buffer key;	  /* entry.first_key's */
	struct nz_buffer arena;	  /* entry.bytes are reserved: records never move */
	struct nz_bytes *records; /* entry.count */
	size_t records_cap;
	size_t count; /* so far */
};

struct nz_writer;
enum nz_status nz_writer_start(struct nz_replica *replica, struct nz_writer **out,
			       struct nz_error *err) NZ_MUST_USE;
/* Stages what is queued, ends the thread, frees everything. Failures are lost: sync first. */
void nz_writer_free(struct nz_writer **writer);
/* An empty batch for an entry (copied), once there is room for it. The writer's first failure. */
enum nz_status nz_writer_get(struct nz_writer *writer, const struct nz_batch *entry,
			     struct nz_writer_batch **out, struct nz_error *err) NZ_MUST_USE;
/* Hands a full and verified batch over. */
void nz_writer_put(struct nz_writer *writer, struct nz_writer_batch **batch);
/* Gives up a batch that did not verify, or that was cut. NULL is fine. */
void nz_writer_drop(struct nz_writer *writer, struct nz_writer_batch **batch);
/* Waits until all that was put is staged. The writer's first failure. */
enum nz_status nz_writer_sync(struct nz_writer *writer, struct nz_error *err) NZ_MUST_USE;
/* Takes the replica's handle between two batches, and gives it back. */
void nz_writer_hold(struct nz_writer *writer);
void nz_writer_release(struct nz_writer *writer);
uint64_t nz_writer_staged(struct nz_writer *writer); /* batches */

#endif
