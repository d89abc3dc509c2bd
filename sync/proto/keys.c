/* SPDX-License-Identifier: Apache-2.0 */
/* The session's key schedule. */
#include "proto/handshake.h"

#define SALT "nezertronixpro/sync/v2"
#define LABEL_ENCRYPTION "nz-sync-v2 encryption"
#define LABEL_AUTHENTICATION "nz-sync-v2 authentication"
#define LABEL_MAX_BYTES sizeof LABEL_AUTHENTICATION

void nz_session_keys_clear(struct nz_session_keys *keys)
{
	nz_secret_clear(&keys->encryption);
	nz_secret_clear(&keys->authentication);
}

/* T = SHA-256(H1 ‖ H2 ‖ E). */
static enum nz_status transcript(const struct nz_crypto *crypto, const struct nz_hash *h1,
                                 const struct nz_hash *h2,
                                 const uint8_t exporter[NZ_EXPORTER_BYTES], struct nz_hash *out)
{
	uint8_t text[2 * NZ_SHA256_BYTES + NZ_EXPORTER_BYTES];

	memcpy(text, h1->bytes, NZ_SHA256_BYTES);
	memcpy(text + NZ_SHA256_BYTES, h2->bytes, NZ_SHA256_BYTES);
	memcpy(text + 2 * NZ_SHA256_BYTES, exporter, NZ_EXPORTER_BYTES);
	const enum nz_status status = crypto->sha256(nz_bytes_of(text, sizeof text), out->bytes);
	nz_wipe(text, sizeof text); /* the exporter is secret */
	return status;
}

/* HKDF-Expand(PRK, label ‖ T, 32). */
static enum nz_status expand(const struct nz_crypto *crypto, const struct nz_secret *prk,
                             const char *label, const struct nz_hash *t, struct nz_secret *out)
{
	uint8_t info[LABEL_MAX_BYTES + NZ_SHA256_BYTES];
	const size_t label_len = strlen(label);

	memcpy(info, label, label_len);
	memcpy(info + label_len, t->bytes, NZ_SHA256_BYTES);
	return nz_hkdf_expand(crypto, prk, nz_bytes_of(info, label_len + NZ_SHA256_BYTES), out);
}

static enum nz_status derive(const struct nz_crypto *crypto, const struct nz_secret *own,
                             const uint8_t peer[NZ_X25519_BYTES], const struct nz_hash *t,
                             struct nz_session_keys *keys)
{
	NZ_SECRET(shared);
	NZ_SECRET(prk);

	NZ_TRY(crypto->x25519_shared(own, peer, &shared));
	NZ_TRY(nz_hkdf_extract(crypto, nz_bytes_str(SALT),
	                       nz_bytes_of(shared.bytes, sizeof shared.bytes), &prk));
	NZ_TRY(expand(crypto, &prk, LABEL_ENCRYPTION, t, &keys->encryption));
	return expand(crypto, &prk, LABEL_AUTHENTICATION, t, &keys->authentication);
}

enum nz_status nz_session_keys_derive(const struct nz_crypto *crypto, struct nz_secret *own,
                                      const uint8_t peer[NZ_X25519_BYTES], const struct nz_hash *h1,
                                      const struct nz_hash *h2,
                                      const uint8_t exporter[NZ_EXPORTER_BYTES],
                                      struct nz_session_keys *out)
{
	struct nz_session_keys keys NZ_CLEANUP(nz_session_keys_clear) = {{{0}}, {{0}}};
	struct nz_hash t;
	enum nz_status status = transcript(crypto, h1, h2, exporter, &t);

	if (status == NZ_OK)
		status = derive(crypto, own, peer, &t, &keys);
	nz_secret_clear(own);
	if (status == NZ_OK)
		*out = keys;
	return status;
}
