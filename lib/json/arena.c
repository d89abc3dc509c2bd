/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "arena.h"

#define CHUNK_MIN 512
#define CHUNK_MAX (size_t)(1024 * 1024)

static struct nz_json_chunk *chunk_new(size_t size, struct nz_json_chunk *next)
{
	struct nz_json_chunk *chunk;

	if (size > SIZE_MAX / 2)
		return NULL;
	chunk = malloc(sizeof(*chunk) + size);
	if (chunk == NULL)
		return NULL;
	chunk->next = next;
	chunk->used = 0;
	chunk->size = size;
	return chunk;
}

void *nz_json_alloc_chunk(struct nz_json_doc *doc, size_t size)
{
	struct nz_json_chunk *chunk = doc->chunk;
	const size_t next = chunk->size < CHUNK_MAX / 2 ? chunk->size * 2 : CHUNK_MAX;

	chunk = chunk_new(next > size ? next : size, chunk);
	if (chunk == NULL)
		return NULL;
	doc->chunk = chunk;
	chunk->used = size;
	return chunk->data;
}

void nz_json_trim(struct nz_json_doc *doc, const void *last, size_t used)
{
	const size_t start = (size_t)((const uint8_t *)last - doc->chunk->data);

	used = (used + NZ_JSON_ALIGNMENT - 1) / NZ_JSON_ALIGNMENT * NZ_JSON_ALIGNMENT;
	/* What is given back is still wiped with the chunk: it may hold a part of a secret. */
	nz_wipe(doc->chunk->data + start + used, doc->chunk->used - start - used);
	doc->chunk->used = start + used;
}

struct nz_json_doc *nz_json_doc_new(size_t size)
{
	/* The document stands at the start of its own first chunk: one malloc for a small one. */
	struct nz_json_doc start = {.failed = NZ_OK}, *doc;

	if (size < CHUNK_MIN)
		size = CHUNK_MIN;
	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	start.chunk = chunk_new(size, NULL);
	if (start.chunk == NULL)
		return NULL;
	doc = nz_json_alloc(&start, sizeof(*doc));
	*doc = start;
	return doc;
}

enum nz_status nz_json_new(struct nz_json_doc **out)
{
	struct nz_json_doc *doc = nz_json_doc_new(CHUNK_MIN);

	if (doc == NULL)
		return NZ_NO_MEMORY;
	*out = doc;
	return NZ_OK;
}

void nz_json_free(struct nz_json_doc **doc)
{
	struct nz_json_chunk *chunk = *doc != NULL ? (*doc)->chunk : NULL;

	/* Wiped, since key files are JSON. The oldest chunk, which holds the document, goes last. */
	while (chunk != NULL) {
		struct nz_json_chunk *next = chunk->next;

		nz_wipe(chunk->data, chunk->used);
		free(chunk);
		chunk = next;
	}
	*doc = NULL;
}
