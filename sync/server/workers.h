/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for what the event loop must not wait for: SQL, signatures, reading and sealing records.
 *
 * A job runs on one worker, then its `done` runs on the event loop, in the order in which jobs
 * finish. A job belongs to its submitter, who keeps it until `done`. What a job touches while it runs
 * nobody else may touch: there are no locks in it. Each worker has a state handle and scratch memory
 * of its own.
 */
#ifndef NZ_SERVER_WORKERS_H
#define NZ_SERVER_WORKERS_H

#include <stdatomic.h>

#include "state/state.h"

struct event_base;

struct nz_worker {
	struct nz_state *state;
	const struct nz_crypto *crypto;
	struct nz_hasher *hasher;
	const atomic_bool *stopping; /* set when the server goes down: long work gives up */
	/* Scratch between two points of one job; kept for the next. */
	struct nz_bytes *views;
	struct nz_hash *hashes;
	size_t scratch_count;
};
/* Makes room for count views and hashes. NZ_NO_MEMORY. */
enum nz_status nz_worker_scratch(struct nz_worker *worker, size_t count) NZ_MUST_USE;

struct nz_job {
	void (*run)(struct nz_job *job, struct nz_worker *worker); /* on a worker */
	void (*done)(struct nz_job *job);                          /* on the event loop; may be NULL */
	struct nz_job *next;
};

struct nz_workers;
/* Opens `count` handles of the state and starts the threads. */
enum nz_status nz_workers_new(struct event_base *base, const struct nz_crypto *crypto,
                              const char *state_location, size_t count, struct nz_workers **out,
                              struct nz_error *err) NZ_MUST_USE;
/* Never fails; runs when a worker is free. */
void nz_workers_submit(struct nz_workers *workers, struct nz_job *job);
/* Tells long work to give up (worker->stopping). */
void nz_workers_stop(struct nz_workers *workers);
/* Waits until every job has run, and those that their `done`s submit; ends the threads. */
void nz_workers_free(struct nz_workers **workers);

#endif
