/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of blocks being made: a state machine that gives some hundred KiB of sealed bytes at each
 * step, so that it never runs ahead of the peer. Steps run on workers, one at a time.
 *
 * A batch is read and compared with its root before its first block is laid out. It is sealed in
 * pieces, because the notice that the keys are about to die must go in between, not behind what was
 * sealed minutes before.
 */
#ifndef NZ_SERVER_STREAM_H
#define NZ_SERVER_STREAM_H

#include "proto/block.h"
#include "proto/request.h"
#include "server/batch_reader.h"

#define NZ_STREAM_STEP_BYTES ((size_t)256 << 10) /* about so much a step; a record is never cut */

struct nz_stream {
	enum nz_stream_kind kind;
	struct nz_index *index; /* its own reference */
	struct nz_blocks_request blocks; /* of a batches stream */
	struct nz_proof_request proof;   /* of a leaves or records stream */
	char mac[NZ_REQUEST_MAC_CHARS + 1];
	int64_t rekey_ms;
	struct nz_block_writer writer;
	struct nz_batch_reader reader;
	struct nz_batch_data batch; /* what is being sent */
	size_t next;                /* manifest: entry; batches: index of a position; proofs: record */
	size_t next_record;         /* of the batch that is being sent */
	bool in_batch, hello_said, rekey_said;
	/* The reader is opened at the first step, unless it was given a held source before. */
	/* Results. */
	bool ended; /* Z is in what was made last */
	bool moved;
	uint64_t records, bytes;
};
/* Takes over the request that fits kind and keeps the index. cipher: the session's. */
void nz_stream_init(struct nz_stream *stream, enum nz_stream_kind kind, struct nz_index *index,
                    struct nz_block_cipher *cipher, const char *mac, int64_t rekey_ms);
void nz_stream_clear(struct nz_stream *stream);
/*
 * Appends the next blocks to out (at least one). On failure out must not be sent, and as block numbers
 * may have been used up the session is of no more use.
 */
enum nz_status nz_stream_step(struct nz_stream *stream, struct nz_worker *worker,
                              struct nz_buffer *out, struct nz_error *err) NZ_MUST_USE;

#endif
