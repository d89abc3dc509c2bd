/* SPDX-License-Identifier: Apache-2.0 */
#include "published.h"

const struct published published_files[PUBLISHED_COUNT] = {
	{"packets.json", published_packets},
	{"records.json", published_records},
	{"batches.json", published_batches},
	{"statement.json", published_statement},
};

static uint8_t next_byte;

static enum nz_status count_up(void *out, size_t len)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = next_byte++;
	return NZ_OK;
}

const struct nz_crypto *published_crypto(uint8_t first)
{
	static struct nz_crypto crypto;

	crypto = *nz_crypto_default();
	crypto.random = count_up;
	next_byte = first;
	return &crypto;
}

enum nz_status published_node(uint8_t first, struct nz_node_keys *out)
{
	return nz_node_keys_make(published_crypto(first), 1767225600, out, NULL);
}

void put_hash(struct nz_json_doc *doc, struct nz_json *object, const char *name,
              const struct nz_hash *hash)
{
	nz_json_set_hex(doc, object, name, nz_bytes_of(hash->bytes, sizeof hash->bytes));
}

void put_text(struct nz_json_doc *doc, struct nz_json *object, const char *name,
              const struct nz_buffer *text)
{
	nz_json_set_bytes(doc, object, name, nz_buffer_bytes(text));
}

struct nz_json *put_object(struct nz_json_doc *doc, struct nz_json *object, const char *name)
{
	struct nz_json *made = nz_json_make_object(doc);

	nz_json_set(doc, object, name, made);
	return made;
}

struct nz_json *put_array(struct nz_json_doc *doc, struct nz_json *object, const char *name)
{
	struct nz_json *made = nz_json_make_array(doc);

	nz_json_set(doc, object, name, made);
	return made;
}

struct nz_json *push_object(struct nz_json_doc *doc, struct nz_json *array)
{
	struct nz_json *made = nz_json_make_object(doc);

	nz_json_push(doc, array, made);
	return made;
}

enum nz_status put_canonical(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                             const struct nz_json *value)
{
	NZ_BUFFER(text);

	NZ_TRY(nz_json_canonical(value, &text));
	put_text(doc, object, name, &text);
	return nz_json_failed(doc);
}

enum nz_status put_message(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                           const char *label, const struct nz_hash *digests, size_t count)
{
	NZ_BUFFER(message);

	NZ_TRY(nz_buffer_append(&message, label, strlen(label) + 1));
	for (size_t i = 0; i < count; i++)
		NZ_TRY(nz_buffer_append(&message, digests[i].bytes, sizeof digests[i].bytes));
	nz_json_set_hex(doc, object, name, nz_buffer_bytes(&message));
	return nz_json_failed(doc);
}
