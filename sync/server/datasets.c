/* SPDX-License-Identifier: Apache-2.0 */
#include "server/datasets.h"

#include <event2/event.h>
#include <stdlib.h>

#include "server/exchange.h"
#include "server/refresh.h"

#define ASKER_LIFE_MS (600 * 1000) /* who does not come back for so long asks anew */
#define PARKED_S 90 /* a held snapshot waits so long to be fetched: clients come back within 64 s */

struct nz_dataset_waiter {
	struct nz_dataset_waiter *next;
	struct nz_dataset_slot *slot;
	struct event *deadline;
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	int64_t asked_ms;
	bool hold; /* served by a refresh of its own */
	bool served; /* the last refresh will do */
	nz_dataset_ready ready;
	void *context;
};

struct nz_dataset_slot {
	struct nz_dataset_slot *next;
	struct nz_server *server;
	char name[NZ_DATASET_NAME_MAX_BYTES + 1];
	struct nz_index *index; /* of the last good refresh */
	int64_t fresh_ms;       /* when that one began */
	bool running;
	struct nz_dataset_waiter *waiters;
	/* A snapshot that was made for a node which had been told to come back. */
	struct {
		char node_id[NZ_NODE_ID_MAX_BYTES + 1];
		struct nz_index *index;
		struct nz_source *held; /* NULL: none is parked */
		struct event *expiry;
	} parked;
};

/* ---- on the event loop ---- */

static void forget_asker(struct nz_datasets *datasets, const char *name, const char *node_id)
{
	for (size_t i = 0; datasets->askers != NULL && i < NZ_DATASETS_ASKERS; i++)
		if (strcmp(datasets->askers[i].node_id, node_id) == 0 &&
		    strcmp(datasets->askers[i].dataset, name) == 0)
			datasets->askers[i] = (struct nz_dataset_asker){{0}};
}

static void remember_asker(struct nz_datasets *datasets, const struct nz_dataset_waiter *waiter)
{
	forget_asker(datasets, waiter->slot->name, waiter->node_id);
	if (datasets->askers == NULL)
		datasets->askers = calloc(NZ_DATASETS_ASKERS, sizeof *datasets->askers);
	if (datasets->askers == NULL)
		return;
	struct nz_dataset_asker *asker =
		&datasets->askers[datasets->askers_next++ % NZ_DATASETS_ASKERS];

	memcpy(asker->node_id, waiter->node_id, sizeof asker->node_id);
	memcpy(asker->dataset, waiter->slot->name, sizeof asker->dataset);
	asker->asked_ms = waiter->asked_ms;
}

static int64_t asked_since(const struct nz_datasets *datasets, const char *name,
                           const char *node_id, int64_t now_ms)
{
	for (size_t i = 0; datasets->askers != NULL && i < NZ_DATASETS_ASKERS; i++) {
		const struct nz_dataset_asker *asker = &datasets->askers[i];

		if (strcmp(asker->node_id, node_id) == 0 && strcmp(asker->dataset, name) == 0 &&
		    now_ms - asker->asked_ms < ASKER_LIFE_MS)
			return asker->asked_ms;
	}
	return now_ms;
}

/* Takes the waiter out of its slot, tells it, frees it. */
static void answer(struct nz_dataset_waiter *waiter, struct nz_index *index,
                   struct nz_source *held, const struct nz_refusal *refusal)
{
	struct nz_dataset_waiter **at = &waiter->slot->waiters;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (index != NULL)
		forget_asker(&waiter->slot->server->datasets, waiter->slot->name, waiter->node_id);
	waiter->ready(waiter->context, index != NULL ? nz_index_keep(index) : NULL, held, refusal);
	event_free(waiter->deadline);
	free(waiter);
}

static void start_next(struct nz_dataset_slot *slot);

/* ---- snapshots that wait for their node ---- */

static void unpark(struct nz_dataset_slot *slot)
{
	if (slot->parked.expiry != NULL)
		event_del(slot->parked.expiry);
	nz_session_let_go(slot->server, slot->parked.held);
	slot->parked.held = NULL;
	nz_index_release(&slot->parked.index);
}

static void on_parked_expiry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	unpark(arg);
}

/* Takes over what the refresh holds. One a dataset: an older one goes. */
static void park(struct nz_dataset_slot *slot, struct nz_refresh *r)
{
	const int64_t snapshot_s = slot->server->settings.snapshot_s;
	const struct timeval life = {.tv_sec = (time_t)(snapshot_s < PARKED_S ? snapshot_s
	                                                                      : PARKED_S)};

	unpark(slot);
	if (slot->parked.expiry == NULL)
		slot->parked.expiry = evtimer_new(slot->server->base, on_parked_expiry, slot);
	memcpy(slot->parked.node_id, r->node_id, sizeof slot->parked.node_id);
	slot->parked.index = nz_index_keep(r->index);
	slot->parked.held = r->held;
	r->held = NULL;
	if (slot->server->stopping || slot->parked.expiry == NULL ||
	    event_add(slot->parked.expiry, &life) != 0)
		unpark(slot);
}

static bool is_parked_for(const struct nz_dataset_slot *slot, const char *node_id)
{
	return slot->parked.held != NULL && strcmp(slot->parked.node_id, node_id) == 0;
}

static void serve_parked(struct nz_dataset_waiter *waiter)
{
	struct nz_dataset_slot *slot = waiter->slot;
	struct nz_index *index = slot->parked.index;
	struct nz_source *held = slot->parked.held;

	event_del(slot->parked.expiry);
	slot->parked.held = NULL;
	slot->parked.index = NULL;
	answer(waiter, index, held, NULL);
	nz_index_release(&index);
}

/* ---- the waiters ---- */

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct nz_dataset_waiter *waiter = arg;
	struct nz_refusal refusal = {0};

	(void)fd, (void)what;
	if (waiter->served && waiter->hold && is_parked_for(waiter->slot, waiter->node_id)) {
		serve_parked(waiter);
		return;
	}
	if (waiter->served && !waiter->hold) {
		answer(waiter, waiter->slot->index, NULL, NULL);
		return;
	}
	remember_asker(&waiter->slot->server->datasets, waiter);
	nz_refuse(&refusal, NZ_API_BUSY, "the index is still being brought up to date");
	refusal.retry_after_s = 2;
	answer(waiter, NULL, NULL, &refusal);
}

static void done_refresh(struct nz_job *job)
{
	struct nz_refresh *r = (struct nz_refresh *)(void *)job;
	struct nz_dataset_slot *slot = r->slot;
	struct nz_dataset_waiter *next;

	slot->running = false;
	if (r->index != NULL) {
		nz_index_release(&slot->index);
		slot->index = nz_index_keep(r->index);
		slot->fresh_ms = r->started_ms;
	}
	for (struct nz_dataset_waiter *w = slot->waiters; w != NULL; w = next) {
		next = w->next;
		if (w->served || w->hold != r->hold || r->started_ms < w->asked_ms)
			continue;
		if (w->hold && strcmp(w->node_id, r->node_id) != 0)
			continue;
		answer(w, r->index, r->held, r->index != NULL ? NULL : &r->refusal);
		if (r->held != NULL) { /* one snapshot serves one session */
			r->held = NULL;
			break;
		}
	}
	if (r->held != NULL) /* who asked for it was told to come back */
		park(slot, r);
	nz_index_release(&r->index);
	nz_index_release(&r->known);
	free(r);
	start_next(slot);
}

/* One refresh a dataset at a time, while somebody waits. */
static void start_next(struct nz_dataset_slot *slot)
{
	struct nz_server *server = slot->server;
	struct nz_refresh *r;

	struct nz_dataset_waiter *first = slot->waiters;

	while (first != NULL && first->served)
		first = first->next;
	if (slot->running || first == NULL || server->stopping)
		return;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return; /* the waiters' deadlines answer them */
	r->job = (struct nz_job){.run = nz_refresh_run, .done = done_refresh};
	r->server = server;
	r->slot = slot;
	r->hold = first->hold;
	memcpy(r->node_id, first->node_id, sizeof r->node_id);
	r->wait_ms = server->settings.open_wait_s * 1000;
	r->known = slot->index != NULL ? nz_index_keep(slot->index) : NULL;
	memcpy(r->name, slot->name, sizeof r->name);
	slot->running = true;
	nz_workers_submit(server->indexers, &r->job);
}

static struct nz_dataset_slot *slot_of(struct nz_server *server, const char *name)
{
	struct nz_dataset_slot *slot = server->datasets.slots;

	while (slot != NULL && strcmp(slot->name, name) != 0)
		slot = slot->next;
	if (slot != NULL || (slot = calloc(1, sizeof *slot)) == NULL)
		return slot;
	slot->server = server;
	strncpy(slot->name, name, sizeof slot->name - 1);
	slot->next = server->datasets.slots;
	server->datasets.slots = slot;
	return slot;
}

enum nz_status nz_datasets_want(struct nz_server *server, const char *name, const char *node_id,
                                bool hold, nz_dataset_ready ready, void *context)
{
	struct timeval wait = {.tv_sec = (time_t)server->settings.open_wait_s};
	const int64_t now_ms = nz_clock_monotonic_ms();
	struct nz_dataset_slot *slot = slot_of(server, name);
	struct nz_dataset_waiter *waiter = calloc(1, sizeof *waiter);
	struct nz_dataset_waiter **last;

	if (waiter != NULL)
		waiter->deadline = evtimer_new(server->base, on_deadline, waiter);
	if (slot == NULL || waiter == NULL || waiter->deadline == NULL) {
		free(waiter);
		return NZ_NO_MEMORY;
	}
	waiter->slot = slot;
	waiter->hold = hold;
	waiter->ready = ready;
	waiter->context = context;
	waiter->asked_ms = asked_since(&server->datasets, name, node_id, now_ms);
	strncpy(waiter->node_id, node_id, sizeof waiter->node_id - 1);
	for (last = &slot->waiters; *last != NULL; last = &(*last)->next)
		;
	*last = waiter;
	/* Who came back for it is served with what was made meanwhile, however fast the source moves. */
	waiter->served = hold ? is_parked_for(slot, node_id)
	                      : waiter->asked_ms < now_ms && slot->index != NULL &&
	                                slot->fresh_ms >= waiter->asked_ms;
	if (waiter->served)
		wait.tv_sec = 0;
	event_add(waiter->deadline, &wait);
	if (!waiter->served)
		start_next(slot);
	return NZ_OK;
}

void nz_datasets_clear(struct nz_datasets *datasets)
{
	struct nz_dataset_slot *next;
	struct nz_refusal refusal = {0};

	nz_refuse(&refusal, NZ_API_BUSY, "the platform is going down");
	for (struct nz_dataset_slot *slot = datasets->slots; slot != NULL; slot = next) {
		next = slot->next;
		while (slot->waiters != NULL)
			answer(slot->waiters, NULL, NULL, &refusal);
		unpark(slot);
		if (slot->parked.expiry != NULL)
			event_free(slot->parked.expiry);
		nz_index_release(&slot->index);
		free(slot);
	}
	datasets->slots = NULL;
	free(datasets->askers);
	datasets->askers = NULL;
}
