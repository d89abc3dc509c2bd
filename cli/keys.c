/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own keys, as every command that uses them loads them. */
#include "cli.h"

#define PASSPHRASE_MAX_BYTES 1024

enum nz_status nz_cli_passphrase(const struct nz_args *args, struct nz_buffer *out,
                                 struct nz_error *err)
{
	const char *path = nz_args_get(args, "passphrase-file", NULL);
	NZ_BUFFER(text);

	if (path == NULL)
		return NZ_OK;
	NZ_TRY(nz_cli_read(path, PASSPHRASE_MAX_BYTES, &text, err));
	const uint8_t *end = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
	size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
	if (len > 0 && text.ptr[len - 1] == '\r')
		len--;
	if (len == 0)
		return nz_fail(err, NZ_MALFORMED, "%s: the passphrase is empty", path);
	return nz_buffer_append(out, text.ptr, len);
}

enum nz_status nz_cli_load_keys(const struct nz_args *args, struct nz_node_keys *out,
                                struct nz_error *err)
{
	NZ_BUFFER(passphrase);

	NZ_TRY(nz_cli_passphrase(args, &passphrase, err));
	return nz_node_keys_load(nz_crypto_default(),
	                         nz_args_get(args, "key", NZ_CLI_DEFAULT_KEY),
	                         nz_buffer_bytes(&passphrase), out, err);
}
