/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a replay file: a header and records, all of 64 bytes, each with a checksum of its
 * own. Integers are big endian. Not exported.
 *
 *   header  "NZREPLAY" (8) ‖ format 1 (4) ‖ zero (4) ‖ floor, signed (8) ‖ zero (32) ‖ checksum (8)
 *   record  key (32) ‖ timestamp (8) ‖ start of SHA-256(node id) (16) ‖ checksum (8)
 *
 * A checksum is the first 8 bytes of SHA-256 of the 56 bytes before it: it finds torn writes, not
 * an attacker, who could as well delete both files.
 */
#ifndef NZ_REPLAY_LOG_H
#define NZ_REPLAY_LOG_H

#include "replay_table.h"

#pragma GCC visibility push(hidden)

#define NZ_REPLAY_CELL_BYTES 64

enum nz_status nz_replay_log_header(const struct nz_crypto *crypto, int64_t floor,
                                    uint8_t out[NZ_REPLAY_CELL_BYTES]) NZ_MUST_USE;
/* NZ_MALFORMED. */
enum nz_status nz_replay_log_read_header(const struct nz_crypto *crypto,
                                         const uint8_t cell[NZ_REPLAY_CELL_BYTES],
                                         int64_t *floor) NZ_MUST_USE;
enum nz_status nz_replay_log_record(const struct nz_crypto *crypto,
                                    const struct nz_replay_entry *entry,
                                    uint8_t out[NZ_REPLAY_CELL_BYTES]) NZ_MUST_USE;
/* NZ_MALFORMED. */
enum nz_status nz_replay_log_read_record(const struct nz_crypto *crypto,
                                         const uint8_t cell[NZ_REPLAY_CELL_BYTES],
                                         struct nz_replay_entry *out) NZ_MUST_USE;

/*
 * Writes a whole file (header and the table's live entries) over path, by way of PATH.new and a
 * rename, and syncs it and its folder. NZ_IO.
 */
enum nz_status nz_replay_log_write(const struct nz_crypto *crypto, const char *path,
                                   const struct nz_replay_table *table,
                                   struct nz_error *err) NZ_MUST_USE;
/* Makes the names in path's folder durable. NZ_IO. */
enum nz_status nz_replay_log_sync_folder(const char *path, struct nz_error *err) NZ_MUST_USE;

#pragma GCC visibility pop

#endif
