/* SPDX-License-Identifier: Apache-2.0 */
/* Every path of the API. */
#ifndef NZ_SERVER_ROUTES_H
#define NZ_SERVER_ROUTES_H

#include "server/exchange.h"

extern const struct nz_route nz_routes[];
extern const size_t nz_route_count;

#endif
