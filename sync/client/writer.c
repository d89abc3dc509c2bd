/* SPDX-License-Identifier: Apache-2.0 */
#include "client/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Kept for the next batch; what is larger goes back to the system. */
#define KEEP_ARENA_BYTES ((size_t)2 << 20)
#define KEEP_BATCHES 4

struct nz_writer {
	struct nz_replica *replica;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the thread: work, or the end */
	pthread_cond_t room; /* the caller: a batch was staged, or the replica is free */

	struct nz_writer_batch *first, *last; /* queued */
	struct nz_writer_batch *spare;
	size_t spares;
	uint64_t bytes;	 /* queued or being staged */
	uint64_t staged; /* batches */
	bool busy;	 /* staging */
	bool held;	 /* the caller has, or wants, the replica */
	bool ending;
	enum nz_status failed;
	struct nz_error error;
};

static void batch_free(struct nz_writer_batch *batch)
{
	if (batch == NULL)
		return;
	nz_buffer_clear(&batch->key);
	nz_buffer_clear(&batch->arena);
	free(batch->records);
	free(batch);
}

static void list_free(struct nz_writer_batch *batch)
{
	while (batch != NULL) {
		struct nz_writer_batch *next = batch->next;

		batch_free(batch);
		batch = next;
	}
}

/* Under the lock. */
static void recycle(struct nz_writer *w, struct nz_writer_batch *batch)
{
	if (w->spares == KEEP_BATCHES) {
		batch_free(batch);
		return;
	}
	if (batch->arena.cap > KEEP_ARENA_BYTES)
		nz_buffer_clear(&batch->arena);
	nz_buffer_reset(&batch->arena);
	batch->next = w->spare;
	w->spare = batch;
	w->spares++;
}

/* What a batch counts for: its records, and something for having been many. */
static uint64_t weight(const struct nz_batch *entry)
{
	return entry->bytes + (uint64_t)entry->count * sizeof(struct nz_bytes);
}

/* Under the lock, which is given up while the replica works. */
static void stage_first(struct nz_writer *w)
{
	struct nz_writer_batch *batch = w->first;
	struct nz_error error = {0};
	enum nz_status status = w->failed;

	w->first = batch->next;
	if (w->first == NULL)
		w->last = NULL;
	w->busy = true;
	pthread_mutex_unlock(&w->lock);
	if (status == NZ_OK)
		status = w->replica->ops->stage(w->replica, &batch->entry, batch->records,
						batch->count, &error);
	pthread_mutex_lock(&w->lock);
	w->busy = false;
	if (status == NZ_OK) {
		w->staged++;
	} else if (w->failed == NZ_OK) {
		w->failed = status;
		w->error = error;
	}
	w->bytes -= weight(&batch->entry);
	recycle(w, batch);
	pthread_cond_broadcast(&w->room);
}

static void *run(void *context)
{
	struct nz_writer *w = context;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		if (w->first != NULL && !w->held)
			stage_first(w);
		else if (w->first == NULL && w->ending)
			break;
		else
			pthread_cond_wait(&w->wake, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum nz_status nz_writer_start(struct nz_replica *replica, struct nz_writer **out,
			       struct nz_error *err)
{
	struct nz_writer *w = calloc(1, sizeof *w);
	sigset_t all, before;

	if (w == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for the writer");
	w->replica = replica;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	pthread_cond_init(&w->room, NULL);
	/* Signals are the main thread's: they interrupt its waiting. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int failed = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		free(w);
		return nz_fail_code(err, NZ_IO, failed, "cannot start a thread");
	}
	*out = w;
	return NZ_OK;
}

void nz_writer_free(struct nz_writer **writer)
{
	struct nz_writer *w = *writer;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	w->held = false;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	list_free(w->first);
	list_free(w->spare);
	pthread_cond_destroy(&w->room);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*writer = NULL;
}

/* Under the lock. */
static enum nz_status failure(const struct nz_writer *w, struct nz_error *err)
{
	if (w->failed != NZ_OK && err != NULL)
		*err = w->error;
	return w->failed;
}

static enum nz_status prepare(struct nz_writer_batch *batch, const struct nz_batch *entry)
{
	batch->entry = *entry;
	batch->count = 0;
	nz_buffer_reset(&batch->key);
	nz_buffer_reset(&batch->arena);
	NZ_TRY(nz_buffer_append(&batch->key, entry->first_key.ptr, entry->first_key.len));
	batch->entry.first_key = nz_buffer_bytes(&batch->key);
	if (batch->arena.cap < entry->bytes + 1) { /* one more: never NULL */
		/* Not by doubling: a record may be large, and its size is known. */
		uint8_t *ptr = malloc((size_t)entry->bytes + 1);

		if (ptr == NULL)
			return NZ_NO_MEMORY;
		nz_buffer_clear(&batch->arena);
		batch->arena = (struct nz_buffer){.ptr = ptr, .cap = (size_t)entry->bytes + 1};
	}
	if (batch->records_cap < entry->count) {
		struct nz_bytes *records = calloc(entry->count, sizeof *records);

		if (records == NULL)
			return NZ_NO_MEMORY;
		free(batch->records);
		batch->records = records;
		batch->records_cap = entry->count;
	}
	return NZ_OK;
}

enum nz_status nz_writer_get(struct nz_writer *w, const struct nz_batch *entry,
			     struct nz_writer_batch **out, struct nz_error *err)
{
	struct nz_writer_batch *batch;
	enum nz_status status;

	pthread_mutex_lock(&w->lock);
	while (w->failed == NZ_OK && w->bytes > 0 &&
	       w->bytes + weight(entry) > NZ_WRITER_QUEUE_BYTES)
		pthread_cond_wait(&w->room, &w->lock);
	status = failure(w, err);
	batch = w->spare;
	if (status == NZ_OK && batch != NULL) {
		w->spare = batch->next;
		w->spares--;
	}
	pthread_mutex_unlock(&w->lock);
	if (status != NZ_OK)
		return status;
	if (batch == NULL)
		batch = calloc(1, sizeof *batch);
	if (batch == NULL || prepare(batch, entry) != NZ_OK) {
		batch_free(batch);
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a batch of %llu bytes",
			       (unsigned long long)entry->bytes);
	}
	batch->next = NULL;
	*out = batch;
	return NZ_OK;
}

void nz_writer_put(struct nz_writer *w, struct nz_writer_batch **batch)
{
	pthread_mutex_lock(&w->lock);
	w->bytes += weight(&(*batch)->entry);
	if (w->last != NULL)
		w->last->next = *batch;
	else
		w->first = *batch;
	w->last = *batch;
	*batch = NULL;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void nz_writer_drop(struct nz_writer *w, struct nz_writer_batch **batch)
{
	if (*batch == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	recycle(w, *batch);
	pthread_mutex_unlock(&w->lock);
	*batch = NULL;
}

enum nz_status nz_writer_sync(struct nz_writer *w, struct nz_error *err)
{
	enum nz_status status;

	pthread_mutex_lock(&w->lock);
	while (w->first != NULL || w->busy)
		pthread_cond_wait(&w->room, &w->lock);
	status = failure(w, err);
	pthread_mutex_unlock(&w->lock);
	return status;
}

void nz_writer_hold(struct nz_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->held = true;
	while (w->busy)
		pthread_cond_wait(&w->room, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void nz_writer_release(struct nz_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->held = false;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

uint64_t nz_writer_staged(struct nz_writer *w)
{
	uint64_t staged;

	pthread_mutex_lock(&w->lock);
	staged = w->staged;
	pthread_mutex_unlock(&w->lock);
	return staged;
}
