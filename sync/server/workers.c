/* SPDX-License-Identifier: Apache-2.0 */
#include "server/workers.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	struct nz_job *first;
	struct nz_job **last;
};

struct thread {
	pthread_t id;
	struct nz_workers *workers;
	struct nz_worker worker;
};

struct nz_workers {
	pthread_mutex_t lock;
	pthread_cond_t more, idle;
	struct queue todo, finished; /* under lock */
	size_t unfinished;           /* under lock: submitted, not yet run */
	bool ending;                 /* under lock */
	atomic_bool stopping;
	int wake; /* eventfd: something is in `finished` */
	struct event *woken;
	struct thread *threads;
	size_t count, started;
};

static void push(struct queue *queue, struct nz_job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct nz_job *pop(struct queue *queue)
{
	struct nz_job *job = queue->first;

	if (job != NULL && (queue->first = job->next) == NULL)
		queue->last = &queue->first;
	return job;
}

enum nz_status nz_worker_scratch(struct nz_worker *worker, size_t count)
{
	if (count <= worker->scratch_count)
		return NZ_OK;
	struct nz_bytes *views = malloc(count * sizeof *views);
	struct nz_hash *hashes = malloc(count * sizeof *hashes);

	if (views == NULL || hashes == NULL) {
		free(views);
		free(hashes);
		return NZ_NO_MEMORY;
	}
	free(worker->views);
	free(worker->hashes);
	worker->views = views;
	worker->hashes = hashes;
	worker->scratch_count = count;
	return NZ_OK;
}

static void finish(struct nz_workers *w, struct nz_job *job)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&w->lock);
	const bool first = w->finished.first == NULL;

	push(&w->finished, job);
	if (--w->unfinished == 0)
		pthread_cond_broadcast(&w->idle);
	pthread_mutex_unlock(&w->lock);
	while (first && write(w->wake, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	struct nz_workers *w = thread->workers;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (w->todo.first == NULL && !w->ending)
			pthread_cond_wait(&w->more, &w->lock);
		struct nz_job *job = pop(&w->todo);

		pthread_mutex_unlock(&w->lock);
		if (job == NULL)
			return NULL;
		job->run(job, &thread->worker);
		finish(w, job);
	}
}

/* Runs the `done` of every job that has finished; they may submit more. */
static void run_done(struct nz_workers *w)
{
	for (;;) {
		pthread_mutex_lock(&w->lock);
		struct nz_job *job = pop(&w->finished);

		pthread_mutex_unlock(&w->lock);
		if (job == NULL)
			return;
		if (job->done != NULL)
			job->done(job);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
		;
	run_done(arg);
}

/* Signals are the main thread's. */
static enum nz_status start_thread(struct thread *thread, struct nz_error *err)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int failed = pthread_create(&thread->id, NULL, thread_main, thread);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0 ? NZ_OK
	                   : nz_fail_code(err, NZ_IO, failed, "cannot start a thread: %s",
	                                  strerror(failed));
}

static enum nz_status start_all(struct nz_workers *w, const struct nz_crypto *crypto,
                                const char *location, struct nz_error *err)
{
	for (size_t i = 0; i < w->count; i++) {
		struct thread *thread = &w->threads[i];

		thread->workers = w;
		thread->worker.crypto = crypto;
		thread->worker.stopping = &w->stopping;
		NZ_TRY(crypto->hasher_new(&thread->worker.hasher));
		NZ_TRY(nz_state_open(location, false, &thread->worker.state, err));
	}
	for (; w->started < w->count; w->started++)
		NZ_TRY(start_thread(&w->threads[w->started], err));
	return NZ_OK;
}

enum nz_status nz_workers_new(struct event_base *base, const struct nz_crypto *crypto,
                              const char *state_location, size_t count, struct nz_workers **out,
                              struct nz_error *err)
{
	struct nz_workers *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NZ_NO_MEMORY;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->idle, NULL);
	w->todo.last = &w->todo.first;
	w->finished.last = &w->finished.first;
	w->count = count;
	w->threads = calloc(count, sizeof *w->threads);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake >= 0)
		w->woken = event_new(base, w->wake, EV_READ | EV_PERSIST, on_wake, w);
	enum nz_status status = NZ_OK;

	if (w->threads == NULL || w->woken == NULL || event_add(w->woken, NULL) != 0) {
		w->count = w->threads != NULL ? count : 0;
		status = nz_fail(err, NZ_IO, "cannot set the workers up");
	} else {
		status = start_all(w, crypto, state_location, err);
	}
	if (status != NZ_OK) {
		nz_workers_free(&w);
		return status;
	}
	*out = w;
	return NZ_OK;
}

void nz_workers_submit(struct nz_workers *w, struct nz_job *job)
{
	pthread_mutex_lock(&w->lock);
	push(&w->todo, job);
	w->unfinished++;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

void nz_workers_stop(struct nz_workers *w)
{
	atomic_store(&w->stopping, true);
}

/* Runs what is left, and what that leads to. */
static void finish_all(struct nz_workers *w)
{
	bool more;

	do {
		pthread_mutex_lock(&w->lock);
		while (w->unfinished > 0)
			pthread_cond_wait(&w->idle, &w->lock);
		pthread_mutex_unlock(&w->lock);
		run_done(w);
		pthread_mutex_lock(&w->lock);
		more = w->unfinished > 0;
		pthread_mutex_unlock(&w->lock);
	} while (more);
}

void nz_workers_free(struct nz_workers **workers)
{
	struct nz_workers *w = *workers;

	if (w == NULL)
		return;
	nz_workers_stop(w);
	if (w->started > 0)
		finish_all(w);
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->started; i++)
		pthread_join(w->threads[i].id, NULL);
	for (size_t i = 0; i < w->count; i++) {
		struct nz_worker *worker = &w->threads[i].worker;

		nz_state_close(&worker->state);
		if (worker->hasher != NULL)
			worker->crypto->hasher_free(&worker->hasher);
		free(worker->views);
		free(worker->hashes);
	}
	if (w->woken != NULL)
		event_free(w->woken);
	if (w->wake >= 0)
		close(w->wake);
	free(w->threads);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->idle);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*workers = NULL;
}
