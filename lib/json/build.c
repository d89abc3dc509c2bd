/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builders. A failure is remembered in the document and every later call is harmless, so that the
 * caller checks once.
 */
#include "internal.h"

#define FIRST_CAPACITY_LOG2 3

static void *fail(struct nz_json_doc *doc, enum nz_status status)
{
	if (doc != NULL && doc->failed == NZ_OK)
		doc->failed = status;
	return NULL;
}

enum nz_status nz_json_failed(const struct nz_json_doc *doc)
{
	return doc != NULL ? doc->failed : NZ_NO_MEMORY;
}

static struct nz_json *make(struct nz_json_doc *doc, enum nz_json_type type)
{
	struct nz_json *value = doc != NULL ? nz_json_alloc_value(doc, type) : NULL;

	return value != NULL ? value : fail(doc, NZ_NO_MEMORY);
}

struct nz_json *nz_json_make_null(struct nz_json_doc *doc)
{
	return make(doc, NZ_JSON_NULL);
}

struct nz_json *nz_json_make_bool(struct nz_json_doc *doc, bool value)
{
	struct nz_json *made = make(doc, NZ_JSON_BOOL);

	if (made != NULL)
		made->boolean = value;
	return made;
}

struct nz_json *nz_json_make_number(struct nz_json_doc *doc, double value)
{
	struct nz_json *made;

	/* Neither NaN nor an infinity has a form in JSON. */
	if (!(value >= -0x1.fffffffffffffp1023 && value <= 0x1.fffffffffffffp1023))
		return fail(doc, NZ_INVALID);
	made = make(doc, NZ_JSON_NUMBER);
	if (made != NULL)
		made->u.number = value;
	return made;
}

/* A copy in the arena; NULL with the failure noted. */
static const uint8_t *copy_text(struct nz_json_doc *doc, struct nz_bytes utf8)
{
	uint8_t *copy;

	if (doc == NULL)
		return NULL;
	if (utf8.len > UINT32_MAX || !nz_utf8_valid(utf8))
		return fail(doc, NZ_INVALID);
	copy = nz_json_alloc(doc, utf8.len);
	if (copy == NULL)
		return fail(doc, NZ_NO_MEMORY);
	if (utf8.len > 0)
		memcpy(copy, utf8.ptr, utf8.len);
	return copy;
}

struct nz_json *nz_json_make_string(struct nz_json_doc *doc, struct nz_bytes utf8)
{
	const uint8_t *copy = copy_text(doc, utf8);
	struct nz_json *made = copy != NULL ? make(doc, NZ_JSON_STRING) : NULL;

	if (made == NULL)
		return NULL;
	made->u.string = copy;
	made->count = (uint32_t)utf8.len;
	return made;
}

struct nz_json *nz_json_make_array(struct nz_json_doc *doc)
{
	return make(doc, NZ_JSON_ARRAY);
}

struct nz_json *nz_json_make_object(struct nz_json_doc *doc)
{
	return make(doc, NZ_JSON_OBJECT);
}

/*
 * The capacity, as a power of two, that a container needs for one more child: its own where that
 * will do (*grow is false), else the next.
 */
static uint8_t capacity_for_one(const struct nz_json *container, bool *grow)
{
	uint8_t log2 = FIRST_CAPACITY_LOG2;

	if (container->count > 0 && container->capacity_log2 != NZ_JSON_EXACT)
		log2 = container->capacity_log2;
	*grow = container->count == 0 || container->capacity_log2 == NZ_JSON_EXACT;
	for (; UINT64_C(1) << log2 <= container->count; log2++)
		*grow = true;
	return log2;
}

static bool grow_array(struct nz_json_doc *doc, struct nz_json *array)
{
	bool grow;
	const uint8_t log2 = capacity_for_one(array, &grow);
	struct nz_json **items;

	if (!grow)
		return true;
	items = nz_json_alloc(doc, ((size_t)1 << log2) * sizeof(struct nz_json *));
	if (items == NULL)
		return false;
	if (array->count > 0)
		memcpy(items, array->u.items, array->count * sizeof(struct nz_json *));
	array->u.items = items;
	array->capacity_log2 = log2;
	return true;
}

static bool grow_object(struct nz_json_doc *doc, struct nz_json *object)
{
	const size_t pointer = sizeof(struct nz_json_member *);
	bool grow;
	const uint8_t log2 = capacity_for_one(object, &grow);
	struct nz_json_members *members;

	if (!grow)
		return true;
	members = nz_json_alloc(doc, sizeof(*members) + ((size_t)2 << log2) * pointer);
	if (members == NULL)
		return false;
	members->list = (struct nz_json_member **)(members + 1);
	members->sorted = members->list + ((size_t)1 << log2);
	if (object->count > 0) {
		memcpy(members->list, object->u.members->list, object->count * pointer);
		memcpy(members->sorted, object->u.members->sorted, object->count * pointer);
	}
	object->u.members = members;
	object->capacity_log2 = log2;
	return true;
}

void nz_json_push(struct nz_json_doc *doc, struct nz_json *array, struct nz_json *value)
{
	if (doc == NULL || array == NULL || value == NULL) {
		fail(doc, NZ_NO_MEMORY);
		return;
	}
	if (array->type != NZ_JSON_ARRAY || array->count == UINT32_MAX) {
		fail(doc, NZ_INVALID);
		return;
	}
	if (!grow_array(doc, array)) {
		fail(doc, NZ_NO_MEMORY);
		return;
	}
	array->u.items[array->count++] = value;
}

static void set_member(struct nz_json_doc *doc, struct nz_json *object, struct nz_bytes name,
                       struct nz_json *value)
{
	struct nz_json_member *member, **sorted;
	bool found;
	size_t at;

	if (doc == NULL || object == NULL || value == NULL) {
		fail(doc, NZ_NO_MEMORY);
		return;
	}
	if (object->type != NZ_JSON_OBJECT || object->count == UINT32_MAX) {
		fail(doc, NZ_INVALID);
		return;
	}
	at = nz_json_find(object, name, &found);
	if (found) {
		object->u.members->sorted[at]->value = value;
		return;
	}
	member = nz_json_alloc(doc, sizeof(*member));
	if (member == NULL || !grow_object(doc, object)) {
		fail(doc, NZ_NO_MEMORY);
		return;
	}
	*member = (struct nz_json_member){copy_text(doc, name), value, (uint32_t)name.len};
	if (member->name == NULL)
		return;
	sorted = object->u.members->sorted;
	memmove(sorted + at + 1, sorted + at, (object->count - at) * sizeof(member));
	sorted[at] = member;
	object->u.members->list[object->count++] = member;
}

void nz_json_set(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                 struct nz_json *value)
{
	set_member(doc, object, nz_bytes_str(name), value);
}

void nz_json_set_str(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                     const char *text)
{
	nz_json_set_bytes(doc, object, name, nz_bytes_str(text));
}

void nz_json_set_bytes(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                       struct nz_bytes utf8)
{
	set_member(doc, object, nz_bytes_str(name), nz_json_make_string(doc, utf8));
}

void nz_json_set_int(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                     int64_t value)
{
	if (value <= -(INT64_C(1) << 53) || value >= INT64_C(1) << 53) {
		fail(doc, NZ_INVALID);
		return;
	}
	set_member(doc, object, nz_bytes_str(name), nz_json_make_number(doc, (double)value));
}

/* Text of len characters, written by `encode` with a NUL after it, which is not content. */
static void set_encoded(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                        struct nz_bytes value, size_t len,
                        void (*encode)(struct nz_bytes in, char *out))
{
	struct nz_json *made;
	char *text;

	if (doc == NULL)
		return;
	if (len >= UINT32_MAX) {
		fail(doc, NZ_INVALID);
		return;
	}
	text = nz_json_alloc(doc, len + 1);
	made = make(doc, NZ_JSON_STRING);
	if (text == NULL || made == NULL) {
		fail(doc, NZ_NO_MEMORY);
		return;
	}
	encode(value, text);
	made->u.string = (const uint8_t *)text;
	made->count = (uint32_t)len;
	nz_json_set(doc, object, name, made);
}

void nz_json_set_hex(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                     struct nz_bytes value)
{
	set_encoded(doc, object, name, value,
	            value.len < UINT32_MAX / 2 ? value.len * 2 : UINT32_MAX, nz_hex_encode);
}

void nz_json_set_base64(struct nz_json_doc *doc, struct nz_json *object, const char *name,
                        struct nz_bytes value)
{
	set_encoded(doc, object, name, value,
	            value.len < UINT32_MAX / 2 ? NZ_BASE64_CHARS(value.len) : UINT32_MAX,
	            nz_base64_encode);
}

void nz_json_remove(struct nz_json *object, const char *name)
{
	struct nz_json_members *members;
	const struct nz_json_member *gone;
	size_t at, in_list = 0;
	bool found;

	if (!nz_json_is(object, NZ_JSON_OBJECT))
		return;
	members = object->u.members;
	at = nz_json_find(object, nz_bytes_str(name), &found);
	if (!found)
		return;
	gone = members->sorted[at];
	while (members->list[in_list] != gone)
		in_list++;
	object->count--;
	memmove(members->sorted + at, members->sorted + at + 1,
	        (object->count - at) * sizeof(gone));
	memmove(members->list + in_list, members->list + in_list + 1,
	        (object->count - in_list) * sizeof(gone));
}

static struct nz_json *copy(struct nz_json_doc *doc, const struct nz_json *value, size_t depth)
{
	struct nz_json *made;

	if (doc == NULL || value == NULL)
		return fail(doc, NZ_NO_MEMORY);
	if (depth > NZ_JSON_MAX_DEPTH)
		return fail(doc, NZ_LIMIT);
	if (value->type == NZ_JSON_STRING)
		return nz_json_make_string(doc, nz_json_string(value));
	made = make(doc, (enum nz_json_type)value->type);
	if (made == NULL)
		return NULL;
	if (value->type == NZ_JSON_NUMBER)
		made->u.number = value->u.number;
	made->boolean = value->boolean;
	for (size_t i = 0; i < nz_json_count(value) && doc->failed == NZ_OK; i++) {
		struct nz_json *child = copy(doc, nz_json_at(value, i), depth + 1);

		if (value->type == NZ_JSON_ARRAY)
			nz_json_push(doc, made, child);
		else
			set_member(doc, made, nz_json_name_at(value, i), child);
	}
	return doc->failed == NZ_OK ? made : NULL;
}

struct nz_json *nz_json_copy(struct nz_json_doc *doc, const struct nz_json *value)
{
	return copy(doc, value, 0);
}
