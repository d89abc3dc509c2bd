/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dataset looks like: its tables, their columns and keys, and the DDL that makes them. Its
 * JSON form is the S block of a stream; its hash is in the signed statement; its names are leaf 0 of
 * the dataset tree. No database here.
 */
#ifndef NZ_RECORD_SCHEMA_H
#define NZ_RECORD_SCHEMA_H

#include <nz/crypto.h>
#include <nz/json.h>

#define NZ_SCHEMA_MAX_TABLES 10000
#define NZ_SCHEMA_MAX_COLUMNS 2000 /* of one table: SQLite's own default */
#define NZ_SCHEMA_MAX_BYTES ((size_t)64 << 20)

enum nz_kind {
	NZ_KIND_INT = 1,
	NZ_KIND_TEXT,
	NZ_KIND_BYTES,
	NZ_KIND_BOOL,
	NZ_KIND_FLOAT8,
	NZ_KIND_DECIMAL,
	NZ_KIND_NUMERIC,
};

struct nz_column {
	char *name;
	char *type; /* as declared, "" for none */
	bool nullable;
	enum nz_kind kind;
	uint8_t scale; /* of NZ_KIND_DECIMAL */
	/*
	 * Of NZ_KIND_NUMERIC: declared NUMERIC_TEXT, so values are TEXT and written unmarked where they
	 * are numbers; integers and reals carry a mark there. False for every other column.
	 */
	bool as_text;
};

struct nz_table {
	char *name;                /* dataset name: UTF-8 */
	struct nz_column *columns; /* in table order, generated columns left out */
	size_t column_count;
	size_t *key; /* column indexes, in key order; none where the whole record is the key */
	size_t key_count;
	char **ddl; /* statements that make it and what hangs on it, the table first */
	size_t ddl_count;
};

struct nz_sequence {
	char *name;
	char *value; /* decimal; text, because it may pass 2^53 */
};

struct nz_schema {
	char *engine;            /* "sqlite" or "postgresql" */
	struct nz_table *tables; /* ascending by the bytes of their names */
	size_t table_count;
	/* What belongs to no table (views and their triggers); left out of the JSON when there is none. */
	char **ddl;
	size_t ddl_count;
	/*
	 * The order in which the source made things: a permutation of all DDL statements, numbered
	 * through tables[0].ddl, tables[1].ddl, …, ddl. None (and left out of the JSON) when that is the
	 * order of the numbers.
	 */
	uint32_t *order;
	size_t order_count;
	struct nz_sequence *sequences; /* travel beside the rows; not part of the hash */
	size_t sequence_count;
};

void nz_schema_free(struct nz_schema **schema);
#define NZ_SCHEMA(name) struct nz_schema *name NZ_CLEANUP(nz_schema_free) = NULL
/* The table of that name, or NULL; its index is the difference to schema->tables. */
const struct nz_table *nz_schema_find(const struct nz_schema *schema, struct nz_bytes name);

/* The JSON object of an S block, built in doc; with or without sequences. NULL on no memory. */
struct nz_json *nz_schema_to_json(const struct nz_schema *schema, struct nz_json_doc *doc,
                                  bool sequences);
/* Checks everything: names unique and ascending, kinds, key indexes, counts. NZ_MALFORMED, NZ_LIMIT. */
enum nz_status nz_schema_from_json(const struct nz_json *json, struct nz_schema **out,
                                   struct nz_error *err) NZ_MUST_USE;
/* schema_sha256 of the statement: SHA-256(JCS(S without sequences)). */
enum nz_status nz_schema_hash(const struct nz_crypto *crypto, const struct nz_schema *schema,
                              struct nz_hash *out) NZ_MUST_USE;
/* Leaf 0 of the dataset tree: SHA-256(0x03 ‖ JCS({tables: [{columns, key, name}]})). */
enum nz_status nz_schema_leaf(const struct nz_crypto *crypto, const struct nz_schema *schema,
                              struct nz_hash *out) NZ_MUST_USE;

#endif
