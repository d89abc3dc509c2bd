/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF-SHA256 (RFC 5869) on an adapter's HMAC. */
#include <nz/crypto.h>

enum nz_status nz_hkdf_extract(const struct nz_crypto *crypto, struct nz_bytes salt,
                               struct nz_bytes ikm, struct nz_secret *prk)
{
	return crypto->hmac_sha256(salt, ikm, prk->bytes);
}

enum nz_status nz_hkdf_expand(const struct nz_crypto *crypto, const struct nz_secret *prk,
                              struct nz_bytes info, struct nz_secret *out)
{
	/* T(1) = HMAC(PRK, info ‖ 0x01) is all of the 32 bytes. */
	NZ_BUFFER(input);

	NZ_TRY(nz_buffer_append(&input, info.ptr, info.len));
	NZ_TRY(nz_buffer_append_byte(&input, 0x01));
	return crypto->hmac_sha256(nz_bytes_of(prk->bytes, sizeof(prk->bytes)),
	                           nz_buffer_bytes(&input), out->bytes);
}
