/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over labelled digests: Ed25519 over label ‖ 0x00 ‖ digest ‖ …, so that a signature made
 * for one kind of message never serves as another. And the digest of a JSON value.
 */
#ifndef NZ_LABELLED_H
#define NZ_LABELLED_H

#include <nz/crypto.h>
#include <nz/json.h>

/* NZ_INVALID for a label or a count out of range, or where signer is NULL. */
enum nz_status nz_labelled_sign(const struct nz_crypto *crypto, const struct nz_signer *signer,
                                const char *label, const struct nz_hash *digests, size_t count,
                                uint8_t out[NZ_ED25519_SIGNATURE_BYTES]) NZ_MUST_USE;
/* NZ_UNVERIFIED. */
enum nz_status nz_labelled_verify(const struct nz_crypto *crypto,
                                  const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                  const char *label, const struct nz_hash *digests, size_t count,
                                  const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES]) NZ_MUST_USE;
/* SHA-256 of the canonical form of an object, leaving out its member `without` (or NULL). */
enum nz_status nz_json_digest(const struct nz_crypto *crypto, const struct nz_json *value,
                              const char *without, struct nz_hash *out) NZ_MUST_USE;

#endif
