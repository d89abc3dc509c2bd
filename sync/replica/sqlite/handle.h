/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle of a SQLite replica, which its files share. Four files of the system are in play:
 *
 *   REPLICA.db          the replica: the dataset's tables, and _nz_checkpoint, _nz_batch, _nz_object
 *   REPLICA.db-nz       the work file: client state, the new manifest, staged batches. Losing it
 *                       costs time, never data
 *   REPLICA.db-nz-new   a replica being made anew, rows already in their tables
 *   REPLICA.db-nz-lock  held with flock while a sync is at work, removed after it
 *
 * The work file and the new replica are written without fsync: a killed process loses nothing of
 * what it handed to the kernel. A power cut might, so what is staged there is bound to the boot it
 * was written in, and the new replica is fsynced whole before it takes its place.
 */
#ifndef NZ_REPLICA_SQLITE_HANDLE_H
#define NZ_REPLICA_SQLITE_HANDLE_H

#include "replica/replica.h"
#include "sqlite/sqlite.h"

#define NZ_SQR_BUSY_MS 5000
#define NZ_SQR_CACHE_KIB 16384 /* of the replica and of the new one; SQLite spills past it */
/* Staged work is committed when it reaches either. */
#define NZ_SQR_COMMIT_BYTES ((uint64_t)64 << 20)
#define NZ_SQR_COMMIT_MS 1000
/* How long to wait for file times to tell a later write apart. */
#define NZ_SQR_SETTLE_MS 200

enum nz_sqr_mode {
	NZ_SQR_IDLE,
	NZ_SQR_INCREMENTAL, /* batches staged in the work file, merged into the replica */
	NZ_SQR_REBUILD,     /* rows put into the new replica */
};

/* States of a position of the new manifest, as the work file has them. */
enum nz_sqr_entry_state {
	NZ_SQR_WANTED = 0,
	NZ_SQR_HELD = 1,   /* ref: the position in `old` */
	NZ_SQR_STAGED = 2, /* ref: the staged batch; NULL for a batch without records */
};

/* What was seen of the replica at a moment, to know later whether anybody wrote meanwhile. */
struct nz_sqr_sight {
	bool taken;
	bool settled; /* fingerprint would tell a later write apart */
	struct nz_hash fingerprint;
	int64_t data_version; /* of this connection: rises when another one commits */
};

struct nz_sqr {
	struct nz_replica base;
	char *path;
	char *folder;
	char *lock_path;
	char *work_path;
	char *fresh_path;
	int lock_fd;
	bool read_only;
	size_t record_max_bytes;
	char boot_id[40]; /* "" where the system has none: staging then serves this handle alone */
	const struct nz_crypto *crypto;

	sqlite3 *db;    /* the replica; NULL while there is no file */
	sqlite3 *work;  /* NULL until it is needed */
	sqlite3 *fresh; /* NULL unless mode is NZ_SQR_REBUILD */

	bool reading;
	bool repairing;
	struct nz_schema *own; /* the checkpoint's schema, read once; NULL when not read yet */
	struct nz_sqr_sight read_sight;

	/* The sync at hand. */
	enum nz_sqr_mode mode;
	bool planned;
	bool fresh_indexed;       /* indexes and what else follows the load are there already */
	bool fresh_complete;      /* only taking its place is left */
	struct nz_statement statement;
	struct nz_schema *schema; /* a copy */
	uint64_t reused; /* batches copied from the old replica into the new one */
	uint64_t manifest_count;
	size_t manifest_table;
	uint64_t manifest_ordinal;
	struct nz_sqr_sight plan_sight;
	bool plan_trusted; /* the sight shows rows that were verified */
	sqlite3_stmt *manifest_insert;
	sqlite3_stmt *entry_select;
	struct nz_buffer entry_key;
	struct nz_sqlite_writer *writer; /* into fresh */
	size_t writer_table;
	uint64_t uncommitted_bytes;
	int64_t uncommitted_since_ms;
};

static inline struct nz_sqr *nz_sqr_of(struct nz_replica *replica)
{
	return (struct nz_sqr *)(void *)replica;
}

/* Opens r->db when the file exists and is not open yet. NZ_NOT_FOUND when there is none. */
enum nz_status nz_sqr_attach(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Limits, cache, no triggers, no foreign keys, no CHECK: rows are the source's, right or wrong. */
enum nz_status nz_sqr_configure(sqlite3 *db, struct nz_error *err) NZ_MUST_USE;
/* Fails with NZ_INVALID on a handle that only reads. */
enum nz_status nz_sqr_writable(const struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

#endif
