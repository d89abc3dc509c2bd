/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to no one adapter: which is used by default, and the arithmetic of nonces. */
#include <nz/crypto.h>

const struct nz_crypto *nz_crypto_default(void)
{
	return nz_crypto_openssl();
}

void nz_nonce_add(const uint8_t nonce[NZ_AEAD_NONCE_BYTES], uint64_t n,
                  uint8_t out[NZ_AEAD_NONCE_BYTES])
{
	unsigned carry = 0;

	for (size_t i = NZ_AEAD_NONCE_BYTES; i-- > 0; n >>= 8) {
		const unsigned sum = nonce[i] + (unsigned)(n & 0xff) + carry;

		out[i] = (uint8_t)(sum & 0xff);
		carry = sum >> 8;
	}
}
