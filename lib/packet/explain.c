/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a text is, for an operator who looks at one that was refused. It prints what a sender claims,
 * verified or not, so everything that could steer a terminal is taken out at the end. Secrets of a
 * key file are not shown.
 */
#include "internal.h"

#include <nz/clock.h>

#define CONTEXT_BYTES 24

static enum nz_status line(struct nz_buffer *out, const char *label, const char *text)
{
	return nz_buffer_appendf(out, "%-11s %s\n", label, text);
}

/* "label  value", the value as JSON prints it, cut where it is long. */
static enum nz_status value_line(struct nz_buffer *out, const char *label,
                                 const struct nz_json *value)
{
	NZ_BUFFER(text);

	if (value == NULL)
		return line(out, label, "(missing)");
	NZ_TRY(nz_json_canonical(value, &text));
	if (text.len > 200)
		text.len = 200;
	return nz_buffer_appendf(out, "%-11s %.*s\n", label, (int)text.len, (const char *)text.ptr);
}

/* Control characters, C1 controls and DEL become '?'; new lines stay. */
static void disarm(uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
			text[i] = '?';
		if (text[i] == 0xc2 && i + 1 < len && text[i + 1] >= 0x80 && text[i + 1] < 0xa0) {
			text[i] = '?';
			text[i + 1] = '?';
		}
	}
}

/* Where two forms of one thing part, with a little of both. */
static enum nz_status difference(struct nz_buffer *out, const char *name, struct nz_bytes sent,
                                 struct nz_bytes canonical)
{
	size_t at = 0;

	while (at < sent.len && at < canonical.len && sent.ptr[at] == canonical.ptr[at])
		at++;
	if (at == sent.len && at == canonical.len)
		return nz_buffer_appendf(out, "%-11s is in canonical form\n", name);

	const size_t sent_left = sent.len - at < CONTEXT_BYTES ? sent.len - at : CONTEXT_BYTES;
	const size_t canonical_left =
		canonical.len - at < CONTEXT_BYTES ? canonical.len - at : CONTEXT_BYTES;
	return nz_buffer_appendf(out,
	                         "%-11s first differs from its canonical form at byte %zu:\n"
	                         "%-11s sent      %.*s\n%-11s canonical %.*s\n",
	                         name, at, "", (int)sent_left, (const char *)sent.ptr + at, "",
	                         (int)canonical_left, (const char *)canonical.ptr + at);
}

static enum nz_status clock_line(const struct nz_json *auth, int64_t now, struct nz_buffer *out)
{
	int64_t timestamp;

	if (nz_json_get_int(auth, "timestamp", 1, (INT64_C(1) << 53) - 1, &timestamp, NULL) != NZ_OK)
		return NZ_OK;
	if (timestamp == now)
		return line(out, "clock", "equal to this one");
	return nz_buffer_appendf(out, "%-11s %lld s %s this one\n", "clock",
	                         (long long)(timestamp < now ? now - timestamp : timestamp - now),
	                         timestamp < now ? "behind" : "ahead of");
}

/* A fault on this side is nothing wrong with the text, and ends the explanation. */
static bool is_fault(enum nz_status status)
{
	return status >= NZ_NO_MEMORY;
}

static enum nz_status has_hash(const struct nz_crypto *crypto, const struct nz_buffer *text,
                               struct nz_bytes claimed, bool *has)
{
	uint8_t hash[NZ_SHA256_BYTES];
	char hex[2 * NZ_SHA256_BYTES + 1];

	NZ_TRY(crypto->sha256(nz_buffer_bytes(text), hash));
	nz_hex_encode(nz_bytes_of(hash, sizeof hash), hex);
	*has = nz_bytes_equal(claimed, nz_bytes_of(hex, sizeof hex - 1));
	return NZ_OK;
}

static enum nz_status body_lines(const struct nz_crypto *crypto, const struct nz_json *auth,
                                 const struct nz_json *body, struct nz_buffer *out)
{
	const struct nz_bytes claimed = nz_json_string(nz_json_get(auth, "body_hash"));
	NZ_BUFFER(canonical);
	NZ_BUFFER(sent);
	bool of_canonical = false, of_sent = false;

	if (body == NULL)
		return line(out, "body", "(missing)");
	NZ_TRY(nz_json_canonical(body, &canonical));
	NZ_TRY(nz_json_stringify(body, &sent));
	NZ_TRY(nz_buffer_appendf(out, "%-11s %zu bytes in canonical form\n", "body",
	                         canonical.len));
	NZ_TRY(difference(out, "body", nz_buffer_bytes(&sent), nz_buffer_bytes(&canonical)));
	NZ_TRY(has_hash(crypto, &canonical, claimed, &of_canonical));
	NZ_TRY(has_hash(crypto, &sent, claimed, &of_sent));
	return line(out, "body_hash",
	            of_canonical ? "is that of the canonical form"
	            : of_sent    ? "is that of the body as sent"
	                         : "is that of no form of the body");
}

static enum nz_status explain_signed(const struct nz_crypto *crypto, struct nz_bytes text,
                                     const struct nz_json *root,
                                     const struct nz_verify_options *options,
                                     struct nz_buffer *out)
{
	const struct nz_json *auth = nz_json_get(root, "auth");
	struct nz_verified_packet *packet NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_verify_options used = *options;
	struct nz_error err = {0};

	used.now = options->now != 0 ? options->now : nz_clock_unix();
	used.replay = NULL; /* looking at a packet does not use its nonce up */
	NZ_TRY(line(out, "this is", "a signed packet (" NZ_PACKET_VERSION ")"));
	NZ_TRY(value_line(out, "node_id", nz_json_get(auth, "node_id")));
	NZ_TRY(value_line(out, "timestamp", nz_json_get(auth, "timestamp")));
	NZ_TRY(clock_line(auth, used.now, out));
	NZ_TRY(value_line(out, "nonce", nz_json_get(auth, "nonce")));
	NZ_TRY(body_lines(crypto, auth, nz_json_get(root, "body"), out));

	const enum nz_status status = nz_packet_verify(crypto, text, &used, &packet, &err);

	if (is_fault(status))
		return status;
	if (status != NZ_OK)
		return line(out, "wrong",
		            err.message[0] != '\0' ? err.message : nz_status_name(err.status));
	NZ_TRY(line(out, "signature",
	            packet != NULL && nz_verified_packet_digest_form(packet) == NZ_DIGEST_HEX
	                    ? "verifies, over the digest's hex"
	                    : "verifies, over the raw digest"));
	return line(out, "wrong", "nothing (the nonce was not looked up)");
}

static enum nz_status explain_sealed(const struct nz_json *root, struct nz_buffer *out)
{
	const bool ours = nz_json_get(root, "sendernodeid") != NULL;
	struct nz_sealed_parts parts;
	struct nz_error err = {0};

	NZ_TRY(line(out, "this is",
	            nz_packet_looks_rewritten(root)
	                    ? "a sealed packet in the reference's later format"
	                    : "a sealed packet"));
	NZ_TRY(value_line(out, "version", nz_json_get(root, "version")));
	NZ_TRY(value_line(out, "cipher", nz_json_get(root, "cipher")));
	NZ_TRY(value_line(out, "sender",
	                  nz_json_get(root, ours ? "sendernodeid" : "sender_node_id")));
	NZ_TRY(value_line(out, "receiver",
	                  nz_json_get(root, ours ? "receivernodeid" : "receiver_node_id")));
	if (nz_packet_read_sealed(root, &parts, &err) != NZ_OK)
		return line(out, "wrong", err.message);
	NZ_TRY(line(out, "names", ours ? "as in the written specification"
	                               : "as in the public reference"));
	return line(out, "wrong", "nothing that shows without the key: open it to see");
}

static enum nz_status explain_document(const struct nz_crypto *crypto, const struct nz_json *root,
                                       struct nz_buffer *out)
{
	struct nz_error err = {0};
	struct nz_node node;

	NZ_TRY(line(out, "this is", "a node document (public)"));
	NZ_TRY(value_line(out, "node_id", nz_json_get(root, "node_id")));
	NZ_TRY(value_line(out, "rotations", nz_json_get(root, "seq")));

	const enum nz_status status = nz_node_document_check(crypto, root, &node, &err);

	if (is_fault(status))
		return status;
	if (status != NZ_OK)
		return line(out, "wrong",
		            err.message[0] != '\0' ? err.message : nz_status_name(err.status));
	return line(out, "wrong", "nothing");
}

static enum nz_status explain_key_file(const struct nz_json *root, struct nz_buffer *out)
{
	NZ_TRY(line(out, "this is", "a key file: SECRET, never send it"));
	NZ_TRY(value_line(out, "node_id", nz_json_get(root, "node_id")));
	NZ_TRY(line(out, "private",
	            nz_json_get(root, "encrypted") != NULL ? "keys are under a passphrase"
	                                                   : "keys are in it (not shown)"));
	return line(out, "wrong", "'nz keys show' loads and checks it, and prints what is public");
}

static enum nz_status explain_other(struct nz_bytes text, const struct nz_json *root,
                                    struct nz_buffer *out)
{
	static const char *const names[] = {"null", "true or false", "a number",
	                                    "a string", "an array", "an object"};
	NZ_BUFFER(canonical);

	NZ_TRY(nz_buffer_appendf(out, "%-11s JSON (%s), and nothing that nz knows\n", "this is",
	                         names[nz_json_type(root)]));
	NZ_TRY(nz_json_canonical(root, &canonical));
	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	NZ_TRY(difference(out, "the text", text, nz_buffer_bytes(&canonical)));
	return line(out, "wrong",
	            "a signed packet has auth and body; a sealed one iv and ciphertext");
}

static enum nz_status explain_json(const struct nz_crypto *crypto, struct nz_bytes text,
                                   const struct nz_json *root,
                                   const struct nz_verify_options *options,
                                   struct nz_buffer *out)
{
	if (!nz_json_is(root, NZ_JSON_OBJECT))
		return explain_other(text, root, out);
	if (nz_json_get(root, "ed25519private") != NULL ||
	    nz_json_get(root, "ed25519_private") != NULL || nz_json_get(root, "encrypted") != NULL)
		return explain_key_file(root, out);
	if (nz_packet_looks_sealed(root))
		return explain_sealed(root, out);
	if (nz_json_get(root, "auth") != NULL || nz_json_get(root, "body") != NULL)
		return explain_signed(crypto, text, root, options, out);
	if (nz_json_get(root, "ed25519public") != NULL || nz_json_get(root, "rotations") != NULL)
		return explain_document(crypto, root, out);
	return explain_other(text, root, out);
}

enum nz_status nz_packet_explain(const struct nz_crypto *crypto, struct nz_bytes text,
                                 const struct nz_verify_options *options, struct nz_buffer *out)
{
	struct nz_error err = {0};
	NZ_BUFFER(lines);
	NZ_JSON_DOC(doc);
	enum nz_status status = nz_packet_parse(text, &options->limits, &doc, &err);

	if (status == NZ_MALFORMED || status == NZ_LIMIT) {
		NZ_TRY(line(&lines, "this is", "no JSON that a packet may be"));
		NZ_TRY(line(&lines, "wrong", err.message));
	} else {
		NZ_TRY(status);
		NZ_TRY(explain_json(crypto, text, nz_json_root(doc), options, &lines));
	}
	disarm(lines.ptr, lines.len);
	return nz_buffer_append(out, lines.ptr, lines.len);
}
