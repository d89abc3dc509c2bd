/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the adapter's primitives share: the adapter itself, cmocka, vectors in hex. */
#ifndef NZ_TEST_CRYPTO_HELP_H
#define NZ_TEST_CRYPTO_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/crypto.h>

#include "unhex.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct nz_crypto *crypto;

/* For the group's setup. */
static inline int choose_adapter(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	return crypto != NULL && crypto == nz_crypto_openssl() ? 0 : -1;
}

#endif
