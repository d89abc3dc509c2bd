/* SPDX-License-Identifier: Apache-2.0 */
/* What making and checking certificates share: owned OpenSSL objects and bounded PEM readers. */
#ifndef NZ_PKI_INTERNAL_H
#define NZ_PKI_INTERNAL_H

#include <nz/pki.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* Not for the shared library's exports. */
#pragma GCC visibility push(hidden)

#define PKI_PEM_MAX_BYTES (64 * 1024)

/* Released on leaving the scope: `X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;` */
void nz_pki_free_x509(X509 **cert);
void nz_pki_free_key(EVP_PKEY **key);
void nz_pki_free_bio(BIO **bio);

/* A reader over borrowed text. NZ_LIMIT over PKI_PEM_MAX_BYTES, NZ_NO_MEMORY. */
enum nz_status nz_pki_open_pem(struct nz_bytes pem, BIO **out, struct nz_error *err) NZ_MUST_USE;
/* The next certificate, the caller's to free. NZ_END after the last, NZ_MALFORMED. */
enum nz_status nz_pki_next_certificate(BIO *bio, X509 **out, struct nz_error *err) NZ_MUST_USE;
/* The first certificate of a text. NZ_MALFORMED where there is none, NZ_LIMIT. */
enum nz_status nz_pki_read_certificate(struct nz_bytes pem, X509 **out,
                                       struct nz_error *err) NZ_MUST_USE;
/* The private key of a text, not encrypted. NZ_MALFORMED, NZ_LIMIT. */
enum nz_status nz_pki_read_key(struct nz_bytes pem, EVP_PKEY **out,
                               struct nz_error *err) NZ_MUST_USE;

/* Adds a subjectAltName of DNS names and addresses. NZ_INVALID for a host that is neither. */
enum nz_status nz_pki_add_hosts(X509 *cert, const char *const *hosts, size_t count,
                                struct nz_error *err) NZ_MUST_USE;

#pragma GCC visibility pop

#endif
