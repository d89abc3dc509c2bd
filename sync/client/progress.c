/* SPDX-License-Identifier: Apache-2.0 */
#include "client/progress.h"

#include <stdio.h>

#define RATE_WINDOW_MS 1000
#define RATE_WEIGHT 0.3 /* of the newest second */
#define LONGEST_S (99.0 * 3600)

bool nz_progress_due(struct nz_progress *progress, int64_t now_ms)
{
	if (progress->shown_ms != 0 && now_ms - progress->shown_ms < NZ_PROGRESS_INTERVAL_MS)
		return false;
	progress->shown_ms = now_ms;
	return true;
}

void nz_progress_size(uint64_t bytes, char out[NZ_SIZE_TEXT_BYTES])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
	double value = (double)bytes / 1000.0;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(out, NZ_SIZE_TEXT_BYTES, "%u B", (unsigned)bytes);
		return;
	}
	while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
		value /= 1000.0;
		unit++;
	}
	snprintf(out, NZ_SIZE_TEXT_BYTES, "%.1f %s", value, units[unit]);
}

void nz_progress_duration(double seconds, char out[NZ_SIZE_TEXT_BYTES])
{
	const unsigned s = (unsigned)(seconds < LONGEST_S ? seconds + 0.5 : LONGEST_S);

	if (s < 60)
		snprintf(out, NZ_SIZE_TEXT_BYTES, "%u s", s);
	else if (s < 3600)
		snprintf(out, NZ_SIZE_TEXT_BYTES, "%u min %u s", s / 60, s % 60);
	else
		snprintf(out, NZ_SIZE_TEXT_BYTES, "%u h %u min", s / 3600, s % 3600 / 60);
}

static void measure(struct nz_progress *p, uint64_t bytes, int64_t now_ms)
{
	if (p->rate_ms == 0 || bytes < p->rate_bytes) {
		p->rate_ms = now_ms;
		p->rate_bytes = bytes;
		return;
	}
	const int64_t passed = now_ms - p->rate_ms;
	const bool first = p->bytes_per_s <= 0.0;

	if (passed < (first ? NZ_PROGRESS_INTERVAL_MS : RATE_WINDOW_MS))
		return;
	const double now = (double)(bytes - p->rate_bytes) * 1000.0 / (double)passed;
	p->bytes_per_s = first ? now : p->bytes_per_s + RATE_WEIGHT * (now - p->bytes_per_s);
	p->rate_ms = now_ms;
	p->rate_bytes = bytes;
}

static void batches_line(struct nz_progress *p, const struct nz_sync_progress *sync,
			 char out[NZ_PROGRESS_LINE_BYTES])
{
	char done[NZ_SIZE_TEXT_BYTES], total[NZ_SIZE_TEXT_BYTES], rate[NZ_SIZE_TEXT_BYTES];
	char left[NZ_SIZE_TEXT_BYTES] = "";
	const uint64_t missing =
	    sync->bytes_total > sync->bytes ? sync->bytes_total - sync->bytes : 0;

	nz_progress_size(sync->bytes, done);
	nz_progress_size(sync->bytes_total, total);
	nz_progress_size((uint64_t)p->bytes_per_s, rate);
	if (p->bytes_per_s > 0.0)
		nz_progress_duration((double)missing / p->bytes_per_s, left);
	snprintf(out, NZ_PROGRESS_LINE_BYTES, "%.40s  %llu of %llu rows  %s of %s  %s/s%s%s%s",
		 sync->table != NULL ? sync->table : "", (unsigned long long)sync->records,
		 (unsigned long long)sync->records_total, done, total, rate,
		 left[0] != '\0' ? "  " : "", left, left[0] != '\0' ? " left" : "");
}

void nz_progress_line(struct nz_progress *progress, const struct nz_sync_progress *sync,
		      int64_t now_ms, char out[NZ_PROGRESS_LINE_BYTES])
{
	measure(progress, sync->bytes, now_ms);
	switch (sync->phase) {
	case NZ_SYNC_MANIFEST:
		snprintf(out, NZ_PROGRESS_LINE_BYTES, "asking what there is");
		break;
	case NZ_SYNC_PLAN:
		snprintf(out, NZ_PROGRESS_LINE_BYTES, "comparing with the replica");
		break;
	case NZ_SYNC_BATCHES:
		batches_line(progress, sync, out);
		break;
	case NZ_SYNC_PUBLISH:
		snprintf(out, NZ_PROGRESS_LINE_BYTES, "publishing");
		break;
	}
}
