/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may come in: signed packets of nodes, checked in the one order that tells strangers least.
 * Runs on a worker.
 *
 *   shape (1010, 1013) → pin looked up → the node's networks (2002) → time (1006), body hash,
 *   signature (1001; an id that nobody pinned costs the same work) → replay (1005) → state of the key
 *   (1004 revoked, 1002 overdue)
 *
 * 1004 comes only after a valid signature by the key that is pinned, and nonces are recorded only for
 * packets that verified, so that strangers cannot fill the guard.
 */
#ifndef NZ_SERVER_GATE_H
#define NZ_SERVER_GATE_H

#include <nz/packet.h>

#include "server/address.h"
#include "server/exchange.h"

#define NZ_KEY_LIFETIME_S ((int64_t)90 * 86400)

struct nz_admission {
	struct nz_verified_packet *packet;
	struct nz_pin pin;
};
void nz_admission_clear(struct nz_admission *admission);
/* False: refusal says why, and *out is untouched. */
bool nz_gate_admit(struct nz_worker *worker, struct nz_replay *replay, struct nz_bytes packet,
                   const struct nz_address *from, struct nz_admission *out,
                   struct nz_refusal *refusal);
/* Whether the pin's node may read the dataset. */
bool nz_gate_granted(const struct nz_pin *pin, const char *dataset);

#endif
