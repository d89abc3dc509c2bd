/* SPDX-License-Identifier: Apache-2.0 */
/* Which block may follow which (the grammar in block.h). Private to this folder. */
#ifndef NZ_PROTO_BLOCK_GRAMMAR_H
#define NZ_PROTO_BLOCK_GRAMMAR_H

#include "proto/block.h"

enum block_place {
	BLOCK_AT_START,     /* nothing yet: H */
	BLOCK_IN_BODY,      /* where a new part or Z may come */
	BLOCK_BEFORE_PART,  /* in the body, where Z may not come yet */
	BLOCK_IN_BATCH,     /* between B and E */
	BLOCK_AFTER_PROOF,  /* between P and its R */
	BLOCK_AT_END,       /* Z was read */
};

/*
 * Moves *place past a block of that type. NZ_MALFORMED, with *place unchanged, where it may not
 * come. `schema` remembers, in a manifest, that S was read.
 */
enum nz_status block_grammar_step(enum nz_stream_kind kind, uint8_t type, enum block_place *place,
                                  bool *schema) NZ_MUST_USE;

#endif
