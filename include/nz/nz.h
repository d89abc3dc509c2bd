/* SPDX-License-Identifier: Apache-2.0 */
/* The whole public interface of libnz. Link with -lnz (pkg-config nz). */
#ifndef NZ_NZ_H
#define NZ_NZ_H

#include <nz/bytes.h>
#include <nz/clock.h>
#include <nz/crypto.h>
#include <nz/identity.h>
#include <nz/json.h>
#include <nz/merkle.h>
#include <nz/number.h>
#include <nz/packet.h>
#include <nz/pki.h>
#include <nz/replay.h>
#include <nz/status.h>
#include <nz/version.h>

#endif
