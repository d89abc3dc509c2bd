/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a stream of blocks.
 *
 * What arrives is copied once, behind the unfinished block that the buffer may hold, and the whole
 * blocks in it are opened where they lie, up to a run at once. Only then is what was before the
 * unfinished block given up. So a small block costs one copy, and a block that spans many pieces is
 * gathered without being moved. The buffer grows by what has arrived, never by what a length
 * claims, to at most the block limit and a step.
 *
 * A block is opened first and judged by the grammar second: what the peer sees of the difference
 * between a forged block and one out of place is nothing.
 */
#include "proto/block_grammar.h"
#include "proto/block_internal.h"

#include <stdlib.h>

#define STEP_BYTES ((size_t)256 << 10)
#define FIRST_CAPACITY ((size_t)64 << 10)
#define JSON_DEPTH 64
#define JSON_MEMBERS 10000
#define INTEGER_MAX (((int64_t)1 << 53) - 1)

struct nz_block_reader {
	struct nz_block_cipher *cipher;
	struct nz_block_events events;
	enum nz_stream_kind kind;
	char *mac;
	size_t block_max;

	uint8_t *buf; /* cap bytes: [0, len) has arrived and is not done with */
	size_t len, cap;

	enum block_place place;
	bool schema;
	uint64_t blocks;         /* judged so far */
	enum nz_status failed;   /* the first failure, or NZ_OK */
	struct nz_buffer scratch; /* a canonical form, to compare with */
};

/* Blocks that lie in the buffer, whole, in their order. */
struct run {
	struct nz_aead_item items[BLOCK_RUN_MAX];
	size_t count;
};

enum nz_status nz_block_reader_new(struct nz_block_cipher *cipher, enum nz_stream_kind kind,
                                   const char *mac, size_t block_max_bytes,
                                   const struct nz_block_events *events,
                                   struct nz_block_reader **out)
{
	struct nz_block_reader *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NZ_NO_MEMORY;
	r->cipher = cipher;
	r->events = *events;
	r->kind = kind;
	r->block_max = block_max_bytes > NZ_AEAD_TAG_BYTES ? block_max_bytes : NZ_AEAD_TAG_BYTES;
	r->mac = strdup(mac);
	if (r->mac == NULL) {
		free(r);
		return NZ_NO_MEMORY;
	}
	*out = r;
	return NZ_OK;
}

void nz_block_reader_free(struct nz_block_reader **reader)
{
	struct nz_block_reader *r = *reader;

	if (r == NULL)
		return;
	if (r->buf != NULL)
		nz_wipe(r->buf, r->cap);
	free(r->buf);
	free(r->mac);
	nz_buffer_clear(&r->scratch);
	free(r);
	*reader = NULL;
}

bool nz_block_reader_done(const struct nz_block_reader *reader)
{
	return reader->place == BLOCK_AT_END && reader->failed == NZ_OK;
}

/* ---- the meaning of opened blocks ---- */

/* Parses a JSON block; it must be an object in canonical form, which has one spelling only. */
static enum nz_status parse_object(struct nz_block_reader *r, uint8_t type, struct nz_bytes text,
                                   struct nz_json_doc **doc, struct nz_error *err)
{
	const struct nz_json_limits limits = {text.len + 1, JSON_DEPTH, JSON_MEMBERS};
	enum nz_status status = nz_json_parse(text, &limits, doc, err);

	if (status != NZ_OK)
		return nz_error_prefix(err, status == NZ_LIMIT ? NZ_MALFORMED : status, "block %c",
		                       type);
	if (!nz_json_is(nz_json_root(*doc), NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "block %c: not an object", type);
	nz_buffer_reset(&r->scratch);
	NZ_TRY(nz_json_canonical(nz_json_root(*doc), &r->scratch));
	if (!nz_bytes_equal(nz_buffer_bytes(&r->scratch), text))
		return nz_fail(err, NZ_MALFORMED, "block %c: not in canonical form", type);
	return NZ_OK;
}

static enum nz_status check_hello(const struct nz_block_reader *r, const struct nz_json *object,
                                  uint64_t number, struct nz_error *err)
{
	static const char *const members[] = {"block", "mac", NULL};
	struct nz_bytes mac;
	int64_t block;

	NZ_TRY(nz_json_only_members(object, members, err));
	NZ_TRY(nz_json_get_int(object, "block", 0, INTEGER_MAX, &block, err));
	NZ_TRY(nz_json_get_string(object, "mac", &mac, err));
	if ((uint64_t)block != number)
		return nz_fail(err, NZ_MALFORMED, "block H: stands at %lld, not at %llu",
		               (long long)block, (unsigned long long)number);
	if (mac.len != strlen(r->mac) || !nz_equal_ct(mac.ptr, r->mac, mac.len))
		return nz_fail(err, NZ_MALFORMED, "block H: answers another request");
	return NZ_OK;
}

static enum nz_status check_end(const struct nz_block_reader *r, const struct nz_json *object,
                                struct nz_error *err)
{
	static const char *const members[] = {"blocks", NULL};
	int64_t blocks;

	NZ_TRY(nz_json_only_members(object, members, err));
	NZ_TRY(nz_json_get_int(object, "blocks", 0, INTEGER_MAX, &blocks, err));
	if ((uint64_t)blocks != r->blocks)
		return nz_fail(err, NZ_MALFORMED, "block Z: counts %lld blocks, not %llu",
		               (long long)blocks, (unsigned long long)r->blocks);
	return NZ_OK;
}

/* A block that holds an object. number: its own. */
static enum nz_status take_object(struct nz_block_reader *r, uint8_t type, struct nz_bytes text,
                                  uint64_t number, struct nz_error *err)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(parse_object(r, type, text, &doc, err));
	const struct nz_json *object = nz_json_root(doc);
	switch (type) {
	case NZ_BLOCK_HELLO:
		return check_hello(r, object, number, err);
	case NZ_BLOCK_END:
		return check_end(r, object, err);
	default:
		return r->events.object(r->events.context, (enum nz_block_type)type, object, err);
	}
}

static bool holds_bytes(uint8_t type)
{
	return type == NZ_BLOCK_RECORD || type == NZ_BLOCK_LEAVES;
}

static enum nz_status step(struct nz_block_reader *r, uint8_t type, struct nz_error *err)
{
	if (block_grammar_step(r->kind, type, &r->place, &r->schema) == NZ_OK)
		return NZ_OK;
	return nz_fail(err, NZ_MALFORMED, "a block of type 0x%02x is out of place", type);
}

/* Judges and delivers an opened run, which starts at block `number` of the session. */
static enum nz_status deliver(struct nz_block_reader *r, const struct run *run, uint64_t number,
                              struct nz_error *err)
{
	struct nz_bytes plaintexts[BLOCK_RUN_MAX];

	for (size_t i = 0; i < run->count;) {
		const uint8_t type = run->items[i].aad[0];
		size_t n = 0;

		while (holds_bytes(type) && i + n < run->count &&
		       run->items[i + n].aad[0] == type) {
			NZ_TRY(step(r, type, err));
			plaintexts[n] = nz_bytes_of(run->items[i + n].data, run->items[i + n].len);
			n++;
		}
		if (n > 0) {
			NZ_TRY(r->events.records(r->events.context, (enum nz_block_type)type,
			                         plaintexts, n, err));
		} else {
			NZ_TRY(step(r, type, err));
			NZ_TRY(take_object(r, type,
			                   nz_bytes_of(run->items[i].data, run->items[i].len),
			                   number + i, err));
			n = 1;
		}
		r->blocks += n;
		i += n;
	}
	return NZ_OK;
}

static enum nz_status open_run(struct nz_block_reader *r, struct run *run, struct nz_error *err)
{
	const uint64_t number = r->cipher->number;
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];

	if (run->count == 0)
		return NZ_OK;
	block_take_numbers(r->cipher, run->count, nonce);
	const enum nz_status status =
		r->cipher->crypto->open_many(r->cipher->aead, nonce, run->items, run->count);
	if (status == NZ_NO_MEMORY)
		return nz_fail(err, status, "no memory to open a block");
	if (status != NZ_OK)
		return nz_fail(err, NZ_UNVERIFIED, "a block of %llu to %llu does not open",
		               (unsigned long long)number,
		               (unsigned long long)(number + run->count - 1));
	NZ_TRY(deliver(r, run, number, err));
	run->count = 0;
	return NZ_OK;
}

/* ---- bytes into blocks ---- */

/*
 * The block at `at` of which `have` bytes are there. NZ_END: not whole yet. The length is judged as
 * soon as it is there, before anything is stored for it.
 */
static enum nz_status find_block(const struct nz_block_reader *r, uint8_t *at, size_t have,
                                 struct nz_aead_item *item, struct nz_error *err)
{
	if (have < NZ_BLOCK_HEADER_BYTES)
		return NZ_END;
	const size_t len =
		(size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | (size_t)at[4];
	if (len < NZ_AEAD_TAG_BYTES)
		return nz_fail(err, NZ_MALFORMED, "a block of %zu bytes has no tag", len);
	if (len - NZ_AEAD_TAG_BYTES > block_plaintext_max(at[0], r->block_max))
		return nz_fail(err, NZ_LIMIT, "a block of %zu bytes is over the limit", len);
	if (have - NZ_BLOCK_HEADER_BYTES < len)
		return NZ_END;
	*item = (struct nz_aead_item){at, NZ_BLOCK_HEADER_BYTES, at + NZ_BLOCK_HEADER_BYTES,
	                              len - NZ_AEAD_TAG_BYTES};
	return NZ_OK;
}

/* Opens every whole block of the buffer and moves the unfinished one, if any, to its front. */
static enum nz_status consume(struct nz_block_reader *r, struct nz_error *err)
{
	struct run run = {.count = 0};
	enum nz_status status;
	size_t from = 0;

	for (;;) {
		struct nz_aead_item *item = &run.items[run.count];

		status = find_block(r, r->buf + from, r->len - from, item, err);
		if (status != NZ_OK)
			break;
		from += item->len + NZ_BLOCK_OVERHEAD_BYTES;
		if (++run.count == BLOCK_RUN_MAX)
			NZ_TRY(open_run(r, &run, err));
	}
	/* What came before a refused length is still good, and any failure in it comes first. */
	NZ_TRY(open_run(r, &run, err));
	if (r->place == BLOCK_AT_END && from < r->len)
		return nz_fail(err, NZ_MALFORMED, "bytes after the end of the stream");
	if (status != NZ_END)
		return status;
	if (from > 0)
		memmove(r->buf, r->buf + from, r->len - from);
	r->len -= from;
	return NZ_OK;
}

/* Room for `more` bytes: doubling, up to the block limit and a step. */
static enum nz_status make_room(struct nz_block_reader *r, size_t more)
{
	const size_t most = r->block_max + NZ_BLOCK_HEADER_BYTES + STEP_BYTES;
	const size_t need = r->len + more; /* at most `most`: a buffered block is unfinished */
	size_t cap = r->cap > 0 ? r->cap : FIRST_CAPACITY;

	if (need <= r->cap)
		return NZ_OK;
	while (cap < need)
		cap *= 2;
	if (cap > most)
		cap = most;
	uint8_t *buf = realloc(r->buf, cap);
	if (buf == NULL)
		return NZ_NO_MEMORY;
	r->buf = buf;
	r->cap = cap;
	return NZ_OK;
}

static enum nz_status feed(struct nz_block_reader *r, struct nz_bytes bytes, struct nz_error *err)
{
	while (bytes.len > 0) {
		const size_t take = bytes.len < STEP_BYTES ? bytes.len : STEP_BYTES;

		if (make_room(r, take) != NZ_OK)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a block");
		memcpy(r->buf + r->len, bytes.ptr, take);
		r->len += take;
		bytes.ptr += take;
		bytes.len -= take;
		NZ_TRY(consume(r, err));
	}
	return NZ_OK;
}

enum nz_status nz_block_reader_feed(struct nz_block_reader *reader, struct nz_bytes bytes,
                                    struct nz_error *err)
{
	if (reader->failed != NZ_OK)
		return nz_fail(err, reader->failed, "the stream has failed before");
	if (bytes.len > 0 && reader->place == BLOCK_AT_END)
		reader->failed = nz_fail(err, NZ_MALFORMED, "bytes after the end of the stream");
	else
		reader->failed = feed(reader, bytes, err);
	return reader->failed;
}

enum nz_status nz_block_reader_finish(struct nz_block_reader *reader, struct nz_error *err)
{
	if (reader->failed != NZ_OK)
		return nz_fail(err, reader->failed, "the stream has failed before");
	if (reader->place != BLOCK_AT_END)
		reader->failed = nz_fail(err, NZ_NETWORK, "the stream was cut after %llu blocks",
		                         (unsigned long long)reader->blocks);
	return reader->failed;
}
