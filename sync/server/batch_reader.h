/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads batches from the source and compares each with the index, so that nothing is sent but what
 * the published root covers.
 *
 * The source is read under snapshots that are as short as they can be. A scan stays open from one
 * batch to the next, because starting one may cost a sort of the whole table; so a snapshot may last
 * a quarter of a second, or twenty times what it took to start the scan, whichever is more. Whoever
 * drives the reader calls nz_batch_reader_rest when that time is over and nobody wants a batch.
 */
#ifndef NZ_SERVER_BATCH_READER_H
#define NZ_SERVER_BATCH_READER_H

#include "server/index.h"
#include "source/source.h"

/* The records of one batch, in order. Zero-initialised it is empty. */
struct nz_batch_data {
	struct nz_buffer bytes;
	size_t *ends; /* of each record in bytes */
	size_t count, capacity;
};
void nz_batch_data_clear(struct nz_batch_data *data);
static inline struct nz_bytes nz_batch_record(const struct nz_batch_data *data, size_t i)
{
	const size_t from = i > 0 ? data->ends[i - 1] : 0;

	return nz_bytes_of(data->bytes.ptr + from, data->ends[i] - from);
}

struct nz_batch_reader {
	const struct nz_index *index;
	struct nz_source *source; /* owned */
	bool in_snapshot;
	bool held;             /* the snapshot is the one that the index was made from, for */
	int64_t held_until_ms; /* a while: then the source is read as any other */
	struct nz_scan *scan; /* NULL: none is open */
	size_t next;          /* position whose records the scan gives next */
	int64_t rest_ms;      /* when the snapshot should end, nz_clock_monotonic_ms */
};
/* Opens the source. Nothing is locked yet. */
enum nz_status nz_batch_reader_open(struct nz_batch_reader *reader, const struct nz_index *index,
                                    struct nz_error *err) NZ_MUST_USE;
/* Takes over a source inside a snapshot. */
void nz_batch_reader_take(struct nz_batch_reader *reader, const struct nz_index *index,
                          struct nz_source *held, int64_t held_until_ms);
/* Gives that source back, still inside its snapshot; NULL where there is none (any more). */
struct nz_source *nz_batch_reader_give_back(struct nz_batch_reader *reader);
void nz_batch_reader_clear(struct nz_batch_reader *reader);
/*
 * Reads the batch at a position below the index's count into data (emptied first). NZ_MISMATCH: the
 * source has moved, its root is another; NZ_BUSY: locked for too long; else the source's fault.
 */
enum nz_status nz_batch_reader_read(struct nz_batch_reader *reader, struct nz_worker *worker,
                                    size_t position, struct nz_batch_data *data,
                                    struct nz_error *err) NZ_MUST_USE;
/* Ends scan and snapshot (not a held one). */
void nz_batch_reader_rest(struct nz_batch_reader *reader);

#endif
