/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document is made of. All of it lies in the document's arena, in chunks that never move,
 * so values can be pointed at. A value is 16 bytes, for a packet of 1 MiB may hold half a million.
 */
#ifndef NZ_JSON_INTERNAL_H
#define NZ_JSON_INTERNAL_H

#include "arena.h"

/* Not for the shared library's exports. */
#pragma GCC visibility push(hidden)

/* Deepest nesting that is parsed, copied or printed, whatever limits say: recursion is bounded. */
#define NZ_JSON_MAX_DEPTH 1000

struct nz_json_member {
	const uint8_t *name;
	struct nz_json *value;
	uint32_t name_len;
};

/* `list` in the order received, `sorted` by UTF-16 code unit; both of the object's count. */
struct nz_json_members {
	struct nz_json_member **list;
	struct nz_json_member **sorted;
};

struct nz_json {
	union {
		double number;
		const uint8_t *string;
		struct nz_json **items;
		struct nz_json_members *members;
	} u;
	uint32_t count;       /* bytes, elements or members */
	uint8_t type;         /* enum nz_json_type */
	uint8_t boolean;
	uint8_t capacity_log2; /* of a container that grew; NZ_JSON_EXACT for one that was parsed */
};
#define NZ_JSON_EXACT 0xFF

/* A zeroed value of that type; NULL on no memory. */
static inline struct nz_json *nz_json_alloc_value(struct nz_json_doc *doc, enum nz_json_type type)
{
	struct nz_json *value = nz_json_alloc(doc, sizeof(*value));

	if (value != NULL)
		*value = (struct nz_json){.type = (uint8_t)type};
	return value;
}

/* Names by UTF-16 code unit (RFC 8785 section 3.2.3), of valid UTF-8: <0, 0, >0. */
int nz_json_name_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Sorts; `scratch` has room for count. O(n log n), and O(n) where they are in order already. */
void nz_json_sort_members(struct nz_json_member **members, struct nz_json_member **scratch,
                          size_t count);
/* Index in `sorted` of name, or where it would be put; *found says which. */
size_t nz_json_find(const struct nz_json *object, struct nz_bytes name, bool *found);

/*
 * The first byte from `at` that cannot stand in a JSON string as it is: a quote, a backslash, a
 * control character; or the end. Eight bytes a step: a step that holds one is looked at singly.
 */
static inline const uint8_t *nz_json_plain_run(const uint8_t *at, const uint8_t *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;

	for (; end - at >= 8; at += 8) {
		uint64_t x, quote, backslash;

		memcpy(&x, at, sizeof(x));
		quote = x ^ ones * '"';
		backslash = x ^ ones * '\\';
		/* The borrow reaches the top bit of a byte that is zero, or below 0x20. */
		if ((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
		     ((x - ones * 0x20) & ~x)) &
		    tops)
			break;
	}
	while (at < end && *at != '"' && *at != '\\' && *at >= 0x20)
		at++;
	return at;
}

/* Where the parser is. */
struct nz_json_cursor {
	const uint8_t *begin, *at, *end;
	struct nz_error *err;
};
/* Fails with fault at a place in the text. */
enum nz_status nz_json_fault_at(const struct nz_json_cursor *c, enum nz_json_fault fault,
                                const uint8_t *where);
/* The cursor is at '-' or a digit; goes past the literal. */
enum nz_status nz_json_read_number(struct nz_json_cursor *c, double *out) NZ_MUST_USE;
/* The cursor is past the opening quote; goes past the closing one. *out lies in doc. */
enum nz_status nz_json_read_string(struct nz_json_cursor *c, struct nz_json_doc *doc,
                                   const uint8_t **out, uint32_t *len) NZ_MUST_USE;

#pragma GCC visibility pop

#endif
