/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the replica, and whose it is. */
#ifndef NZ_REPLICA_SQLITE_OBJECTS_H
#define NZ_REPLICA_SQLITE_OBJECTS_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_schema_check(struct nz_replica *replica, struct nz_error *err);
/* NZ_REFUSED, naming them, when the replica has objects that nz did not make. */
enum nz_status nz_sqr_objects_foreign(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

#endif
