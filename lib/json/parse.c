/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser: a loop with a stack of its own, so that the depth limit is the only thing that depth
 * meets. Children of open containers wait on one stack (`pending`) and move to the arena when their
 * container closes. For small documents both stacks are within the parser and cost no malloc.
 */
#include <stdlib.h>

#include "internal.h"
#include "source.h"

#define INLINE_PENDING 64
#define INLINE_FRAMES 16

const struct nz_json_limits nz_json_packet_limits = {
	.bytes = 1024 * 1024,
	.depth = 64,
	.members = 10000,
};

/* A child that waits: an element, or a member with its name and, once it is read, its value. */
union pending {
	struct nz_json *element;
	struct nz_json_member *member;
};

struct frame {
	struct nz_json *container;
	size_t base; /* index of its first child in pending */
};

struct parser {
	struct nz_json_cursor c;
	struct nz_json_doc *doc;
	const struct nz_json_limits *limits;
	size_t depth_limit;
	union pending *pending;
	size_t pending_count, pending_cap;
	struct frame *frames;
	size_t depth, frames_cap;
	union pending inline_pending[INLINE_PENDING];
	struct frame inline_frames[INLINE_FRAMES];
};

static enum nz_status no_memory(const struct parser *p)
{
	return nz_fail(p->c.err, NZ_NO_MEMORY, "out of memory");
}

static enum nz_status fault(const struct parser *p, enum nz_json_fault fault)
{
	return nz_json_fault_at(&p->c, fault, p->c.at);
}

static enum nz_status fault_or_end(const struct parser *p)
{
	return fault(p, p->c.at == p->c.end ? NZ_JSON_FAULT_TRUNCATED : NZ_JSON_FAULT_SYNTAX);
}

/* Twice the room for an array that may still be the inline one; NULL on no memory. */
static void *grow(void *array, const void *inline_array, size_t *cap, size_t size)
{
	void *grown;

	if (*cap > SIZE_MAX / 2 / size)
		return NULL;
	if (array == inline_array) {
		grown = malloc(*cap * 2 * size);
		if (grown != NULL)
			memcpy(grown, array, *cap * size);
	} else {
		grown = realloc(array, *cap * 2 * size);
	}
	if (grown != NULL)
		*cap *= 2;
	return grown;
}

static enum nz_status push_pending(struct parser *p, union pending item)
{
	if (p->pending_count == p->pending_cap) {
		union pending *grown = grow(p->pending, p->inline_pending, &p->pending_cap,
		                            sizeof(*grown));

		if (grown == NULL)
			return no_memory(p);
		p->pending = grown;
	}
	p->pending[p->pending_count++] = item;
	return NZ_OK;
}

static enum nz_status push_frame(struct parser *p, struct nz_json *container)
{
	if (p->depth == p->depth_limit)
		return fault(p, NZ_JSON_FAULT_DEPTH_LIMIT);
	if (p->depth == p->frames_cap) {
		struct frame *grown = grow(p->frames, p->inline_frames, &p->frames_cap,
		                           sizeof(*grown));

		if (grown == NULL)
			return no_memory(p);
		p->frames = grown;
	}
	p->frames[p->depth++] = (struct frame){container, p->pending_count};
	return NZ_OK;
}

static void skip_space(struct parser *p)
{
	while (p->c.at < p->c.end &&
	       (*p->c.at == ' ' || *p->c.at == '\n' || *p->c.at == '\r' || *p->c.at == '\t'))
		p->c.at++;
}

static enum nz_status read_word(struct parser *p, const char *word)
{
	for (; *word != '\0'; word++, p->c.at++) {
		if (p->c.at == p->c.end || *p->c.at != (uint8_t)*word)
			return fault_or_end(p);
	}
	return NZ_OK;
}

static bool in_object(const struct parser *p)
{
	return p->depth > 0 && p->frames[p->depth - 1].container->type == NZ_JSON_OBJECT;
}

/* The name of the next member, up to where its value starts. */
static enum nz_status read_name(struct parser *p)
{
	const struct frame *frame = &p->frames[p->depth - 1];
	struct nz_json_member *member;

	if (p->c.at == p->c.end || *p->c.at != '"')
		return fault_or_end(p);
	if (p->pending_count - frame->base == p->limits->members)
		return fault(p, NZ_JSON_FAULT_MEMBERS_LIMIT);
	member = nz_json_alloc(p->doc, sizeof(*member));
	if (member == NULL)
		return no_memory(p);
	p->c.at++;
	NZ_TRY(nz_json_read_string(&p->c, p->doc, &member->name, &member->name_len));
	member->value = NULL;
	NZ_TRY(push_pending(p, (union pending){.member = member}));
	skip_space(p);
	if (p->c.at == p->c.end || *p->c.at != ':')
		return fault_or_end(p);
	p->c.at++;
	return NZ_OK;
}

static enum nz_status close_array(struct parser *p, struct nz_json *array,
                                  const union pending *children, size_t count)
{
	array->u.items = nz_json_alloc(p->doc, count * sizeof(struct nz_json *));
	if (array->u.items == NULL)
		return no_memory(p);
	for (size_t i = 0; i < count; i++)
		array->u.items[i] = children[i].element;
	return NZ_OK;
}

static enum nz_status close_object(struct parser *p, struct nz_json *object,
                                   const union pending *children, size_t count)
{
	const size_t list_bytes = count * sizeof(struct nz_json_member *);
	struct nz_json_members *members = nz_json_alloc(p->doc, sizeof(*members) + 2 * list_bytes);
	struct nz_json_member **scratch;

	if (members == NULL)
		return no_memory(p);
	members->list = (struct nz_json_member **)(members + 1);
	members->sorted = members->list + count;
	for (size_t i = 0; i < count; i++)
		members->list[i] = members->sorted[i] = children[i].member;
	scratch = nz_json_alloc(p->doc, list_bytes);
	if (scratch == NULL)
		return no_memory(p);
	nz_json_sort_members(members->sorted, scratch, count);
	nz_json_trim(p->doc, scratch, 0);
	for (size_t i = 1; i < count; i++) {
		const struct nz_json_member *a = members->sorted[i - 1], *b = members->sorted[i];

		if (a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0)
			return fault(p, NZ_JSON_FAULT_DUPLICATE);
	}
	object->u.members = members;
	return NZ_OK;
}

/* The cursor is at the closing bracket. */
static enum nz_status close_container(struct parser *p)
{
	const struct frame *frame = &p->frames[p->depth - 1];
	const union pending *children = p->pending + frame->base;
	const size_t count = p->pending_count - frame->base;

	if (frame->container->type == NZ_JSON_ARRAY)
		NZ_TRY(close_array(p, frame->container, children, count));
	else
		NZ_TRY(close_object(p, frame->container, children, count));
	frame->container->count = (uint32_t)count;
	frame->container->capacity_log2 = NZ_JSON_EXACT;
	p->pending_count = frame->base;
	p->depth--;
	p->c.at++;
	if (p->depth == 1)
		p->doc->inner_end = (size_t)(p->c.at - p->c.begin);
	return NZ_OK;
}

static enum nz_status read_scalar(struct parser *p, struct nz_json *value)
{
	switch (*p->c.at) {
	case '"':
		value->type = NZ_JSON_STRING;
		p->c.at++;
		return nz_json_read_string(&p->c, p->doc, &value->u.string, &value->count);
	case 't':
		value->type = NZ_JSON_BOOL;
		value->boolean = true;
		return read_word(p, "true");
	case 'f':
		value->type = NZ_JSON_BOOL;
		return read_word(p, "false");
	case 'n':
		return read_word(p, "null");
	default:
		if (*p->c.at != '-' && (*p->c.at < '0' || *p->c.at > '9'))
			return fault_or_end(p);
		value->type = NZ_JSON_NUMBER;
		return nz_json_read_number(&p->c, &value->u.number);
	}
}

/* One value, or the opening of a container, which *opened then says. It joins its parent. */
static enum nz_status read_value(struct parser *p, bool *opened)
{
	struct nz_json *value;

	skip_space(p);
	if (p->c.at == p->c.end)
		return fault_or_end(p);
	value = nz_json_alloc_value(p->doc, NZ_JSON_NULL);
	if (value == NULL)
		return no_memory(p);
	if (p->depth == 0)
		p->doc->root = value;
	else if (in_object(p))
		p->pending[p->pending_count - 1].member->value = value;
	else
		NZ_TRY(push_pending(p, (union pending){.element = value}));
	*opened = *p->c.at == '{' || *p->c.at == '[';
	if (!*opened)
		return read_scalar(p, value);
	value->type = *p->c.at == '{' ? NZ_JSON_OBJECT : NZ_JSON_ARRAY;
	if (p->depth == 1) {
		p->doc->inner = value;
		p->doc->inner_begin = (size_t)(p->c.at - p->c.begin);
	}
	NZ_TRY(push_frame(p, value));
	p->c.at++;
	return NZ_OK;
}

/* Goes on to where the next value starts: past commas and closing brackets, and names. */
static enum nz_status next_value(struct parser *p, bool opened)
{
	while (p->depth > 0) {
		const bool object = in_object(p);

		skip_space(p);
		if (p->c.at < p->c.end && *p->c.at == (object ? '}' : ']')) {
			NZ_TRY(close_container(p));
			opened = false;
			continue;
		}
		if (!opened) {
			if (p->c.at == p->c.end || *p->c.at != ',')
				return fault_or_end(p);
			p->c.at++;
			skip_space(p);
		}
		return object ? read_name(p) : NZ_OK;
	}
	return NZ_OK;
}

static enum nz_status parse(struct parser *p)
{
	bool opened = false;

	do {
		NZ_TRY(read_value(p, &opened));
		NZ_TRY(next_value(p, opened));
	} while (p->depth > 0);
	skip_space(p);
	if (p->c.at < p->c.end)
		return fault(p, NZ_JSON_FAULT_TRAILING);
	return NZ_OK;
}

/* What can be told before any value is looked at. */
static enum nz_status check_text(const struct nz_json_cursor *c, size_t limit)
{
	static const uint8_t bom[] = {0xEF, 0xBB, 0xBF};
	const size_t len = (size_t)(c->end - c->begin);
	size_t valid;

	if (len > limit || len > UINT32_MAX)
		return nz_json_fault_at(c, NZ_JSON_FAULT_BYTES_LIMIT,
		                        c->begin + (limit < UINT32_MAX ? limit : UINT32_MAX));
	if (len >= sizeof(bom) && memcmp(c->begin, bom, sizeof(bom)) == 0)
		return nz_json_fault_at(c, NZ_JSON_FAULT_BOM, c->begin);
	valid = nz_utf8_prefix(nz_bytes_of(c->begin, len));
	if (valid != len)
		return nz_json_fault_at(c, NZ_JSON_FAULT_UTF8, c->begin + valid);
	return NZ_OK;
}

static void parser_clear(struct parser *p)
{
	if (p->pending != p->inline_pending)
		free(p->pending);
	if (p->frames != p->inline_frames)
		free(p->frames);
}

enum nz_status nz_json_parse(struct nz_bytes text, const struct nz_json_limits *limits,
                             struct nz_json_doc **out, struct nz_error *err)
{
	static const uint8_t nothing[1];
	const uint8_t *begin = text.ptr != NULL ? text.ptr : nothing;
	NZ_JSON_DOC(doc);
	struct parser p NZ_CLEANUP(parser_clear);

	p.c = (struct nz_json_cursor){begin, begin, begin + text.len, err};
	p.limits = limits != NULL ? limits : &nz_json_packet_limits;
	p.depth_limit = p.limits->depth < NZ_JSON_MAX_DEPTH ? p.limits->depth : NZ_JSON_MAX_DEPTH;
	p.pending = p.inline_pending;
	p.pending_cap = INLINE_PENDING;
	p.pending_count = 0;
	p.frames = p.inline_frames;
	p.frames_cap = INLINE_FRAMES;
	p.depth = 0;
	NZ_TRY(check_text(&p.c, p.limits->bytes));
	/* A packet's values take about thrice its text. */
	doc = nz_json_doc_new(text.len < SIZE_MAX / 4 ? text.len * 3 + sizeof(*doc) : text.len);
	p.doc = doc;
	if (doc == NULL)
		return no_memory(&p);
	NZ_TRY(parse(&p));
	*out = doc;
	doc = NULL;
	return NZ_OK;
}

struct nz_bytes nz_json_source(const struct nz_json_doc *doc, struct nz_bytes text,
                               const struct nz_json *value)
{
	if (value == NULL || value != doc->inner || doc->inner_end > text.len)
		return nz_bytes_of(NULL, 0);
	return nz_bytes_of(text.ptr + doc->inner_begin, doc->inner_end - doc->inner_begin);
}
