/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: certificates and settings are read again; where that fails, the old ones stay. */
#ifndef NZ_SERVER_RELOAD_H
#define NZ_SERVER_RELOAD_H

#include "server/internal.h"
#include "server/server.h"

/* Reads both on a worker, then puts them in force. One at a time; options must outlive it. */
void nz_reload(struct nz_server *server, const struct nz_server_options *options);
/* Warns of each certificate that expires within 30 days. */
void nz_warn_of_expiry(const struct nz_server *server);

#endif
