/* SPDX-License-Identifier: Apache-2.0 */
/* nz packet: signed and sealed packets by hand. */
#include "packet_outcome.h"

#define CANON_DEPTH 1000
#define SKEW_MAX_S (INT64_C(366) * 86400)
#define UNIX_MAX ((INT64_C(1) << 53) - 1)

/* What the commands have in common, from their options. */
struct job {
	const struct nz_crypto *crypto;
	struct nz_buffer input; /* the packet or body */
	struct nz_peers *peers;
	struct nz_resolver resolver;
	struct nz_json_limits limits;
	int64_t at;   /* 0: now */
	int64_t skew; /* seconds */
};

static void clear_job(struct job *job)
{
	nz_buffer_clear(&job->input);
	nz_peers_free(&job->peers);
}

static enum nz_status load_peers(const struct nz_args *args, struct job *job, struct nz_error *err)
{
	const char *path;

	NZ_TRY(nz_peers_new(&job->peers));
	for (size_t i = 0; (path = nz_args_get_nth(args, "peers", i)) != NULL; i++)
		NZ_TRY(nz_peers_add_path(job->peers, job->crypto, path, err));
	job->resolver = nz_peers_resolver(job->peers);
	return NZ_OK;
}

/* Options that a command does not have are absent, so this serves all of them. */
static enum nz_status prepare(const struct nz_args *args, struct job *job, struct nz_error *err)
{
	int64_t bytes;

	job->crypto = nz_crypto_default();
	NZ_TRY(nz_args_int(args, "at", 1, UNIX_MAX, 0, &job->at, err));
	NZ_TRY(nz_args_int(args, "skew", 1, SKEW_MAX_S, NZ_PACKET_WINDOW_S, &job->skew, err));
	NZ_TRY(nz_args_int(args, "max-bytes", 1, NZ_PACKET_MAX_BYTES,
	                   (int64_t)nz_json_packet_limits.bytes, &bytes, err));
	job->limits = nz_json_packet_limits;
	job->limits.bytes = (size_t)bytes;
	NZ_TRY(load_peers(args, job, err));
	return nz_cli_read(args->positional_count > 0 ? args->positional[0] : NULL,
	                   job->limits.bytes, &job->input, err);
}

/* The input without the line end that text files and shells put after it. */
static struct nz_bytes trimmed(const struct job *job)
{
	struct nz_bytes text = nz_buffer_bytes(&job->input);

	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	return text;
}

static int print_result(const struct nz_args *args, struct nz_buffer *text, bool new_line)
{
	struct nz_error err = {0};
	enum nz_status status = new_line ? nz_buffer_append_byte(text, '\n') : NZ_OK;

	if (status == NZ_OK)
		status = nz_cli_print(nz_buffer_bytes(text), &err);
	if (status == NZ_OK)
		return NZ_EXIT_OK;
	err.status = status;
	return nz_cli_fail(args, &err, NZ_EXIT_FAILED);
}

static int run_sign(const struct nz_args *args)
{
	struct job job NZ_CLEANUP(clear_job) = {0};
	struct nz_error err = {0};
	NZ_NODE_KEYS(keys);
	NZ_BUFFER(packet);
	enum nz_status status = prepare(args, &job, &err);

	if (status == NZ_OK)
		status = nz_cli_load_keys(args, &keys, &err);
	if (status != NZ_OK)
		return nz_packet_input_failed(args, &err, status);

	const struct nz_sign_options options = {.timestamp = job.at};
	status = nz_packet_sign_text(job.crypto, &keys, nz_buffer_bytes(&job.input), &job.limits,
	                             &options, &packet, &err);
	if (status != NZ_OK)
		return nz_packet_failed(args, &err, status);
	return print_result(args, &packet, true);
}

static enum nz_status describe_verified(const struct nz_args *args,
                                        const struct nz_verified_packet *packet,
                                        struct nz_buffer *out)
{
	const struct nz_bytes body = nz_verified_packet_body_text(packet);
	NZ_JSON_DOC(doc);

	if (!args->json)
		return nz_buffer_append(out, body.ptr, body.len);
	NZ_TRY(nz_json_new(&doc));
	struct nz_json *root = nz_json_make_object(doc);
	nz_json_set_bytes(doc, root, "node_id", nz_verified_packet_node_id(packet));
	nz_json_set_int(doc, root, "timestamp", nz_verified_packet_timestamp(packet));
	nz_json_set_str(doc, root, "body_form",
	                nz_verified_packet_body_form(packet) == NZ_BODY_JCS ? "jcs" : "as-sent");
	nz_json_set_str(doc, root, "digest_form",
	                nz_verified_packet_digest_form(packet) == NZ_DIGEST_HEX ? "hex" : "raw");
	nz_json_set(doc, root, "body", nz_json_copy(doc, nz_verified_packet_body(packet)));
	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(root, out);
}

static struct nz_verify_options verify_options(const struct nz_args *args, const struct job *job)
{
	return (struct nz_verify_options){
		.limits = job->limits,
		.now = job->at,
		.window_s = (unsigned)job->skew,
		.strict = nz_args_flag(args, "strict"),
		.resolver = job->resolver,
	};
}

static int run_verify(const struct nz_args *args)
{
	struct job job NZ_CLEANUP(clear_job) = {0};
	struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;
	struct nz_verified_packet *packet NZ_CLEANUP(nz_verified_packet_free) = NULL;
	const char *replay = nz_args_get(args, "replay", NULL);
	struct nz_error err = {0};
	NZ_BUFFER(text);
	enum nz_status status = prepare(args, &job, &err);

	if (status == NZ_OK && replay != NULL) {
		const struct nz_replay_limits limits = {.window_s = (unsigned)job.skew};

		status = nz_replay_file(job.crypto, replay, &limits, &guard, &err);
	}
	if (status != NZ_OK)
		return nz_packet_input_failed(args, &err, status);

	struct nz_verify_options options = verify_options(args, &job);
	options.replay = guard;
	status = nz_packet_verify(job.crypto, nz_buffer_bytes(&job.input), &options, &packet, &err);
	if (status != NZ_OK)
		return nz_packet_failed(args, &err, status);
	status = describe_verified(args, packet, &text);
	if (status != NZ_OK)
		return nz_packet_failed(args, &err, status);
	return print_result(args, &text, true);
}

static enum nz_status cipher_option(const struct nz_args *args, enum nz_cipher *out,
                                    struct nz_error *err)
{
	const char *name = nz_args_get(args, "cipher", "aes-256-gcm");

	if (strcmp(name, "aes-256-gcm") == 0)
		*out = NZ_CIPHER_AES_256_GCM;
	else if (strcmp(name, "chacha20-poly1305") == 0)
		*out = NZ_CIPHER_CHACHA20_POLY1305;
	else
		return nz_fail(err, NZ_INVALID,
		               "--cipher is aes-256-gcm or chacha20-poly1305, not '%s'", name);
	return NZ_OK;
}

/* A sealer for the one receiver that --to names. */
static enum nz_status make_sealer(const struct nz_args *args, const struct job *job,
                                  const struct nz_node_keys *keys, struct nz_sealer **out,
                                  struct nz_error *err)
{
	const char *to = nz_args_get(args, "to", NULL);
	enum nz_cipher cipher = NZ_CIPHER_AES_256_GCM;
	struct nz_node node;
	NZ_SECRET(key);

	if (to == NULL)
		return nz_fail(err, NZ_INVALID, "--to is needed: the receiver's node id");
	NZ_TRY(cipher_option(args, &cipher, err));
	if (!nz_x25519_is_known(keys->x25519_public))
		return nz_fail(err, NZ_MALFORMED, "the key file has no X25519 key to seal with");
	enum nz_status status =
		job->resolver.resolve(job->resolver.context, nz_bytes_str(to), &node, err);
	if (status == NZ_OK && !nz_x25519_is_known(node.x25519))
		status = NZ_UNKNOWN;
	if (status == NZ_UNKNOWN)
		return nz_fail(err, status, "no --peers entry has an X25519 key of %s", to);
	NZ_TRY(status);
	status = nz_session_key(job->crypto, &keys->x25519_private, node.x25519, &key);
	if (status != NZ_OK)
		return nz_fail(err, status, "no key can be agreed with %s", to);
	return nz_sealer_new(job->crypto, cipher, &key, out);
}

static int run_seal(const struct nz_args *args)
{
	struct job job NZ_CLEANUP(clear_job) = {0};
	struct nz_sealer *sealer NZ_CLEANUP(nz_sealer_free) = NULL;
	struct nz_error err = {0};
	NZ_NODE_KEYS(keys);
	NZ_BUFFER(sealed);
	enum nz_status status = prepare(args, &job, &err);

	if (status == NZ_OK)
		status = nz_cli_load_keys(args, &keys, &err);
	if (status == NZ_OK)
		status = make_sealer(args, &job, &keys, &sealer, &err);
	if (status != NZ_OK)
		return nz_packet_input_failed(args, &err, status);
	status = nz_packet_seal(sealer, keys.node_id, nz_args_get(args, "to", ""), trimmed(&job),
	                        &sealed, &err);
	if (status != NZ_OK)
		return nz_packet_failed(args, &err, status);
	return print_result(args, &sealed, true);
}

static int run_open(const struct nz_args *args)
{
	struct job job NZ_CLEANUP(clear_job) = {0};
	struct nz_error err = {0};
	NZ_NODE_KEYS(keys);
	NZ_BUFFER(packet);
	enum nz_status status = prepare(args, &job, &err);

	if (status == NZ_OK)
		status = nz_cli_load_keys(args, &keys, &err);
	if (status != NZ_OK)
		return nz_packet_input_failed(args, &err, status);
	status = nz_packet_open(job.crypto, nz_buffer_bytes(&job.input), &job.limits, &keys,
	                        &job.resolver, &packet, &err);
	if (status != NZ_OK)
		return nz_packet_failed(args, &err, status);
	return print_result(args, &packet, true);
}

static int run_canon(const struct nz_args *args)
{
	const struct nz_json_limits limits = {
		.bytes = NZ_PACKET_MAX_BYTES,
		.depth = CANON_DEPTH,
		.members = nz_json_packet_limits.members,
	};
	struct nz_error err = {0};
	NZ_BUFFER(input);
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);
	enum nz_status status = nz_cli_read(args->positional_count > 0 ? args->positional[0] : NULL,
	                                    limits.bytes, &input, &err);

	if (status == NZ_OK)
		status = nz_json_parse(nz_buffer_bytes(&input), &limits, &doc, &err);
	if (status == NZ_OK)
		status = nz_json_canonical(nz_json_root(doc), &text);
	if (status != NZ_OK)
		return nz_packet_input_failed(args, &err, status);
	/* No line end: these bytes are what gets hashed. */
	return print_result(args, &text, false);
}

static int run_explain(const struct nz_args *args)
{
	struct job job NZ_CLEANUP(clear_job) = {0};
	struct nz_error err = {0};
	NZ_BUFFER(text);
	enum nz_status status = prepare(args, &job, &err);

	if (status != NZ_OK)
		return nz_packet_input_failed(args, &err, status);
	const struct nz_verify_options options = verify_options(args, &job);
	status = nz_packet_explain(job.crypto, nz_buffer_bytes(&job.input), &options, &text);
	if (status != NZ_OK)
		return nz_packet_failed(args, &err, status);
	return print_result(args, &text, false);
}

#define PEERS_OPTION                                                                            \
	{                                                                                       \
		.name = "peers", .value = "FILE|DIR",                                           \
		.help = "node documents, or an array of plain entries", .many = true            \
	}
#define MAX_BYTES_OPTION                                                                        \
	{                                                                                       \
		.name = "max-bytes", .value = "N",                                              \
		.help = "the longest packet accepted (default 1048576, at most 67108864)"       \
	}
#define CHECK_OPTIONS                                                                           \
	PEERS_OPTION,                                                                           \
		{.name = "at", .value = "UNIX", .help = "as if it were that time (default: now)"}, \
		{.name = "skew", .value = "S", .help = "seconds a clock may be off (default 300)"}, \
	{                                                                                       \
		.name = "strict",                                                               \
		.help = "accept the canonical body and the hex digest alone"                    \
	}

static const struct nz_option sign_options[] = {
	NZ_CLI_KEY_OPTIONS,
	{.name = "at", .value = "UNIX", .help = "the packet's timestamp (default: now)"},
	MAX_BYTES_OPTION,
	{0},
};
static const struct nz_option verify_option_list[] = {
	CHECK_OPTIONS,
	{.name = "replay", .value = "FILE", .help = "check and record the nonce in FILE"},
	MAX_BYTES_OPTION,
	{0},
};
static const struct nz_option seal_options[] = {
	{.name = "to", .value = "NODE_ID", .help = "the receiver, one of the peers"},
	{.name = "cipher", .value = "NAME", .help = "aes-256-gcm (default) or chacha20-poly1305"},
	NZ_CLI_KEY_OPTIONS,
	PEERS_OPTION,
	MAX_BYTES_OPTION,
	{0},
};
static const struct nz_option open_options[] = {
	NZ_CLI_KEY_OPTIONS,
	PEERS_OPTION,
	MAX_BYTES_OPTION,
	{0},
};
static const struct nz_option explain_options[] = {CHECK_OPTIONS, MAX_BYTES_OPTION, {0}};

const struct nz_command nz_commands_packet[] = {
	{.group = "packet",
	 .verb = "sign",
	 .synopsis = "[--key F] [--at UNIX] [BODY.json | -]",
	 .summary = "sign a body (a JSON object) and print the packet",
	 .example = "echo '{\"action\":\"update_state\"}' | nz packet sign --key keys/node.json",
	 .options = sign_options,
	 .max_positional = 1,
	 .run = run_sign},
	{.group = "packet",
	 .verb = "verify",
	 .synopsis = "[--peers FILE|DIR]... [--at UNIX] [--skew S] [--strict] [--replay FILE] "
		     "[PACKET | -]",
	 .summary = "verify a signed packet and print its body",
	 .example = "nz packet verify --peers peers/ --replay replay.log packet.json",
	 .options = verify_option_list,
	 .max_positional = 1,
	 .run = run_verify},
	{.group = "packet",
	 .verb = "seal",
	 .synopsis = "--to NODE_ID [--cipher NAME] [--key F] [--peers FILE|DIR]... [PACKET | -]",
	 .summary = "encrypt a signed packet for one receiver",
	 .example = "nz packet sign body.json | nz packet seal --peers peers/ "
		    "--to nzid:node:9f86d081884c7d659a2feaa0c55ad015",
	 .options = seal_options,
	 .max_positional = 1,
	 .run = run_seal},
	{.group = "packet",
	 .verb = "open",
	 .synopsis = "[--key F] [--peers FILE|DIR]... [PACKET | -]",
	 .summary = "decrypt a sealed packet and print the signed one inside; verify it next",
	 .example = "nz packet open --peers peers/ sealed.json | nz packet verify --peers peers/",
	 .options = open_options,
	 .max_positional = 1,
	 .run = run_open},
	{.group = "packet",
	 .verb = "canon",
	 .synopsis = "[FILE | -]",
	 .summary = "print the canonical form (RFC 8785) of any JSON value, without a line end",
	 .example = "nz packet canon body.json | sha256sum",
	 .max_positional = 1,
	 .run = run_canon},
	{.group = "packet",
	 .verb = "explain",
	 .synopsis = "[--peers FILE|DIR]... [--at UNIX] [--skew S] [--strict] [PACKET | -]",
	 .summary = "say what a packet is, and the first thing wrong with it",
	 .example = "nz packet explain --peers peers/ packet.json",
	 .options = explain_options,
	 .max_positional = 1,
	 .run = run_explain},
	{0},
};
