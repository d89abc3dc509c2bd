/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON in (RFC 8259 and RFC 7493), canonical JSON out (RFC 8785).
 *
 * A document owns all its values in one arena; values are borrowed from it. Refused: anything but
 * UTF-8, a byte order mark, duplicate members, lone surrogates, numbers that overflow a double,
 * integer literals that a double cannot hold exactly, anything after the value, and whatever is
 * over the limits. Documents can also be built, to be printed in canonical form.
 */
#ifndef NZ_JSON_H
#define NZ_JSON_H

#include <nz/bytes.h>

struct nz_json_limits {
	size_t bytes;   /* of the text */
	size_t depth;   /* of nested arrays and objects; the outermost is 1 */
	size_t members; /* of one object */
};
/* 1 MiB, depth 64, 10,000 members. */
extern const struct nz_json_limits nz_json_packet_limits;

/* What exactly was wrong: err->code after NZ_MALFORMED or NZ_LIMIT. */
enum nz_json_fault {
	NZ_JSON_FAULT_NONE,
	NZ_JSON_FAULT_SYNTAX,
	NZ_JSON_FAULT_TRUNCATED,
	NZ_JSON_FAULT_UTF8,
	NZ_JSON_FAULT_BOM,
	NZ_JSON_FAULT_ESCAPE,
	NZ_JSON_FAULT_SURROGATE,
	NZ_JSON_FAULT_CONTROL,
	NZ_JSON_FAULT_NUMBER_OVERFLOW,
	NZ_JSON_FAULT_NUMBER_INEXACT,
	NZ_JSON_FAULT_DUPLICATE,
	NZ_JSON_FAULT_TRAILING,
	NZ_JSON_FAULT_BYTES_LIMIT,
	NZ_JSON_FAULT_DEPTH_LIMIT,
	NZ_JSON_FAULT_MEMBERS_LIMIT,
};

enum nz_json_type {
	NZ_JSON_NULL,
	NZ_JSON_BOOL,
	NZ_JSON_NUMBER,
	NZ_JSON_STRING,
	NZ_JSON_ARRAY,
	NZ_JSON_OBJECT,
};

struct nz_json_doc;
struct nz_json; /* a value, owned by its document */

/*
 * *out is the caller's: nz_json_free. limits NULL: nz_json_packet_limits; a depth over 1,000 counts
 * as 1,000, and no text is over 4 GiB. A number literal with a fraction or an exponent is rounded
 * to the nearest double (1e-400 is 0); an integer literal has to be exact, or the
 * canonical spelling of its double (18446744073709551616 and 18446744073709552000 are both 2^64);
 * "-0" is negative zero.
 * NZ_MALFORMED or NZ_LIMIT, err->code an nz_json_fault, the message with the byte offset (of a
 * duplicate member, that of the end of its object).
 */
enum nz_status nz_json_parse(struct nz_bytes text, const struct nz_json_limits *limits,
                             struct nz_json_doc **out, struct nz_error *err) NZ_MUST_USE;
/* An empty document to build in; its root is set with nz_json_set_root. */
enum nz_status nz_json_new(struct nz_json_doc **out) NZ_MUST_USE;
void nz_json_free(struct nz_json_doc **doc);
#define NZ_JSON_DOC(name) struct nz_json_doc *name NZ_CLEANUP(nz_json_free) = NULL

struct nz_json *nz_json_root(const struct nz_json_doc *doc);
void nz_json_set_root(struct nz_json_doc *doc, struct nz_json *value);

/* Readers. A NULL value has type NZ_JSON_NULL and no content, so look-ups can be chained. */
enum nz_json_type nz_json_type(const struct nz_json *value);
bool nz_json_is(const struct nz_json *value, enum nz_json_type type); /* false for NULL */
bool nz_json_bool(const struct nz_json *value);
double nz_json_number(const struct nz_json *value);
struct nz_bytes nz_json_string(const struct nz_json *value); /* UTF-8, may hold NUL */
size_t nz_json_count(const struct nz_json *value);           /* elements or members */
/* Element, or member value in the order received; O(1); NULL past the end. */
struct nz_json *nz_json_at(const struct nz_json *value, size_t index);
struct nz_bytes nz_json_name_at(const struct nz_json *object, size_t index);
/* NULL when absent. O(log n). */
struct nz_json *nz_json_get(const struct nz_json *object, const char *name);

/*
 * Typed members, for fixed formats: each fails with NZ_MALFORMED and the member's name when it is
 * absent or of another type. Integers: |n| < 2^53 and within [min, max].
 */
enum nz_status nz_json_get_string(const struct nz_json *object, const char *name,
                                  struct nz_bytes *out, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_json_get_int(const struct nz_json *object, const char *name, int64_t min,
                               int64_t max, int64_t *out, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_json_get_object(const struct nz_json *object, const char *name,
                                  struct nz_json **out, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_json_get_array(const struct nz_json *object, const char *name,
                                 struct nz_json **out, struct nz_error *err) NZ_MUST_USE;
/* Fixed-length bytes in base64 or in lower-case hex. */
enum nz_status nz_json_get_base64(const struct nz_json *object, const char *name, uint8_t *out,
                                  size_t len, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_json_get_hex(const struct nz_json *object, const char *name, uint8_t *out,
                               size_t len, struct nz_error *err) NZ_MUST_USE;
/* NZ_MALFORMED when the object has a member that is not in the NULL-terminated list. */
enum nz_status nz_json_only_members(const struct nz_json *object, const char *const names[],
                                    struct nz_error *err) NZ_MUST_USE;

/*
 * Builders: values belong to doc; strings are copied. Each returns NULL on no memory, and takes a
 * NULL value or container as such a failure, so that a chain is checked once, at its end, with
 * nz_json_failed.
 */
struct nz_json *nz_json_make_null(struct nz_json_doc *doc);
struct nz_json *nz_json_make_bool(struct nz_json_doc *doc, bool value);
struct nz_json *nz_json_make_number(struct nz_json_doc *doc, double value); /* finite */
struct nz_json *nz_json_make_string(struct nz_json_doc *doc, struct nz_bytes utf8);
struct nz_json *nz_json_make_array(struct nz_json_doc *doc);
struct nz_json *nz_json_make_object(struct nz_json_doc *doc);
/* A deep copy of a value, from this document or another. */
struct nz_json *nz_json_copy(struct nz_json_doc *doc, const struct nz_json *value);
void nz_json_push(struct nz_json_doc *doc, struct nz_json *array, struct nz_json *value);
/* Adds a member, or replaces the one of that name. */
void nz_json_set(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                 struct nz_json *value);
void nz_json_set_str(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                     const char *text);
void nz_json_set_bytes(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                       struct nz_bytes utf8);
void nz_json_set_int(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                     int64_t value); /* |value| < 2^53 */
void nz_json_set_hex(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                     struct nz_bytes value);
void nz_json_set_base64(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                        struct nz_bytes value);
/* Removes the member if it is there. */
void nz_json_remove(struct nz_json *object, const char *name);
/*
 * NZ_OK, or why the first builder call that failed did: NZ_NO_MEMORY; NZ_INVALID for a number that
 * is not finite or out of range, text that is not UTF-8, or a container of the wrong type; NZ_LIMIT
 * for a copy nested deeper than 1,000.
 */
enum nz_status nz_json_failed(const struct nz_json_doc *doc) NZ_MUST_USE;

/*
 * Appends the canonical form of value (RFC 8785). NZ_LIMIT over the buffer's maximum or where
 * values are nested deeper than 1,000; NZ_INVALID for a NULL value; NZ_NO_MEMORY. out holds what it
 * held on failure.
 */
enum nz_status nz_json_canonical(const struct nz_json *value, struct nz_buffer *out) NZ_MUST_USE;
/*
 * Appends what ECMAScript's JSON.stringify(JSON.parse(text)) gives: members in the order received,
 * array-index names ("0" to "4294967294") first and ascending. Fails as nz_json_canonical does.
 */
enum nz_status nz_json_stringify(const struct nz_json *value, struct nz_buffer *out) NZ_MUST_USE;

#endif
