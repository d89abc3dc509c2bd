/* SPDX-License-Identifier: Apache-2.0 */
/* The nonces of one session: each once, and not without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/nonces.h"

static enum nz_status add(struct nz_nonces *nonces, unsigned n)
{
	char text[16];

	snprintf(text, sizeof text, "%u", n);
	return nz_nonces_add(nonces, nz_crypto_default(), nz_bytes_str(text));
}

static void each_nonce_serves_once(void **state)
{
	struct nz_nonces nonces = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(add(&nonces, i), NZ_OK);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(add(&nonces, i), NZ_REPLAYED);
	assert_int_equal(nonces.count, 1000);
	nz_nonces_clear(&nonces);
	assert_int_equal(add(&nonces, 1), NZ_OK);
	nz_nonces_clear(&nonces);
}

static void their_number_is_bounded(void **state)
{
	struct nz_nonces nonces = {0};

	(void)state;
	for (unsigned i = 0; i < NZ_NONCES_MAX; i++)
		assert_int_equal(add(&nonces, i), NZ_OK);
	assert_int_equal(add(&nonces, NZ_NONCES_MAX), NZ_LIMIT);
	/* A full set still knows what it has seen, and forgets nothing. */
	assert_int_equal(add(&nonces, 7), NZ_REPLAYED);
	assert_int_equal(nonces.count, NZ_NONCES_MAX);
	nz_nonces_clear(&nonces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_nonce_serves_once),
		cmocka_unit_test(their_number_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
