/* SPDX-License-Identifier: Apache-2.0 */
#include "server/refresh.h"

#include <time.h>

#include "server/indexer.h"

#define BUILDER_WAIT_MS 100 /* while another process builds */

static enum nz_status go_on(void *context, uint64_t records, uint64_t bytes)
{
	const struct nz_worker *worker = context;

	(void)records, (void)bytes;
	return atomic_load(worker->stopping) ? NZ_CANCELLED : NZ_OK;
}

static enum nz_status refresh_once(struct nz_refresh *r, struct nz_worker *worker,
                                   struct nz_dataset *dataset, struct nz_error *err)
{
	if (r->hold)
		return nz_indexer_hold(worker->state, worker->crypto, r->name, go_on, worker,
		                       dataset, &r->held, err);
	return nz_indexer_refresh(worker->state, worker->crypto, r->name, false, go_on, worker,
	                          dataset, err);
}

/* Another process may be building: it is waited for a while. */
static enum nz_status refresh_patiently(struct nz_refresh *r, struct nz_worker *worker,
                                        struct nz_dataset *dataset, struct nz_error *err)
{
	const struct timespec pause = {.tv_nsec = BUILDER_WAIT_MS * 1000000L};
	const int64_t until = nz_clock_monotonic_ms() + r->wait_ms;

	for (;;) {
		const enum nz_status status = refresh_once(r, worker, dataset, err);

		if (status != NZ_BUSY || nz_clock_monotonic_ms() >= until ||
		    atomic_load(worker->stopping))
			return status;
		nanosleep(&pause, NULL);
	}
}

static bool same_epoch(const struct nz_index *index, const struct nz_dataset *dataset)
{
	return index != NULL && index->dataset.epoch == dataset->epoch &&
	       strcmp(index->dataset.lineage, dataset->lineage) == 0 &&
	       memcmp(&index->dataset.root, &dataset->root, sizeof dataset->root) == 0 &&
	       memcmp(&index->dataset.version, &dataset->version, sizeof dataset->version) == 0;
}

static enum nz_status refresh(struct nz_refresh *r, struct nz_worker *worker, struct nz_error *err)
{
	struct nz_dataset dataset NZ_CLEANUP(nz_dataset_clear) = {{0}};

	NZ_TRY(refresh_patiently(r, worker, &dataset, err));
	if (same_epoch(r->known, &dataset)) {
		r->index = nz_index_keep(r->known);
		return NZ_OK;
	}
	const enum nz_status status = nz_index_load(worker, &dataset, &r->index, err);

	return status == NZ_NOT_FOUND ? NZ_BUSY : status; /* another builder was quicker */
}

void nz_refresh_run(struct nz_job *job, struct nz_worker *worker)
{
	struct nz_refresh *r = (struct nz_refresh *)(void *)job;
	struct nz_dataset dataset NZ_CLEANUP(nz_dataset_clear) = {{0}};
	struct nz_error err = {0};

	r->started_ms = nz_clock_monotonic_ms();
	const enum nz_status known =
		worker->state->ops->dataset_get(worker->state, r->name, &dataset, &err);

	if (known == NZ_NOT_FOUND) {
		nz_refuse(&r->refusal, NZ_API_DATASET, "no such dataset");
		return;
	}
	if (known != NZ_OK) {
		nz_refuse_fault(&r->refusal, known, &err, false);
		return;
	}
	const enum nz_status status = refresh(r, worker, &err);

	if (status != NZ_OK)
		nz_refuse_fault(&r->refusal, status, &err, true);
	if (status != NZ_OK && r->held != NULL) {
		r->held->ops->end(r->held);
		nz_source_close(&r->held);
	}
}
