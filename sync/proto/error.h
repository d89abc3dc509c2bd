/* SPDX-License-Identifier: Apache-2.0 */
/* API errors, from errors.def: codes for peers, never reasons. */
#ifndef NZ_PROTO_ERROR_H
#define NZ_PROTO_ERROR_H

#include <nz/json.h>

enum nz_api_error {
	NZ_API_NONE = 0,
#define X(name, code, http, retry, exit, message, advice) NZ_API_##name = code,
#include "proto/errors.def"
#undef X
};
enum nz_api_retry { NZ_API_RETRY_NEVER, NZ_API_RETRY_YES, NZ_API_RETRY_RESYNC };

struct nz_api_error_info {
	enum nz_api_error code;
	int http;
	enum nz_api_retry retry;
	int exit_code;
	const char *message;
	const char *advice;
};
/* The entry of a code; that of 3999 for an unknown one. */
const struct nz_api_error_info *nz_api_error_info(int code);

/* The body {"error_code","error_message","retry_after"}, canonical, appended; at most a day. */
enum nz_status nz_api_error_body(int code, unsigned retry_after_s,
                                 struct nz_buffer *out) NZ_MUST_USE;
/*
 * Reads such a body: exactly the three members, a code of four digits (maybe one that only a newer
 * platform knows), at most a day. NZ_MALFORMED.
 */
enum nz_status nz_api_error_parse(struct nz_bytes body, int *code,
                                  unsigned *retry_after_s) NZ_MUST_USE;

#endif
