/* SPDX-License-Identifier: Apache-2.0 */
/* The datasets. */
#ifndef NZ_STATE_SQLITE_DATASETS_H
#define NZ_STATE_SQLITE_DATASETS_H

#include "state/sqlite/handle.h"

enum nz_status state_dataset_add(struct nz_state *state, const struct nz_dataset *dataset,
                                 struct nz_error *err);
enum nz_status state_dataset_get(struct nz_state *state, const char *name, struct nz_dataset *out,
                                 struct nz_error *err);
enum nz_status state_dataset_list(struct nz_state *state, nz_dataset_visit visit, void *context,
                                  struct nz_error *err);
enum nz_status state_dataset_remove(struct nz_state *state, const char *name,
                                    struct nz_error *err);

#endif
