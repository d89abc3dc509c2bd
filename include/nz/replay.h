/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay guard: one atomic check-and-record of (node id, nonce) inside the time window.
 *
 * An entry lives until its packet's timestamp plus the window has passed. The greatest timestamp
 * so expired is a floor (durable where the guard is), and packets at or below it are refused, so a
 * clock set back opens nothing. Memory is bounded, with a quota for each node; a full guard
 * refuses and never evicts inside the window. The record is durable before NZ_OK.
 */
#ifndef NZ_REPLAY_H
#define NZ_REPLAY_H

#include <nz/crypto.h>

struct nz_replay_limits {
	size_t entries;          /* in all; default 1,000,000 */
	size_t entries_per_node; /* default 100,000 */
	unsigned window_s;       /* default 300; the same as the packets' */
};
extern const struct nz_replay_limits nz_replay_default_limits;

struct nz_replay;
/* The interface that every guard has; thread-safe. */
struct nz_replay_ops {
	const char *name;
	/*
	 * NZ_OK: first seen, recorded. NZ_REPLAYED: seen, or at or below the floor. NZ_LIMIT: full, or
	 * the node's quota is. NZ_EXPIRED: outside the guard's own window, so that it cannot be
	 * remembered long enough. Any fault: refuse the packet (fail closed).
	 */
	enum nz_status (*check)(struct nz_replay *guard, struct nz_bytes node_id,
	                        struct nz_bytes nonce, int64_t timestamp, int64_t now,
	                        struct nz_error *err);
	void (*free)(struct nz_replay *guard);
};
struct nz_replay {
	const struct nz_replay_ops *ops;
};
enum nz_status nz_replay_check(struct nz_replay *guard, struct nz_bytes node_id,
                               struct nz_bytes nonce, int64_t timestamp, int64_t now,
                               struct nz_error *err) NZ_MUST_USE;
void nz_replay_free(struct nz_replay **guard);

/* The key of an entry: SHA-256(JCS([node_id, nonce])). */
enum nz_status nz_replay_key(const struct nz_crypto *crypto, struct nz_bytes node_id,
                             struct nz_bytes nonce, struct nz_hash *out) NZ_MUST_USE;

enum nz_status nz_replay_memory(const struct nz_crypto *crypto,
                                const struct nz_replay_limits *limits, struct nz_replay **out,
                                struct nz_error *err) NZ_MUST_USE;
/*
 * An append-only file with an advisory lock (several processes may share it), compacted when it
 * holds mostly expired entries, fsynced before NZ_OK. The first use creates it, together with a
 * marker beside it (PATH.exists); a file that once existed and is missing fails closed (NZ_REFUSED),
 * and so does one that is damaged anywhere but in an unfinished last record (NZ_MALFORMED). To start
 * over on purpose, both files are removed; nothing newer than the window is safe then.
 */
enum nz_status nz_replay_file(const struct nz_crypto *crypto, const char *path,
                              const struct nz_replay_limits *limits, struct nz_replay **out,
                              struct nz_error *err) NZ_MUST_USE;

#endif
