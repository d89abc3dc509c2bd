/* SPDX-License-Identifier: Apache-2.0 */
/* Progress in one line of text: how much, how fast, how long still. Formats; never prints. */
#ifndef NZ_CLIENT_PROGRESS_H
#define NZ_CLIENT_PROGRESS_H

#include "client/client.h"

#define NZ_PROGRESS_INTERVAL_MS 100
#define NZ_PROGRESS_LINE_BYTES 160

struct nz_progress {
	int64_t shown_ms; /* when a line was last due; 0: never */
	/* The rate, smoothed over some seconds. */
	int64_t rate_ms;
	uint64_t rate_bytes;
	double bytes_per_s;
};
/* True at most ten times a second: the moment to print a line. now_ms: monotonic. */
bool nz_progress_due(struct nz_progress *progress, int64_t now_ms);
/* "Album  12,345 of 15,607 rows  1.2 of 3.4 MB  10.1 MB/s  2 s left", cut to fit. */
void nz_progress_line(struct nz_progress *progress, const struct nz_sync_progress *sync,
		      int64_t now_ms, char out[NZ_PROGRESS_LINE_BYTES]);

#define NZ_SIZE_TEXT_BYTES 32
/* "1.2 MB": decimal units, one digit after the point from kB on. */
void nz_progress_size(uint64_t bytes, char out[NZ_SIZE_TEXT_BYTES]);
/* "42 s", "3 min 20 s", "2 h 5 min". */
void nz_progress_duration(double seconds, char out[NZ_SIZE_TEXT_BYTES]);

#endif
