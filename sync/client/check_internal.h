/* SPDX-License-Identifier: Apache-2.0 */
/* A replica being checked, shared by check.c, check_remote.c and compare.c. Private to them. */
#ifndef NZ_CLIENT_CHECK_INTERNAL_H
#define NZ_CLIENT_CHECK_INTERNAL_H

#include "client/client.h"
#include "client/ranges.h"

/* A batch whose rows are not the entry's. */
struct check_difference {
	struct nz_batch entry; /* first_key: see check_difference_at */
	size_t key_at;	       /* in difference_keys */
	struct nz_range found;
};

struct check {
	const struct nz_crypto *crypto;
	const struct nz_check_options *options;
	bool (*stopped)(void *context);
	void *stopped_context;
	struct nz_replica *replica;
	struct nz_checkpoint checkpoint;
	struct nz_schema *schema;
	bool reading; /* between read_begin and read_end */
	struct nz_check_result result;
	uint64_t total; /* records expected, for the progress */
	struct check_difference *differences;
	size_t difference_count, difference_cap;
	struct nz_buffer difference_keys;
};

/* Opens the replica and reads its checkpoint and schema, inside a snapshot. */
enum nz_status check_begin(struct check *check, const char *uri, bool read_only,
			   size_t record_max_bytes, struct nz_error *err) NZ_MUST_USE;
void check_end_reading(struct check *check);
void check_clear(struct check *check);
/* Says in the result's fault when the checkpoint was not signed under that root. */
enum nz_status check_signature(struct check *check, struct nz_bytes root_pem,
			       struct nz_error *err) NZ_MUST_USE;
/* Ranges over the rows, with the caller's progress and stop. */
enum nz_status check_ranges(struct check *check, struct nz_ranges *ranges) NZ_MUST_USE;

/* Compares a manifest's ranges; visit is called for each that differs, next as nz_entries_next. */
typedef enum nz_status (*check_visit)(struct check *check, const struct nz_batch *entry,
				      const struct nz_batch *next, const struct nz_range *found,
				      struct nz_error *err);
enum nz_status check_manifest(struct check *check, struct nz_entries *entries, check_visit visit,
			      struct nz_error *err) NZ_MUST_USE;
/* The root of the rows by their own cut, into result. */
enum nz_status check_root(struct check *check, struct nz_error *err) NZ_MUST_USE;

/* A table that is gone cannot be read: then the schema's fault, which is known, says more. */
bool check_fault_explains(const struct check *check, enum nz_status status);

/* Rows to be removed from the replica, and rows to be put: what a repair does. */
struct check_row_head {
	uint64_t table;
	int64_t rowid;
};
struct check_repair {
	struct nz_spool *removals, *puts; /* NULL: nothing is to be repaired */
};

#endif
