/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replica's rows as a manifest cuts them: the rows of an entry are those from its first key up to
 * the next entry's, so that a changed row shows in one batch and not in all that follow. The first
 * entry of a table has what stands before it too.
 */
#ifndef NZ_CLIENT_RANGES_H
#define NZ_CLIENT_RANGES_H

#include "client/entries.h"

struct nz_ranges {
	const struct nz_crypto *crypto;
	struct nz_replica *replica;
	const struct nz_schema *schema;
	struct nz_hasher *hasher;
	struct nz_scan *scan;
	size_t table; /* of scan */
	struct nz_row row;
	bool pending; /* row was read and belongs to no range yet */
	bool ended;
	uint64_t ordinal; /* rows of the table in ranges so far */
	bool (*stopped)(void *context);
	void (*progress)(void *context, uint64_t records);
	void *context;
	uint64_t records; /* in all tables */
	/* Rows to be hashed together. */
	struct nz_buffer arena;
	size_t lens[256];
	size_t count;
};
enum nz_status nz_ranges_init(struct nz_ranges *ranges, const struct nz_crypto *crypto,
			      struct nz_replica *replica,
			      const struct nz_schema *schema) NZ_MUST_USE;
void nz_ranges_clear(struct nz_ranges *ranges);

/* What a range holds. */
struct nz_range {
	uint64_t ordinal; /* rows of the table before it */
	uint64_t count, bytes;
	struct nz_hash root;
};
/* Entries in order, each once; next as nz_entries_next gives it. NZ_CANCELLED. */
enum nz_status nz_ranges_next(struct nz_ranges *ranges, const struct nz_batch *entry,
			      const struct nz_batch *next, struct nz_range *out,
			      struct nz_error *err) NZ_MUST_USE;
bool nz_range_matches(const struct nz_range *range, const struct nz_batch *entry);

/* The root of the replica's rows by the cutter's own boundaries: what a platform would sign. */
struct nz_replica_root {
	struct nz_hash root;
	uint64_t records, batches, bytes;
};
enum nz_status nz_replica_root(struct nz_ranges *ranges, struct nz_replica_root *out,
			       struct nz_error *err) NZ_MUST_USE;

#endif
