/* SPDX-License-Identifier: Apache-2.0 */
/* nz keys: make a node's keys, and show what others may know of them. */
#include "cli.h"

#include <nz/clock.h>
#include <nz/json.h>

/* What the user gave cannot be used (6), or something went wrong (1). */
static int exit_of(const struct nz_error *err)
{
	switch (err->status) {
	case NZ_NOT_FOUND:
	case NZ_MALFORMED:
	case NZ_LIMIT:
	case NZ_UNSUPPORTED:
	case NZ_UNVERIFIED:
	case NZ_REFUSED:
		return NZ_EXIT_BAD_INPUT;
	default:
		return NZ_EXIT_FAILED;
	}
}

static int failed(const struct nz_args *args, struct nz_error *err, enum nz_status status)
{
	err->status = status;
	err->code = 0;
	return nz_cli_fail(args, err, exit_of(err));
}

static enum nz_status describe_new(const struct nz_args *args, const char *path,
                                   const struct nz_node_keys *keys, struct nz_buffer *out)
{
	NZ_JSON_DOC(doc);

	if (!args->json)
		return nz_buffer_appendf(out, "%s\n", keys->node_id);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *root = nz_json_make_object(doc);
	nz_json_set_str(doc, root, "node_id", keys->node_id);
	nz_json_set_str(doc, root, "key", path);
	nz_json_set_int(doc, root, "created_at", keys->created_at);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(root, out));
	return nz_buffer_append_byte(out, '\n');
}

static enum nz_status make_keys(const struct nz_args *args, struct nz_error *err)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	const char *path = nz_args_get(args, "key", NZ_CLI_DEFAULT_KEY);
	NZ_NODE_KEYS(keys);
	NZ_BUFFER(passphrase);
	NZ_BUFFER(text);

	NZ_TRY(nz_cli_passphrase(args, &passphrase, err));
	NZ_TRY(nz_node_keys_make(crypto, nz_clock_unix(), &keys, err));
	NZ_TRY(describe_new(args, path, &keys, &text));
	NZ_TRY(nz_node_keys_save(crypto, path, false, nz_buffer_bytes(&passphrase), &keys, err));
	return nz_cli_print(nz_buffer_bytes(&text), err);
}

static int run_new(const struct nz_args *args)
{
	struct nz_error err = {0};
	const enum nz_status status = make_keys(args, &err);

	return status == NZ_OK ? NZ_EXIT_OK : failed(args, &err, status);
}

static enum nz_status show_keys(const struct nz_args *args, struct nz_error *err)
{
	NZ_NODE_KEYS(keys);
	NZ_BUFFER(text);

	NZ_TRY(nz_cli_load_keys(args, &keys, err));
	NZ_TRY(nz_node_document_make(nz_crypto_default(), &keys, &text, err));
	NZ_TRY(nz_buffer_append_byte(&text, '\n'));
	return nz_cli_print(nz_buffer_bytes(&text), err);
}

static int run_show(const struct nz_args *args)
{
	struct nz_error err = {0};
	const enum nz_status status = show_keys(args, &err);

	return status == NZ_OK ? NZ_EXIT_OK : failed(args, &err, status);
}

static const struct nz_option new_options[] = {
	{.name = "key", .value = "F", .help = "where to write them (default " NZ_CLI_DEFAULT_KEY ")"},
	{.name = "passphrase-file",
	 .value = "F",
	 .help = "encrypt the private keys under the first line of F"},
	{0},
};
static const struct nz_option show_options[] = {NZ_CLI_KEY_OPTIONS, {0}};

const struct nz_command nz_commands_keys[] = {
	{.group = "keys",
	 .verb = "new",
	 .synopsis = "[--key keys/node.json] [--passphrase-file F]",
	 .summary = "make a node's keys and print the node id; never overwrites",
	 .example = "nz keys new --key keys/node.json",
	 .options = new_options,
	 .run = run_new},
	{.group = "keys",
	 .verb = "show",
	 .synopsis = "[--key F] [--passphrase-file F]",
	 .summary = "print the node document, which is public, as JSON",
	 .example = "nz keys show > node.json",
	 .options = show_options,
	 .run = run_show},
	{0},
};
