/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datasets as sessions need them: up to date, once for all who ask.
 *
 * An open wants an index that is no older than the open itself. A refresh that began before it may
 * have missed a write, so it asks for another; but one refresh a dataset runs at a time, and all who
 * ask meanwhile share the next. Whoever waits too long is told to come back (3001) while the work
 * goes on; when he does, a refresh that began after his *first* asking will do, else a source that
 * changes all the time would turn him away for ever. A snapshot that was to be held for him is kept
 * until he is back, too.
 */
#ifndef NZ_SERVER_DATASETS_H
#define NZ_SERVER_DATASETS_H

#include "server/index.h"
#include "source/source.h"

struct nz_refusal;
struct nz_server;
struct nz_dataset_slot;
struct nz_dataset_waiter;

#define NZ_DATASETS_ASKERS 256 /* who was told to come back, and since when he has asked */

struct nz_dataset_asker {
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
	int64_t asked_ms;
};
struct nz_datasets {
	struct nz_dataset_slot *slots;
	struct nz_dataset_asker *askers; /* a ring of NZ_DATASETS_ASKERS */
	size_t askers_next;
};
/* Once nothing runs any more. */
void nz_datasets_clear(struct nz_datasets *datasets);

/*
 * On the event loop: an index (the receiver's to release) and no refusal, or a refusal. held: a source
 * inside the snapshot that the index was made from, the receiver's, where one was asked for.
 */
typedef void (*nz_dataset_ready)(void *context, struct nz_index *index, struct nz_source *held,
                                 const struct nz_refusal *refusal);
/*
 * Asks for the dataset's index on behalf of a node, with a snapshot held where hold is set (always a
 * scan). ready is called once, never before this returns. NZ_NO_MEMORY.
 */
enum nz_status nz_datasets_want(struct nz_server *server, const char *name, const char *node_id,
                                bool hold, nz_dataset_ready ready, void *context) NZ_MUST_USE;

#endif
