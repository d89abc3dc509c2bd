/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the platform remembers: its identity, its datasets with their epochs and indexes, the pinned
 * nodes with grants and networks, failures and receipts. One backend in SQLite (a folder), one in
 * PostgreSQL later; the same conformance suite runs over both. A handle belongs to one thread.
 * Every change is one transaction: a reader sees the old state or the new one.
 */
#ifndef NZ_STATE_STATE_H
#define NZ_STATE_STATE_H

#include <nz/identity.h>

#include "proto/statement.h"
#include "record/batch.h"

#define NZ_STATE_MAX_NETWORKS 256

enum nz_node_state { NZ_NODE_ACTIVE = 1, NZ_NODE_OVERDUE, NZ_NODE_REVOKED };

/* A pinned node, with everything that a decision needs. nz_pin_clear frees the lists. */
struct nz_pin {
	struct nz_node node;
	enum nz_node_state state;
	int64_t pinned_at; /* UNIX seconds: the key's 90 days run from here */
	char **datasets;
	size_t dataset_count;
	char **networks; /* CIDR text; none means no address */
	size_t network_count;
};
void nz_pin_clear(struct nz_pin *pin);

struct nz_dataset {
	char name[NZ_DATASET_NAME_MAX_BYTES + 1];
	char *source;       /* URI */
	char **tables;      /* only these; NULL for all */
	size_t table_count;
	char **exclude;
	size_t exclude_count;
	char encoding[16];
	char lineage[33];
	int64_t added_at;
	/* The index: absent (epoch 0) until the first one was built. */
	int64_t epoch;
	struct nz_hash root, schema_sha256;
	struct nz_hash version; /* the source's token that it was built from */
	int64_t records, batches, bytes, indexed_at;
	char *schema_json; /* S object with sequences, as indexed */
};
void nz_dataset_clear(struct nz_dataset *dataset);

struct nz_failure {
	char incident[40];
	int64_t at;
	int code;
	char node_id[NZ_NODE_ID_MAX_BYTES + 1]; /* "" when unknown */
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
	char peer[64]; /* address */
	char detail[256]; /* for the operator */
};

/* A named value, borrowed. */
struct nz_state_value {
	const char *name;
	struct nz_bytes value;
};

typedef enum nz_status (*nz_dataset_visit)(void *context, const struct nz_dataset *dataset);
typedef enum nz_status (*nz_pin_visit)(void *context, const struct nz_pin *pin);

struct nz_state {
	const struct nz_state_ops *ops;
};
struct nz_state_ops {
	const char *scheme;
	/*
	 * location: a folder, or a URI. create makes it (mode 0700); NZ_EXISTS when it holds a
	 * platform. Without: NZ_NOT_FOUND, NZ_REFUSED when others can read it, NZ_MALFORMED when it
	 * is something else, NZ_UNSUPPORTED when it is of a newer version.
	 */
	enum nz_status (*open)(const char *location, bool create, struct nz_state **out,
	                       struct nz_error *err);
	void (*close)(struct nz_state **state);

	/* Small named values: certificates, keys, settings. NZ_NOT_FOUND. */
	enum nz_status (*get)(struct nz_state *state, const char *name, struct nz_buffer *out,
	                      struct nz_error *err);
	enum nz_status (*put)(struct nz_state *state, const char *name, struct nz_bytes value,
	                      struct nz_error *err);
	/* Several at once, such as a certificate and its key: all or none. */
	enum nz_status (*put_all)(struct nz_state *state, const struct nz_state_value *values,
	                          size_t count, struct nz_error *err);

	/* NZ_EXISTS; NZ_INVALID for a bad name. The lineage is the caller's random. */
	enum nz_status (*dataset_add)(struct nz_state *state, const struct nz_dataset *dataset,
	                              struct nz_error *err);
	enum nz_status (*dataset_get)(struct nz_state *state, const char *name,
	                              struct nz_dataset *out, struct nz_error *err);
	enum nz_status (*dataset_list)(struct nz_state *state, nz_dataset_visit visit,
	                               void *context, struct nz_error *err);
	/* With its index and all grants. NZ_NOT_FOUND; NZ_BUSY while its index is being built. */
	enum nz_status (*dataset_remove)(struct nz_state *state, const char *name,
	                                 struct nz_error *err);

	/*
	 * A new index, written beside the current one and switched to at once by index_commit: the
	 * epoch rises by one when root or schema hash differ from the current ones, and stays
	 * otherwise. Between begin and commit the handle does nothing else. A killed build leaves
	 * the old index. One builder a dataset at a time: NZ_BUSY.
	 */
	enum nz_status (*index_begin)(struct nz_state *state, const char *dataset,
	                              struct nz_error *err);
	enum nz_status (*index_add)(struct nz_state *state, const struct nz_batch *batch,
	                            struct nz_error *err);
	/*
	 * summary: root, schema_sha256, version, records, batches, bytes, schema_json, indexed_at;
	 * *epoch gives the result. Ends the build, on failure too.
	 */
	enum nz_status (*index_commit)(struct nz_state *state, const struct nz_dataset *summary,
	                               int64_t *epoch, struct nz_error *err);
	void (*index_abort)(struct nz_state *state);
	/*
	 * Entries of the index of that epoch, ascending from position `from`, at most `limit`;
	 * first_key is borrowed for the call, in which the sink leaves the handle alone.
	 * NZ_NOT_FOUND when the dataset is no longer at that epoch.
	 */
	enum nz_status (*index_read)(struct nz_state *state, const char *dataset, int64_t epoch,
	                             uint64_t from, uint64_t limit, nz_batch_sink sink,
	                             void *context, struct nz_error *err);

	/*
	 * Pins. Adding: NZ_EXISTS for an id or a key that was ever pinned, NZ_NOT_FOUND for a
	 * dataset that is none, NZ_LIMIT. A removed node's id and key stay used up.
	 */
	enum nz_status (*node_add)(struct nz_state *state, const struct nz_pin *pin,
	                           struct nz_error *err);
	enum nz_status (*node_get)(struct nz_state *state, const char *node_id, struct nz_pin *out,
	                           struct nz_error *err);
	enum nz_status (*node_list)(struct nz_state *state, nz_pin_visit visit, void *context,
	                            struct nz_error *err);
	enum nz_status (*node_remove)(struct nz_state *state, const char *node_id,
	                              struct nz_error *err);

	/* Logs: the newest 100,000 of each are kept. */
	enum nz_status (*failure_add)(struct nz_state *state, const struct nz_failure *failure,
	                              struct nz_error *err);
	enum nz_status (*receipt_add)(struct nz_state *state, const char *node_id,
	                              const char *dataset, int64_t epoch, int64_t records,
	                              int64_t at, struct nz_error *err);
	/*
	 * A consistent copy of everything, keys of the leaves included, into a new file of mode
	 * 0600, and back into a location that is empty or missing. Whole or not at all. NZ_EXISTS,
	 * NZ_MALFORMED.
	 */
	enum nz_status (*backup)(struct nz_state *state, const char *file, struct nz_error *err);
	enum nz_status (*restore)(const char *location, const char *file, struct nz_error *err);
};

/* By location: a URI's scheme, else a folder. */
enum nz_status nz_state_open(const char *location, bool create, struct nz_state **out,
                             struct nz_error *err) NZ_MUST_USE;
void nz_state_close(struct nz_state **state);

/* Names for get and put. */
#define NZ_STATE_ROOT_PEM "root.pem"
#define NZ_STATE_TLS_CERT "tls.cert.pem"
#define NZ_STATE_TLS_KEY "tls.key.pem"
#define NZ_STATE_SIGN_CERT "signing.cert.pem"
#define NZ_STATE_SIGN_KEY "signing.key.pem"
#define NZ_STATE_HOSTS "tls.hosts" /* names in the TLS certificate, a line each */

extern const struct nz_state_ops nz_state_sqlite;

#endif
