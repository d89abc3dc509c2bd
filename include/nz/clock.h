/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks: UNIX seconds for what is written down, monotonic time for what is waited for. */
#ifndef NZ_CLOCK_H
#define NZ_CLOCK_H

#include <stdint.h>

/* UNIX time in seconds. */
int64_t nz_clock_unix(void);
/* Milliseconds on a clock that never steps and runs through suspend (CLOCK_BOOTTIME). */
int64_t nz_clock_monotonic_ms(void);

#endif
