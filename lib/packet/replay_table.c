/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory grows by doubling up to the limits and is then kept. An entry takes 56 bytes and about 16
 * more of indexes; a million of them, the default limit, 90 MB. Nothing is evicted to make room: an
 * entry inside its window is all that stands between its packet and a second execution.
 */
#include "replay_table.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64

/*
 * Multilinear hashing with secret multipliers. Keys are SHA-256 outputs, yet a node chooses its
 * nonces and could search for many that fall into one bucket if it knew which.
 */
static size_t bucket_of(const struct nz_replay_index *index, const uint8_t *key, size_t words)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < words; i++) {
		uint32_t word;

		memcpy(&word, key + 4 * i, sizeof word);
		sum += index->seed[i] * word;
	}
	return (size_t)(sum >> 32) & (index->bucket_count - 1);
}

static void index_add(struct nz_replay_index *index, size_t bucket, uint32_t slot)
{
	index->next[slot] = index->buckets[bucket];
	index->buckets[bucket] = slot + 1;
}

static void index_remove(struct nz_replay_index *index, size_t bucket, uint32_t slot)
{
	uint32_t *link = &index->buckets[bucket];

	while (*link != slot + 1)
		link = &index->next[*link - 1];
	*link = index->next[slot];
}

/* New arrays for cap slots; the buckets are empty. NZ_NO_MEMORY, index unchanged. */
static enum nz_status index_resize(struct nz_replay_index *index, size_t cap)
{
	size_t bucket_count = FIRST_CAPACITY;

	while (bucket_count < cap)
		bucket_count *= 2;
	uint32_t *buckets = calloc(bucket_count, sizeof *buckets);
	uint32_t *next = calloc(cap, sizeof *next);
	if (buckets == NULL || next == NULL) {
		free(buckets);
		free(next);
		return NZ_NO_MEMORY;
	}
	free(index->buckets);
	free(index->next);
	index->buckets = buckets;
	index->next = next;
	index->bucket_count = bucket_count;
	return NZ_OK;
}

static size_t key_bucket(const struct nz_replay_table *table, const struct nz_hash *key)
{
	return bucket_of(&table->by_key, key->bytes, sizeof key->bytes / 4);
}

static size_t node_bucket(const struct nz_replay_table *table,
                          const uint8_t node[NZ_REPLAY_NODE_BYTES])
{
	return bucket_of(&table->nodes.by_id, node, NZ_REPLAY_NODE_BYTES / 4);
}

enum nz_status nz_replay_table_init(struct nz_replay_table *table, const struct nz_crypto *crypto,
                                    const struct nz_replay_limits *limits)
{
	struct nz_replay_table made = {.limits = nz_replay_default_limits, .floor = INT64_MIN};

	if (limits != NULL && limits->entries != 0)
		made.limits.entries = limits->entries;
	if (limits != NULL && limits->entries_per_node != 0)
		made.limits.entries_per_node = limits->entries_per_node;
	if (limits != NULL && limits->window_s != 0)
		made.limits.window_s = limits->window_s;
	if (made.limits.entries > UINT32_MAX / 2)
		made.limits.entries = UINT32_MAX / 2;
	NZ_TRY(crypto->random(made.by_key.seed, sizeof made.by_key.seed));
	NZ_TRY(crypto->random(made.nodes.by_id.seed, sizeof made.nodes.by_id.seed));
	*table = made;
	return NZ_OK;
}

void nz_replay_table_clear(struct nz_replay_table *table)
{
	free(table->entries);
	free(table->node_of);
	free(table->heap);
	free(table->by_key.buckets);
	free(table->by_key.next);
	free(table->nodes.ids);
	free(table->nodes.counts);
	free(table->nodes.free_slots);
	free(table->nodes.by_id.buckets);
	free(table->nodes.by_id.next);
	*table = (struct nz_replay_table){0};
}

void nz_replay_table_reset(struct nz_replay_table *table)
{
	table->count = 0;
	table->floor = INT64_MIN;
	for (size_t i = 0; i < table->cap; i++)
		table->heap[i] = (uint32_t)i;
	table->nodes.free_count = table->nodes.cap;
	for (size_t i = 0; i < table->nodes.cap; i++) {
		table->nodes.free_slots[i] = (uint32_t)i;
		table->nodes.counts[i] = 0;
	}
	if (table->by_key.buckets != NULL)
		memset(table->by_key.buckets, 0,
		       table->by_key.bucket_count * sizeof *table->by_key.buckets);
	if (table->nodes.by_id.buckets != NULL)
		memset(table->nodes.by_id.buckets, 0,
		       table->nodes.by_id.bucket_count * sizeof *table->nodes.by_id.buckets);
}

/* The heap: heap[0] is the slot with the least timestamp. */
static bool older(const struct nz_replay_table *table, size_t a, size_t b)
{
	return table->entries[table->heap[a]].timestamp < table->entries[table->heap[b]].timestamp;
}

static void swap(struct nz_replay_table *table, size_t a, size_t b)
{
	const uint32_t slot = table->heap[a];

	table->heap[a] = table->heap[b];
	table->heap[b] = slot;
}

static void sift_up(struct nz_replay_table *table, size_t at)
{
	for (; at > 0 && older(table, at, (at - 1) / 2); at = (at - 1) / 2)
		swap(table, at, (at - 1) / 2);
}

static void sift_down(struct nz_replay_table *table)
{
	size_t at = 0;

	for (;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < table->count && older(table, child, least))
				least = child;
		if (least == at)
			return;
		swap(table, at, least);
		at = least;
	}
}

/* The node's slot + 1, or 0. */
static uint32_t find_node(const struct nz_replay_table *table,
                          const uint8_t node[NZ_REPLAY_NODE_BYTES])
{
	uint32_t link = 0;

	if (table->nodes.cap > 0)
		link = table->nodes.by_id.buckets[node_bucket(table, node)];
	while (link != 0 && memcmp(table->nodes.ids[link - 1], node, NZ_REPLAY_NODE_BYTES) != 0)
		link = table->nodes.by_id.next[link - 1];
	return link;
}

static void drop_oldest(struct nz_replay_table *table)
{
	const uint32_t slot = table->heap[0];
	const uint32_t node = table->node_of[slot];

	index_remove(&table->by_key, key_bucket(table, &table->entries[slot].key), slot);
	if (--table->nodes.counts[node] == 0) {
		index_remove(&table->nodes.by_id, node_bucket(table, table->nodes.ids[node]), node);
		table->nodes.free_slots[table->nodes.free_count++] = node;
	}
	table->count--;
	swap(table, 0, table->count);
	sift_down(table);
}

void nz_replay_table_expire(struct nz_replay_table *table, int64_t now)
{
	const int64_t oldest_live = now - (int64_t)table->limits.window_s;

	while (table->count > 0) {
		const int64_t timestamp = table->entries[table->heap[0]].timestamp;

		if (timestamp >= oldest_live)
			return;
		if (timestamp > table->floor)
			table->floor = timestamp;
		drop_oldest(table);
	}
}

const struct nz_replay_entry *nz_replay_table_find(const struct nz_replay_table *table,
                                                   const struct nz_hash *key)
{
	uint32_t link = table->cap > 0 ? table->by_key.buckets[key_bucket(table, key)] : 0;

	while (link != 0 &&
	       memcmp(table->entries[link - 1].key.bytes, key->bytes, sizeof key->bytes) != 0)
		link = table->by_key.next[link - 1];
	return link != 0 ? &table->entries[link - 1] : NULL;
}

enum nz_status nz_replay_table_check(const struct nz_replay_table *table,
                                     const struct nz_replay_entry *entry, int64_t now,
                                     struct nz_error *err)
{
	const int64_t window = table->limits.window_s;

	if (entry->timestamp <= table->floor || nz_replay_table_find(table, &entry->key) != NULL)
		return nz_fail(err, NZ_REPLAYED, "the nonce was seen before");
	if (entry->timestamp < now - window || entry->timestamp > now + window)
		return nz_fail(err, NZ_EXPIRED,
		               "the timestamp is outside the replay guard's %lld s",
		               (long long)window);
	if (table->count >= table->limits.entries)
		return nz_fail(err, NZ_LIMIT, "the replay guard is full (%zu entries)",
		               table->limits.entries);
	const uint32_t node = find_node(table, entry->node);
	if (node != 0 && table->nodes.counts[node - 1] >= table->limits.entries_per_node)
		return nz_fail(err, NZ_LIMIT, "the node's part of the replay guard is full (%zu)",
		               table->limits.entries_per_node);
	return NZ_OK;
}

static size_t next_capacity(size_t cap, size_t most)
{
	const size_t doubled = cap > 0 ? 2 * cap : FIRST_CAPACITY;

	return doubled < most ? doubled : most;
}

/* Each array that grew stays, whatever fails after it; cap rises when all have. */
static enum nz_status grow_entries(struct nz_replay_table *table)
{
	const size_t cap = next_capacity(table->cap, table->limits.entries);
	void *grown;

	if ((grown = realloc(table->entries, cap * sizeof *table->entries)) == NULL)
		return NZ_NO_MEMORY;
	table->entries = grown;
	if ((grown = realloc(table->node_of, cap * sizeof *table->node_of)) == NULL)
		return NZ_NO_MEMORY;
	table->node_of = grown;
	if ((grown = realloc(table->heap, cap * sizeof *table->heap)) == NULL)
		return NZ_NO_MEMORY;
	table->heap = grown;
	NZ_TRY(index_resize(&table->by_key, cap));
	for (size_t i = table->cap; i < cap; i++)
		table->heap[i] = (uint32_t)i;
	table->cap = cap;
	for (size_t i = 0; i < table->count; i++) {
		const uint32_t slot = table->heap[i];

		index_add(&table->by_key, key_bucket(table, &table->entries[slot].key), slot);
	}
	return NZ_OK;
}

static enum nz_status grow_nodes(struct nz_replay_table *table)
{
	const size_t cap = next_capacity(table->nodes.cap, table->limits.entries);
	void *grown;

	if ((grown = realloc(table->nodes.ids, cap * sizeof *table->nodes.ids)) == NULL)
		return NZ_NO_MEMORY;
	table->nodes.ids = grown;
	if ((grown = realloc(table->nodes.counts, cap * sizeof *table->nodes.counts)) == NULL)
		return NZ_NO_MEMORY;
	table->nodes.counts = grown;
	if ((grown = realloc(table->nodes.free_slots, cap * sizeof *table->nodes.free_slots)) ==
	    NULL)
		return NZ_NO_MEMORY;
	table->nodes.free_slots = grown;
	NZ_TRY(index_resize(&table->nodes.by_id, cap));
	for (size_t i = 0; i < table->nodes.cap; i++) /* none is free, or we would not grow */
		index_add(&table->nodes.by_id, node_bucket(table, table->nodes.ids[i]),
		          (uint32_t)i);
	for (size_t i = table->nodes.cap; i < cap; i++) {
		table->nodes.counts[i] = 0;
		table->nodes.free_slots[table->nodes.free_count++] = (uint32_t)i;
	}
	table->nodes.cap = cap;
	return NZ_OK;
}

enum nz_status nz_replay_table_reserve(struct nz_replay_table *table)
{
	if (table->count >= table->limits.entries)
		return NZ_LIMIT;
	if (table->count == table->cap)
		NZ_TRY(grow_entries(table));
	if (table->nodes.free_count == 0)
		NZ_TRY(grow_nodes(table));
	return NZ_OK;
}

void nz_replay_table_insert(struct nz_replay_table *table, const struct nz_replay_entry *entry)
{
	const uint32_t slot = table->heap[table->count];
	uint32_t node = find_node(table, entry->node);

	if (node == 0) {
		node = table->nodes.free_slots[--table->nodes.free_count] + 1;
		memcpy(table->nodes.ids[node - 1], entry->node, NZ_REPLAY_NODE_BYTES);
		index_add(&table->nodes.by_id, node_bucket(table, entry->node), node - 1);
	}
	table->nodes.counts[node - 1]++;
	table->node_of[slot] = node - 1;
	table->entries[slot] = *entry;
	index_add(&table->by_key, key_bucket(table, &entry->key), slot);
	sift_up(table, table->count++);
}

const struct nz_replay_entry *nz_replay_table_at(const struct nz_replay_table *table, size_t i)
{
	return &table->entries[table->heap[i]];
}
