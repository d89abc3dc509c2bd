/* SPDX-License-Identifier: Apache-2.0 */
#include "packet_outcome.h"

#include "proto/error.h"

/* How a failure is told: the API's code, and this command's exit code. */
struct outcome {
	int code;
	int exit;
};

static struct outcome outcome_of_fault(const struct nz_error *err)
{
	switch ((enum nz_packet_fault)err->code) {
	case NZ_PACKET_FAULT_JSON:
		return (struct outcome){err->status == NZ_LIMIT ? NZ_API_OVER_LIMIT
		                                                : NZ_API_MALFORMED,
		                        NZ_EXIT_BAD_INPUT};
	case NZ_PACKET_FAULT_SHAPE:
	case NZ_PACKET_FAULT_BODY_HASH:
	case NZ_PACKET_FAULT_RECEIVER:
		return (struct outcome){NZ_API_MALFORMED, NZ_EXIT_BAD_INPUT};
	case NZ_PACKET_FAULT_VERSION:
	case NZ_PACKET_FAULT_CIPHER:
	case NZ_PACKET_FAULT_REWRITE:
		return (struct outcome){NZ_API_UNSUPPORTED, NZ_EXIT_BAD_INPUT};
	case NZ_PACKET_FAULT_TIME:
		return (struct outcome){NZ_API_CLOCK, NZ_EXIT_BAD_INPUT};
	case NZ_PACKET_FAULT_SENDER:
		return (struct outcome){NZ_API_SIGNATURE, NZ_EXIT_BAD_INPUT};
	case NZ_PACKET_FAULT_SIGNATURE:
	case NZ_PACKET_FAULT_TAG:
		return (struct outcome){NZ_API_SIGNATURE, NZ_EXIT_FAILED};
	case NZ_PACKET_FAULT_REPLAY:
		return (struct outcome){err->status == NZ_REPLAYED ? NZ_API_REPLAYED : NZ_API_BUSY,
		                        NZ_EXIT_FAILED};
	case NZ_PACKET_FAULT_NONE:
		break;
	}
	return (struct outcome){NZ_API_INTERNAL, NZ_EXIT_FAILED};
}

int nz_packet_failed(const struct nz_args *args, struct nz_error *err, enum nz_status status)
{
	struct outcome outcome = {NZ_API_INTERNAL, NZ_EXIT_FAILED};

	err->status = status;
	/* Of a fault of the system, code is an errno. */
	if (status < NZ_NO_MEMORY)
		outcome = outcome_of_fault(err);
	if (status < NZ_NO_MEMORY)
		err->code = outcome.code;
	return nz_cli_fail(args, err, outcome.exit);
}

int nz_packet_input_failed(const struct nz_args *args, struct nz_error *err, enum nz_status status)
{
	err->status = status;
	if (status < NZ_NO_MEMORY)
		err->code = status == NZ_LIMIT ? NZ_API_OVER_LIMIT : NZ_API_MALFORMED;
	return nz_cli_fail(args, err,
	                   status == NZ_INVALID   ? NZ_EXIT_USAGE
	                   : status < NZ_NO_MEMORY ? NZ_EXIT_BAD_INPUT
	                                           : NZ_EXIT_FAILED);
}
