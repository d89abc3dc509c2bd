/* SPDX-License-Identifier: Apache-2.0 */
/* How nz packet tells a failure: the API's error code, and the exit codes of the command line. */
#ifndef NZ_CLI_PACKET_OUTCOME_H
#define NZ_CLI_PACKET_OUTCOME_H

#include <nz/packet.h>

#include "cli.h"

/* A packet that is no good, by err->code's enum nz_packet_fault. Says it; returns the exit code. */
int nz_packet_failed(const struct nz_args *args, struct nz_error *err, enum nz_status status);
/* Something given beside the packet (keys, peers, an option, a file) is no good. */
int nz_packet_input_failed(const struct nz_args *args, struct nz_error *err, enum nz_status status);

#endif
