/* SPDX-License-Identifier: Apache-2.0 */
/* A document's memory: chunks that never move, freed together. */
#ifndef NZ_JSON_ARENA_H
#define NZ_JSON_ARENA_H

#include <nz/json.h>

/* Not for the shared library's exports. */
#pragma GCC visibility push(hidden)

#define NZ_JSON_ALIGNMENT 8

struct nz_json_chunk {
	struct nz_json_chunk *next; /* the one before it in time */
	size_t used, size;
	_Alignas(NZ_JSON_ALIGNMENT) uint8_t data[];
};

struct nz_json_doc {
	struct nz_json_chunk *chunk; /* the newest */
	struct nz_json *root;
	enum nz_status failed;
	/* The root's last child that is a container, and where it stood (see source.h). */
	const struct nz_json *inner;
	size_t inner_begin, inner_end;
};

/* A document whose first chunk has room for about `size` bytes. NULL on no memory. */
struct nz_json_doc *nz_json_doc_new(size_t size);
/* From a new chunk: the rare half of nz_json_alloc. size is a multiple of NZ_JSON_ALIGNMENT. */
void *nz_json_alloc_chunk(struct nz_json_doc *doc, size_t size);
/* Memory of the document, aligned to NZ_JSON_ALIGNMENT; NULL on no memory. size may be 0. */
static inline void *nz_json_alloc(struct nz_json_doc *doc, size_t size)
{
	struct nz_json_chunk *chunk = doc->chunk;

	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + NZ_JSON_ALIGNMENT - 1) / NZ_JSON_ALIGNMENT * NZ_JSON_ALIGNMENT;
	if (size > chunk->size - chunk->used)
		return nz_json_alloc_chunk(doc, size);

	void *memory = chunk->data + chunk->used;

	chunk->used += size;
	return memory;
}
/* Gives back what the last nz_json_alloc call got beyond its first `used` bytes. */
void nz_json_trim(struct nz_json_doc *doc, const void *last, size_t used);

#pragma GCC visibility pop

#endif
