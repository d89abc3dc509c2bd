/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of doc/vectors, made from fixed inputs by the library. make_published.c writes them,
 * published.c checks that the files still say what the library does, and published.js works every
 * value out again from doc/protocol.md without our code.
 */
#ifndef NZ_TEST_PUBLISHED_H
#define NZ_TEST_PUBLISHED_H

#include <nz/nz.h>

struct published {
	const char *file; /* in doc/vectors */
	/* The document's value, built in doc. Any failure means that the library is broken. */
	enum nz_status (*make)(struct nz_json_doc *doc, struct nz_json **out);
};
#define PUBLISHED_COUNT 4
extern const struct published published_files[PUBLISHED_COUNT];

enum nz_status published_packets(struct nz_json_doc *doc, struct nz_json **out);
enum nz_status published_records(struct nz_json_doc *doc, struct nz_json **out);
enum nz_status published_batches(struct nz_json_doc *doc, struct nz_json **out);
enum nz_status published_statement(struct nz_json_doc *doc, struct nz_json **out);

/* The default adapter, but "random" bytes count up from first: 10 11 12 … for 0x10. */
const struct nz_crypto *published_crypto(uint8_t first);
/* A node whose Ed25519 seed counts up from first, its X25519 key from there on. */
enum nz_status published_node(uint8_t first, struct nz_node_keys *out);

/* Shorthands for the builders. */
void put_hash(struct nz_json_doc *doc, struct nz_json *object, const char *name,
              const struct nz_hash *hash);
void put_text(struct nz_json_doc *doc, struct nz_json *object, const char *name,
              const struct nz_buffer *text);
struct nz_json *put_object(struct nz_json_doc *doc, struct nz_json *object, const char *name);
struct nz_json *put_array(struct nz_json_doc *doc, struct nz_json *object, const char *name);
struct nz_json *push_object(struct nz_json_doc *doc, struct nz_json *array);
/* JCS(value), as a string member. */
enum nz_status put_canonical(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                             const struct nz_json *value);
/* label ‖ 0x00 ‖ digests in hex: what a labelled signature is over. */
enum nz_status put_message(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                           const char *label, const struct nz_hash *digests, size_t count);

#endif
