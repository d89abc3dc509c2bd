/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dataset's index in memory, as one epoch has it: schema, batches, roots. Immutable and shared by
 * reference, so that a session goes on with its epoch while the platform has moved to the next, and a
 * stream never asks the state. It takes some 100 bytes a batch: 50 MB for a thousand million records.
 */
#ifndef NZ_SERVER_INDEX_H
#define NZ_SERVER_INDEX_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/workers.h"

struct nz_index_entry {
	uint32_t table, count;
	uint64_t ordinal, bytes;
	size_t key_at; /* of first_key, in the index's keys */
	size_t key_len;
	struct nz_hash root;
};

struct nz_index {
	atomic_uint references;
	struct nz_dataset dataset; /* without schema_json */
	struct nz_schema *schema;
	struct nz_index_entry *entries;
	size_t count, capacity;
	struct nz_buffer keys;
	pthread_mutex_t lock;     /* of leaves, which are made when a proof first needs them */
	struct nz_hash *leaves;   /* of the dataset tree: the schema's, then the batches' */
};

/*
 * Reads the index that `dataset` describes from the state, and checks that it adds up to the root.
 * Takes over what dataset owns on NZ_OK. NZ_NOT_FOUND: the state has moved on to another epoch.
 * NZ_MISMATCH: the state is damaged.
 */
enum nz_status nz_index_load(struct nz_worker *worker, struct nz_dataset *dataset,
                             struct nz_index **out, struct nz_error *err) NZ_MUST_USE;
struct nz_index *nz_index_keep(struct nz_index *index);
void nz_index_release(struct nz_index **index);

/* The batch at a position below count; first_key is borrowed from the index. */
struct nz_batch nz_index_batch(const struct nz_index *index, size_t position);
/* The dataset tree's leaves, count + 1 of them; valid as long as the index. Thread-safe. */
enum nz_status nz_index_leaves(struct nz_index *index, const struct nz_crypto *crypto,
                               const struct nz_hash **out) NZ_MUST_USE;

#endif
