/* SPDX-License-Identifier: Apache-2.0 */
/* Block streams: what goes in comes out, however it is cut; everything else fails the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/block.h"

#define MAC "bWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWE="
#define LIMIT NZ_BLOCK_MAX_BYTES

static const struct nz_secret key = {{1, 2, 3}};
static const uint8_t start_nonce[NZ_AEAD_NONCE_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xf0};

/* What a reader gave, as one line: "B{…} R5 R5 E{…}"; records as their lengths. */
struct seen {
	struct nz_buffer text;
	size_t records, runs;
	enum nz_status answer; /* of the events */
};

static enum nz_status on_object(void *context, enum nz_block_type type,
                                const struct nz_json *object, struct nz_error *err)
{
	struct seen *seen = context;

	assert_int_equal(nz_buffer_appendf(&seen->text, "%c", (int)type), NZ_OK);
	assert_int_equal(nz_json_canonical(object, &seen->text), NZ_OK);
	return seen->answer == NZ_OK ? NZ_OK : nz_fail(err, seen->answer, "as asked for");
}

static enum nz_status on_records(void *context, enum nz_block_type type,
                                 const struct nz_bytes *plaintexts, size_t count,
                                 struct nz_error *err)
{
	struct seen *seen = context;

	assert_true(count > 0 && count <= 256);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(nz_buffer_appendf(&seen->text, "%c[%.*s]", (int)type,
		                                   (int)plaintexts[i].len,
		                                   (const char *)plaintexts[i].ptr),
		                 NZ_OK);
	seen->records += count;
	seen->runs++;
	return seen->answer == NZ_OK ? NZ_OK : nz_fail(err, seen->answer, "as asked for");
}

static struct nz_block_cipher *new_cipher(void)
{
	struct nz_block_cipher *cipher = NULL;

	assert_int_equal(nz_block_cipher_new(nz_crypto_default(), &key, start_nonce, &cipher),
	                 NZ_OK);
	return cipher;
}

/* A stream in letters: an R holds "r" and its index; objects hold {"n": index}. */
struct sealed {
	struct nz_buffer bytes;
	size_t ends[64]; /* of each block */
	size_t count;
};

static void put_object(struct nz_block_writer *w, enum nz_block_type type, int64_t n)
{
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	struct nz_json *object = nz_json_make_object(doc);
	nz_json_set_int(doc, object, "n", n);
	assert_int_equal(nz_block_put_json(w, type, object), NZ_OK);
}

static void seal_with(struct nz_block_cipher *cipher, const char *letters, struct sealed *out)
{
	struct nz_block_writer w;

	nz_block_writer_init(&w, cipher, &out->bytes);
	for (const char *c = letters; *c != '\0'; c++) {
		char text[32];

		(void)snprintf(text, sizeof text, "%c%zu", *c + 32, out->count);
		if (*c == 'H')
			assert_int_equal(nz_block_put_hello(&w, MAC), NZ_OK);
		else if (*c == 'Z')
			assert_int_equal(nz_block_put_end(&w), NZ_OK);
		else if (*c == 'R' || *c == 'L' || *c == 'D')
			assert_int_equal(nz_block_put(&w, (enum nz_block_type)*c,
			                              nz_bytes_str(text)),
			                 NZ_OK);
		else
			put_object(&w, (enum nz_block_type)*c, (int64_t)out->count);
		assert_true(out->count < sizeof out->ends / sizeof out->ends[0]);
		out->ends[out->count++] = out->bytes.len;
	}
	assert_int_equal(nz_block_flush(&w), NZ_OK);
}

static void seal(const char *letters, struct sealed *out)
{
	struct nz_block_cipher *cipher = new_cipher();

	seal_with(cipher, letters, out);
	nz_block_cipher_free(&cipher);
}

/* Reads bytes in pieces of `piece`, to the end; gives the first failure, or finish's. */
static enum nz_status read_with(struct nz_block_cipher *cipher, enum nz_stream_kind kind,
                                struct nz_bytes bytes, size_t piece, size_t limit,
                                struct seen *seen, struct nz_error *err)
{
	const struct nz_block_events events = {seen, on_object, on_records};
	struct nz_block_reader *reader NZ_CLEANUP(nz_block_reader_free) = NULL;
	enum nz_status status = nz_block_reader_new(cipher, kind, MAC, limit, &events, &reader);

	while (status == NZ_OK && bytes.len > 0) {
		const size_t take = bytes.len < piece ? bytes.len : piece;

		status = nz_block_reader_feed(reader, nz_bytes_of(bytes.ptr, take), err);
		bytes.ptr += take;
		bytes.len -= take;
	}
	if (status == NZ_OK)
		status = nz_block_reader_finish(reader, err);
	else
		assert_int_equal(nz_block_reader_finish(reader, NULL), status);
	assert_int_equal(nz_block_reader_done(reader), status == NZ_OK);
	return status;
}

static enum nz_status read_all(enum nz_stream_kind kind, struct nz_bytes bytes, size_t piece,
                               struct seen *seen)
{
	struct nz_block_cipher *cipher = new_cipher();
	const enum nz_status status = read_with(cipher, kind, bytes, piece, LIMIT, seen, NULL);

	nz_block_cipher_free(&cipher);
	return status;
}

static enum nz_status read_letters(enum nz_stream_kind kind, const char *letters)
{
	struct sealed sealed = {.count = 0};
	struct seen seen = {.records = 0};

	seal(letters, &sealed);
	const enum nz_status status =
		read_all(kind, nz_buffer_bytes(&sealed.bytes), SIZE_MAX, &seen);
	nz_buffer_clear(&sealed.bytes);
	nz_buffer_clear(&seen.text);
	return status;
}

static void comes_out_however_it_is_cut(void **unused)
{
	static const char expected[] =
		"B{\"n\":1}R[r2]R[r3]N{\"n\":4}R[r5]E{\"n\":6}B{\"n\":7}E{\"n\":8}";
	struct sealed sealed = {.count = 0};

	(void)unused;
	seal("HBRRNREBEZ", &sealed);
	for (size_t piece = 1; piece <= sealed.bytes.len; piece++) {
		struct seen seen = {.records = 0};

		assert_int_equal(read_all(NZ_STREAM_BATCHES, nz_buffer_bytes(&sealed.bytes), piece,
		                          &seen),
		                 NZ_OK);
		assert_string_equal(nz_buffer_cstr(&seen.text), expected);
		nz_buffer_clear(&seen.text);
	}
	nz_buffer_clear(&sealed.bytes);
}

static void header_and_number_are_bound(void **unused)
{
	struct sealed sealed = {.count = 0};

	(void)unused;
	seal("HBREZ", &sealed);
	/* Every bit of the stream. */
	for (size_t i = 0; i < 8 * sealed.bytes.len; i++) {
		struct seen seen = {.records = 0};

		sealed.bytes.ptr[i / 8] = (uint8_t)(sealed.bytes.ptr[i / 8] ^ 1U << i % 8);
		const enum nz_status status = read_all(
			NZ_STREAM_BATCHES, nz_buffer_bytes(&sealed.bytes), SIZE_MAX, &seen);
		/* A changed length may claim too little, too much, or more than will come. */
		assert_true(status == NZ_UNVERIFIED || status == NZ_MALFORMED ||
		            status == NZ_LIMIT || status == NZ_NETWORK);
		const size_t at = i / 8;
		bool in_length = false;
		for (size_t b = 0; b < sealed.count; b++) {
			const size_t start = b > 0 ? sealed.ends[b - 1] : 0;

			in_length = in_length || (at > start && at < start + 5);
		}
		if (!in_length)
			assert_int_equal(status, NZ_UNVERIFIED);
		/* What came before is good, and may have been handed on. */
		assert_true(seen.records <= (at >= sealed.ends[2] ? 1 : 0));
		nz_buffer_clear(&seen.text);
		sealed.bytes.ptr[i / 8] = (uint8_t)(sealed.bytes.ptr[i / 8] ^ 1U << i % 8);
	}
	nz_buffer_clear(&sealed.bytes);
}

/* The stream with blocks in another order: order[i] is the block that stands at i. */
static enum nz_status read_reordered(const struct sealed *sealed, const size_t *order, size_t count)
{
	struct seen seen = {.records = 0};
	NZ_BUFFER(bytes);

	for (size_t i = 0; i < count; i++) {
		const size_t start = order[i] > 0 ? sealed->ends[order[i] - 1] : 0;

		assert_int_equal(nz_buffer_append(&bytes, sealed->bytes.ptr + start,
		                                  sealed->ends[order[i]] - start),
		                 NZ_OK);
	}
	const enum nz_status status =
		read_all(NZ_STREAM_BATCHES, nz_buffer_bytes(&bytes), SIZE_MAX, &seen);
	nz_buffer_clear(&seen.text);
	return status;
}

static void dropped_repeated_moved(void **unused)
{
	static const size_t dropped[] = {0, 1, 2, 4, 5}, repeated[] = {0, 1, 2, 2, 3, 4, 5},
			    moved[] = {0, 1, 3, 2, 4, 5}, whole[] = {0, 1, 2, 3, 4, 5},
			    headless[] = {1, 2, 3, 4, 5};
	struct sealed sealed = {.count = 0};

	(void)unused;
	seal("HBRREZ", &sealed);
	assert_int_equal(read_reordered(&sealed, whole, 6), NZ_OK);
	assert_int_equal(read_reordered(&sealed, dropped, 5), NZ_UNVERIFIED);
	assert_int_equal(read_reordered(&sealed, repeated, 7), NZ_UNVERIFIED);
	assert_int_equal(read_reordered(&sealed, moved, 6), NZ_UNVERIFIED);
	assert_int_equal(read_reordered(&sealed, headless, 5), NZ_UNVERIFIED);
	nz_buffer_clear(&sealed.bytes);
}

static void cut_anywhere(void **unused)
{
	struct sealed sealed = {.count = 0};

	(void)unused;
	seal("HBREZ", &sealed);
	for (size_t len = 0; len < sealed.bytes.len; len++) {
		struct seen seen = {.records = 0};

		assert_int_equal(read_all(NZ_STREAM_BATCHES, nz_bytes_of(sealed.bytes.ptr, len),
		                          SIZE_MAX, &seen),
		                 NZ_NETWORK);
		nz_buffer_clear(&seen.text);
	}
	nz_buffer_clear(&sealed.bytes);
}

static void nothing_comes_after_the_end(void **unused)
{
	static const char *const tails[] = {"x", "xxxxx", "R\0\0\0\0", "\xff\xff\xff\xff\xff"};
	struct sealed sealed = {.count = 0};

	(void)unused;
	seal("HZ", &sealed);
	const size_t len = sealed.bytes.len;
	for (size_t i = 0; i < 4; i++) {
		sealed.bytes.len = len;
		assert_int_equal(nz_buffer_append(&sealed.bytes, tails[i], i == 0 ? 1 : 5), NZ_OK);
		for (size_t piece = 1; piece <= sealed.bytes.len; piece++) {
			struct seen seen = {.records = 0};

			assert_int_equal(read_all(NZ_STREAM_BATCHES,
			                          nz_buffer_bytes(&sealed.bytes), piece, &seen),
			                 NZ_MALFORMED);
		}
	}
	nz_buffer_clear(&sealed.bytes);
}

static void grammar(void **unused)
{
	static const struct {
		enum nz_stream_kind kind;
		const char *good[4], *bad[14];
	} cases[] = {
		{NZ_STREAM_MANIFEST,
	     {"HSMZ", "HSMMMZ", "HNSNMNZ"},
	     {"HZ", "HSZ", "HMZ", "HMSZ", "HSSMZ", "HSMSZ", "HSMRZ", "HBEZ", "SMZ", "HHSMZ", "HLZ",
	      "NHSMZ", "HSMZN"}},
		{NZ_STREAM_BATCHES,
	     {"HZ", "HBEZ", "HBRRRENBREZ"},
	     {"HRZ", "HEZ", "HBZ", "HBBEZ", "HBRZ", "HBEEZ", "HBERZ", "HSMZ", "HBDEZ", "HBLEZ",
	      "HBRPREZ", "BEZ", "HBEZZ", "HBEZR"}},
		{NZ_STREAM_LEAVES, {"HZ", "HLZ", "HLNLLZ"}, {"HRZ", "HLRZ", "HPRZ", "HBEZ", "LZ"}},
		{NZ_STREAM_RECORDS,
	     {"HZ", "HPRZ", "HPRNPNRZ"},
	     {"HPZ", "HRZ", "HPRRZ", "HPPRZ", "HLZ", "PRZ"}},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t j = 0; j < 4 && cases[i].good[j] != NULL; j++)
			assert_int_equal(read_letters(cases[i].kind, cases[i].good[j]), NZ_OK);
		for (size_t j = 0; j < 14 && cases[i].bad[j] != NULL; j++)
			assert_int_equal(read_letters(cases[i].kind, cases[i].bad[j]),
			                 NZ_MALFORMED);
	}
}

/* A block of the given type and plaintext between H and Z, read as a manifest or as batches. */
static enum nz_status read_block(enum nz_stream_kind kind, const char *before,
                                 enum nz_block_type type, const char *plaintext, const char *after)
{
	struct nz_block_cipher *cipher = new_cipher();
	struct sealed sealed = {.count = 0};
	struct seen seen = {.records = 0};
	struct nz_block_writer w;

	seal_with(cipher, before, &sealed);
	nz_block_writer_init(&w, cipher, &sealed.bytes);
	assert_int_equal(nz_block_put(&w, type, nz_bytes_str(plaintext)), NZ_OK);
	assert_int_equal(nz_block_flush(&w), NZ_OK);
	seal_with(cipher, after, &sealed);
	const enum nz_status status =
		read_all(kind, nz_buffer_bytes(&sealed.bytes), SIZE_MAX, &seen);
	nz_block_cipher_free(&cipher);
	nz_buffer_clear(&sealed.bytes);
	nz_buffer_clear(&seen.text);
	return status;
}

static void objects_are_canonical(void **unused)
{
	static const char *const bad[] = {"",
	                                  "[]",
	                                  "1",
	                                  "{\"a\":1} ",
	                                  "{ }",
	                                  "{\"b\":1,\"a\":2}",
	                                  "{\"a\":1.0}",
	                                  "{\"a\":1,\"a\":1}",
	                                  "{\"a\":",
	                                  "\xff"};

	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(read_block(NZ_STREAM_BATCHES, "H", NZ_BLOCK_NOTICE, bad[i], ""),
		                 NZ_MALFORMED);
	/* Good, but then the stream ends. */
	assert_int_equal(read_block(NZ_STREAM_BATCHES, "H", NZ_BLOCK_NOTICE, "{\"a\":1}", ""),
	                 NZ_NETWORK);
}

static void hello_and_end_are_exact(void **unused)
{
	static const char *const hellos[] = {
		"{\"block\":1,\"mac\":\"" MAC "\"}",
		"{\"block\":0,\"mac\":\"x\"}",
		"{\"block\":0}",
		"{\"mac\":\"" MAC "\"}",
		"{\"a\":1,\"block\":0,\"mac\":\"" MAC "\"}",
		"{\"block\":\"0\",\"mac\":\"" MAC "\"}",
	};
	static const char *const ends[] = {"{}",
	                                   "{\"blocks\":0}",
	                                   "{\"blocks\":2}",
	                                   "{\"blocks\":-1}",
	                                   "{\"a\":0,\"blocks\":1}",
	                                   "{\"blocks\":\"1\"}"};

	(void)unused;
	for (size_t i = 0; i < sizeof hellos / sizeof hellos[0]; i++)
		assert_int_equal(read_block(NZ_STREAM_BATCHES, "", NZ_BLOCK_HELLO, hellos[i], ""),
		                 NZ_MALFORMED);
	assert_int_equal(read_block(NZ_STREAM_BATCHES, "", NZ_BLOCK_HELLO,
	                            "{\"block\":0,\"mac\":\"" MAC "\"}", ""),
	                 NZ_NETWORK);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		assert_int_equal(read_block(NZ_STREAM_BATCHES, "H", NZ_BLOCK_END, ends[i], ""),
		                 NZ_MALFORMED);
	assert_int_equal(read_block(NZ_STREAM_BATCHES, "H", NZ_BLOCK_END, "{\"blocks\":1}", ""),
	                 NZ_OK);
}

static void numbers_run_through_the_session(void **unused)
{
	struct nz_block_cipher *sealing = new_cipher(), *opening = new_cipher();

	(void)unused;
	for (int stream = 0; stream < 4; stream++) { /* the nonce wraps in the third */
		struct sealed sealed = {.count = 0};
		struct seen seen = {.records = 0};

		seal_with(sealing, "HBRREZ", &sealed);
		assert_int_equal(read_with(opening, NZ_STREAM_BATCHES,
		                           nz_buffer_bytes(&sealed.bytes), 7, LIMIT, &seen, NULL),
		                 NZ_OK);
		assert_int_equal(nz_block_cipher_number(sealing), 6 * (stream + 1));
		assert_int_equal(nz_block_cipher_number(opening), 6 * (stream + 1));
		nz_buffer_clear(&sealed.bytes);
		nz_buffer_clear(&seen.text);
	}
	nz_block_cipher_free(&sealing);
	nz_block_cipher_free(&opening);
}

/* 1,000 records in a batch, read in pieces of 64 KiB: whole runs. */
static void many_records_come_in_runs(void **unused)
{
	struct nz_block_cipher *sealing = new_cipher(), *opening = new_cipher();
	struct seen seen = {.records = 0};
	struct nz_block_writer w;
	NZ_BUFFER(out);

	(void)unused;
	nz_block_writer_init(&w, sealing, &out);
	assert_int_equal(nz_block_put_hello(&w, MAC), NZ_OK);
	put_object(&w, NZ_BLOCK_BATCH, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(nz_block_put(&w, NZ_BLOCK_RECORD, nz_bytes_of("abc", 3)), NZ_OK);
	put_object(&w, NZ_BLOCK_BATCH_END, 0);
	assert_int_equal(nz_block_put_end(&w), NZ_OK);
	assert_int_equal(w.blocks, 1004);
	assert_int_equal(nz_block_cipher_number(sealing), 1004);
	assert_int_equal(read_with(opening, NZ_STREAM_BATCHES, nz_buffer_bytes(&out), 65536, LIMIT,
	                           &seen, NULL),
	                 NZ_OK);
	assert_int_equal(seen.records, 1000);
	assert_true(seen.runs <= 5);
	nz_buffer_clear(&seen.text);
	nz_block_cipher_free(&sealing);
	nz_block_cipher_free(&opening);
}

static void out_may_be_emptied_between_flushes(void **unused)
{
	struct nz_block_cipher *sealing = new_cipher(), *opening = new_cipher();
	struct seen seen = {.records = 0};
	struct nz_block_writer w;
	NZ_BUFFER(out);
	NZ_BUFFER(sent);

	(void)unused;
	nz_block_writer_init(&w, sealing, &out);
	for (const char *c = "HBRRREZ"; *c != '\0'; c++) {
		if (*c == 'H')
			assert_int_equal(nz_block_put_hello(&w, MAC), NZ_OK);
		else if (*c == 'Z')
			assert_int_equal(nz_block_put_end(&w), NZ_OK);
		else if (*c == 'R')
			assert_int_equal(nz_block_put(&w, NZ_BLOCK_RECORD, nz_bytes_of("", 0)),
			                 NZ_OK);
		else
			put_object(&w, (enum nz_block_type)*c, 0);
		assert_int_equal(nz_block_flush(&w), NZ_OK);
		assert_int_equal(nz_buffer_append(&sent, out.ptr, out.len), NZ_OK);
		nz_buffer_reset(&out);
	}
	assert_int_equal(read_with(opening, NZ_STREAM_BATCHES, nz_buffer_bytes(&sent), 11, LIMIT,
	                           &seen, NULL),
	                 NZ_OK);
	assert_int_equal(seen.records, 3);
	nz_buffer_clear(&seen.text);
	nz_block_cipher_free(&sealing);
	nz_block_cipher_free(&opening);
}

/* A record of 1 MiB in pieces of 5,000 bytes, and the limit below and at its size. */
static void big_blocks(void **unused)
{
	const size_t size = (size_t)1 << 20;
	uint8_t *record = calloc(1, size);
	const size_t limits[] = {size + 15, size + 16, size};

	(void)unused;
	assert_non_null(record);
	memset(record, 'x', size);
	for (size_t i = 0; i < 3; i++) {
		struct nz_block_cipher *sealing = new_cipher(), *opening = new_cipher();
		struct seen seen = {.records = 0};
		struct nz_block_writer w;
		NZ_BUFFER(out);

		nz_block_writer_init(&w, sealing, &out);
		assert_int_equal(nz_block_put_hello(&w, MAC), NZ_OK);
		put_object(&w, NZ_BLOCK_BATCH, 0);
		assert_int_equal(nz_block_put(&w, NZ_BLOCK_RECORD, nz_bytes_of(record, size)),
		                 NZ_OK);
		put_object(&w, NZ_BLOCK_BATCH_END, 0);
		assert_int_equal(nz_block_put_end(&w), NZ_OK);
		assert_int_equal(read_with(opening, NZ_STREAM_BATCHES, nz_buffer_bytes(&out), 5000,
		                           limits[i], &seen, NULL),
		                 limits[i] >= size + 16 ? NZ_OK : NZ_LIMIT);
		assert_int_equal(seen.records, limits[i] >= size + 16 ? 1 : 0);
		nz_buffer_clear(&seen.text);
		nz_block_cipher_free(&sealing);
		nz_block_cipher_free(&opening);
	}
	free(record);
}

/* A length that no block can have is refused with the header alone, before the rest is there. */
static void lengths_are_judged_first(void **unused)
{
	static const struct {
		uint8_t header[NZ_BLOCK_HEADER_BYTES];
		enum nz_status status;
	} cases[] = {
		{{'R', 0, 0, 0, 15}, NZ_MALFORMED},       {{'R', 0, 0, 0, 0}, NZ_MALFORMED},
		{{'R', 4, 0, 0, 17}, NZ_LIMIT},           {{'R', 0xff, 0xff, 0xff, 0xff}, NZ_LIMIT},
		{{'N', 0, 0x40, 0, 17}, NZ_LIMIT},        {{'S', 4, 0, 0, 17}, NZ_LIMIT},
		{{'R', 4, 0, 0, 16}, NZ_OK},              {{'N', 0, 0x40, 0, 16}, NZ_OK},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct nz_block_events events = {NULL, on_object, on_records};
		struct nz_block_cipher *cipher = new_cipher();
		struct nz_block_reader *reader = NULL;

		assert_int_equal(nz_block_reader_new(cipher, NZ_STREAM_BATCHES, MAC, LIMIT, &events,
		                                     &reader),
		                 NZ_OK);
		assert_int_equal(
			nz_block_reader_feed(reader,
		                         nz_bytes_of(cases[i].header, NZ_BLOCK_HEADER_BYTES), NULL),
			cases[i].status);
		nz_block_reader_free(&reader);
		nz_block_cipher_free(&cipher);
	}
}

static void failures_of_events_come_back(void **unused)
{
	struct sealed sealed = {.count = 0};

	(void)unused;
	seal("HBRRREZ", &sealed);
	for (size_t piece = 1; piece < sealed.bytes.len; piece += 13) {
		struct nz_block_cipher *cipher = new_cipher();
		struct seen seen = {.answer = NZ_MISMATCH};
		struct nz_error err = {0};

		assert_int_equal(read_with(cipher, NZ_STREAM_BATCHES,
		                           nz_buffer_bytes(&sealed.bytes), piece, LIMIT, &seen,
		                           &err),
		                 NZ_MISMATCH);
		assert_string_equal(err.message, "as asked for");
		assert_string_equal(nz_buffer_cstr(&seen.text), "B{\"n\":1}");
		nz_buffer_clear(&seen.text);
		nz_block_cipher_free(&cipher);
	}
	nz_buffer_clear(&sealed.bytes);
}

static void another_key_opens_nothing(void **unused)
{
	const struct nz_secret other = {{1, 2, 4}};
	struct nz_block_cipher *cipher = NULL;
	struct sealed sealed = {.count = 0};
	struct seen seen = {.records = 0};

	(void)unused;
	seal("HZ", &sealed);
	assert_int_equal(nz_block_cipher_new(nz_crypto_default(), &other, start_nonce, &cipher),
	                 NZ_OK);
	assert_int_equal(read_with(cipher, NZ_STREAM_BATCHES, nz_buffer_bytes(&sealed.bytes), 64,
	                           LIMIT, &seen, NULL),
	                 NZ_UNVERIFIED);
	nz_block_cipher_free(&cipher);
	nz_buffer_clear(&sealed.bytes);
}

static void json_over_its_limit_is_not_sealed(void **unused)
{
	struct nz_block_cipher *cipher = new_cipher();
	struct nz_block_writer w;
	NZ_BUFFER(out);
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	(void)unused;
	assert_int_equal(nz_buffer_reserve(&text, NZ_BLOCK_JSON_MAX_BYTES), NZ_OK);
	memset(text.ptr, 'a', NZ_BLOCK_JSON_MAX_BYTES);
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	struct nz_json *object = nz_json_make_object(doc);
	nz_json_set_bytes(doc, object, "a", nz_bytes_of(text.ptr, NZ_BLOCK_JSON_MAX_BYTES));
	nz_block_writer_init(&w, cipher, &out);
	assert_int_equal(nz_block_put_json(&w, NZ_BLOCK_MANIFEST, object), NZ_LIMIT);
	assert_int_equal(out.len, 0);
	assert_int_equal(nz_block_cipher_number(cipher), 0);
	assert_int_equal(nz_block_put_json(&w, NZ_BLOCK_SCHEMA, object), NZ_OK);
	assert_int_equal(nz_block_flush(&w), NZ_OK);
	assert_int_equal(nz_block_cipher_number(cipher), 1);
	nz_block_cipher_free(&cipher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_out_however_it_is_cut),
		cmocka_unit_test(header_and_number_are_bound),
		cmocka_unit_test(dropped_repeated_moved),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(nothing_comes_after_the_end),
		cmocka_unit_test(grammar),
		cmocka_unit_test(objects_are_canonical),
		cmocka_unit_test(hello_and_end_are_exact),
		cmocka_unit_test(numbers_run_through_the_session),
		cmocka_unit_test(many_records_come_in_runs),
		cmocka_unit_test(out_may_be_emptied_between_flushes),
		cmocka_unit_test(big_blocks),
		cmocka_unit_test(lengths_are_judged_first),
		cmocka_unit_test(failures_of_events_come_back),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(json_over_its_limit_is_not_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
