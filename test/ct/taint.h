/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets as valgrind's memcheck sees them: bytes marked undefined. It then reports each branch and
 * each address that depends on one, which is what gives a secret away by time. A verdict (equal or
 * not, well formed or not) is such a branch too, and the only kind that is allowed: tests count them.
 */
#ifndef NZ_TEST_CT_TAINT_H
#define NZ_TEST_CT_TAINT_H

#include <valgrind/memcheck.h>

#include <nz/crypto.h>

static inline void taint(void *secret, size_t len)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
}

/* Makes public what was computed from secrets. */
static inline void declassify(void *bytes, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

/* How often something has depended on a secret so far. */
static inline unsigned long reports(void)
{
	return VALGRIND_COUNT_ERRORS;
}

/* The default adapter; what it makes of keys is tainted, and what it does with them not looked at. */
const struct nz_crypto *taint_crypto(void);

#endif
