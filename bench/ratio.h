/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways of doing the same work, timed in turns, A B A B …, a few milliseconds each, so that what
 * disturbs the machine disturbs both. A pair is RATIO_TURNS such turns of each, added up. Times are
 * CPU times of the thread: other processes count less. What is reported is the ratio A / B of each
 * pair: median, least and greatest.
 */
#ifndef NZ_BENCH_RATIO_H
#define NZ_BENCH_RATIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RATIO_PAIRS 15
#define RATIO_TURNS 16

struct ratio {
	double median, least, greatest;
	double a_ns, b_ns; /* medians of one turn of each */
};

/* Does the work once and gives the nanoseconds that count: preparation can be left out. */
typedef uint64_t ratio_run(void *context);

static inline uint64_t ratio_now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
		abort();
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline int ratio_compare(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static inline struct ratio ratio_measure(ratio_run *a, ratio_run *b, void *context)
{
	double a_ns[RATIO_PAIRS] = {0}, b_ns[RATIO_PAIRS] = {0}, ratios[RATIO_PAIRS];

	/* Once unmeasured: caches, page tables, clock speed. */
	(void)a(context);
	(void)b(context);
	for (size_t i = 0; i < RATIO_PAIRS; i++) {
		for (size_t turn = 0; turn < RATIO_TURNS; turn++) {
			a_ns[i] += (double)a(context) / RATIO_TURNS;
			b_ns[i] += (double)b(context) / RATIO_TURNS;
		}
		ratios[i] = a_ns[i] / b_ns[i];
	}
	qsort(a_ns, RATIO_PAIRS, sizeof(a_ns[0]), ratio_compare);
	qsort(b_ns, RATIO_PAIRS, sizeof(b_ns[0]), ratio_compare);
	qsort(ratios, RATIO_PAIRS, sizeof(ratios[0]), ratio_compare);
	return (struct ratio){ratios[RATIO_PAIRS / 2], ratios[0], ratios[RATIO_PAIRS - 1],
	                      a_ns[RATIO_PAIRS / 2], b_ns[RATIO_PAIRS / 2]};
}

#endif
