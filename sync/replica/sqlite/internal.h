/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite replica, shared by its files. Four files of the system are in play:
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
#ifndef NZ_REPLICA_SQLITE_INTERNAL_H
#define NZ_REPLICA_SQLITE_INTERNAL_H

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

/* ---- open.c ---- */
enum nz_status nz_sqr_open(const char *uri, const struct nz_replica_options *options,
                           struct nz_replica **out, struct nz_error *err);
void nz_sqr_close(struct nz_replica **replica);
/* Opens r->db when the file exists and is not open yet. NZ_NOT_FOUND when there is none. */
enum nz_status nz_sqr_attach(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Limits, cache, no triggers, no foreign keys, no CHECK: rows are the source's, right or wrong. */
enum nz_status nz_sqr_configure(sqlite3 *db, struct nz_error *err) NZ_MUST_USE;
/* Fails with NZ_INVALID on a handle that only reads. */
enum nz_status nz_sqr_writable(const struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

/* ---- path.c ---- */
enum nz_status nz_sqr_paths(struct nz_sqr *r, const char *uri, struct nz_error *err) NZ_MUST_USE;
/* Removes a database file with its journal, WAL and shared memory. Missing ones are fine. */
void nz_sqr_unlink_database(const char *path);
enum nz_status nz_sqr_lock(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_unlock(struct nz_sqr *r);
enum nz_status nz_sqr_fsync_path(const char *path, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_boot_id(char out[40]);

/* ---- sql.c: small things over SQLite ---- */
enum nz_status nz_sqr_begin(sqlite3 *db, struct nz_error *err) NZ_MUST_USE; /* unless begun */
enum nz_status nz_sqr_commit(sqlite3 *db, struct nz_error *err) NZ_MUST_USE; /* unless not begun */
void nz_sqr_rollback(sqlite3 *db);
/* Rolls back on leaving the scope, unless set to NULL. */
#define NZ_SQR_ROLLBACK(name, db) \
	sqlite3 *name __attribute__((unused)) NZ_CLEANUP(nz_sqr_rollback_scope) = (db)
void nz_sqr_rollback_scope(sqlite3 **db);
/* The first column of the first row as an integer, `fallback` when there is no row. */
enum nz_status nz_sqr_integer(sqlite3 *db, const char *sql, int64_t fallback, int64_t *out,
                              struct nz_error *err) NZ_MUST_USE;
/* True when a table of that name is there. */
enum nz_status nz_sqr_has_table(sqlite3 *db, const char *name, bool *out,
                                struct nz_error *err) NZ_MUST_USE;
struct nz_bytes nz_sqr_column_bytes(sqlite3_stmt *stmt, int column); /* borrowed, until the step */
/* Never binds NULL. */
void nz_sqr_bind_bytes(sqlite3_stmt *stmt, int index, struct nz_bytes bytes);
/* A root column; NZ_DATABASE unless it has 32 bytes. */
enum nz_status nz_sqr_column_hash(sqlite3_stmt *stmt, int column, struct nz_hash *out,
                                  struct nz_error *err) NZ_MUST_USE;
/* A count column; NZ_DATABASE outside 0..limit. */
enum nz_status nz_sqr_column_count(sqlite3_stmt *stmt, int column, uint64_t limit, uint64_t *out,
                                   struct nz_error *err) NZ_MUST_USE;
/* Text of a JSON value as stored, and back. */
enum nz_status nz_sqr_statement_text(const struct nz_statement *statement, struct nz_buffer *out)
	NZ_MUST_USE;
enum nz_status nz_sqr_schema_text(const struct nz_schema *schema, struct nz_buffer *out) NZ_MUST_USE;
enum nz_status nz_sqr_statement_parse(struct nz_bytes text, struct nz_statement *out,
                                      struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_schema_parse(struct nz_bytes text, struct nz_schema **out,
                                   struct nz_error *err) NZ_MUST_USE;

/* ---- work.c ---- */
/* Opens the work file, makes it anew when it is missing or of no use. */
enum nz_status nz_sqr_work(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Opens it to look into; NZ_NOT_FOUND when there is none that can be read. */
enum nz_status nz_sqr_work_peek(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_work_close(struct nz_sqr *r);
enum nz_status nz_sqr_state_put(struct nz_sqr *r, const char *name, struct nz_bytes value,
                                struct nz_error *err) NZ_MUST_USE;
/* Replaces out's content; empty when there is no such state. */
enum nz_status nz_sqr_state_get(struct nz_sqr *r, const char *name, struct nz_buffer *out,
                                struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_state_remove(struct nz_sqr *r, const char *name,
                                   struct nz_error *err) NZ_MUST_USE;
/* Forgets manifest, staged batches and operations, and gives the room back. */
enum nz_status nz_sqr_work_reset(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_note_error(struct nz_replica *replica, int64_t at, const char *message,
                                 struct nz_error *err);
enum nz_status nz_sqr_last_error(struct nz_replica *replica, int64_t *at,
                                 struct nz_buffer *message, struct nz_error *err);

/* ---- checkpoint.c ---- */
enum nz_status nz_sqr_checkpoint(struct nz_replica *replica, struct nz_checkpoint *out,
                                 struct nz_error *err);
enum nz_status nz_sqr_restate(struct nz_replica *replica, const struct nz_statement *statement,
                              const char *certificate, int64_t now, struct nz_error *err);
/* Writes checkpoint and manifest into db, inside the caller's transaction. */
enum nz_status nz_sqr_checkpoint_write(struct nz_sqr *r, sqlite3 *db, const char *certificate,
                                       int64_t now, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_manifest_write(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
	NZ_MUST_USE;
/* Only statement, certificate and date of a checkpoint that stands in db. */
enum nz_status nz_sqr_checkpoint_date(sqlite3 *db, const struct nz_statement *statement,
                                      const char *certificate, int64_t now,
                                      struct nz_error *err) NZ_MUST_USE;
/* sqlite_sequence as the source has it; rows of other tables stay. */
enum nz_status nz_sqr_sequences_write(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
	NZ_MUST_USE;

/* ---- sight.c ---- */
enum nz_status nz_sqr_unchanged(struct nz_replica *replica, bool *out, struct nz_error *err);
enum nz_status nz_sqr_mark_verified(struct nz_replica *replica, struct nz_error *err);
/* Looks at the replica now; waits for file times to settle when `wait`. */
enum nz_status nz_sqr_look(struct nz_sqr *r, bool wait, struct nz_sqr_sight *out,
                           struct nz_error *err) NZ_MUST_USE;
/* True when the file is as it was at `then`, bit for bit as far as the system can tell. */
enum nz_status nz_sqr_same_file(struct nz_sqr *r, const struct nz_sqr_sight *then, bool *out,
                                struct nz_error *err) NZ_MUST_USE;
/* True when the sight is the one that was stored as verified. */
enum nz_status nz_sqr_sight_verified(struct nz_sqr *r, const struct nz_sqr_sight *sight, bool *out,
                                     struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_data_version(struct nz_sqr *r, int64_t *out, struct nz_error *err) NZ_MUST_USE;
/*
 * After a commit of ours: folds the WAL in where no reader prevents it, and stores what is there as
 * verified, unless somebody else committed since `data_version`.
 */
enum nz_status nz_sqr_settle(struct nz_sqr *r, int64_t data_version, struct nz_error *err)
	NZ_MUST_USE;

/* ---- read.c ---- */
enum nz_status nz_sqr_read_begin(struct nz_replica *replica, struct nz_error *err);
void nz_sqr_read_end(struct nz_replica *replica);
enum nz_status nz_sqr_schema(struct nz_replica *replica, struct nz_schema **out,
                             struct nz_error *err);
enum nz_status nz_sqr_batches(struct nz_replica *replica, uint64_t from, uint64_t limit,
                              nz_batch_sink sink, void *context, struct nz_error *err);
enum nz_status nz_sqr_scan(struct nz_replica *replica, const struct nz_schema *schema, size_t table,
                           const struct nz_scan_from *from, struct nz_scan **out,
                           struct nz_error *err);
/* The checkpoint's schema, kept in the handle. NZ_NOT_FOUND without a checkpoint. */
enum nz_status nz_sqr_own_schema(struct nz_sqr *r, const struct nz_schema **out,
                                 struct nz_error *err) NZ_MUST_USE;

/* ---- objects.c: what stands in the replica, and whose it is ---- */
enum nz_status nz_sqr_schema_check(struct nz_replica *replica, struct nz_error *err);
/* NZ_REFUSED, naming them, when the replica has objects that nz did not make. */
enum nz_status nz_sqr_objects_foreign(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

/* ---- ddl.c ---- */
/* The tables, in the source's order. */
enum nz_status nz_sqr_ddl_tables(sqlite3 *db, const struct nz_schema *schema,
                                 struct nz_error *err) NZ_MUST_USE;
/* Everything else: indexes, views, triggers. */
enum nz_status nz_sqr_ddl_rest(sqlite3 *db, const struct nz_schema *schema,
                               struct nz_error *err) NZ_MUST_USE;

/* ---- fresh.c: the new replica ---- */
enum nz_status nz_sqr_fresh_begin(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_fresh_close(struct nz_sqr *r);
void nz_sqr_fresh_remove(struct nz_sqr *r);
/* Puts a batch's rows, one by one as `next` gives them. All or nothing. */
typedef enum nz_status (*nz_sqr_next_record)(void *context, struct nz_bytes *record,
                                             struct nz_error *err);
enum nz_status nz_sqr_fresh_put(struct nz_sqr *r, const struct nz_batch *batch,
                                nz_sqr_next_record next, void *context,
                                struct nz_error *err) NZ_MUST_USE;
/* Rows done: indexes, sequences, checkpoint. Afterwards it is a replica like any other. */
enum nz_status nz_sqr_fresh_finish(struct nz_sqr *r, const char *certificate, int64_t now,
                                   struct nz_error *err) NZ_MUST_USE;

/* ---- place.c ---- */
/* Puts the new replica in the old one's place. */
enum nz_status nz_sqr_fresh_place(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

/* ---- staging.c ---- */
enum nz_status nz_sqr_begin_sync(struct nz_replica *replica, const struct nz_statement *statement,
                                 const struct nz_schema *schema, struct nz_error *err);
enum nz_status nz_sqr_manifest_add(struct nz_replica *replica, const struct nz_batch *batch,
                                   struct nz_error *err);
enum nz_status nz_sqr_next_wanted(struct nz_replica *replica, uint64_t from, uint64_t *positions,
                                  size_t max, size_t *count, struct nz_error *err);
enum nz_status nz_sqr_entry(struct nz_replica *replica, uint64_t position, struct nz_batch *out,
                            struct nz_error *err);
enum nz_status nz_sqr_stage(struct nz_replica *replica, const struct nz_batch *batch,
                            const struct nz_bytes *records, size_t count, struct nz_error *err);
enum nz_status nz_sqr_discard(struct nz_replica *replica, struct nz_error *err);
/* Ends what begin began; staging stays. */
void nz_sqr_end_sync(struct nz_sqr *r);
/* The staging towards another place is made anew (a replica too damaged to be amended). */
enum nz_status nz_sqr_turn_to_rebuild(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Commits what is staged so far. */
enum nz_status nz_sqr_staging_commit(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

/* ---- plan.c ---- */
enum nz_status nz_sqr_plan(struct nz_replica *replica, struct nz_replica_plan *out,
                           struct nz_error *err);
/* Pairs wanted batches with those in `old`; their state becomes `state`. */
enum nz_status nz_sqr_pair_old(struct nz_sqr *r, int state, struct nz_error *err) NZ_MUST_USE;

/* ---- reuse.c ---- */
/* Copies into the new replica what the old one has of it already. */
enum nz_status nz_sqr_reuse(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

/* ---- merge.c ---- */
/* Compares the replica's rows with the plan and notes in the work file what has to change. */
enum nz_status nz_sqr_merge(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Notes the removal from db of every row of the batches in `old` that are not taken. */
enum nz_status nz_sqr_merge_untaken(struct nz_sqr *r, sqlite3 *db, struct nz_error *err) NZ_MUST_USE;

/* ---- apply.c ---- */
enum nz_status nz_sqr_op_delete(sqlite3_stmt *stmt, sqlite3 *work, size_t table,
                                const struct nz_row *row, struct nz_error *err) NZ_MUST_USE;
/* Carries out what was noted: every removal, then every insertion. *changed: how many. */
enum nz_status nz_sqr_apply(struct nz_sqr *r, sqlite3 *db, const struct nz_schema *schema,
                            uint64_t *changed, struct nz_error *err) NZ_MUST_USE;
/* Says which row an insertion failed for. */
enum nz_status nz_sqr_explain_insert(const struct nz_table *table, struct nz_bytes record,
                                     enum nz_status status, struct nz_error *err);

/* ---- staged.c: a staged batch in the work file, written and read in pieces ---- */
enum nz_status nz_sqr_staged_put(struct nz_sqr *r, const struct nz_batch *batch,
                                 const struct nz_bytes *records, size_t count, int64_t *id,
                                 struct nz_error *err) NZ_MUST_USE;
struct nz_sqr_staged {
	sqlite3 *work;
	sqlite3_blob *blob;
	int size, offset;        /* of the blob; what was read so far */
	struct nz_buffer window; /* what was read ahead */
	size_t used;             /* of the window */
};
enum nz_status nz_sqr_staged_open(struct nz_sqr_staged *s, struct nz_sqr *r, int64_t id,
                                  struct nz_error *err) NZ_MUST_USE;
/* NZ_END after the last; record is borrowed until the next call. */
enum nz_status nz_sqr_staged_next(struct nz_sqr_staged *s, size_t record_max_bytes,
                                  struct nz_bytes *record, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_staged_clear(struct nz_sqr_staged *s);

/* ---- publish.c ---- */
enum nz_status nz_sqr_publish(struct nz_replica *replica, const char *certificate, int64_t now,
                              uint64_t *changed, struct nz_error *err);

/* ---- repair.c ---- */
enum nz_status nz_sqr_repair_begin(struct nz_replica *replica, struct nz_error *err);
enum nz_status nz_sqr_repair_remove(struct nz_replica *replica, size_t table, int64_t rowid,
                                    struct nz_bytes record, struct nz_error *err);
enum nz_status nz_sqr_repair_put(struct nz_replica *replica, size_t table, struct nz_bytes record,
                                 struct nz_error *err);
enum nz_status nz_sqr_repair_end(struct nz_replica *replica, bool commit, struct nz_error *err);

#endif
