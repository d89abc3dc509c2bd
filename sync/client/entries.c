/* SPDX-License-Identifier: Apache-2.0 */
#include "client/entries.h"

void nz_entries_of_replica(struct nz_entries *entries, struct nz_replica *replica)
{
	*entries = (struct nz_entries){.replica = replica};
}

enum nz_status nz_entries_of_spool(struct nz_entries *entries, struct nz_spool *spool,
				   struct nz_error *err)
{
	*entries = (struct nz_entries){.spool = spool};
	return nz_spool_rewind(spool, err);
}

void nz_entries_clear(struct nz_entries *entries)
{
	nz_buffer_clear(&entries->current.key);
	nz_buffer_clear(&entries->ahead.key);
	nz_buffer_clear(&entries->chunk_keys);
}

enum nz_status nz_entries_spool(void *spool, const struct nz_batch *batch, struct nz_error *err)
{
	return nz_spool_add(spool, batch, sizeof *batch, batch->first_key, err);
}

/* Keys move while the chunk grows, so entries hold offsets in first_key until it is whole. */
static enum nz_status on_chunk(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct nz_entries *e = context;

	if (e->chunk_count == NZ_ENTRIES_CHUNK)
		return nz_fail(err, NZ_INVALID, "more entries than were asked for");
	e->chunk[e->chunk_count] = *batch;
	e->chunk_count++;
	return nz_buffer_append(&e->chunk_keys, batch->first_key.ptr, batch->first_key.len);
}

static enum nz_status load_chunk(struct nz_entries *e, struct nz_error *err)
{
	size_t at = 0;

	e->chunk_count = e->chunk_at = 0;
	nz_buffer_reset(&e->chunk_keys);
	NZ_TRY(e->replica->ops->batches(e->replica, e->from, NZ_ENTRIES_CHUNK, on_chunk, e, err));
	for (size_t i = 0; i < e->chunk_count; i++) {
		const size_t len = e->chunk[i].first_key.len;

		e->chunk[i].first_key = nz_bytes_of(e->chunk_keys.ptr + at, len);
		at += len;
	}
	e->from += e->chunk_count;
	return NZ_OK;
}

static enum nz_status load(struct nz_entries *e, struct nz_entry_slot *slot, struct nz_error *err)
{
	slot->there = false;
	if (e->spool != NULL) {
		const enum nz_status status =
		    nz_spool_next(e->spool, &slot->batch, sizeof slot->batch, &slot->key, err);

		if (status == NZ_END)
			return NZ_OK;
		NZ_TRY(status);
	} else {
		if (e->chunk_at == e->chunk_count)
			NZ_TRY(load_chunk(e, err));
		if (e->chunk_count == 0)
			return NZ_OK;
		slot->batch = e->chunk[e->chunk_at++];
		nz_buffer_reset(&slot->key);
		NZ_TRY(nz_buffer_append(&slot->key, slot->batch.first_key.ptr,
					slot->batch.first_key.len));
	}
	slot->batch.first_key = nz_buffer_bytes(&slot->key);
	slot->there = true;
	return NZ_OK;
}

enum nz_status nz_entries_next(struct nz_entries *e, const struct nz_batch **entry,
			       const struct nz_batch **next, struct nz_error *err)
{
	if (!e->started) {
		NZ_TRY(load(e, &e->ahead, err));
		e->started = true;
	}
	const struct nz_entry_slot swap = e->current;
	e->current = e->ahead;
	e->ahead = swap;
	e->ahead.there = false;
	if (!e->current.there)
		return NZ_END;
	NZ_TRY(load(e, &e->ahead, err));
	*entry = &e->current.batch;
	*next = e->ahead.there && e->ahead.batch.table == e->current.batch.table ? &e->ahead.batch
										 : NULL;
	return NZ_OK;
}
