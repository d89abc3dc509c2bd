/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a replay guard remembers, in bounded memory: entries found by key, dropped in the order of
 * their timestamps, counted for each node. Not thread-safe; no clock, no files. Not exported.
 */
#ifndef NZ_REPLAY_TABLE_H
#define NZ_REPLAY_TABLE_H

#include <nz/replay.h>

#pragma GCC visibility push(hidden)

#define NZ_REPLAY_NODE_BYTES 16

struct nz_replay_entry {
	struct nz_hash key;                  /* nz_replay_key */
	uint8_t node[NZ_REPLAY_NODE_BYTES]; /* start of SHA-256(node id): for the quota alone */
	int64_t timestamp;                   /* the packet's, UNIX seconds */
};

/* Chained hash buckets over slots in one array; both parts of the table are of this kind. */
struct nz_replay_index {
	uint32_t *buckets; /* slot + 1, 0: none */
	uint32_t *next;    /* slot + 1 */
	size_t bucket_count; /* a power of two */
	uint64_t seed[8];  /* secret: nobody can aim at one bucket */
};

struct nz_replay_table {
	struct nz_replay_limits limits;
	int64_t floor; /* packets at or below are refused; INT64_MIN at first */
	struct nz_replay_entry *entries;
	uint32_t *node_of; /* entry slot -> node slot */
	uint32_t *heap;    /* entry slots, the oldest timestamp first; then the free ones */
	size_t count;
	size_t cap;
	struct nz_replay_index by_key;
	struct {
		uint8_t (*ids)[NZ_REPLAY_NODE_BYTES];
		uint32_t *counts; /* entries of it; 0: the slot is free */
		uint32_t *free_slots;
		size_t free_count;
		size_t cap;
		struct nz_replay_index by_id;
	} nodes;
};

/* limits NULL: the defaults. NZ_CRYPTO. */
enum nz_status nz_replay_table_init(struct nz_replay_table *table, const struct nz_crypto *crypto,
                                    const struct nz_replay_limits *limits) NZ_MUST_USE;
void nz_replay_table_clear(struct nz_replay_table *table);
/* Forgets all entries and the floor, and keeps the memory. */
void nz_replay_table_reset(struct nz_replay_table *table);
/* Drops what has expired at now, and raises the floor to the greatest of it. */
void nz_replay_table_expire(struct nz_replay_table *table, int64_t now);
/* NZ_OK where the entry may be recorded; else NZ_REPLAYED, NZ_LIMIT, NZ_EXPIRED. Changes nothing. */
enum nz_status nz_replay_table_check(const struct nz_replay_table *table,
                                     const struct nz_replay_entry *entry, int64_t now,
                                     struct nz_error *err) NZ_MUST_USE;
/* Room for one more, so that the next insertion cannot fail. NZ_NO_MEMORY, NZ_LIMIT. */
enum nz_status nz_replay_table_reserve(struct nz_replay_table *table) NZ_MUST_USE;
/* Records an entry that is not there yet, after a reserve. */
void nz_replay_table_insert(struct nz_replay_table *table, const struct nz_replay_entry *entry);
/* The entry of that key, or NULL; borrowed until the table changes. */
const struct nz_replay_entry *nz_replay_table_find(const struct nz_replay_table *table,
                                                   const struct nz_hash *key);
/* The i-th live entry, in no order; i < table->count. */
const struct nz_replay_entry *nz_replay_table_at(const struct nz_replay_table *table, size_t i);

/* The entry for a packet. NZ_CRYPTO, NZ_NO_MEMORY. */
enum nz_status nz_replay_entry_make(const struct nz_crypto *crypto, struct nz_bytes node_id,
                                    struct nz_bytes nonce, int64_t timestamp,
                                    struct nz_replay_entry *out, struct nz_error *err) NZ_MUST_USE;

#pragma GCC visibility pop

#endif
