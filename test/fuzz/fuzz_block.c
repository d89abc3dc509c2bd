/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of blocks under a cipher that opens everything, so that what follows the seal is reached.
 * The first byte chooses the kind of stream, the second the size of the pieces: however the stream is
 * cut, it ends the same, and where it is good the same things were read.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/block.h"

#define BLOCK_MAX 4096
#define MAC "mac"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static enum nz_status open_all(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                               const struct nz_aead_item *items, size_t count)
{
	(void)aead;
	(void)nonce;
	/* In place, as a cipher does it: every byte is touched, and the aad is read. */
	for (size_t i = 0; i < count; i++) {
		require(items[i].aad_len == NZ_BLOCK_HEADER_BYTES);
		for (size_t j = 0; j < items[i].len + NZ_AEAD_TAG_BYTES; j++)
			((volatile uint8_t *)items[i].data)[j] = items[i].data[j];
	}
	return NZ_OK;
}

static enum nz_status note_object(void *context, enum nz_block_type type,
                                  const struct nz_json *object, struct nz_error *err)
{
	(void)err;
	require(type != NZ_BLOCK_HELLO && type != NZ_BLOCK_END);
	NZ_TRY(nz_buffer_append_byte(context, (uint8_t)type));
	return nz_json_canonical(object, context);
}

static enum nz_status note_records(void *context, enum nz_block_type type,
                                   const struct nz_bytes *plaintexts, size_t count,
                                   struct nz_error *err)
{
	(void)err;
	require(count > 0 && (type == NZ_BLOCK_RECORD || type == NZ_BLOCK_LEAVES));
	for (size_t i = 0; i < count; i++) {
		NZ_TRY(nz_buffer_append_byte(context, (uint8_t)type));
		NZ_TRY(nz_buffer_append(context, plaintexts[i].ptr, plaintexts[i].len));
	}
	return NZ_OK;
}

static enum nz_status read_stream(const struct nz_crypto *crypto, enum nz_stream_kind kind,
                                  struct nz_bytes bytes, size_t piece, struct nz_buffer *notes)
{
	static const struct nz_secret key = {{0}};
	static const uint8_t nonce[NZ_AEAD_NONCE_BYTES] = {0};
	const struct nz_block_events events = {notes, note_object, note_records};
	struct nz_block_cipher *cipher NZ_CLEANUP(nz_block_cipher_free) = NULL;
	struct nz_block_reader *reader NZ_CLEANUP(nz_block_reader_free) = NULL;
	enum nz_status status = NZ_OK;

	require(nz_block_cipher_new(crypto, &key, nonce, &cipher) == NZ_OK);
	require(nz_block_reader_new(cipher, kind, MAC, BLOCK_MAX, &events, &reader) == NZ_OK);
	while (status == NZ_OK && bytes.len > 0) {
		const size_t take = bytes.len < piece ? bytes.len : piece;

		status = nz_block_reader_feed(reader, nz_bytes_of(bytes.ptr, take), NULL);
		bytes.ptr += take;
		bytes.len -= take;
	}
	if (status == NZ_OK)
		status = nz_block_reader_finish(reader, NULL);
	require(nz_block_reader_done(reader) == (status == NZ_OK));
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nz_crypto crypto;
	NZ_BUFFER(whole);
	NZ_BUFFER(pieces);

	if (size < 2)
		return 0;
	crypto = *nz_crypto_default();
	crypto.open_many = open_all;
	const enum nz_stream_kind kind = (enum nz_stream_kind)(data[0] % 4);
	const struct nz_bytes stream = nz_bytes_of(data + 2, size - 2);
	const enum nz_status status = read_stream(&crypto, kind, stream, SIZE_MAX, &whole);
	require(status == NZ_OK || status == NZ_MALFORMED || status == NZ_LIMIT ||
	        status == NZ_NETWORK);
	require(read_stream(&crypto, kind, stream, (size_t)data[1] + 1, &pieces) == status);
	if (status == NZ_OK)
		require(nz_bytes_equal(nz_buffer_bytes(&whole), nz_buffer_bytes(&pieces)));
	return 0;
}
