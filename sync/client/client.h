/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of syncing: bringing a replica to a platform's signed state (sync), checking a
 * replica alone or row by row against the platform (verify), mending single rows (repair). It never
 * prints: notes, progress and rows go to callbacks.
 */
#ifndef NZ_CLIENT_CLIENT_H
#define NZ_CLIENT_CLIENT_H

#include <nz/identity.h>

#include "client/url.h"
#include "proto/statement.h"
#include "replica/replica.h"

/* What every contact with a platform needs. Borrowed by all calls below, and unchanged by them. */
struct nz_client {
	const struct nz_crypto *crypto;
	const struct nz_node_keys *keys;
	struct nz_bytes root_pem;
	struct nz_url url;
	char platform[65];			     /* the root's id: nz_client_init */
	size_t record_max_bytes;		     /* 0: NZ_RECORD_MAX_BYTES */
	unsigned connect_timeout_s, stall_timeout_s; /* 0: the defaults of http.h */
	/* Polled by long work; true ends it with NZ_CANCELLED. May be NULL. */
	bool (*stopped)(void *context);
	/* Something an operator may want to know: a retry, a resync, a warning. May be NULL. */
	void (*note)(void *context, const char *message);
	void *context;
};
/* Parses url, reads the root's id; the rest is the caller's to set. NZ_INVALID, NZ_MALFORMED. */
enum nz_status nz_client_init(struct nz_client *client, const char *url, struct nz_bytes root_pem,
			      struct nz_error *err) NZ_MUST_USE;
bool nz_client_stopped(const struct nz_client *client);
void nz_client_note(const struct nz_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- sync ---- */

enum nz_sync_phase { NZ_SYNC_MANIFEST, NZ_SYNC_PLAN, NZ_SYNC_BATCHES, NZ_SYNC_PUBLISH };

/* Where a sync stands. Totals are 0 until they are known. */
struct nz_sync_progress {
	enum nz_sync_phase phase;
	const char *table;		 /* being received; NULL outside batches */
	uint64_t records, records_total; /* of what has to move */
	uint64_t bytes, bytes_total;
};

struct nz_sync_options {
	bool accept_lineage; /* take a dataset that was added anew under the old name */
	unsigned retries;    /* tries without progress before giving up */
	int64_t timeout_ms;  /* of the whole run; 0: none */
	void (*progress)(void *context, const struct nz_sync_progress *progress); /* may be NULL */
	void *context;
};

struct nz_sync_result {
	struct nz_statement statement; /* what the replica now is */
	uint64_t tables;
	uint64_t received_bytes; /* of answers, TLS and headers not counted */
	uint64_t batches_fetched, rows_changed, sessions;
	double seconds;
	bool unchanged; /* nothing had to move, and no row was touched */
	bool receipt;	/* the platform has acknowledged it */
	bool local;	/* set on failure too: it is the replica's, not the platform's */
};

/*
 * Brings the replica to the platform's signed state, with retries. NZ_OK means a verified root.
 * Failures have the API's error code in err->code where there is one: NZ_REFUSED (1001, 1002, 1004,
 * 1012, 2001, 2002: retrying cures nothing), NZ_MISMATCH (1003, after full resyncs), NZ_NETWORK and
 * NZ_BUSY (retries used up), NZ_CANCELLED; what was verified stays staged. The replica's own
 * failures pass through unchanged.
 */
enum nz_status nz_sync_run(const struct nz_client *client, const char *replica_uri,
			   const struct nz_sync_options *options, struct nz_sync_result *result,
			   struct nz_error *err) NZ_MUST_USE;

/* What a sync would move, from the replica's checkpoint alone. Writes nothing. */
struct nz_sync_plan {
	struct nz_statement statement;
	uint64_t tables;
	uint64_t batches_wanted, records_wanted, bytes_wanted;
	bool first;   /* the replica holds nothing yet */
	bool rebuild; /* another schema */
	bool touched; /* somebody wrote to the replica: a sync reads all of its rows, and may find
			 more */
};
enum nz_status nz_sync_dry_run(const struct nz_client *client, const char *replica_uri,
			       const struct nz_sync_options *options, struct nz_sync_plan *plan,
			       struct nz_error *err) NZ_MUST_USE;

/* ---- verify (`nz verify`; called check here, since packets are verified too) ---- */

struct nz_check_result {
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
	int64_t epoch;
	struct nz_hash expected_root;	 /* the checkpoint's, or with a platform its current one */
	struct nz_hash root;		 /* recomputed from the replica's rows */
	bool root_known;		 /* false where a fault kept them from being read */
	uint64_t records, tables, bytes; /* as found */
	uint64_t differing;		 /* batches; with a platform: rows */
	bool matches;
	/* What is wrong besides rows, "" for nothing: the schema, or the checkpoint itself. */
	char fault[NZ_ERROR_MESSAGE_BYTES];
	/* With a platform. */
	int64_t checkpoint_epoch;
	uint64_t received_bytes;
	uint64_t repaired; /* rows */
};

/* A batch whose rows are not what the checkpoint says. Texts are valid during the call. */
struct nz_check_batch {
	const char *table;
	const char *from;	  /* first key in words, "" for the table's beginning */
	const char *to;		  /* the next batch's first key, "" for the table's end */
	uint64_t expected, found; /* records */
};
enum nz_row_state { NZ_ROW_CHANGED, NZ_ROW_MISSING, NZ_ROW_EXTRA };
struct nz_check_row {
	const char *table;
	const char *key; /* in words */
	enum nz_row_state state;
};
const char *nz_row_state_name(enum nz_row_state state);

struct nz_check_options {
	bool repair;
	/* Alone: the checkpoint must be signed under it. Empty: its signature is not looked at. */
	struct nz_bytes root_pem;
	void (*batch)(void *context, const struct nz_check_batch *batch); /* may be NULL */
	void (*row)(void *context, const struct nz_check_row *row);	  /* may be NULL */
	/* Records read so far of those expected. May be NULL. */
	void (*progress)(void *context, uint64_t records, uint64_t total);
	bool (*stopped)(void *context); /* without a platform; may be NULL */
	void *context;
};
#define NZ_CHECK_MAX_ROWS 100000 /* named; past that a sync is the better cure */

/*
 * Recomputes the root from the replica's rows and compares it with the checkpoint. NZ_OK when that
 * could be told, whatever came out (result->matches). NZ_NOT_FOUND: no checkpoint.
 */
enum nz_status nz_check_replica(const struct nz_crypto *crypto, const char *replica_uri,
				const struct nz_check_options *options,
				struct nz_check_result *result, struct nz_error *err) NZ_MUST_USE;
/*
 * The same against the platform's current state, row by row; moves the hashes of differing batches
 * and the rows that differ. With repair, mends them in one transaction and verifies again; that
 * needs the replica to be at the platform's epoch (NZ_MISMATCH otherwise). NZ_LIMIT when more rows
 * differ than NZ_CHECK_MAX_ROWS.
 */
enum nz_status nz_check_against(const struct nz_client *client, const char *replica_uri,
				const struct nz_check_options *options,
				struct nz_check_result *result, struct nz_error *err) NZ_MUST_USE;

#endif
