/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's certificates: a root (ECDSA P-256) that clients hold in advance, a TLS leaf
 * (ECDSA P-256, serverAuth) and a signing leaf (Ed25519, a critical extended key usage of its
 * own). Just enough X.509 (RFC 5280) for that: made, chained, checked. Not a general PKI.
 */
#ifndef NZ_PKI_H
#define NZ_PKI_H

#include <nz/crypto.h>

/* The extended key usage of a certificate that signs datasets and handshakes. */
#define NZ_PKI_SIGNING_EKU "2.25.128110699318751115698655075447942159340"
#define NZ_PKI_LEAF_DAYS 90
#define NZ_PKI_ROOT_DAYS 3650

enum nz_pki_purpose { NZ_PKI_TLS, NZ_PKI_SIGNING };

/* A private key and its certificate, both PEM (PKCS#8, X.509), NUL-terminated. */
struct nz_pki_pair {
	struct nz_buffer key_pem;         /* secret: wiped by nz_pki_pair_clear */
	struct nz_buffer certificate_pem;
};
void nz_pki_pair_clear(struct nz_pki_pair *pair);

/*
 * A self-signed root named common_name (1 to 64 bytes of UTF-8), valid for `days` days (to 36,525)
 * that begin an hour before now. now: UNIX seconds. *out is overwritten, so it must hold nothing.
 * NZ_INVALID, NZ_LIMIT.
 */
enum nz_status nz_pki_make_root(const char *common_name, int64_t now, unsigned days,
                                struct nz_pki_pair *out, struct nz_error *err) NZ_MUST_USE;
/*
 * A leaf under root, valid for `days` days (to NZ_PKI_LEAF_DAYS) that begin an hour before now, and
 * never longer than root. hosts: DNS names or IP addresses, 1 to 64 for NZ_PKI_TLS, none for
 * NZ_PKI_SIGNING. *out is overwritten. NZ_INVALID, NZ_LIMIT; NZ_MALFORMED for a root that cannot be
 * read, NZ_MISMATCH where its key is another's, NZ_REFUSED where it is no authority, NZ_EXPIRED.
 */
enum nz_status nz_pki_make_leaf(const struct nz_pki_pair *root, enum nz_pki_purpose purpose,
                                const char *const *hosts, size_t host_count, int64_t now,
                                unsigned days, struct nz_pki_pair *out,
                                struct nz_error *err) NZ_MUST_USE;

/*
 * The functions below take PEM texts of up to 64 KiB, NZ_LIMIT, and fail with NZ_MALFORMED where
 * what they look for is not there. An encrypted key is malformed: nobody is asked for a passphrase.
 */

/* Hex SHA-256 of the certificate's SubjectPublicKeyInfo: what names a platform. */
enum nz_status nz_pki_platform_id(struct nz_bytes root_pem, char out[65],
                                  struct nz_error *err) NZ_MUST_USE;
/* The DER of the first certificate in a PEM text, appended. */
enum nz_status nz_pki_pem_to_der(struct nz_bytes pem, struct nz_buffer *der,
                                 struct nz_error *err) NZ_MUST_USE;
/* notAfter of the first certificate in a PEM text, UNIX seconds. */
enum nz_status nz_pki_expiry(struct nz_bytes pem, int64_t *not_after,
                             struct nz_error *err) NZ_MUST_USE;
/* The raw Ed25519 seed of a signing pair's key. NZ_UNSUPPORTED for a key of another type. */
enum nz_status nz_pki_signing_seed(struct nz_bytes key_pem, struct nz_secret *seed,
                                   struct nz_error *err) NZ_MUST_USE;

/*
 * Checks a chain (DER, leaf first, root left out, at most 4 of at most 16 KiB) up to the
 * self-signed certificates in root_pem (at most 16), at time now, for signing: validity of each,
 * basic constraints, key usage digitalSignature, the critical signing usage and no other, an
 * Ed25519 key; intermediates may not be leaves. Gives the leaf's public key. NZ_UNVERIFIED for any
 * reason not to trust it (said in err, for this side's log only); NZ_MALFORMED or NZ_LIMIT where
 * root_pem is at fault.
 */
enum nz_status nz_pki_check_signing_chain(struct nz_bytes root_pem, const struct nz_bytes *chain,
                                          size_t chain_len, int64_t now,
                                          uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                          struct nz_error *err) NZ_MUST_USE;

#endif
