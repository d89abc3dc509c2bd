/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches and the dataset tree: where a batch ends, its root, the manifest entry, and the root of
 * everything. Boundaries follow content, so a change re-cuts only its neighbourhood.
 */
#ifndef NZ_RECORD_BATCH_H
#define NZ_RECORD_BATCH_H

#include <nz/merkle.h>

#include "record/schema.h"

#define NZ_BATCH_MAX_RECORDS 10000
#define NZ_BATCH_MAX_BYTES ((size_t)4 << 20)
/* Of a whole-record key, first_key keeps so many bytes. */
#define NZ_BATCH_FIRST_KEY_MAX_BYTES 1024

/* A manifest entry. first_key is borrowed or owned as the function says. */
struct nz_batch {
	uint64_t position; /* in the manifest, from 0 */
	size_t table;      /* index into the schema's tables */
	uint64_t ordinal;  /* records of the table before this batch */
	uint32_t count;
	uint64_t bytes; /* of its records */
	struct nz_bytes first_key;
	struct nz_hash root;
};

/* Called for each finished batch, in manifest order; batch->first_key is valid during the call. */
typedef enum nz_status (*nz_batch_sink)(void *context, const struct nz_batch *batch,
                                        struct nz_error *err);

/*
 * Cuts a stream of records into batches. Records come table by table in the schema's order, in key
 * order within a table. Leaves are hashed many at once; nothing but keys and small runs is kept.
 */
struct nz_cutter;
enum nz_status nz_cutter_new(const struct nz_crypto *crypto, const struct nz_schema *schema,
                             nz_batch_sink sink, void *context, struct nz_cutter **out) NZ_MUST_USE;
void nz_cutter_free(struct nz_cutter **cutter);
/*
 * A record of table `table` (index): its bytes and key bytes, copied. Tables passed over get their
 * empty batch. NZ_MALFORMED when keys do not ascend (equal keys only in whole-record tables).
 */
enum nz_status nz_cutter_add(struct nz_cutter *cutter, size_t table, struct nz_bytes record,
                             struct nz_bytes key, struct nz_error *err) NZ_MUST_USE;
/* Ends the last batch and gives every remaining table its empty one. */
enum nz_status nz_cutter_finish(struct nz_cutter *cutter, struct nz_error *err) NZ_MUST_USE;

/* True when a batch ends after a record of that leaf and length (content rule alone). */
bool nz_batch_ends_after(const struct nz_hash *leaf, size_t record_len);

/* The root and byte count of a batch at hand: leaves is scratch of `count` hashes. */
enum nz_status nz_batch_root(const struct nz_crypto *crypto, struct nz_hasher *hasher,
                             const struct nz_bytes *records, size_t count, struct nz_hash *leaves,
                             struct nz_hash *root) NZ_MUST_USE;

/* The JSON object of a manifest entry ({bytes, count, first_key, root, table}) and back. */
struct nz_json *nz_batch_to_json(const struct nz_schema *schema, const struct nz_batch *batch,
                                 struct nz_json_doc *doc);
/* first_key is decoded into key_storage (appended). position and ordinal are left alone. */
enum nz_status nz_batch_from_json(const struct nz_schema *schema, const struct nz_json *json,
                                  struct nz_buffer *key_storage, struct nz_batch *out,
                                  struct nz_error *err) NZ_MUST_USE;

/* The dataset root over a stream of entries: leaf 0 of the schema, then one leaf a batch. */
struct nz_dataset_root {
	const struct nz_crypto *crypto;
	const struct nz_schema *schema;
	struct nz_hasher *hasher; /* owned */
	struct nz_merkle tree;
	uint64_t records, batches, bytes;
};
enum nz_status nz_dataset_root_init(struct nz_dataset_root *r, const struct nz_crypto *crypto,
                                    const struct nz_schema *schema) NZ_MUST_USE;
void nz_dataset_root_clear(struct nz_dataset_root *r);
enum nz_status nz_dataset_root_add(struct nz_dataset_root *r, const struct nz_batch *batch) NZ_MUST_USE;
enum nz_status nz_dataset_root_get(const struct nz_dataset_root *r, struct nz_hash *out) NZ_MUST_USE;

#endif
