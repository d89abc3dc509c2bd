/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of a dataset: https://HOST[:PORT]/DATASET, and nothing else. No user, no query, no
 * fragment, no other scheme: what could hide a credential or a downgrade is refused with the
 * reason.
 */
#ifndef NZ_CLIENT_URL_H
#define NZ_CLIENT_URL_H

#include "proto/statement.h"

#define NZ_URL_HOST_MAX_BYTES 253 /* RFC 1035 section 2.3.4, in its text form */
#define NZ_URL_DEFAULT_PORT 443

struct nz_url {
	char host[NZ_URL_HOST_MAX_BYTES + 3]; /* as in a URL: an IPv6 address in brackets */
	uint16_t port;
	char origin[NZ_URL_HOST_MAX_BYTES + 20]; /* "https://host:port" */
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
};

/* NZ_INVALID with a message for the user; *out is untouched then. */
enum nz_status nz_url_parse(const char *text, struct nz_url *out, struct nz_error *err) NZ_MUST_USE;

#endif
