/* SPDX-License-Identifier: Apache-2.0 */
/* How long the client waits between tries, and what it says while it works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/backoff.h"
#include "client/progress.h"

static void doubles_to_64(void **state)
{
	static const uint32_t expected[] = {1, 2, 4, 8, 16, 32, 64, 64, 64};
	struct nz_backoff b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		assert_int_equal(nz_backoff_next(&b, 0, 0), expected[i] * 1000);
	assert_int_equal(b.failures, 9);
	nz_backoff_progress(&b);
	assert_int_equal(nz_backoff_next(&b, 0, 0), 1000);
}

static void jitter_stays_below(void **state)
{
	(void)state;
	for (uint32_t random = 0; random < UINT32_MAX - 50000000; random += 49999999) {
		struct nz_backoff b = {0};

		for (uint32_t base = 1000; base <= 64000; base *= 2) {
			const uint32_t wait = nz_backoff_next(&b, 0, random);

			assert_true(wait >= base);
			assert_true(wait <= base + base / 4);
			assert_true(wait <= 64000);
		}
	}
	struct nz_backoff b = {0};
	assert_true(nz_backoff_next(&b, 0, UINT32_MAX) > 1200);
}

static void peer_asks(void **state)
{
	struct nz_backoff b = {0};

	(void)state;
	assert_int_equal(nz_backoff_next(&b, 30, 0), 30000); /* at least that */
	assert_int_equal(nz_backoff_next(&b, 1, 0), 2000);   /* and never less than the backoff */
	assert_int_equal(nz_backoff_next(&b, 120, 0), 120000);
	assert_int_equal(nz_backoff_next(&b, UINT32_MAX, 0), 3600000); /* but not for ever */
}

static void never_overflows(void **state)
{
	struct nz_backoff b = {.failures = UINT32_MAX};

	(void)state;
	assert_int_equal(nz_backoff_next(&b, 0, UINT32_MAX), 64000);
	assert_int_equal(b.failures, UINT32_MAX);
}

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
	    {0, "0 B"},
	    {999, "999 B"},
	    {1000, "1.0 kB"},
	    {1234567, "1.2 MB"},
	    {999949, "999.9 kB"},
	    {999950, "1.0 MB"},
	    {2147483648, "2.1 GB"},
	    {UINT64_MAX, "18446.7 PB"},
	};
	char text[NZ_SIZE_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		nz_progress_size(cases[i].bytes, text);
		assert_string_equal(text, cases[i].text);
	}
	nz_progress_duration(59.4, text);
	assert_string_equal(text, "59 s");
	nz_progress_duration(200, text);
	assert_string_equal(text, "3 min 20 s");
	nz_progress_duration(7500, text);
	assert_string_equal(text, "2 h 5 min");
	nz_progress_duration(1e300, text);
	assert_string_equal(text, "99 h 0 min");
}

static void ten_lines_a_second(void **state)
{
	struct nz_progress p = {0};
	int due = 0;

	(void)state;
	for (int64_t ms = 5000; ms < 6000; ms++)
		due += nz_progress_due(&p, ms);
	assert_int_equal(due, 10);
}

static void a_line(void **state)
{
	struct nz_sync_progress sync = {.phase = NZ_SYNC_BATCHES,
					.table = "Album",
					.records_total = 2000,
					.bytes_total = 200000000};
	struct nz_progress p = {0};
	char line[NZ_PROGRESS_LINE_BYTES];

	(void)state;
	nz_progress_line(&p, &sync, 1000, line);
	assert_string_equal(line, "Album  0 of 2000 rows  0 B of 200.0 MB  0 B/s");
	sync.records = 1000;
	sync.bytes = 100000000;
	nz_progress_line(&p, &sync, 11000, line);
	assert_string_equal(line,
			    "Album  1000 of 2000 rows  100.0 MB of 200.0 MB  10.0 MB/s  10 s left");
	sync.bytes = 0; /* after a cut: the rate is measured anew, and nothing underflows */
	nz_progress_line(&p, &sync, 12000, line);
	sync.table = "a name that is much longer than any line on any terminal ought to be, by far";
	sync.records = sync.records_total = sync.bytes_total = UINT64_MAX;
	nz_progress_line(&p, &sync, 13000, line);
	assert_true(strlen(line) < sizeof line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(doubles_to_64), cmocka_unit_test(jitter_stays_below),
	    cmocka_unit_test(peer_asks),     cmocka_unit_test(never_overflows),
	    cmocka_unit_test(sizes),	     cmocka_unit_test(ten_lines_a_second),
	    cmocka_unit_test(a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
