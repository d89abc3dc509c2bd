/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/identity share; not exported. */
#ifndef NZ_IDENTITY_INTERNAL_H
#define NZ_IDENTITY_INTERNAL_H

#include <nz/identity.h>
#include <nz/labelled.h>

#pragma GCC visibility push(hidden)

/* A node document or a key file; both are far below this at NZ_ROTATIONS_MAX links. */
#define NZ_IDENTITY_FILE_MAX_BYTES ((size_t)1 << 20)

/* Appends the whole of fd, at most NZ_IDENTITY_FILE_MAX_BYTES. NZ_LIMIT, NZ_IO. */
enum nz_status nz_identity_read_fd(int fd, const char *path, struct nz_buffer *out,
                                   struct nz_error *err) NZ_MUST_USE;

/* Reads an array of links; *out is the caller's to free. NZ_MALFORMED, NZ_LIMIT. */
enum nz_status nz_rotations_read(const struct nz_json *array, struct nz_rotation_link **out,
                                 size_t *count, struct nz_error *err) NZ_MUST_USE;
/* NULL on no memory. */
struct nz_json *nz_rotations_write(struct nz_json_doc *doc, const struct nz_rotation_link *links,
                                   size_t count);
/* Every link, in order, leads from first to ed25519 (and x25519). NZ_MALFORMED, NZ_UNVERIFIED. */
enum nz_status nz_rotations_check(const struct nz_crypto *crypto, const char *node_id,
                                  const uint8_t first[NZ_ED25519_PUBLIC_BYTES],
                                  const struct nz_rotation_link *links, size_t count,
                                  const uint8_t ed25519[NZ_ED25519_PUBLIC_BYTES],
                                  const uint8_t x25519[NZ_X25519_BYTES],
                                  struct nz_error *err) NZ_MUST_USE;

/* Copies an acceptable id into a struct's field. NZ_MALFORMED. */
enum nz_status nz_node_id_copy(struct nz_bytes id, char out[NZ_NODE_ID_MAX_BYTES + 1],
                               struct nz_error *err) NZ_MUST_USE;

/*
 * A member that is a 32-byte public key in base64, raw or inside SPKI, under its name or under the
 * reference's spelling of it. NZ_NOT_FOUND when it is under neither.
 */
enum nz_status nz_key_member_public(const struct nz_json *object, const char *name,
                                    const char *reference_name, const char *curve,
                                    uint8_t out[32], struct nz_error *err) NZ_MUST_USE;
/* The same for a private key, raw or inside PKCS#8. */
enum nz_status nz_key_member_private(const struct nz_json *object, const char *name,
                                     const char *reference_name, const char *curve,
                                     struct nz_secret *out, struct nz_error *err) NZ_MUST_USE;

/* The key file's text, appended; encrypted where the passphrase is not empty. */
enum nz_status nz_key_file_write(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                 const struct nz_node_keys *keys, struct nz_buffer *out,
                                 struct nz_error *err) NZ_MUST_USE;
/* Statuses of nz_node_keys_load for what is in the file. */
enum nz_status nz_key_file_parse(const struct nz_crypto *crypto, struct nz_bytes text,
                                 struct nz_bytes passphrase, struct nz_node_keys *out,
                                 struct nz_error *err) NZ_MUST_USE;

/* The private halves (Ed25519 seed ‖ X25519 private key), sealed under a passphrase. */
#define NZ_KEY_FILE_SECRET_BYTES 64
/* Sets head's member "encrypted". head: the public part, which is authenticated with it. */
enum nz_status nz_passphrase_seal(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                  struct nz_json_doc *doc, struct nz_json *head,
                                  const uint8_t secret[NZ_KEY_FILE_SECRET_BYTES],
                                  struct nz_error *err) NZ_MUST_USE;
/* NZ_MALFORMED, NZ_UNSUPPORTED, NZ_LIMIT (parameters), NZ_UNVERIFIED. */
enum nz_status nz_passphrase_open(const struct nz_crypto *crypto, struct nz_bytes passphrase,
                                  const struct nz_json *head,
                                  uint8_t secret[NZ_KEY_FILE_SECRET_BYTES],
                                  struct nz_error *err) NZ_MUST_USE;

#pragma GCC visibility pop

#endif
