/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataset statement: what the platform signs about a dataset. It stands on its own, so it can be
 * kept and shown. Pure bytes; the caller decides what to believe from when.
 */
#ifndef NZ_PROTO_STATEMENT_H
#define NZ_PROTO_STATEMENT_H

#include <nz/labelled.h>

#define NZ_LABEL_DATASET "nz-sync-v2 dataset"
#define NZ_LABEL_HANDSHAKE "nz-sync-v2 handshake"
#define NZ_LABEL_RECEIPT "nz-sync-v2 receipt"
#define NZ_DATASET_NAME_MAX_BYTES 63 /* [a-z0-9][a-z0-9_.-]* */
#define NZ_ENCODING_TEXT "pg-copy-text"
#define NZ_ENCODING_BINARY "pg-copy-binary"

struct nz_statement {
	char platform[65];                       /* hex SHA-256 of the root's SubjectPublicKeyInfo */
	char name[NZ_DATASET_NAME_MAX_BYTES + 1];
	char lineage[33];                        /* 32 hex digits, fixed when the dataset was added */
	int64_t epoch;                           /* from 1; rises by one when root or schema changes */
	char encoding[16];
	struct nz_hash merkle_root;
	int64_t records, batches, bytes;
	struct nz_hash schema_sha256;
	char position[80];                       /* where the source stood, opaque */
	int64_t issued_at, expires_at;           /* UNIX seconds */
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
};

bool nz_dataset_name_valid(struct nz_bytes name);
/* Signs in place (sets signature). */
enum nz_status nz_statement_sign(const struct nz_crypto *crypto, const struct nz_signer *signer,
                                 struct nz_statement *statement) NZ_MUST_USE;
/* NZ_UNVERIFIED. Time and epoch are the caller's to judge. */
enum nz_status nz_statement_verify(const struct nz_crypto *crypto,
                                   const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                   const struct nz_statement *statement) NZ_MUST_USE;
/* With the signature. NULL on no memory. */
struct nz_json *nz_statement_to_json(const struct nz_statement *statement, struct nz_json_doc *doc);
enum nz_status nz_statement_from_json(const struct nz_json *json, struct nz_statement *out,
                                      struct nz_error *err) NZ_MUST_USE;
/* SHA-256(JCS(statement with its signature)): what a receipt names. */
enum nz_status nz_statement_hash(const struct nz_crypto *crypto, const struct nz_statement *statement,
                                 struct nz_hash *out) NZ_MUST_USE;

#endif
