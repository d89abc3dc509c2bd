/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations, on top of everything else. */
#include "replica/sqlite/checkpoint.h"
#include "replica/sqlite/objects.h"
#include "replica/sqlite/open.h"
#include "replica/sqlite/plan.h"
#include "replica/sqlite/publish.h"
#include "replica/sqlite/read.h"
#include "replica/sqlite/repair.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/staging.h"
#include "replica/sqlite/work.h"

static enum nz_status open_replica(const char *uri, const struct nz_replica_options *options,
                                   struct nz_replica **out, struct nz_error *err)
{
	NZ_TRY(nz_sqr_open(uri, options, out, err));
	(*out)->ops = &nz_replica_sqlite;
	return NZ_OK;
}

const struct nz_replica_ops nz_replica_sqlite = {
	.scheme = "sqlite",
	.open = open_replica,
	.close = nz_sqr_close,
	.checkpoint = nz_sqr_checkpoint,
	.unchanged = nz_sqr_unchanged,
	.read_begin = nz_sqr_read_begin,
	.read_end = nz_sqr_read_end,
	.schema = nz_sqr_schema,
	.schema_check = nz_sqr_schema_check,
	.batches = nz_sqr_batches,
	.scan = nz_sqr_scan,
	.scan_ops = {.next = nz_sqlite_scan_next, .free = nz_sqlite_scan_free},
	.begin = nz_sqr_begin_sync,
	.manifest_add = nz_sqr_manifest_add,
	.plan = nz_sqr_plan,
	.next_wanted = nz_sqr_next_wanted,
	.entry = nz_sqr_entry,
	.stage = nz_sqr_stage,
	.publish = nz_sqr_publish,
	.restate = nz_sqr_restate,
	.discard = nz_sqr_discard,
	.repair_begin = nz_sqr_repair_begin,
	.repair_remove = nz_sqr_repair_remove,
	.repair_put = nz_sqr_repair_put,
	.repair_end = nz_sqr_repair_end,
	.mark_verified = nz_sqr_mark_verified,
	.note_error = nz_sqr_note_error,
	.last_error = nz_sqr_last_error,
};
