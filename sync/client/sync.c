/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole sync. Attempts follow each other until one publishes; this file is the policy between
 * them:
 *
 *   session to be renewed, source moved    go on at once, nothing is lost
 *   cut, stalled, busy, block failed       keep what was verified; 1, 2, 4 … 64 s; then go on
 *   a root or a count differs (1003)       discard all that was received, start anew from the
 *                                          checkpoint, three times; then say so
 *   refused, not to be believed            stop
 *   the replica's own failure              stop, but for a lock that somebody holds
 *
 * Tries are counted from the last batch that was staged.
 */
#include "client/sync_internal.h"

#include <errno.h>
#include <time.h>

#include <nz/clock.h>

#define RESYNCS_MAX 3
#define RENEWALS_MAX 3 /* sessions in a row that ended before a batch came */
#define WAIT_SLICE_MS 100

static bool out_of_time(const struct sync_run *run)
{
	return run->options->timeout_ms > 0 &&
	       nz_clock_monotonic_ms() - run->started_ms > run->options->timeout_ms;
}

/* The caller's stop and the run's own time limit end a transfer alike. */
static bool stopped(void *context)
{
	const struct sync_run *run = context;

	return nz_client_stopped(run->caller) || out_of_time(run);
}

static void note(void *context, const char *message)
{
	const struct sync_run *run = context;

	nz_client_note(run->caller, "%s", message);
}

static enum nz_status cancelled(const struct sync_run *run, struct nz_error *err)
{
	if (!nz_client_stopped(run->caller) && out_of_time(run))
		return nz_fail(err, NZ_NETWORK, "out of time; what was verified is kept");
	return nz_fail(err, NZ_CANCELLED, "stopped; what was verified is kept");
}

static void run_clear(struct sync_run *run)
{
	sync_drop_session(run);
	sync_forget_plan(run);
	nz_checkpoint_clear(&run->checkpoint);
	nz_replica_close(&run->replica);
}

static enum nz_status open_replica(struct sync_run *run, struct nz_error *err)
{
	const struct nz_replica_options options = {.record_max_bytes =
						       run->client->record_max_bytes};

	NZ_TRY(nz_replica_open(run->uri, &options, &run->replica, err));
	const enum nz_status status =
	    run->replica->ops->checkpoint(run->replica, &run->checkpoint, err);
	run->has_checkpoint = status == NZ_OK;
	return status == NZ_NOT_FOUND ? NZ_OK : status;
}

/* The platform hears of it on a connection of its own; both sides then know it by one id. */
static void report(struct sync_run *run, int code, struct nz_error *err)
{
	char incident[sizeof err->incident] = "";
	struct nz_error failed = {0};

	if (nz_client_session_report(run->client, run->continues, code, run->failed_position,
				     incident, &failed) != NZ_OK)
		nz_client_note(run->client, "the platform could not be told of the failure: %s",
			       failed.message);
	if (incident[0] != '\0')
		memcpy(err->incident, incident, sizeof incident);
}

static bool is_final(const struct sync_run *run, enum nz_status status, int code)
{
	if (run->local)
		return status != NZ_BUSY;
	switch (status) {
	case NZ_NETWORK:
		return false;
	case NZ_BUSY:
		return code == NZ_API_CLOCK; /* waiting does not set a clock */
	case NZ_MISMATCH:
		return code != NZ_API_ROOT_MISMATCH;
	case NZ_UNVERIFIED:
	case NZ_MALFORMED:
	case NZ_LIMIT:
		return code != NZ_API_BATCH_REJECTED;
	default:
		return true;
	}
}

/* Waits, in slices so that a signal ends it. */
static enum nz_status wait_ms(struct sync_run *run, int64_t ms, struct nz_error *err)
{
	const int64_t until = nz_clock_monotonic_ms() + ms;

	for (;;) {
		const int64_t left = until - nz_clock_monotonic_ms();
		const int64_t slice = left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS;

		if (nz_client_stopped(run->client))
			return cancelled(run, err);
		if (left <= 0)
			return NZ_OK;
		const struct timespec pause = {.tv_nsec = slice * 1000000};
		(void)nanosleep(&pause, NULL);
	}
}

/* Backs off before the next attempt, or gives up with err as it is. */
static enum nz_status back_off(struct sync_run *run, enum nz_status status, struct nz_error *err)
{
	const unsigned tries = run->backoff.failures;
	struct nz_error stopped = {0};
	uint32_t random = 0;

	if (tries >= run->options->retries) {
		if (tries > 0)
			nz_error_prefix(err, status, "gave up after %u tries", tries + 1);
		return status;
	}
	if (run->client->crypto->random(&random, sizeof random) != NZ_OK)
		random = 0; /* no jitter then */
	const uint32_t ms = nz_backoff_next(&run->backoff, err->retry_after_s, random);
	if (run->options->timeout_ms > 0 &&
	    nz_clock_monotonic_ms() - run->started_ms + ms > run->options->timeout_ms)
		return nz_error_prefix(err, status, "out of time");
	nz_client_note(run->client, "%s; trying again in %.1f s (%u of %u)", err->message,
		       ms / 1000.0, tries + 1, run->options->retries);
	const enum nz_status waited = wait_ms(run, ms, &stopped);
	if (waited != NZ_OK)
		*err = stopped;
	return waited;
}

/* NZ_OK: attempt again now. Otherwise the run has failed with it. */
static enum nz_status react(struct sync_run *run, enum nz_status status, struct nz_error *err)
{
	const int code = run->local ? 0 : err->code;

	err->status = status;
	if (run->progress)
		nz_backoff_progress(&run->backoff);
	if (status == NZ_CANCELLED)
		return cancelled(run, err);
	sync_drop_session(run);
	/* Nothing is wrong, and mostly something was gained; not for ever without, though. */
	const bool ended = code == NZ_API_SESSION && !run->local;
	run->renewals = run->progress ? 0 : run->renewals + 1;
	if ((run->again || ended) && run->renewals <= RENEWALS_MAX)
		return NZ_OK;
	if (is_final(run, status, code))
		return status;
	if (code == NZ_API_BATCH_REJECTED || code == NZ_API_ROOT_MISMATCH)
		report(run, code, err);
	if (code == NZ_API_ROOT_MISMATCH) {
		struct nz_error failed = {0};

		sync_forget_plan(run);
		const enum nz_status discarded = run->replica->ops->discard(run->replica, &failed);
		if (discarded != NZ_OK) {
			*err = failed;
			run->local = true;
			return discarded;
		}
		if (run->resyncs++ == RESYNCS_MAX)
			return nz_error_prefix(err, status, "after %d full resyncs", RESYNCS_MAX);
		nz_client_note(run->client,
			       "all that was received is discarded: full resync from the "
			       "last good checkpoint");
	}
	return back_off(run, status, err);
}

/* For `nz status`. A replica that holds nothing yet is left alone. */
static void remember(struct sync_run *run, enum nz_status status, const struct nz_error *err)
{
	const struct nz_replica_ops *ops = run->replica->ops;
	NZ_BUFFER(before);
	int64_t at = 0;

	if (run->local || status == NZ_CANCELLED || (!run->has_checkpoint && status != NZ_OK))
		return;
	const char *message = status == NZ_OK ? "" : err->message;
	if (status == NZ_OK &&
	    (ops->last_error(run->replica, &at, &before, NULL) != NZ_OK || before.len == 0))
		return;
	if (ops->note_error(run->replica, nz_clock_unix(), message, NULL) != NZ_OK)
		nz_client_note(run->client, "the outcome could not be noted in the replica");
}

enum nz_status nz_sync_run(const struct nz_client *client, const char *replica_uri,
			   const struct nz_sync_options *options, struct nz_sync_result *result,
			   struct nz_error *err)
{
	struct sync_run run NZ_CLEANUP(run_clear) = {.client = &run.own,
						     .own = *client,
						     .caller = client,
						     .uri = replica_uri,
						     .options = options,
						     .started_ms = nz_clock_monotonic_ms()};
	struct nz_error failure = {0};

	run.own.stopped = stopped;
	run.own.note = note;
	run.own.context = &run;
	enum nz_status status = open_replica(&run, &failure);

	run.local = status != NZ_OK;
	if (status == NZ_OK) {
		do {
			failure = (struct nz_error){0};
			status = sync_attempt(&run, &failure);
			if (status == NZ_OK)
				break;
			status = react(&run, status, &failure);
		} while (status == NZ_OK);
		remember(&run, status, &failure);
	}
	sync_drop_session(&run);
	run.result.seconds = (double)(nz_clock_monotonic_ms() - run.started_ms) / 1000.0;
	run.result.local = run.local;
	*result = run.result;
	if (status != NZ_OK && err != NULL) {
		failure.status = status;
		*err = failure;
	}
	return status;
}
