/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is a row in PostgreSQL's COPY text format without its line end; every value that the
 * column's kind does not cover carries a mark (\I \R \T \B \U). Key bytes give the order of records.
 * doc/protocol.md has the rules and vectors. No database here.
 */
#ifndef NZ_RECORD_RECORD_H
#define NZ_RECORD_RECORD_H

#include "record/schema.h"

/*
 * Where the rules leave a choice, the storage class decides: an unmarked field stands for one value of
 * one class.
 *   decimal(p,s)  a fraction of zeros is an INTEGER ("5.00"), or a REAL where that is past 64 bits;
 *                 any other fraction is a REAL ("5.50"). So REAL 5.0, which SQLite's own affinity
 *                 never leaves in such a column, is \R5.
 *   numeric       digits alone are an INTEGER, or a REAL past 64 bits; with a point, a REAL.
 *   NUMERIC_TEXT  TEXT that is a number as PostgreSQL prints one (NaN and Infinity too).
 * \I is decimal, \R is as nz_float8_append prints it, \B and \U are bare hex without \x.
 */

#define NZ_RECORD_MAX_BYTES ((size_t)64 << 20) /* default limit of one record */

/* A value as an engine has it. bytes (for text and blobs) is borrowed. */
enum nz_value_class {
	NZ_VALUE_NULL,
	NZ_VALUE_INTEGER,
	NZ_VALUE_REAL,
	NZ_VALUE_TEXT, /* bytes that the engine calls text: maybe invalid UTF-8, maybe with NUL */
	NZ_VALUE_BLOB,
};
struct nz_value {
	enum nz_value_class class_;
	int64_t integer;
	double real;
	struct nz_bytes bytes;
};

/*
 * Appends one record. NZ_LIMIT past out->max; NZ_INVALID for a NaN, which no engine that has storage
 * classes gives. out keeps its content on failure.
 */
enum nz_status nz_record_encode(const struct nz_table *table, const struct nz_value *values,
                                struct nz_buffer *out) NZ_MUST_USE;
/*
 * Takes a record apart: values[column_count]; text and blobs point into record or into scratch,
 * which is emptied first and must stay unchanged while they are used. The inverse of encode, and
 * strict: a record that encode would not have made is NZ_MALFORMED.
 */
enum nz_status nz_record_decode(const struct nz_table *table, struct nz_bytes record,
                                struct nz_buffer *scratch, struct nz_value *values,
                                struct nz_error *err) NZ_MUST_USE;
/*
 * Appends the key bytes of an encoded record. NZ_MALFORMED when it has not the table's columns, or
 * NULL in a key column. Key fields are checked, other fields are only counted.
 */
enum nz_status nz_record_key(const struct nz_table *table, struct nz_bytes record,
                             struct nz_buffer *out) NZ_MUST_USE;
/* Appends a key in words, for people: `id=42, name='x'`, at most about 200 characters. */
enum nz_status nz_record_key_describe(const struct nz_table *table, struct nz_bytes key,
                                      struct nz_buffer *out) NZ_MUST_USE;
/*
 * The kind that SQLite's declared type gives (first match), with the scale of a decimal (else 0).
 * NUMERIC(p) is NUMERIC(p,0); without parentheses, with p = 0 or p > 15, s > p or a sign it is numeric.
 */
enum nz_kind nz_kind_of_sqlite_type(const char *declared, uint8_t *scale);
/* True for the declared type NUMERIC_TEXT: see struct nz_column. */
bool nz_type_is_numeric_text(const char *declared);
/* Appends a finite or infinite double as PostgreSQL's float8out (extra_float_digits 1) prints it. */
enum nz_status nz_float8_append(double value, struct nz_buffer *out) NZ_MUST_USE;

#endif
