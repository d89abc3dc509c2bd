/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the state. */
#ifndef NZ_STATE_SQLITE_BACKUP_H
#define NZ_STATE_SQLITE_BACKUP_H

#include "state/sqlite/handle.h"

enum nz_status state_backup(struct nz_state *state, const char *file, struct nz_error *err);
enum nz_status state_restore(const char *location, const char *file, struct nz_error *err);

#endif
