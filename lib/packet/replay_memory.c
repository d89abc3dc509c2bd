/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay guard of one process. Its memory ends with the process: a restart inside the window
 * would let packets in again, so it is for tests, and for verifiers that can refuse everything older
 * than their own start.
 */
#include "replay_table.h"

#include <pthread.h>
#include <stdlib.h>

struct memory_guard {
	struct nz_replay base; /* first, so that one pointer serves for both */
	const struct nz_crypto *crypto;
	pthread_mutex_t mutex;
	struct nz_replay_table table;
};

static enum nz_status memory_check(struct nz_replay *guard, struct nz_bytes node_id,
                                   struct nz_bytes nonce, int64_t timestamp, int64_t now,
                                   struct nz_error *err)
{
	struct memory_guard *self = (struct memory_guard *)guard;
	struct nz_replay_entry entry;

	NZ_TRY(nz_replay_entry_make(self->crypto, node_id, nonce, timestamp, &entry, err));
	pthread_mutex_lock(&self->mutex);
	nz_replay_table_expire(&self->table, now);
	enum nz_status status = nz_replay_table_check(&self->table, &entry, now, err);
	if (status == NZ_OK) {
		status = nz_replay_table_reserve(&self->table);
		if (status == NZ_OK)
			nz_replay_table_insert(&self->table, &entry);
		else
			nz_fail(err, status, "no memory for the replay guard");
	}
	pthread_mutex_unlock(&self->mutex);
	return status;
}

static void memory_free(struct nz_replay *guard)
{
	struct memory_guard *self = (struct memory_guard *)guard;

	nz_replay_table_clear(&self->table);
	pthread_mutex_destroy(&self->mutex);
	free(self);
}

static const struct nz_replay_ops memory_ops = {
	.name = "memory",
	.check = memory_check,
	.free = memory_free,
};

enum nz_status nz_replay_memory(const struct nz_crypto *crypto,
                                const struct nz_replay_limits *limits, struct nz_replay **out,
                                struct nz_error *err)
{
	struct memory_guard *self = calloc(1, sizeof *self);

	if (self == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	self->base.ops = &memory_ops;
	self->crypto = crypto;
	const enum nz_status status = nz_replay_table_init(&self->table, crypto, limits);
	if (status != NZ_OK) {
		free(self);
		return nz_fail(err, status, "cannot seed the replay guard");
	}
	pthread_mutex_init(&self->mutex, NULL);
	*out = &self->base;
	return NZ_OK;
}
