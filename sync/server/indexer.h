/* SPDX-License-Identifier: Apache-2.0 */
/* Brings a dataset's index up to date: scan, cut, hash, store. Used by the server and by `nz dataset index`. */
#ifndef NZ_SERVER_INDEXER_H
#define NZ_SERVER_INDEXER_H

#include "source/source.h"
#include "state/state.h"

/* Called now and then with records done so far; NZ_CANCELLED stops the build. */
typedef enum nz_status (*nz_index_progress)(void *context, uint64_t records, uint64_t bytes);

/*
 * Compares the source's version with the index's and scans only where they differ. On NZ_OK *dataset
 * (from dataset_get) describes the current index. NZ_BUSY when another builder is at work.
 */
enum nz_status nz_indexer_refresh(struct nz_state *state, const struct nz_crypto *crypto,
                                  const char *name, bool force, nz_index_progress progress,
                                  void *context, struct nz_dataset *dataset,
                                  struct nz_error *err) NZ_MUST_USE;
/*
 * Builds the index anew and gives the source (*held, the caller's) still inside the snapshot that it
 * was built from, so that every batch can be read as it stands in the index: end, then close it.
 */
enum nz_status nz_indexer_hold(struct nz_state *state, const struct nz_crypto *crypto,
                               const char *name, nz_index_progress progress, void *context,
                               struct nz_dataset *dataset, struct nz_source **held,
                               struct nz_error *err) NZ_MUST_USE;

#endif
