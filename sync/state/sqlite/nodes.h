/* SPDX-License-Identifier: Apache-2.0 */
/* The pin list. */
#ifndef NZ_STATE_SQLITE_NODES_H
#define NZ_STATE_SQLITE_NODES_H

#include "state/sqlite/handle.h"

enum nz_status state_node_add(struct nz_state *state, const struct nz_pin *pin,
                              struct nz_error *err);
enum nz_status state_node_get(struct nz_state *state, const char *node_id, struct nz_pin *out,
                              struct nz_error *err);
enum nz_status state_node_list(struct nz_state *state, nz_pin_visit visit, void *context,
                               struct nz_error *err);
enum nz_status state_node_remove(struct nz_state *state, const char *node_id,
                                 struct nz_error *err);

#endif
