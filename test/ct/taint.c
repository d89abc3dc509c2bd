/* SPDX-License-Identifier: Apache-2.0 */
#include "taint.h"

static struct nz_crypto adapter;

static enum nz_status hmac_sha256(struct nz_bytes key, struct nz_bytes in,
                                  uint8_t out[NZ_SHA256_BYTES])
{
	NZ_TRY(nz_crypto_default()->hmac_sha256(key, in, out));
	taint(out, NZ_SHA256_BYTES);
	return NZ_OK;
}

static enum nz_status x25519_shared(const struct nz_secret *private_key,
                                    const uint8_t peer[NZ_X25519_BYTES], struct nz_secret *out)
{
	struct nz_secret own = *private_key;

	declassify(&own, sizeof(own));
	NZ_TRY(nz_crypto_default()->x25519_shared(&own, peer, out));
	taint(out, sizeof(*out));
	return NZ_OK;
}

const struct nz_crypto *taint_crypto(void)
{
	adapter = *nz_crypto_default();
	adapter.hmac_sha256 = hmac_sha256;
	adapter.x25519_shared = x25519_shared;
	return &adapter;
}
