/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a manifest against the signed statement as its entries stream by: their order, their
 * limits, their sums, and at the end the dataset root. Until that end nothing of it is proven, so
 * what is made of the entries meanwhile must be undone when the end fails.
 */
#ifndef NZ_CLIENT_MANIFEST_H
#define NZ_CLIENT_MANIFEST_H

#include "proto/statement.h"
#include "record/batch.h"

struct nz_manifest {
	const struct nz_crypto *crypto;
	const struct nz_statement *statement; /* borrowed */
	struct nz_schema *schema;	      /* owned, once it came and was proven */
	size_t record_max_bytes;
	struct nz_dataset_root root;
	uint64_t ordinal;	   /* records of the current table so far */
	size_t table;		   /* of the last entry */
	bool empty;		   /* the last entry had no records */
	struct nz_buffer last_key; /* first_key of the last entry */
	struct nz_buffer key;	   /* of the entry at hand */
};
void nz_manifest_init(struct nz_manifest *m, const struct nz_crypto *crypto,
		      const struct nz_statement *statement, size_t record_max_bytes);
void nz_manifest_clear(struct nz_manifest *m);
#define NZ_MANIFEST(name) struct nz_manifest name NZ_CLEANUP(nz_manifest_clear) = {.crypto = NULL}

/* The S block. NZ_MISMATCH when its hash is not the statement's; NZ_MALFORMED. */
enum nz_status nz_manifest_schema(struct nz_manifest *m, const struct nz_json *object,
				  struct nz_error *err) NZ_MUST_USE;
/*
 * An M block: its entries go to sink in order, each with position and ordinal set. NZ_MALFORMED
 * for what is no manifest; NZ_MISMATCH for what cannot be the statement's; sink's failures.
 */
enum nz_status nz_manifest_part(struct nz_manifest *m, const struct nz_json *object,
				nz_batch_sink sink, void *context,
				struct nz_error *err) NZ_MUST_USE;
/* NZ_MISMATCH unless every table has had its batches, and sums and root are the statement's. */
enum nz_status nz_manifest_finish(struct nz_manifest *m, struct nz_error *err) NZ_MUST_USE;
/* Takes the schema out, after finish. */
struct nz_schema *nz_manifest_take_schema(struct nz_manifest *m);

/* How a key and an entry's first_key compare, the latter being cut in whole-record tables. */
int nz_manifest_key_compare(const struct nz_table *table, struct nz_bytes key,
			    struct nz_bytes first_key);

#endif
