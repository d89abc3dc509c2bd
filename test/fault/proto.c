/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake, statement, block streams and requests while memory or crypto calls fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "alloc.h"
#include "kept.h"
#include "proto/block.h"
#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/request.h"
#include "signing.h"

#define RECORDS 700 /* several runs of 256 */
#define ROOT_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct nz_buffer answer_text;
static struct nz_secret seed;
static struct nz_signer *signer;
static struct nz_open_answer answer;
static struct nz_hash h1;

static enum nz_status statement(struct nz_error *err)
{
	struct nz_statement made = answer.statement, back = {.name = KEPT};
	const struct nz_crypto *crypto = fault_crypto();
	uint8_t public_key[NZ_ED25519_PUBLIC_BYTES];
	struct nz_hash hash;
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_crypto_default()->ed25519_public(&seed, public_key), NZ_OK);
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	NZ_TRY(FAULTY(nz_statement_sign(crypto, signer, &made)));
	NZ_TRY(FAULTY(nz_statement_verify(crypto, public_key, &made)));
	NZ_TRY(FAULTY(nz_statement_hash(crypto, &made, &hash)));
	fault_on();
	const struct nz_json *json = nz_statement_to_json(&made, doc);
	fault_off();
	if (json == NULL)
		return nz_json_failed(doc);
	const enum nz_status status = FAULTY(nz_statement_from_json(json, &back, err));
	assert_string_equal(back.name, status == NZ_OK ? made.name : KEPT);
	return status;
}

static enum nz_status open_request(struct nz_error *err)
{
	const struct nz_open_request request = {
		.platform = ROOT_HEX, .dataset = "chinook", .has_epoch = true, .epoch = 7};
	struct nz_open_request back = {.dataset = KEPT};
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	fault_on();
	const struct nz_json *json = nz_open_request_to_json(&request, doc);
	fault_off();
	if (json == NULL)
		return nz_json_failed(doc);
	const enum nz_status status = FAULTY(nz_open_request_from_json(json, &back, err));
	assert_string_equal(back.dataset, status == NZ_OK ? "chinook" : KEPT);
	return status;
}

static enum nz_status answer_make(struct nz_error *err)
{
	const struct nz_bytes chain[1] = {nz_buffer_bytes(&signing_der)};
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	struct nz_hash h2;
	const enum nz_status status = FAULTY(nz_open_answer_make(
		fault_crypto(), signer, chain, 1, &answer, &h1, &out, &h2, err));

	check_kept(&out, status);
	return status;
}

static enum nz_status answer_check(struct nz_error *err)
{
	struct nz_open_answer back = {.session_id = KEPT};
	struct nz_hash h2;
	const enum nz_status status = FAULTY(nz_open_answer_check(
		fault_crypto(), nz_buffer_bytes(&answer_text),
		nz_buffer_bytes(&root.certificate_pem), NOW, &h1, &back, &h2, err));

	assert_string_equal(back.session_id, status == NZ_OK ? answer.session_id : KEPT);
	return status;
}

static enum nz_status session_keys(struct nz_error *err)
{
	static const struct nz_secret zero;
	struct nz_session_keys keys NZ_CLEANUP(nz_session_keys_clear) = {0};
	const uint8_t exporter[NZ_EXPORTER_BYTES] = {1};
	uint8_t peer[NZ_X25519_BYTES];
	struct nz_secret own = seed;

	(void)err;
	assert_int_equal(nz_crypto_default()->x25519_public(&seed, peer), NZ_OK);
	const enum nz_status status = FAULTY(nz_session_keys_derive(fault_crypto(), &own, peer, &h1,
	                                                            &h1, exporter, &keys));
	assert_memory_equal(&own, &zero, sizeof(own)); /* wiped whatever happens */
	if (status != NZ_OK)
		assert_memory_equal(&keys.encryption, &zero, sizeof(zero));
	return status;
}

/* ---- a stream, from one end to the other ---- */

static const uint8_t start_nonce[NZ_AEAD_NONCE_BYTES] = {7};
static struct nz_json_doc *begin_doc, *end_doc;
static struct nz_buffer stream;

static enum nz_status cipher(struct nz_error *err)
{
	struct nz_block_cipher *made NZ_CLEANUP(nz_block_cipher_free) = NULL;
	const enum nz_status status =
		FAULTY(nz_block_cipher_new(fault_crypto(), &seed, start_nonce, &made));

	(void)err;
	assert_int_equal(made != NULL, status == NZ_OK);
	return status;
}

static enum nz_status put_all(struct nz_block_writer *w)
{
	NZ_TRY(nz_block_put_hello(w, "mac"));
	NZ_TRY(nz_block_put_json(w, NZ_BLOCK_BATCH, nz_json_root(begin_doc)));
	for (unsigned i = 0; i < RECORDS; i++)
		NZ_TRY(nz_block_put(w, NZ_BLOCK_RECORD, nz_bytes_str("1\ta record of a length")));
	NZ_TRY(nz_block_put_json(w, NZ_BLOCK_BATCH_END, nz_json_root(end_doc)));
	return nz_block_put_end(w);
}

/* Numbers are taken before sealing: a failure may skip some, and none is used for two blocks. */
static enum nz_status write_blocks(struct nz_error *err)
{
	struct nz_block_cipher *made NZ_CLEANUP(nz_block_cipher_free) = NULL;
	struct nz_block_writer writer;
	NZ_BUFFER(out);

	(void)err;
	assert_int_equal(nz_block_cipher_new(fault_crypto(), &seed, start_nonce, &made), NZ_OK);
	nz_block_writer_init(&writer, made, &out);

	const enum nz_status status = FAULTY(put_all(&writer));

	assert_true(nz_block_cipher_number(made) >= writer.blocks - writer.pending);
	if (status == NZ_OK)
		assert_true(nz_bytes_equal(nz_buffer_bytes(&out), nz_buffer_bytes(&stream)));
	return status;
}

struct got {
	unsigned objects, records;
};

static enum nz_status got_object(void *context, enum nz_block_type type,
                                 const struct nz_json *object, struct nz_error *err)
{
	struct got *got = context;

	(void)type;
	(void)err;
	assert_true(nz_json_is(object, NZ_JSON_OBJECT));
	got->objects++;
	return NZ_OK;
}

static enum nz_status got_records(void *context, enum nz_block_type type,
                                  const struct nz_bytes *plaintexts, size_t count,
                                  struct nz_error *err)
{
	struct got *got = context;

	(void)type;
	(void)err;
	for (size_t i = 0; i < count; i++)
		assert_true(nz_bytes_equal(plaintexts[i], nz_bytes_str("1\ta record of a length")));
	got->records += (unsigned)count;
	return NZ_OK;
}

/* In pieces, as a network gives them. After a failure the reader takes no more and is not done. */
static enum nz_status feed_all(struct nz_block_reader *reader, struct nz_error *err)
{
	const size_t piece = 1000;

	for (size_t at = 0; at < stream.len; at += piece) {
		const size_t len = stream.len - at < piece ? stream.len - at : piece;
		const struct nz_bytes bytes = nz_bytes_of(stream.ptr + at, len);
		const enum nz_status status = FAULTY(nz_block_reader_feed(reader, bytes, err));

		if (status != NZ_OK) {
			assert_int_not_equal(nz_block_reader_feed(reader, bytes, NULL), NZ_OK);
			assert_false(nz_block_reader_done(reader));
			return status;
		}
	}
	return FAULTY(nz_block_reader_finish(reader, err));
}

static enum nz_status read_blocks(struct nz_error *err)
{
	struct nz_block_cipher *made NZ_CLEANUP(nz_block_cipher_free) = NULL;
	struct nz_block_reader *reader NZ_CLEANUP(nz_block_reader_free) = NULL;
	struct got got = {0};
	const struct nz_block_events events = {&got, got_object, got_records};
	enum nz_status status;

	assert_int_equal(nz_block_cipher_new(fault_crypto(), &seed, start_nonce, &made), NZ_OK);
	status = FAULTY(nz_block_reader_new(made, NZ_STREAM_BATCHES, "mac", NZ_BLOCK_MAX_BYTES,
	                                    &events, &reader));
	if (status == NZ_OK)
		status = feed_all(reader, err);
	else
		assert_null(reader);
	if (status == NZ_OK) {
		assert_int_equal(got.objects, 2);
		assert_int_equal(got.records, RECORDS);
	}
	return status;
}

/* ---- requests ---- */

static enum nz_status request_mac(struct nz_error *err)
{
	const struct nz_bytes body = nz_bytes_str("{\"manifest\":true}");
	char mac[NZ_REQUEST_MAC_CHARS + 1] = KEPT;
	enum nz_status status = FAULTY(nz_request_mac(fault_crypto(), &seed, "session", "POST",
	                                              "/v2/x", "1", "nonce", body, mac));

	(void)err;
	assert_int_equal(strlen(mac), status == NZ_OK ? NZ_REQUEST_MAC_CHARS : strlen(KEPT));
	NZ_TRY(status);
	return FAULTY(nz_request_mac_check(fault_crypto(), &seed, "session", "POST", "/v2/x", "1",
	                                   "nonce", body, mac));
}

static enum nz_status blocks_request(struct nz_error *err)
{
	uint64_t positions[100];
	const struct nz_blocks_request request = {.positions = positions, .count = 100};
	struct nz_blocks_request back NZ_CLEANUP(nz_blocks_request_clear) = {0};
	struct nz_buffer body NZ_CLEANUP(nz_buffer_clear) = kept();

	for (size_t i = 0; i < 100; i++)
		positions[i] = 3 * i;
	enum nz_status status = FAULTY(nz_blocks_request_append(&request, &body));
	check_kept(&body, status);
	NZ_TRY(status);
	status = FAULTY(nz_blocks_request_parse(
		after_kept(&body), &back, err));
	assert_int_equal(back.count, status == NZ_OK ? 100 : 0);
	return status;
}

static enum nz_status proof_request(struct nz_error *err)
{
	struct nz_proof_request request = {.batch = 7, .count = 100}, back = {.batch = 99};
	struct nz_buffer query NZ_CLEANUP(nz_buffer_clear) = kept();

	for (uint32_t i = 0; i < 100; i++)
		request.records[i] = i;
	enum nz_status status = FAULTY(nz_proof_request_append(&request, &query));
	check_kept(&query, status);
	NZ_TRY(status);
	status = FAULTY(nz_proof_request_parse(
		after_kept(&query), &back, err));
	assert_int_equal(back.batch, status == NZ_OK ? 7 : 99);
	return status;
}

static enum nz_status api_error(struct nz_error *err)
{
	struct nz_buffer body NZ_CLEANUP(nz_buffer_clear) = kept();
	unsigned retry_after_s = 99;
	int code = 99;
	enum nz_status status = FAULTY(nz_api_error_body(3001, 5, &body));

	(void)err;
	check_kept(&body, status);
	NZ_TRY(status);
	status = FAULTY(nz_api_error_parse(
		after_kept(&body), &code, &retry_after_s));
	assert_int_equal(code, status == NZ_OK ? 3001 : 99);
	assert_int_equal(retry_after_s, status == NZ_OK ? 5 : 99);
	return status;
}

static void handshake(void **state)
{
	const unsigned refused = FAULT_BIT(NZ_UNVERIFIED) | FAULT_BIT(NZ_MALFORMED);

	(void)state;
	for (enum fault_source source = 0; source < FAULT_SOURCES; source++) {
		FAULT_EACH_OR(source, statement, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH(source, answer_make);
		FAULT_EACH_OR(source, answer_check, refused);
		FAULT_EACH_OR(source, session_keys, FAULT_BIT(NZ_UNVERIFIED));
	}
	FAULT_EACH(FAULT_MALLOC, open_request);
}

static void blocks(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, cipher);
	FAULT_EACH(FAULT_CRYPTO, cipher);
	FAULT_EACH(FAULT_MALLOC, write_blocks);
	FAULT_EACH(FAULT_CRYPTO, write_blocks);
	FAULT_EACH(FAULT_MALLOC, read_blocks);
	FAULT_EACH(FAULT_CRYPTO, read_blocks);
}

static void requests(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, request_mac);
	FAULT_EACH(FAULT_CRYPTO, request_mac);
	FAULT_EACH(FAULT_MALLOC, blocks_request);
	FAULT_EACH(FAULT_MALLOC, proof_request);
	FAULT_EACH(FAULT_MALLOC, api_error);
}

static void make_answer(void)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	const struct nz_bytes chain[1] = {nz_buffer_bytes(&signing_der)};
	struct nz_statement *s = &answer.statement;
	struct nz_hash h2;

	assert_int_equal(crypto->x25519_public(&seed, answer.x25519), NZ_OK);
	(void)snprintf(answer.session_id, sizeof(answer.session_id), "%.32s", ROOT_HEX);
	answer.expires_in = NZ_SESSION_LIFETIME_S;
	answer.rekey_in = NZ_SESSION_REKEY_S;
	assert_int_equal(nz_pki_platform_id(nz_buffer_bytes(&root.certificate_pem), s->platform,
	                                    NULL),
	                 NZ_OK);
	(void)snprintf(s->name, sizeof(s->name), "chinook");
	(void)snprintf(s->lineage, sizeof(s->lineage), "%.32s", ROOT_HEX);
	(void)snprintf(s->encoding, sizeof(s->encoding), NZ_ENCODING_TEXT);
	(void)snprintf(s->position, sizeof(s->position), "1");
	s->epoch = s->batches = 1;
	s->issued_at = NOW;
	s->expires_at = NOW + 3600;
	assert_int_equal(nz_statement_sign(crypto, signer, s), NZ_OK);
	assert_int_equal(nz_open_answer_make(crypto, signer, chain, 1, &answer, &h1, &answer_text,
	                                     &h2, NULL),
	                 NZ_OK);
}

static void make_stream(void)
{
	struct nz_block_cipher *made NZ_CLEANUP(nz_block_cipher_free) = NULL;
	struct nz_block_writer writer;

	assert_int_equal(
		nz_json_parse(nz_bytes_str("{\"base\":null,\"position\":0,\"table\":\"t\"}"),
	                      NULL, &begin_doc, NULL),
		NZ_OK);
	assert_int_equal(
		nz_json_parse(nz_bytes_str("{\"count\":700,\"root\":\"" ROOT_HEX "\"}"), NULL,
	                      &end_doc, NULL),
		NZ_OK);
	assert_int_equal(nz_block_cipher_new(nz_crypto_default(), &seed, start_nonce, &made),
	                 NZ_OK);
	nz_block_writer_init(&writer, made, &stream);
	assert_int_equal(put_all(&writer), NZ_OK);
}

static int start(void **state)
{
	(void)state;
	make_signing();
	assert_int_equal(nz_pki_signing_seed(nz_buffer_bytes(&signing.key_pem), &seed, NULL), NZ_OK);
	assert_int_equal(nz_crypto_default()->signer_new(&seed, &signer), NZ_OK);
	make_answer();
	make_stream();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nz_crypto_default()->signer_free(&signer);
	nz_secret_clear(&seed);
	clear_signing();
	nz_buffer_clear(&answer_text);
	nz_buffer_clear(&stream);
	nz_json_free(&begin_doc);
	nz_json_free(&end_doc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake),
		cmocka_unit_test(blocks),
		cmocka_unit_test(requests),
	};

	fault_install();
	return cmocka_run_group_tests(tests, start, stop);
}
