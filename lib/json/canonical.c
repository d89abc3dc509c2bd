/* SPDX-License-Identifier: Apache-2.0 */
/* Printing: RFC 8785, and what ECMAScript's JSON.stringify makes of the same value. */
#include <nz/number.h>

#include "internal.h"

enum order { ORDER_CANONICAL, ORDER_RECEIVED };

static enum nz_status print_value(const struct nz_json *value, enum order order, size_t depth,
                                  struct nz_buffer *out);

/* Whether len bytes more need no new memory. */
static inline bool has_room(const struct nz_buffer *out, size_t len)
{
	const size_t top = out->max != 0 && out->max < out->cap ? out->max : out->cap;

	return out->len <= top && len <= top - out->len;
}

/* Appends, most of the time without a call. */
static inline enum nz_status put(struct nz_buffer *out, const void *ptr, size_t len)
{
	if (!has_room(out, len))
		return nz_buffer_append(out, ptr, len);
	if (len > 0)
		memcpy(out->ptr + out->len, ptr, len);
	out->len += len;
	return NZ_OK;
}

/* ECMA-262 QuoteJSONString: two-character escapes where there are some, else \u00xx. */
static enum nz_status print_escape(uint8_t c, struct nz_buffer *out)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	static const char hex[] = "0123456789abcdef";
	const char *found = c != 0 ? strchr(plain, c) : NULL;
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (found == NULL)
		return put(out, text, sizeof(text));
	text[1] = letter[found - plain];
	return put(out, text, 2);
}

static enum nz_status print_string(const uint8_t *text, size_t len, struct nz_buffer *out)
{
	const uint8_t *const end = text + len;
	const uint8_t *run = nz_json_plain_run(text, end);

	/* The most of them: nothing to escape, and room. */
	if (run == end && has_room(out, len + 2)) {
		uint8_t *to = out->ptr + out->len;

		*to++ = '"';
		if (len > 0)
			memcpy(to, text, len);
		to[len] = '"';
		out->len += len + 2;
		return NZ_OK;
	}
	NZ_TRY(put(out, "\"", 1));
	for (;;) {
		NZ_TRY(put(out, text, (size_t)(run - text)));
		if (run == end)
			break;
		NZ_TRY(print_escape(*run, out));
		text = run + 1;
		run = nz_json_plain_run(text, end);
	}
	return put(out, "\"", 1);
}

static enum nz_status print_number(double value, struct nz_buffer *out)
{
	char text[NZ_NUMBER_CHARS];

	if (has_room(out, sizeof(text))) {
		out->len += nz_double_print(value, (char *)out->ptr + out->len);
		return NZ_OK;
	}
	return put(out, text, nz_double_print(value, text));
}

static enum nz_status print_array(const struct nz_json *array, enum order order, size_t depth,
                                  struct nz_buffer *out)
{
	NZ_TRY(put(out, "[", 1));
	for (size_t i = 0; i < array->count; i++) {
		if (i > 0)
			NZ_TRY(put(out, ",", 1));
		NZ_TRY(print_value(array->u.items[i], order, depth, out));
	}
	return put(out, "]", 1);
}

static enum nz_status print_member(const struct nz_json_member *member, enum order order,
                                   size_t depth, bool *first, struct nz_buffer *out)
{
	if (!*first)
		NZ_TRY(put(out, ",", 1));
	*first = false;
	NZ_TRY(print_string(member->name, member->name_len, out));
	NZ_TRY(put(out, ":", 1));
	return print_value(member->value, order, depth, out);
}

/* ECMA-262 array index: an integer from 0 to 2^32 - 2, spelled as ECMAScript prints it. */
static bool is_array_index(const struct nz_json_member *member)
{
	uint64_t index = 0;

	if (member->name_len == 0 || member->name_len > 10)
		return false;
	for (size_t i = 0; i < member->name_len; i++) {
		if (member->name[i] < '0' || member->name[i] > '9')
			return false;
		index = index * 10 + (member->name[i] - '0');
	}
	return (member->name[0] != '0' || member->name_len == 1) && index <= UINT32_MAX - 1;
}

/*
 * Array indices first, ascending (ECMA-262 OrdinaryOwnPropertyKeys). Of one length, they ascend in
 * sorted order already, so going through that once for each length is a sort.
 */
static enum nz_status print_indices(const struct nz_json *object, size_t depth, bool *first,
                                    size_t *printed, struct nz_buffer *out)
{
	size_t indices = 0;

	for (size_t i = 0; i < object->count; i++)
		indices += is_array_index(object->u.members->list[i]) ? 1 : 0;
	*printed = indices;
	for (size_t len = 1; indices > 0; len++) {
		for (size_t i = 0; i < object->count; i++) {
			const struct nz_json_member *member = object->u.members->sorted[i];

			if (member->name_len != len || !is_array_index(member))
				continue;
			indices--;
			NZ_TRY(print_member(member, ORDER_RECEIVED, depth, first, out));
		}
	}
	return NZ_OK;
}

static enum nz_status print_object(const struct nz_json *object, enum order order, size_t depth,
                                   struct nz_buffer *out)
{
	const struct nz_json_members *members = object->u.members;
	size_t indices = 0;
	bool first = true;

	NZ_TRY(put(out, "{", 1));
	if (order == ORDER_RECEIVED)
		NZ_TRY(print_indices(object, depth, &first, &indices, out));
	for (size_t i = 0; i < object->count; i++) {
		const struct nz_json_member *member =
			order == ORDER_CANONICAL ? members->sorted[i] : members->list[i];

		if (indices > 0 && is_array_index(member))
			continue;
		NZ_TRY(print_member(member, order, depth, &first, out));
	}
	return put(out, "}", 1);
}

static enum nz_status print_value(const struct nz_json *value, enum order order, size_t depth,
                                  struct nz_buffer *out)
{
	/* A parsed document is never so deep; a built one may be, or may hold itself. */
	if (depth > NZ_JSON_MAX_DEPTH)
		return NZ_LIMIT;
	switch (nz_json_type(value)) {
	case NZ_JSON_NULL:
		return put(out, "null", 4);
	case NZ_JSON_BOOL:
		return value->boolean ? put(out, "true", 4) : put(out, "false", 5);
	case NZ_JSON_NUMBER:
		return print_number(value->u.number, out);
	case NZ_JSON_STRING:
		return print_string(value->u.string, value->count, out);
	case NZ_JSON_ARRAY:
		return print_array(value, order, depth + 1, out);
	case NZ_JSON_OBJECT:
		return print_object(value, order, depth + 1, out);
	}
	return NZ_INVALID;
}

static enum nz_status print(const struct nz_json *value, enum order order, struct nz_buffer *out)
{
	const size_t start = out->len;
	enum nz_status status;

	/* An absent value is the caller's mistake, and must not become a signed "null". */
	if (value == NULL)
		return NZ_INVALID;
	status = print_value(value, order, 0, out);
	if (status != NZ_OK && out->ptr != NULL) {
		nz_wipe(out->ptr + start, out->len - start);
		out->len = start;
	}
	return status;
}

enum nz_status nz_json_canonical(const struct nz_json *value, struct nz_buffer *out)
{
	return print(value, ORDER_CANONICAL, out);
}

enum nz_status nz_json_stringify(const struct nz_json *value, struct nz_buffer *out)
{
	return print(value, ORDER_RECEIVED, out);
}
