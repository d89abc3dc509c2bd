/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that the server listens on. */
#ifndef NZ_SERVER_LISTEN_H
#define NZ_SERVER_LISTEN_H

#include <nz/bytes.h>

#define NZ_LISTEN_TEXT_BYTES 80

/*
 * A listening, non-blocking socket for "ADDRESS:PORT" or "[ADDRESS]:PORT" (numeric, or a name such as
 * localhost, whose first address is taken); port 0 is any free one. text gets what it came to, in the
 * same form. NZ_INVALID, NZ_IO.
 */
enum nz_status nz_listen(const char *address, int *out, char text[NZ_LISTEN_TEXT_BYTES],
                         struct nz_error *err) NZ_MUST_USE;

#endif
