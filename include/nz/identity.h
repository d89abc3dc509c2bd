/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a node is: its id, its key file, its public document with the chain of rotations, and how a
 * peer's keys are found. Resolvers that need a network live elsewhere, behind struct nz_resolver.
 */
#ifndef NZ_IDENTITY_H
#define NZ_IDENTITY_H

#include <nz/crypto.h>
#include <nz/json.h>

/* "nzid:node:" + 32 hex digits + NUL. */
#define NZ_NODE_ID_CHARS 43
/* Ids of other shapes are accepted up to this length, where configuration names them. */
#define NZ_NODE_ID_MAX_BYTES 128

/* nzid:node: + the first 32 hex digits of SHA-256 of the node's first Ed25519 public key. */
enum nz_status nz_node_id(const struct nz_crypto *crypto,
                          const uint8_t first_key[NZ_ED25519_PUBLIC_BYTES],
                          char out[NZ_NODE_ID_CHARS]) NZ_MUST_USE;
/* True for the self-certifying shape above. */
bool nz_node_id_is_fingerprint(struct nz_bytes id);
/* True for any shape that is accepted at all: 1 to NZ_NODE_ID_MAX_BYTES bytes, no control characters. */
bool nz_node_id_is_acceptable(struct nz_bytes id);

/* A rotation: the link as it was signed, and its two signatures (see doc/protocol.md). */
struct nz_rotation_link {
	int64_t seq; /* 1 for the first rotation */
	uint8_t previous[NZ_ED25519_PUBLIC_BYTES];
	uint8_t ed25519[NZ_ED25519_PUBLIC_BYTES];
	uint8_t x25519[NZ_X25519_BYTES];
	int64_t at; /* UNIX seconds */
	uint8_t signature_previous[NZ_ED25519_SIGNATURE_BYTES];
	uint8_t signature_new[NZ_ED25519_SIGNATURE_BYTES];
};

/* Rotations in one chain; at four a year, more than a lifetime. */
#define NZ_ROTATIONS_MAX 256

/*
 * A node's own keys. The caller's storage; nz_node_keys_clear wipes it. It owns rotations and signer:
 * hand it on with nz_node_keys_move, not by assignment.
 */
struct nz_node_keys {
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	uint8_t first_key[NZ_ED25519_PUBLIC_BYTES];
	uint8_t ed25519_public[NZ_ED25519_PUBLIC_BYTES];
	struct nz_secret ed25519_private;
	uint8_t x25519_public[NZ_X25519_BYTES]; /* all zero: the key file has no X25519 key */
	struct nz_secret x25519_private;
	int64_t created_at; /* UNIX seconds; 0: not known */
	struct nz_rotation_link *rotations; /* oldest first */
	size_t rotation_count;
	/* Of ed25519_private, and how its adapter frees it. */
	struct nz_signer *signer;
	void (*signer_free)(struct nz_signer **signer);
};
void nz_node_keys_clear(struct nz_node_keys *keys);
#define NZ_NODE_KEYS(name) struct nz_node_keys name NZ_CLEANUP(nz_node_keys_clear) = {{0}}

/* *to is what *from was, and *from is cleared. What *to held before is forgotten, not freed. */
void nz_node_keys_move(struct nz_node_keys *from, struct nz_node_keys *to);
/*
 * Makes the signer anew from ed25519_private, for keys that the functions below did not make. Of the
 * adapter that will sign.
 */
enum nz_status nz_node_keys_set_signer(const struct nz_crypto *crypto,
                                       struct nz_node_keys *keys) NZ_MUST_USE;

/* Fresh keys. */
enum nz_status nz_node_keys_make(const struct nz_crypto *crypto, int64_t now,
                                 struct nz_node_keys *out, struct nz_error *err) NZ_MUST_USE;
/*
 * Reads keys/node.json (format: doc/key-file.md). NZ_NOT_FOUND; NZ_REFUSED when group or others have
 * any right to it, or the owner is somebody else; NZ_MALFORMED (also where a public key is not its
 * private key's, or a rotation does not verify); NZ_UNVERIFIED for a wrong or missing passphrase.
 * Reads the public reference's files too: names with an underscore, SPKI and PKCS#8 base64, no
 * X25519 keys. A symbolic link is followed; what it leads to is what is checked.
 */
enum nz_status nz_node_keys_load(const struct nz_crypto *crypto, const char *path,
                                 struct nz_bytes passphrase, struct nz_node_keys *out,
                                 struct nz_error *err) NZ_MUST_USE;
/*
 * Writes a key file, mode 0600, whole or not at all (temporary file, fsync, rename, fsync of the
 * folder). The folder is made, mode 0700, where it is missing. NZ_EXISTS unless replace. An empty
 * passphrase leaves it unencrypted. After a power cut or SIGKILL a temporary file ".NAME.*" of mode
 * 0600 may be left beside it; path itself is always absent, old or whole.
 */
enum nz_status nz_node_keys_save(const struct nz_crypto *crypto, const char *path, bool replace,
                                 struct nz_bytes passphrase, const struct nz_node_keys *keys,
                                 struct nz_error *err) NZ_MUST_USE;

/*
 * Hands over to fresh keys: *next is keys with new Ed25519 and X25519 keys and one more link, signed
 * by the old key and the new one. NZ_LIMIT at NZ_ROTATIONS_MAX; NZ_REFUSED where the id is no
 * fingerprint, as its descent could not be shown.
 */
enum nz_status nz_rotation_make(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                int64_t now, struct nz_node_keys *next,
                                struct nz_error *err) NZ_MUST_USE;
/*
 * A link as JSON: {at, ed25519, previous, seq, signature_new, signature_previous, x25519}, bytes in
 * base64. Both signatures are over "nz-key-rotation-v1" 0x00 ‖ SHA-256(JCS({node_id, seq, previous,
 * ed25519, x25519, at})). NZ_MALFORMED.
 */
enum nz_status nz_rotation_link_read(const struct nz_json *json, struct nz_rotation_link *out,
                                     struct nz_error *err) NZ_MUST_USE;
/* NULL on no memory; see the builders of nz/json.h. */
struct nz_json *nz_rotation_link_write(struct nz_json_doc *doc,
                                       const struct nz_rotation_link *link);
/* SHA-256 of the link as it is signed, for node_id. */
enum nz_status nz_rotation_link_digest(const struct nz_crypto *crypto, const char *node_id,
                                       const struct nz_rotation_link *link,
                                       struct nz_hash *out) NZ_MUST_USE;
/* Both signatures. NZ_UNVERIFIED. */
enum nz_status nz_rotation_link_check(const struct nz_crypto *crypto, const char *node_id,
                                      const struct nz_rotation_link *link,
                                      struct nz_error *err) NZ_MUST_USE;

/* What others may know of a node. */
struct nz_node {
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	uint8_t ed25519[NZ_ED25519_PUBLIC_BYTES];
	uint8_t x25519[NZ_X25519_BYTES]; /* all zero: not known */
	int64_t seq; /* rotations in its chain */
};
/* True where value is not 32 zero bytes. */
bool nz_x25519_is_known(const uint8_t value[NZ_X25519_BYTES]);

/*
 * The node document: a JSON object of exactly these members.
 *
 *   node_id        "nzid:node:…"
 *   first          the first Ed25519 public key, which node_id is the fingerprint of (base64)
 *   ed25519public  the current Ed25519 public key (base64)
 *   x25519public   the current X25519 public key (base64)
 *   rotations      the links from first to current, oldest first (see nz_rotation_link_read)
 *   seq            how many links; 0 with the first key
 *   signature      by the current key over "nz-node-document-v1" 0x00 ‖ SHA-256(JCS(the object
 *                  without this member)) (base64)
 */
/*
 * The node's public document, signed, as JSON in canonical form, appended to out. NZ_REFUSED where
 * the id is no fingerprint or there is no X25519 key.
 */
enum nz_status nz_node_document_make(const struct nz_crypto *crypto,
                                     const struct nz_node_keys *keys, struct nz_buffer *out,
                                     struct nz_error *err) NZ_MUST_USE;
/*
 * Checks a document: id against the first key, each link of the chain, the signature by the
 * current key. NZ_MALFORMED, NZ_LIMIT (over NZ_ROTATIONS_MAX links), NZ_UNVERIFIED. It proves
 * descent, not currency: a reader keeps the longest chain it has seen.
 */
enum nz_status nz_node_document_check(const struct nz_crypto *crypto,
                                      const struct nz_json *document, struct nz_node *out,
                                      struct nz_error *err) NZ_MUST_USE;

/*
 * How a peer's keys are found. resolve gives NZ_UNKNOWN when nobody knows the id. Not thread-safe
 * unless the resolver says so.
 */
struct nz_resolver {
	void *context;
	enum nz_status (*resolve)(void *context, struct nz_bytes node_id, struct nz_node *out,
	                          struct nz_error *err);
};

/* Peers from static configuration: read once, immutable, safe to share between threads. */
struct nz_peers;
enum nz_status nz_peers_new(struct nz_peers **out) NZ_MUST_USE;
void nz_peers_free(struct nz_peers **peers);
/*
 * Adds a file (a node document, or an array of documents and of plain entries {node_id,
 * ed25519public, x25519public}, base64) or every *.json of a directory. Documents are checked; plain
 * entries are believed because the operator configured them, and may leave x25519public out. Two
 * entries of one id with different keys: NZ_MALFORMED. NZ_NOT_FOUND, NZ_LIMIT, NZ_UNVERIFIED.
 */
enum nz_status nz_peers_add_path(struct nz_peers *peers, const struct nz_crypto *crypto,
                                 const char *path, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_peers_add(struct nz_peers *peers, const struct nz_crypto *crypto,
                            const struct nz_node *node, struct nz_error *err) NZ_MUST_USE;
struct nz_resolver nz_peers_resolver(const struct nz_peers *peers);

#endif
