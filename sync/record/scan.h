/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows in key order: what sources and replicas both offer. */
#ifndef NZ_RECORD_SCAN_H
#define NZ_RECORD_SCAN_H

#include "record/record.h"

/*
 * Where a scan begins. An engine that can seek uses key; one that sorts may skip `ordinal` records of
 * the table instead (whole-record tables always do: their first_key may be cut short).
 */
struct nz_scan_from {
	struct nz_bytes key; /* inclusive; empty: the beginning */
	uint64_t ordinal;    /* records of the table before that key */
};

/* A row of a scan; valid until the next call. */
struct nz_row {
	struct nz_bytes record;
	struct nz_bytes key;
	int64_t rowid; /* the engine's address of the row, where it has one (SQLite rowid tables); else 0 */
};

struct nz_scan; /* the engine's */
struct nz_scan_ops {
	/* NZ_OK with a row, NZ_END, or a fault; NZ_LIMIT for a record over the limit. */
	enum nz_status (*next)(struct nz_scan *scan, struct nz_row *out, struct nz_error *err);
	void (*free)(struct nz_scan **scan);
};

#endif
