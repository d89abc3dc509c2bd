/* SPDX-License-Identifier: Apache-2.0 */
/* Readers. */
#include "internal.h"

enum nz_json_type nz_json_type(const struct nz_json *value)
{
	return value != NULL ? (enum nz_json_type)value->type : NZ_JSON_NULL;
}

bool nz_json_is(const struct nz_json *value, enum nz_json_type type)
{
	return value != NULL && value->type == type;
}

struct nz_json *nz_json_root(const struct nz_json_doc *doc)
{
	return doc != NULL ? doc->root : NULL;
}

void nz_json_set_root(struct nz_json_doc *doc, struct nz_json *value)
{
	if (doc == NULL)
		return;
	if (value == NULL && doc->failed == NZ_OK)
		doc->failed = NZ_NO_MEMORY;
	doc->root = value;
}

bool nz_json_bool(const struct nz_json *value)
{
	return nz_json_is(value, NZ_JSON_BOOL) && value->boolean;
}

double nz_json_number(const struct nz_json *value)
{
	return nz_json_is(value, NZ_JSON_NUMBER) ? value->u.number : 0;
}

struct nz_bytes nz_json_string(const struct nz_json *value)
{
	if (!nz_json_is(value, NZ_JSON_STRING))
		return (struct nz_bytes){NULL, 0};
	return nz_bytes_of(value->u.string, value->count);
}

size_t nz_json_count(const struct nz_json *value)
{
	if (!nz_json_is(value, NZ_JSON_ARRAY) && !nz_json_is(value, NZ_JSON_OBJECT))
		return 0;
	return value->count;
}

struct nz_json *nz_json_at(const struct nz_json *value, size_t index)
{
	if (index >= nz_json_count(value))
		return NULL;
	if (value->type == NZ_JSON_ARRAY)
		return value->u.items[index];
	return value->u.members->list[index]->value;
}

struct nz_bytes nz_json_name_at(const struct nz_json *object, size_t index)
{
	const struct nz_json_member *member;

	if (!nz_json_is(object, NZ_JSON_OBJECT) || index >= object->count)
		return (struct nz_bytes){NULL, 0};
	member = object->u.members->list[index];
	return nz_bytes_of(member->name, member->name_len);
}

struct nz_json *nz_json_get(const struct nz_json *object, const char *name)
{
	size_t at;
	bool found;

	if (!nz_json_is(object, NZ_JSON_OBJECT))
		return NULL;
	at = nz_json_find(object, nz_bytes_str(name), &found);
	return found ? object->u.members->sorted[at]->value : NULL;
}

static enum nz_status get_typed(const struct nz_json *object, const char *name,
                                enum nz_json_type type, const char *what,
                                struct nz_json **out, struct nz_error *err)
{
	struct nz_json *value = nz_json_get(object, name);

	if (value == NULL)
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" is missing", name);
	if (value->type != type)
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" is not %s", name, what);
	*out = value;
	return NZ_OK;
}

enum nz_status nz_json_get_string(const struct nz_json *object, const char *name,
                                  struct nz_bytes *out, struct nz_error *err)
{
	struct nz_json *value = NULL;

	NZ_TRY(get_typed(object, name, NZ_JSON_STRING, "a string", &value, err));
	*out = nz_json_string(value);
	return NZ_OK;
}

enum nz_status nz_json_get_int(const struct nz_json *object, const char *name, int64_t min,
                               int64_t max, int64_t *out, struct nz_error *err)
{
	struct nz_json *value = NULL;
	double number;

	NZ_TRY(get_typed(object, name, NZ_JSON_NUMBER, "a number", &value, err));
	number = value->u.number;
	if (!(number > -0x1p53 && number < 0x1p53) || (double)(int64_t)number != number)
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" is not an integer below 2^53",
		               name);
	if ((int64_t)number < min || (int64_t)number > max)
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" is out of range", name);
	*out = (int64_t)number;
	return NZ_OK;
}

enum nz_status nz_json_get_object(const struct nz_json *object, const char *name,
                                  struct nz_json **out, struct nz_error *err)
{
	return get_typed(object, name, NZ_JSON_OBJECT, "an object", out, err);
}

enum nz_status nz_json_get_array(const struct nz_json *object, const char *name,
                                 struct nz_json **out, struct nz_error *err)
{
	return get_typed(object, name, NZ_JSON_ARRAY, "an array", out, err);
}

enum nz_status nz_json_get_base64(const struct nz_json *object, const char *name, uint8_t *out,
                                  size_t len, struct nz_error *err)
{
	struct nz_bytes text;

	NZ_TRY(nz_json_get_string(object, name, &text, err));
	if (nz_base64_decode_exact(text, out, len) != NZ_OK)
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" is not base64 of %zu bytes", name,
		               len);
	return NZ_OK;
}

enum nz_status nz_json_get_hex(const struct nz_json *object, const char *name, uint8_t *out,
                               size_t len, struct nz_error *err)
{
	struct nz_bytes text;

	NZ_TRY(nz_json_get_string(object, name, &text, err));
	if (nz_hex_decode(text, out, len) != NZ_OK)
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" is not lower-case hex of %zu bytes",
		               name, len);
	return NZ_OK;
}

/* A stranger's name, fit for one line of a log. */
static void printable(struct nz_bytes name, char out[41])
{
	size_t i = 0;

	for (; i < name.len && i < 40; i++)
		out[i] = name.ptr[i] >= 0x20 && name.ptr[i] < 0x7F ? (char)name.ptr[i] : '?';
	out[i] = '\0';
}

enum nz_status nz_json_only_members(const struct nz_json *object, const char *const names[],
                                    struct nz_error *err)
{
	for (size_t i = 0; i < nz_json_count(object); i++) {
		const struct nz_bytes name = nz_json_name_at(object, i);
		char shown[41];
		size_t j = 0;

		while (names[j] != NULL && !nz_bytes_equal(name, nz_bytes_str(names[j])))
			j++;
		if (names[j] != NULL)
			continue;
		printable(name, shown);
		return nz_fail(err, NZ_MALFORMED, "member \"%s\" does not belong here", shown);
	}
	return NZ_OK;
}
