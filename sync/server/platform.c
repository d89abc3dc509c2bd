/* SPDX-License-Identifier: Apache-2.0 */
#include "server/platform.h"

#include <nz/clock.h>
#include <nz/pki.h>

#include <stdlib.h>

#define PEM_MAX_BYTES ((size_t)64 << 10)

static const char begin_certificate[] = "-----BEGIN CERTIFICATE-----";

static enum nz_status get(struct nz_state *state, const char *name, struct nz_buffer *out,
                          struct nz_error *err)
{
	out->max = PEM_MAX_BYTES;
	const enum nz_status status = state->ops->get(state, name, out, err);

	if (status != NZ_OK)
		return nz_error_prefix(err, status, "%s", name);
	return NZ_OK;
}

/* The DER of every certificate in a PEM text. */
static enum nz_status take_chain(struct nz_platform *p, struct nz_bytes pem, struct nz_error *err)
{
	const uint8_t *at = pem.ptr;
	size_t left = pem.len;

	for (;;) {
		const uint8_t *next =
			memmem(at, left, begin_certificate, sizeof begin_certificate - 1);
		if (next == NULL)
			break;
		if (p->chain_len == NZ_PLATFORM_MAX_CHAIN)
			return nz_fail(err, NZ_LIMIT, "signing chain of over %d certificates",
			               NZ_PLATFORM_MAX_CHAIN);
		left -= (size_t)(next - at);
		struct nz_buffer *der = &p->der[p->chain_len];

		NZ_TRY(nz_pki_pem_to_der(nz_bytes_of(next, left), der, err));
		p->chain[p->chain_len++] = nz_buffer_bytes(der);
		at = next + 1;
		left--;
	}
	return p->chain_len > 0 ? NZ_OK
	                        : nz_fail(err, NZ_MALFORMED, "no certificate for signing");
}

static enum nz_status load(struct nz_state *state, struct nz_platform *p, struct nz_error *err)
{
	NZ_BUFFER(root);
	NZ_BUFFER(certificate);
	NZ_BUFFER(key);
	uint8_t public_key[NZ_ED25519_PUBLIC_BYTES];
	uint8_t leaf_key[NZ_ED25519_PUBLIC_BYTES];
	NZ_SECRET(seed);
	const struct nz_crypto *crypto = nz_crypto_default();

	NZ_TRY(get(state, NZ_STATE_ROOT_PEM, &root, err));
	NZ_TRY(get(state, NZ_STATE_SIGN_CERT, &certificate, err));
	NZ_TRY(get(state, NZ_STATE_SIGN_KEY, &key, err));
	NZ_TRY(get(state, NZ_STATE_TLS_CERT, &p->tls_certificate, err));
	NZ_TRY(get(state, NZ_STATE_TLS_KEY, &p->tls_key, err));
	NZ_TRY(nz_pki_platform_id(nz_buffer_bytes(&root), p->id, err));
	NZ_TRY(nz_pki_signing_seed(nz_buffer_bytes(&key), &seed, err));
	NZ_TRY(take_chain(p, nz_buffer_bytes(&certificate), err));
	NZ_TRY(nz_pki_expiry(nz_buffer_bytes(&certificate), &p->signing_expires, err));
	NZ_TRY(nz_pki_expiry(nz_buffer_bytes(&p->tls_certificate), &p->tls_expires, err));
	/* What no client would accept is not served: the operator hears of it here. */
	NZ_TRY(nz_pki_check_signing_chain(nz_buffer_bytes(&root), p->chain, p->chain_len,
	                                  nz_clock_unix(), leaf_key, err));
	NZ_TRY(crypto->ed25519_public(&seed, public_key));
	if (memcmp(public_key, leaf_key, sizeof public_key) != 0)
		return nz_fail(err, NZ_MISMATCH, "the signing key is not its certificate's");
	return crypto->signer_new(&seed, &p->signer);
}

static void destroy(struct nz_platform *p)
{
	if (p->signer != NULL)
		nz_crypto_default()->signer_free(&p->signer);
	for (size_t i = 0; i < NZ_PLATFORM_MAX_CHAIN; i++)
		nz_buffer_clear(&p->der[i]);
	nz_buffer_clear(&p->tls_certificate);
	nz_buffer_clear(&p->tls_key);
	free(p);
}

enum nz_status nz_platform_load(struct nz_state *state, struct nz_platform **out,
                                struct nz_error *err)
{
	struct nz_platform *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NZ_NO_MEMORY;
	atomic_init(&p->references, 1);
	const enum nz_status status = load(state, p, err);

	if (status != NZ_OK) {
		destroy(p);
		return status;
	}
	*out = p;
	return NZ_OK;
}

struct nz_platform *nz_platform_keep(struct nz_platform *platform)
{
	atomic_fetch_add(&platform->references, 1);
	return platform;
}

void nz_platform_release(struct nz_platform **platform)
{
	if (*platform != NULL && atomic_fetch_sub(&(*platform)->references, 1) == 1)
		destroy(*platform);
	*platform = NULL;
}
