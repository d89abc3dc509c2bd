/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and reading a dataset's index. */
#ifndef NZ_STATE_SQLITE_INDEX_H
#define NZ_STATE_SQLITE_INDEX_H

#include "state/sqlite/handle.h"

enum nz_status state_index_begin(struct nz_state *state, const char *dataset,
                                 struct nz_error *err);
enum nz_status state_index_add(struct nz_state *state, const struct nz_batch *batch,
                               struct nz_error *err);
enum nz_status state_index_commit(struct nz_state *state, const struct nz_dataset *summary,
                                  int64_t *epoch, struct nz_error *err);
void state_index_abort(struct nz_state *state);
enum nz_status state_index_read(struct nz_state *state, const char *dataset, int64_t epoch,
                                uint64_t from, uint64_t limit, nz_batch_sink sink, void *context,
                                struct nz_error *err);

#endif
