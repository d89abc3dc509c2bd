/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/block_grammar.h"

/* S M+ */
static enum nz_status manifest_step(uint8_t type, enum block_place *place, bool *schema)
{
	if (type == NZ_BLOCK_SCHEMA && !*schema) {
		*schema = true;
		return NZ_OK;
	}
	if (type != NZ_BLOCK_MANIFEST || !*schema)
		return NZ_MALFORMED;
	*place = BLOCK_IN_BODY;
	return NZ_OK;
}

/*
 * (B R* E)*. The D of the protocol amends a batch that the asker named as its base; this client
 * never names one, so a D is out of the grammar here.
 */
static enum nz_status batches_step(uint8_t type, enum block_place *place)
{
	const bool inside = *place == BLOCK_IN_BATCH;

	if (inside && type == NZ_BLOCK_RECORD)
		return NZ_OK;
	if (type != (inside ? NZ_BLOCK_BATCH_END : NZ_BLOCK_BATCH))
		return NZ_MALFORMED;
	*place = inside ? BLOCK_IN_BODY : BLOCK_IN_BATCH;
	return NZ_OK;
}

/* (P R)* */
static enum nz_status records_step(uint8_t type, enum block_place *place)
{
	const bool inside = *place == BLOCK_AFTER_PROOF;

	if (type != (inside ? NZ_BLOCK_RECORD : NZ_BLOCK_PROOF))
		return NZ_MALFORMED;
	*place = inside ? BLOCK_IN_BODY : BLOCK_AFTER_PROOF;
	return NZ_OK;
}

enum nz_status block_grammar_step(enum nz_stream_kind kind, uint8_t type, enum block_place *place,
                                  bool *schema)
{
	if (*place == BLOCK_AT_START) {
		if (type != NZ_BLOCK_HELLO)
			return NZ_MALFORMED;
		*place = kind == NZ_STREAM_MANIFEST ? BLOCK_BEFORE_PART : BLOCK_IN_BODY;
		return NZ_OK;
	}
	if (*place == BLOCK_AT_END)
		return NZ_MALFORMED;
	if (type == NZ_BLOCK_NOTICE)
		return NZ_OK;
	if (type == NZ_BLOCK_END && *place == BLOCK_IN_BODY) {
		*place = BLOCK_AT_END;
		return NZ_OK;
	}
	switch (kind) {
	case NZ_STREAM_MANIFEST:
		return manifest_step(type, place, schema);
	case NZ_STREAM_BATCHES:
		return batches_step(type, place);
	case NZ_STREAM_LEAVES:
		return type == NZ_BLOCK_LEAVES ? NZ_OK : NZ_MALFORMED;
	case NZ_STREAM_RECORDS:
		return records_step(type, place);
	}
	return NZ_MALFORMED;
}
