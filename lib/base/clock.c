/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include <nz/clock.h>

/* Neither clock can fail on Linux: both ids are valid and the pointer is ours. */
int64_t nz_clock_unix(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t nz_clock_monotonic_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
