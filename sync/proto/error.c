/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/error.h"

#define BODY_MAX_BYTES 4096
#define RETRY_AFTER_MAX_S (24 * 60 * 60)

static const struct nz_api_error_info table[] = {
#define X(name, code, http, retry, exit, message, advice)                                          \
	{NZ_API_##name, http, NZ_API_RETRY_##retry, exit, message, advice},
#include "proto/errors.def"
#undef X
};

const struct nz_api_error_info *nz_api_error_info(int code)
{
	const size_t count = sizeof table / sizeof table[0];

	for (size_t i = 0; i < count; i++)
		if ((int)table[i].code == code)
			return &table[i];
	return &table[count - 1]; /* INTERNAL is the last line of errors.def */
}

enum nz_status nz_api_error_body(int code, unsigned retry_after_s, struct nz_buffer *out)
{
	const struct nz_api_error_info *info = nz_api_error_info(code);
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *body = nz_json_make_object(doc);

	nz_json_set_int(doc, body, "error_code", info->code);
	nz_json_set_str(doc, body, "error_message", info->message);
	nz_json_set_int(doc, body, "retry_after",
	                retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S);
	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(body, out);
}

enum nz_status nz_api_error_parse(struct nz_bytes body, int *code, unsigned *retry_after_s)
{
	static const char *const members[] = {"error_code", "error_message", "retry_after", NULL};
	static const struct nz_json_limits limits = {BODY_MAX_BYTES, 1, 3};
	NZ_JSON_DOC(doc);
	struct nz_bytes message;
	int64_t number, seconds;

	const enum nz_status status = nz_json_parse(body, &limits, &doc, NULL);
	if (status != NZ_OK)
		return status == NZ_LIMIT ? NZ_MALFORMED : status;
	const struct nz_json *root = nz_json_root(doc);
	if (!nz_json_is(root, NZ_JSON_OBJECT))
		return NZ_MALFORMED;
	NZ_TRY(nz_json_only_members(root, members, NULL));
	NZ_TRY(nz_json_get_int(root, "error_code", 1000, 9999, &number, NULL));
	NZ_TRY(nz_json_get_string(root, "error_message", &message, NULL));
	NZ_TRY(nz_json_get_int(root, "retry_after", 0, RETRY_AFTER_MAX_S, &seconds, NULL));
	*code = (int)number;
	*retry_after_s = (unsigned)seconds;
	return NZ_OK;
}
