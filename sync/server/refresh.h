/* SPDX-License-Identifier: Apache-2.0 */
/* One refresh of a dataset's index: what an indexer does for datasets.c. */
#ifndef NZ_SERVER_REFRESH_H
#define NZ_SERVER_REFRESH_H

#include "server/exchange.h"

/* One refresh: it goes to an indexer and comes back with an index or a refusal. */
struct nz_refresh {
	struct nz_job job;
	struct nz_server *server;
	struct nz_dataset_slot *slot;
	bool hold; /* keeps its snapshot, for this node */
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	char name[NZ_DATASET_NAME_MAX_BYTES + 1];
	int64_t started_ms, wait_ms;
	struct nz_index *known; /* the one before, if any: taken again where it still holds */
	struct nz_index *index;
	struct nz_source *held;
	struct nz_refusal refusal;
};

/* The job's run: brings the index up to date and loads it; held stays NULL where that fails. */
void nz_refresh_run(struct nz_job *job, struct nz_worker *worker);

#endif
