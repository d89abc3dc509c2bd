/* SPDX-License-Identifier: Apache-2.0 */
/* The new replica takes its place. */
#ifndef NZ_REPLICA_SQLITE_PLACE_H
#define NZ_REPLICA_SQLITE_PLACE_H

#include "replica/sqlite/handle.h"

/* Puts the new replica in the old one's place. */
enum nz_status nz_sqr_fresh_place(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

#endif
