/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the text that was parsed a value stood, for the parts of libnz on top of lib/json. */
#ifndef NZ_JSON_SOURCE_H
#define NZ_JSON_SOURCE_H

#include <nz/json.h>

/* Not for the shared library's exports. */
#pragma GCC visibility push(hidden)

/*
 * The bytes of text, which doc was parsed from, that value was made of: from its opening bracket to
 * its closing one. Known of one value alone, the last object or array that is a child of the root;
 * empty for others. value is as it was parsed: nobody has changed it since.
 */
struct nz_bytes nz_json_source(const struct nz_json_doc *doc, struct nz_bytes text,
                               const struct nz_json *value);

#pragma GCC visibility pop

#endif
