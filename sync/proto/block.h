/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of sealed blocks: type (1 byte), length (4 bytes, big endian), plaintext and tag. Each
 * block is sealed under the session's next number, with its header as associated data. A session
 * numbers its blocks from 0 through all its streams; numbers are taken before sealing and are never
 * reused. Anything that does not open, or is out of the grammar, fails the whole stream.
 *
 *   stream = H body Z          N between any two blocks
 *   body   = S M+              to {"manifest":true}
 *          | (B (R|D)* E)*     to {"batches":[…]}
 *          | L*                to a proof request for a batch's leaves
 *          | (P R)*            to a proof request for records
 *
 * A batch may also hold D blocks when the asker named a base for it; the reader here belongs to a
 * client that never does, so D is out of its grammar. JSON blocks hold objects in canonical form,
 * and the reader refuses any other spelling: what was sealed has one reading.
 */
#ifndef NZ_PROTO_BLOCK_H
#define NZ_PROTO_BLOCK_H

#include <nz/crypto.h>
#include <nz/json.h>

#define NZ_BLOCK_HEADER_BYTES 5
#define NZ_BLOCK_OVERHEAD_BYTES (NZ_BLOCK_HEADER_BYTES + NZ_AEAD_TAG_BYTES)
/* The default limit of the length field. */
#define NZ_BLOCK_MAX_BYTES (((size_t)64 << 20) + NZ_AEAD_TAG_BYTES)
/* Of H, M, B, E, N, P, Z; S has NZ_SCHEMA_MAX_BYTES. */
#define NZ_BLOCK_JSON_MAX_BYTES ((size_t)4 << 20)

enum nz_block_type {
	NZ_BLOCK_HELLO = 'H',
	NZ_BLOCK_SCHEMA = 'S',
	NZ_BLOCK_MANIFEST = 'M',
	NZ_BLOCK_BATCH = 'B',
	NZ_BLOCK_RECORD = 'R',
	NZ_BLOCK_REMOVED = 'D',
	NZ_BLOCK_BATCH_END = 'E',
	NZ_BLOCK_NOTICE = 'N',
	NZ_BLOCK_LEAVES = 'L',
	NZ_BLOCK_PROOF = 'P',
	NZ_BLOCK_END = 'Z',
};
enum nz_stream_kind { NZ_STREAM_MANIFEST, NZ_STREAM_BATCHES, NZ_STREAM_LEAVES, NZ_STREAM_RECORDS };

/* The session's cipher and counter: one on each side. One thread at a time. */
struct nz_block_cipher;
enum nz_status nz_block_cipher_new(const struct nz_crypto *crypto, const struct nz_secret *key,
                                   const uint8_t start_nonce[NZ_AEAD_NONCE_BYTES],
                                   struct nz_block_cipher **out) NZ_MUST_USE;
void nz_block_cipher_free(struct nz_block_cipher **cipher);
uint64_t nz_block_cipher_number(const struct nz_block_cipher *cipher); /* of the next block */

/* ---- sealing ---- */
/*
 * Appends blocks to out. Records are laid out first (nz_block_put) and sealed together, many at
 * once, by nz_block_flush: until then out's tail is plaintext and must not be sent. A full run of
 * 256 flushes itself. Between flushes out may be emptied. After any failure the stream and its
 * session are at an end, and out's tail is of no use.
 */
struct nz_block_writer {
	struct nz_block_cipher *cipher;
	struct nz_buffer *out;
	size_t pending_from; /* offset in out of the first unsealed block */
	size_t pending;      /* blocks */
	uint64_t blocks;     /* of this stream, sealed or pending */
};
void nz_block_writer_init(struct nz_block_writer *w, struct nz_block_cipher *cipher,
                          struct nz_buffer *out);
/* NZ_LIMIT near 2 GiB, or past out->max. */
enum nz_status nz_block_put(struct nz_block_writer *w, enum nz_block_type type,
                            struct nz_bytes plaintext) NZ_MUST_USE;
/* The canonical form of a JSON object as a block. NZ_LIMIT over the limits above. */
enum nz_status nz_block_put_json(struct nz_block_writer *w, enum nz_block_type type,
                                 const struct nz_json *object) NZ_MUST_USE;
enum nz_status nz_block_flush(struct nz_block_writer *w) NZ_MUST_USE;
/* H {block, mac}: first of a stream. Z {blocks}: last. Both flush. */
enum nz_status nz_block_put_hello(struct nz_block_writer *w, const char *mac) NZ_MUST_USE;
enum nz_status nz_block_put_end(struct nz_block_writer *w) NZ_MUST_USE;

/* ---- opening ---- */
/*
 * A stream being read. Bytes go in as they arrive; opened blocks come out by callback, records in
 * runs of up to 256. The grammar is checked here: H first with this request's MAC and the right
 * number, blocks in their order, Z last with the count of this stream's blocks before it. H and Z
 * are not handed on. Memory: block_max_bytes and 1 MiB, and what a JSON block takes when parsed.
 */
struct nz_block_events {
	void *context;
	/* S, M, B, E, N, P: a parsed JSON object, borrowed for the call. */
	enum nz_status (*object)(void *context, enum nz_block_type type,
	                         const struct nz_json *object, struct nz_error *err);
	/*
	 * R or L: plaintexts of consecutive blocks of that type, borrowed for the call, each opened
	 * and authentic. A run may end anywhere, so one batch comes in several.
	 */
	enum nz_status (*records)(void *context, enum nz_block_type type,
	                          const struct nz_bytes *plaintexts, size_t count,
	                          struct nz_error *err);
};
struct nz_block_reader;
/* block_max_bytes: of the length field, with the tag. events is copied; cipher is the caller's. */
enum nz_status nz_block_reader_new(struct nz_block_cipher *cipher, enum nz_stream_kind kind,
                                   const char *mac, size_t block_max_bytes,
                                   const struct nz_block_events *events,
                                   struct nz_block_reader **out) NZ_MUST_USE;
void nz_block_reader_free(struct nz_block_reader **reader);
/*
 * NZ_UNVERIFIED: a block does not open. NZ_MALFORMED: out of the grammar or order. NZ_LIMIT: a
 * length over the limit (nothing was allocated for it). An event's failure comes back unchanged.
 * After any failure the reader takes no more.
 */
enum nz_status nz_block_reader_feed(struct nz_block_reader *reader, struct nz_bytes bytes,
                                    struct nz_error *err) NZ_MUST_USE;
/* The transfer ended: NZ_OK after Z; NZ_NETWORK when it was cut before. */
enum nz_status nz_block_reader_finish(struct nz_block_reader *reader,
                                      struct nz_error *err) NZ_MUST_USE;
bool nz_block_reader_done(const struct nz_block_reader *reader); /* Z was read */

#endif
