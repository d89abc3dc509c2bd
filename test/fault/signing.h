/* SPDX-License-Identifier: Apache-2.0 */
/* A platform's root and its signing certificate, made once for a program's scenarios. */
#ifndef NZ_TEST_FAULT_SIGNING_H
#define NZ_TEST_FAULT_SIGNING_H

#include <nz/pki.h>

#define NOW INT64_C(1738249200)

static struct nz_pki_pair root, signing;
static struct nz_buffer signing_der;

static inline void make_signing(void)
{
	assert_int_equal(nz_pki_make_root("root", NOW, 3650, &root, NULL), NZ_OK);
	assert_int_equal(nz_pki_make_leaf(&root, NZ_PKI_SIGNING, NULL, 0, NOW, 90, &signing, NULL),
	                 NZ_OK);
	assert_int_equal(nz_pki_pem_to_der(nz_buffer_bytes(&signing.certificate_pem), &signing_der,
	                                   NULL),
	                 NZ_OK);
}

static inline void clear_signing(void)
{
	nz_pki_pair_clear(&root);
	nz_pki_pair_clear(&signing);
	nz_buffer_clear(&signing_der);
}

#endif
