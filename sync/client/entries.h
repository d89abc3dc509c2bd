/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest read in order, with one entry of foresight: from a replica's checkpoint or a spool. */
#ifndef NZ_CLIENT_ENTRIES_H
#define NZ_CLIENT_ENTRIES_H

#include "client/spool.h"
#include "replica/replica.h"

struct nz_entry_slot {
	bool there;
	struct nz_batch batch;
	struct nz_buffer key;
};
#define NZ_ENTRIES_CHUNK 256
struct nz_entries {
	struct nz_replica *replica; /* either */
	struct nz_spool *spool;	    /* or */
	bool started;
	struct nz_entry_slot current, ahead;
	/* Entries of the replica, read some at a time. */
	struct nz_batch chunk[NZ_ENTRIES_CHUNK];
	size_t chunk_count, chunk_at;
	struct nz_buffer chunk_keys;
	uint64_t from;
};
/* The replica must be between read_begin and read_end. */
void nz_entries_of_replica(struct nz_entries *entries, struct nz_replica *replica);
/* Items added with nz_entries_spool; rewound here. */
enum nz_status nz_entries_of_spool(struct nz_entries *entries, struct nz_spool *spool,
				   struct nz_error *err) NZ_MUST_USE;
void nz_entries_clear(struct nz_entries *entries);
/*
 * The next entry, and in *next the one after it where that is of the same table, else NULL. Both
 * are valid until the next call. NZ_END.
 */
enum nz_status nz_entries_next(struct nz_entries *entries, const struct nz_batch **entry,
			       const struct nz_batch **next, struct nz_error *err) NZ_MUST_USE;
/* An entry into a spool: an nz_batch_sink over one. */
enum nz_status nz_entries_spool(void *spool, const struct nz_batch *batch,
				struct nz_error *err) NZ_MUST_USE;

#endif
