/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where datasets come from: a database that is read, never written. A backend is a const struct; a
 * handle belongs to one thread at a time.
 */
#ifndef NZ_SOURCE_SOURCE_H
#define NZ_SOURCE_SOURCE_H

#include "record/scan.h"

struct nz_source_options {
	const char *const *tables;  /* only these, or NULL for all */
	size_t table_count;
	const char *const *exclude;
	size_t exclude_count;
	size_t record_max_bytes; /* 0: NZ_RECORD_MAX_BYTES */
};

struct nz_source {
	const struct nz_source_ops *ops;
};
struct nz_source_ops {
	const char *scheme; /* "sqlite" */
	/* uri as on the command line ("sqlite:PATH"). NZ_NOT_FOUND, NZ_DATABASE (not a database), NZ_IO. */
	enum nz_status (*open)(const char *uri, const struct nz_source_options *options,
	                       struct nz_source **out, struct nz_error *err);
	void (*close)(struct nz_source **source);
	/*
	 * A token of the database's state: while it stays equal, nothing was committed since. NZ_BUSY when
	 * the state cannot be told apart from a later one yet (a write in the same clock tick): treat it
	 * as changed. Cheap: no scan.
	 */
	enum nz_status (*version)(struct nz_source *source, struct nz_hash *out, struct nz_error *err);
	/* One consistent snapshot for everything read between begin and end. NZ_BUSY when locked too long. */
	enum nz_status (*begin)(struct nz_source *source, struct nz_error *err);
	void (*end)(struct nz_source *source);
	/*
	 * The schema as the snapshot has it, sequences read last. NZ_UNSUPPORTED names what cannot be
	 * carried; NZ_NOT_FOUND a table that the options name and that is not there.
	 */
	enum nz_status (*schema)(struct nz_source *source, struct nz_schema **out, struct nz_error *err);
	/*
	 * Rows of schema->tables[table] in key order, inside a snapshot. schema must outlive the scan,
	 * and the scan is to be freed before end(): an open one keeps the snapshot.
	 */
	enum nz_status (*scan)(struct nz_source *source, const struct nz_schema *schema, size_t table,
	                       const struct nz_scan_from *from, struct nz_scan **out,
	                       struct nz_error *err);
	struct nz_scan_ops scan_ops;
};

/* Opens by scheme. NZ_INVALID for an unknown one. */
enum nz_status nz_source_open(const char *uri, const struct nz_source_options *options,
                              struct nz_source **out, struct nz_error *err) NZ_MUST_USE;
void nz_source_close(struct nz_source **source);

extern const struct nz_source_ops nz_source_sqlite;

#endif
