/* SPDX-License-Identifier: Apache-2.0 */
/* The cipher of a session, and sealing a stream of blocks in place. */
#include "proto/block_internal.h"

#include <limits.h>
#include <stdlib.h>

/* Ciphers count in int; no stream comes near. */
#define PLAINTEXT_MAX_BYTES ((size_t)INT_MAX - 2 * NZ_BLOCK_OVERHEAD_BYTES)

enum nz_status nz_block_cipher_new(const struct nz_crypto *crypto, const struct nz_secret *key,
                                   const uint8_t start_nonce[NZ_AEAD_NONCE_BYTES],
                                   struct nz_block_cipher **out)
{
	struct nz_block_cipher *cipher = calloc(1, sizeof *cipher);

	if (cipher == NULL)
		return NZ_NO_MEMORY;
	cipher->crypto = crypto;
	memcpy(cipher->start_nonce, start_nonce, sizeof cipher->start_nonce);
	const enum nz_status status =
		crypto->aead_new(NZ_CIPHER_AES_256_GCM, key, &cipher->aead);
	if (status != NZ_OK) {
		free(cipher);
		return status;
	}
	*out = cipher;
	return NZ_OK;
}

void nz_block_cipher_free(struct nz_block_cipher **cipher)
{
	if (*cipher == NULL)
		return;
	(*cipher)->crypto->aead_free(&(*cipher)->aead);
	nz_wipe(*cipher, sizeof **cipher);
	free(*cipher);
	*cipher = NULL;
}

uint64_t nz_block_cipher_number(const struct nz_block_cipher *cipher)
{
	return cipher->number;
}

void nz_block_writer_init(struct nz_block_writer *w, struct nz_block_cipher *cipher,
                          struct nz_buffer *out)
{
	*w = (struct nz_block_writer){.cipher = cipher, .out = out};
}

static void put_header(uint8_t *at, enum nz_block_type type, size_t sealed_len)
{
	at[0] = (uint8_t)type;
	at[1] = (uint8_t)(sealed_len >> 24);
	at[2] = (uint8_t)(sealed_len >> 16);
	at[3] = (uint8_t)(sealed_len >> 8);
	at[4] = (uint8_t)sealed_len;
}

static size_t header_length(const uint8_t *at)
{
	return (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
}

/* A block now stands at `from` in out, unsealed, its tag's room included. */
static enum nz_status added(struct nz_block_writer *w, size_t from)
{
	if (w->pending == 0)
		w->pending_from = from;
	w->pending++;
	w->blocks++;
	return w->pending < BLOCK_RUN_MAX ? NZ_OK : nz_block_flush(w);
}

enum nz_status nz_block_put(struct nz_block_writer *w, enum nz_block_type type,
                            struct nz_bytes plaintext)
{
	struct nz_buffer *out = w->out;
	const size_t from = out->len;

	if (plaintext.len > PLAINTEXT_MAX_BYTES)
		return NZ_LIMIT;
	NZ_TRY(nz_buffer_reserve(out, plaintext.len + NZ_BLOCK_OVERHEAD_BYTES));
	put_header(out->ptr + from, type, plaintext.len + NZ_AEAD_TAG_BYTES);
	if (plaintext.len > 0)
		memcpy(out->ptr + from + NZ_BLOCK_HEADER_BYTES, plaintext.ptr, plaintext.len);
	out->len += plaintext.len + NZ_BLOCK_OVERHEAD_BYTES;
	return added(w, from);
}

/* Lays the block out behind what out holds; out->len may have grown on failure. */
static enum nz_status lay_out_json(struct nz_buffer *out, enum nz_block_type type,
                                   const struct nz_json *object)
{
	const uint8_t room[NZ_AEAD_TAG_BYTES] = {0};
	const size_t from = out->len;

	NZ_TRY(nz_buffer_append(out, room, NZ_BLOCK_HEADER_BYTES));
	NZ_TRY(nz_json_canonical(object, out));
	const size_t len = out->len - from - NZ_BLOCK_HEADER_BYTES;
	if (len > block_plaintext_max((uint8_t)type, NZ_BLOCK_MAX_BYTES))
		return NZ_LIMIT;
	NZ_TRY(nz_buffer_append(out, room, NZ_AEAD_TAG_BYTES));
	put_header(out->ptr + from, type, len + NZ_AEAD_TAG_BYTES);
	return NZ_OK;
}

enum nz_status nz_block_put_json(struct nz_block_writer *w, enum nz_block_type type,
                                 const struct nz_json *object)
{
	const size_t from = w->out->len;
	const enum nz_status status = lay_out_json(w->out, type, object);

	if (status != NZ_OK) {
		w->out->len = from;
		return status;
	}
	return added(w, from);
}

enum nz_status nz_block_flush(struct nz_block_writer *w)
{
	struct nz_aead_item items[BLOCK_RUN_MAX];
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	uint8_t *at = w->out->ptr + w->pending_from;
	const size_t count = w->pending; /* never more than a run: put flushes */

	if (count == 0)
		return NZ_OK;
	for (size_t i = 0; i < count; i++) {
		const size_t len = header_length(at) - NZ_AEAD_TAG_BYTES;

		items[i] = (struct nz_aead_item){at, NZ_BLOCK_HEADER_BYTES,
		                                 at + NZ_BLOCK_HEADER_BYTES, len};
		at += len + NZ_BLOCK_OVERHEAD_BYTES;
	}
	block_take_numbers(w->cipher, count, nonce);
	w->pending = 0;
	return w->cipher->crypto->seal_many(w->cipher->aead, nonce, items, count);
}

enum nz_status nz_block_put_hello(struct nz_block_writer *w, const char *mac)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *object = nz_json_make_object(doc);

	nz_json_set_int(doc, object, "block", (int64_t)(w->cipher->number + w->pending));
	nz_json_set_str(doc, object, "mac", mac);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_block_put_json(w, NZ_BLOCK_HELLO, object));
	return nz_block_flush(w);
}

enum nz_status nz_block_put_end(struct nz_block_writer *w)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *object = nz_json_make_object(doc);

	nz_json_set_int(doc, object, "blocks", (int64_t)w->blocks);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_block_put_json(w, NZ_BLOCK_END, object));
	return nz_block_flush(w);
}
