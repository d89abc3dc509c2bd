/* SPDX-License-Identifier: Apache-2.0 */
/* Node ids, node documents and their chains, key files and what can happen to them, peers. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <nz/labelled.h>
#include <nz/identity.h>

#include "../unhex.h"

#define NOW INT64_C(1738249200)

static const struct nz_crypto *crypto;
static struct nz_node_keys keys;
static char folder[] = "/tmp/nz-identity-XXXXXX";
static char path[96];

static const struct nz_bytes no_passphrase;

/*
 * Steps of a save that a crash can fall between: these stand before libc's in the program, and end
 * the process at the chosen one, as SIGKILL would.
 */
static int steps_left = -1;

static void step(void)
{
	if (steps_left > 0 && --steps_left == 0)
		_exit(42);
}

int fsync(int fd);
int fchmod(int fd, mode_t mode);
ssize_t write(int fd, const void *bytes, size_t len);
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags);
int renameat(int from_folder, const char *from, int to_folder, const char *to);

int fsync(int fd)
{
	step();
	return (int)syscall(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
	step();
	return (int)syscall(SYS_fchmod, fd, mode);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	step();
	return syscall(SYS_write, fd, bytes, len);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	step();
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return renameat2(from_folder, from, to_folder, to, 0);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static const char *read_file(struct nz_buffer *out)
{
	const int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	nz_buffer_reset(out);
	assert_int_equal(nz_buffer_reserve(out, 65536), NZ_OK);
	const ssize_t got = read(fd, out->ptr, 65536);
	assert_true(got >= 0);
	out->len = (size_t)got;
	close(fd);
	return nz_buffer_cstr(out);
}

static enum nz_status load(struct nz_bytes passphrase, struct nz_error *err)
{
	NZ_NODE_KEYS(loaded);
	const enum nz_status status = nz_node_keys_load(crypto, path, passphrase, &loaded, err);

	if (status == NZ_OK) {
		assert_memory_equal(loaded.ed25519_private.bytes, keys.ed25519_private.bytes, 32);
		assert_string_equal(loaded.node_id, keys.node_id);
	} else {
		assert_string_equal(loaded.node_id, "");
	}
	return status;
}

static void save(void)
{
	assert_int_equal(nz_node_keys_save(crypto, path, true, no_passphrase, &keys, NULL), NZ_OK);
}

static void ids(void **state)
{
	(void)state;
	/* The public reference's test node A. */
	uint8_t key[32];
	char id[NZ_NODE_ID_CHARS];

	unhex_exact("2b86817013a3f50c8081f4908c799efc451ec19d06404e9d9ba6d43d857733ee", key, 32);
	assert_int_equal(nz_node_id(crypto, key, id), NZ_OK);
	assert_string_equal(id, "nzid:node:8be38e92a0d5fbe7849018e360a9040a");
	assert_true(nz_node_id_is_fingerprint(nz_bytes_str(id)));
	assert_false(nz_node_id_is_fingerprint(nz_bytes_of(id, 41)));
	id[12] = 'A';
	assert_false(nz_node_id_is_fingerprint(nz_bytes_str(id)));
	assert_true(nz_node_id_is_acceptable(nz_bytes_str(id)));
	assert_true(nz_node_id_is_acceptable(nz_bytes_str("discovery.37d1585a")));
	assert_false(nz_node_id_is_fingerprint(nz_bytes_str("discovery.37d1585a")));
	assert_false(nz_node_id_is_acceptable(nz_bytes_str("")));
	assert_false(nz_node_id_is_acceptable(nz_bytes_str("a\nb")));
	assert_false(nz_node_id_is_acceptable(nz_bytes_of("a\0b", 3)));
	assert_false(nz_node_id_is_acceptable(nz_bytes_str("\xff")));
}

static void labels_separate_messages(void **state)
{
	(void)state;
	struct nz_hash digests[2] = {{{1}}, {{2}}};
	uint8_t signature[64];

	assert_int_equal(nz_labelled_sign(crypto, keys.signer, "label", digests, 2, signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "label", digests, 2,
	                                    signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "labem", digests, 2,
	                                    signature),
	                 NZ_UNVERIFIED);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "label", digests, 1,
	                                    signature),
	                 NZ_UNVERIFIED);
	/* What is signed: label, one zero byte, the digests. */
	uint8_t message[5 + 1 + 64] = "label";
	memcpy(message + 6, digests, 64);
	assert_int_equal(crypto->ed25519_verify(keys.ed25519_public,
	                                        nz_bytes_of(message, sizeof message), signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_sign(crypto, keys.signer, "", digests, 1, signature),
	                 NZ_INVALID);
	assert_int_equal(nz_labelled_sign(crypto, keys.signer, "x", digests, 5, signature),
	                 NZ_INVALID);
}

static void digest_leaves_a_member_out(void **state)
{
	(void)state;
	struct nz_hash got;
	uint8_t expected[32];
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_parse(nz_bytes_str("{\"b\":1,\"signature\":\"x\",\"a\":2}"),
	                               &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	assert_int_equal(nz_json_digest(crypto, nz_json_root(doc), "signature", &got), NZ_OK);
	assert_int_equal(crypto->sha256(nz_bytes_str("{\"a\":2,\"b\":1}"), expected), NZ_OK);
	assert_memory_equal(got.bytes, expected, 32);
	assert_int_equal(nz_json_count(nz_json_root(doc)), 3);
}

static void document_of(const struct nz_node_keys *of, struct nz_buffer *text,
                        struct nz_json_doc **doc)
{
	assert_int_equal(nz_node_document_make(crypto, of, text, NULL), NZ_OK);
	assert_int_equal(nz_json_parse(nz_buffer_bytes(text), &nz_json_packet_limits, doc, NULL),
	                 NZ_OK);
}

static void a_document_proves_a_node(void **state)
{
	(void)state;
	struct nz_node node;
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	document_of(&keys, &text, &doc);
	assert_true(text.len < 512);
	assert_int_equal(nz_node_document_check(crypto, nz_json_root(doc), &node, NULL), NZ_OK);
	assert_string_equal(node.node_id, keys.node_id);
	assert_memory_equal(node.ed25519, keys.ed25519_public, 32);
	assert_memory_equal(node.x25519, keys.x25519_public, 32);
	assert_int_equal(node.seq, 0);
}

/* keys, rotated `times` times. */
static void rotate(int times, struct nz_node_keys *out)
{
	NZ_NODE_KEYS(current);

	assert_int_equal(nz_rotation_make(crypto, &keys, NOW, &current, NULL), NZ_OK);
	for (int i = 1; i < times; i++) {
		struct nz_node_keys next;

		assert_int_equal(nz_rotation_make(crypto, &current, NOW + i, &next, NULL), NZ_OK);
		nz_node_keys_clear(&current);
		nz_node_keys_move(&next, &current);
	}
	nz_node_keys_move(&current, out);
}

static void rotations_keep_the_id(void **state)
{
	(void)state;
	NZ_NODE_KEYS(rotated);
	struct nz_node node;
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	rotate(3, &rotated);
	document_of(&rotated, &text, &doc);
	assert_int_equal(nz_node_document_check(crypto, nz_json_root(doc), &node, NULL), NZ_OK);
	assert_string_equal(node.node_id, keys.node_id);
	assert_int_equal(node.seq, 3);
	assert_memory_equal(node.ed25519, rotated.ed25519_public, 32);
	assert_memory_not_equal(node.ed25519, keys.ed25519_public, 32);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(nz_rotation_link_check(crypto, rotated.node_id,
		                                        &rotated.rotations[i], NULL),
		                 NZ_OK);
	assert_int_equal(nz_rotation_link_check(crypto, "nzid:node:another",
	                                        &rotated.rotations[0], NULL),
	                 NZ_UNVERIFIED);
}

/* The link's signed bytes, written out. */
static void the_form_of_a_link(void **state)
{
	(void)state;
	struct nz_rotation_link link = {.seq = 1, .at = NOW};
	struct nz_hash got;
	uint8_t expected[32];
	NZ_BUFFER(text);

	memset(link.previous, 1, 32);
	memset(link.ed25519, 2, 32);
	memset(link.x25519, 3, 32);
	assert_int_equal(nz_rotation_link_digest(crypto, "nzid:node:x", &link, &got), NZ_OK);
	assert_int_equal(
		nz_buffer_append_str(
			&text, "{\"at\":1738249200,"
			       "\"ed25519\":\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\","
			       "\"node_id\":\"nzid:node:x\","
			       "\"previous\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\","
			       "\"seq\":1,"
			       "\"x25519\":\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\"}"),
		NZ_OK);
	assert_int_equal(crypto->sha256(nz_buffer_bytes(&text), expected), NZ_OK);
	assert_memory_equal(got.bytes, expected, 32);
}

/* Signs a changed document again, so that only what was changed is wrong with it. */
static void sign_again(struct nz_json_doc *doc, const struct nz_node_keys *by)
{
	struct nz_hash digest;
	uint8_t signature[64];

	assert_int_equal(nz_json_digest(crypto, nz_json_root(doc), "signature", &digest), NZ_OK);
	assert_int_equal(nz_labelled_sign(crypto, by->signer, "nz-node-document-v1", &digest, 1,
	                                  signature),
	                 NZ_OK);
	nz_json_set_base64(doc, nz_json_root(doc), "signature", nz_bytes_of(signature, 64));
}

static enum nz_status check_document(const struct nz_json_doc *doc)
{
	struct nz_node node;

	return nz_node_document_check(crypto, nz_json_root(doc), &node, NULL);
}

static void wrong_documents(void **state)
{
	(void)state;
	static const char *const members[] = {"node_id", "first",     "ed25519public", "x25519public",
	                                      "seq",     "rotations", "signature"};
	NZ_NODE_KEYS(rotated);
	NZ_NODE_KEYS(other);
	NZ_BUFFER(text);

	rotate(2, &rotated);
	assert_int_equal(nz_node_keys_make(crypto, NOW, &other, NULL), NZ_OK);
	assert_int_equal(nz_node_document_make(crypto, &rotated, &text, NULL), NZ_OK);
	for (int i = 0; i < 12; i++) {
		NZ_JSON_DOC(doc);
		assert_int_equal(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits,
		                               &doc, NULL),
		                 NZ_OK);
		struct nz_json *root = nz_json_root(doc);
		struct nz_json *links = nz_json_get(root, "rotations");
		enum nz_status expected = NZ_MALFORMED;

		if (i < 7) {
			nz_json_remove(root, members[i]);
		} else if (i == 7) { /* somebody else's id */
			nz_json_set_str(doc, root, "node_id", other.node_id);
			expected = NZ_UNVERIFIED;
		} else if (i == 8) { /* signed by another key */
			sign_again(doc, &keys);
			expected = NZ_UNVERIFIED;
		} else if (i == 9) { /* something rides along */
			nz_json_set_int(doc, root, "x", 1);
			sign_again(doc, &rotated);
		} else if (i == 10) { /* a link's date was changed */
			nz_json_set_int(doc, nz_json_at(links, 0), "at", 5);
			sign_again(doc, &rotated);
			expected = NZ_UNVERIFIED;
		} else { /* the first link is left out */
			struct nz_json *one = nz_json_make_array(doc);
			nz_json_push(doc, one, nz_json_at(links, 1));
			nz_json_set(doc, root, "rotations", one);
			nz_json_set_int(doc, root, "seq", 1);
			sign_again(doc, &rotated);
		}
		assert_int_equal(nz_json_failed(doc), NZ_OK);
		assert_int_equal(check_document(doc), expected);
	}
}

static void there_is_a_last_rotation(void **state)
{
	(void)state;
	NZ_NODE_KEYS(full);
	struct nz_node_keys next;

	memcpy(full.node_id, keys.node_id, sizeof full.node_id);
	full.rotation_count = NZ_ROTATIONS_MAX;
	full.rotations = calloc(NZ_ROTATIONS_MAX, sizeof *full.rotations);
	assert_int_equal(nz_rotation_make(crypto, &full, NOW, &next, NULL), NZ_LIMIT);
}

static void a_key_file_comes_back(void **state)
{
	(void)state;
	NZ_NODE_KEYS(rotated);
	NZ_NODE_KEYS(loaded);
	struct stat st;

	rotate(2, &rotated);
	assert_int_equal(nz_node_keys_save(crypto, path, false, no_passphrase, &rotated, NULL),
	                 NZ_OK);
	assert_int_equal(nz_node_keys_load(crypto, path, no_passphrase, &loaded, NULL), NZ_OK);
	assert_string_equal(loaded.node_id, rotated.node_id);
	assert_memory_equal(loaded.first_key, keys.ed25519_public, 32);
	assert_memory_equal(loaded.ed25519_private.bytes, rotated.ed25519_private.bytes, 32);
	assert_memory_equal(loaded.x25519_private.bytes, rotated.x25519_private.bytes, 32);
	assert_memory_equal(loaded.x25519_public, rotated.x25519_public, 32);
	assert_int_equal(loaded.created_at, rotated.created_at);
	assert_int_equal(loaded.rotation_count, 2);
	assert_memory_equal(loaded.rotations, rotated.rotations, 2 * sizeof *loaded.rotations);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void nothing_is_overwritten_unasked(void **state)
{
	(void)state;
	NZ_NODE_KEYS(other);

	save();
	assert_int_equal(nz_node_keys_make(crypto, NOW, &other, NULL), NZ_OK);
	assert_int_equal(nz_node_keys_save(crypto, path, false, no_passphrase, &other, NULL),
	                 NZ_EXISTS);
	assert_int_equal(load(no_passphrase, NULL), NZ_OK);
	/* Not even by way of a link that leads nowhere. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(nz_node_keys_save(crypto, path, false, no_passphrase, &other, NULL),
	                 NZ_EXISTS);
}

static void the_folder_is_made(void **state)
{
	(void)state;
	char inner[128];
	char inner_folder[128];
	struct stat st;

	snprintf(inner_folder, sizeof inner_folder, "%s/keys", folder);
	snprintf(inner, sizeof inner, "%s/keys/node.json", folder);
	const mode_t mask = umask(0);
	assert_int_equal(nz_node_keys_save(crypto, inner, false, no_passphrase, &keys, NULL), NZ_OK);
	umask(mask);
	assert_int_equal(stat(inner_folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(inner, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unlink(inner), 0);
	assert_int_equal(rmdir(inner_folder), 0);
}

static void rights_are_checked(void **state)
{
	(void)state;
	static const mode_t wrong[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};
	struct nz_error err;

	save();
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(chmod(path, wrong[i]), 0);
		assert_int_equal(load(no_passphrase, &err), NZ_REFUSED);
		assert_non_null(strstr(err.message, "chmod 600"));
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(load(no_passphrase, NULL), NZ_OK);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, 12345), 0);
		assert_int_equal(load(no_passphrase, &err), NZ_REFUSED);
		assert_non_null(strstr(err.message, "belongs to"));
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(load(no_passphrase, NULL), NZ_NOT_FOUND);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(no_passphrase, NULL), NZ_REFUSED);
}

static void a_file_cut_short_is_malformed(void **state)
{
	(void)state;
	NZ_BUFFER(text);
	NZ_BUFFER(cut);

	save();
	const size_t len = strlen(read_file(&text));
	for (size_t kept = 0; kept + 1 < len; kept += 7) { /* the last byte is a line end */
		nz_buffer_reset(&cut);
		assert_int_equal(nz_buffer_append(&cut, text.ptr, kept), NZ_OK);
		write_file(path, nz_buffer_cstr(&cut), 0600);
		assert_int_equal(load(no_passphrase, NULL), NZ_MALFORMED);
	}
}

/* The key file with the value of one member replaced by text (JSON). */
static enum nz_status load_with(const char *member, const char *json)
{
	NZ_BUFFER(text);
	NZ_BUFFER(changed);
	NZ_JSON_DOC(doc);
	NZ_JSON_DOC(value);

	save();
	read_file(&text);
	assert_int_equal(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	assert_int_equal(nz_json_parse(nz_bytes_str(json), &nz_json_packet_limits, &value, NULL),
	                 NZ_OK);
	nz_json_set(doc, nz_json_root(doc), member, nz_json_copy(doc, nz_json_root(value)));
	assert_int_equal(nz_json_canonical(nz_json_root(doc), &changed), NZ_OK);
	write_file(path, nz_buffer_cstr(&changed), 0600);
	return load(no_passphrase, NULL);
}

static void members_that_do_not_fit(void **state)
{
	(void)state;
	static const char other_key[] = "\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"";

	assert_int_equal(load_with("created_at", "1"), NZ_OK);
	assert_int_equal(load_with("created_at", "\"2026-02-01T12:34:56.789Z\""), NZ_OK);
	assert_int_equal(load_with("created_at", "\"yesterday\""), NZ_MALFORMED);
	assert_int_equal(load_with("created_at", "-1"), NZ_MALFORMED);
	assert_int_equal(load_with("ed25519public", other_key), NZ_MALFORMED);
	assert_int_equal(load_with("x25519public", other_key), NZ_MALFORMED);
	assert_int_equal(load_with("ed25519private", other_key), NZ_MALFORMED);
	assert_int_equal(load_with("ed25519_public", other_key), NZ_MALFORMED);
	assert_int_equal(load_with("node_id", "\"nzid:node:00000000000000000000000000000000\""),
	                 NZ_MALFORMED);
	assert_int_equal(load_with("node_id", "\"\""), NZ_MALFORMED);
	assert_int_equal(load_with("rotations", "{}"), NZ_MALFORMED);
	assert_int_equal(load_with("rotations", "[{}]"), NZ_MALFORMED);
	assert_int_equal(load_with("surprise", "1"), NZ_MALFORMED);
	assert_int_equal(load_with("encrypted", "{}"), NZ_MALFORMED);
}

/* The forms that the public reference's two tools write. */
static void files_of_the_reference(void **state)
{
	(void)state;
	/* RFC 8032 section 7.1 test 1; X25519 of RFC 7748 section 6.1 (Alice). */
	static const char noble[] =
		"{\"node_id\":\"nzid:node:21fe31dfa154a261626bf854046fd227\","
		"\"ed25519_public\":\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\","
		"\"ed25519_private\":\"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\","
		"\"x25519_public\":\"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\","
		"\"x25519_private\":\"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\","
		"\"created_at\":\"2026-02-01T12:34:56.789Z\"}";
	static const char node_crypto[] =
		"{\"node_id\":\"discovery.37d1585a\","
		"\"ed25519_public\":\"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\","
		"\"ed25519_private\":"
		"\"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\"}";
	uint8_t seed[32];
	NZ_BUFFER(document);

	unhex_exact("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, 32);
	for (int i = 0; i < 2; i++) {
		NZ_NODE_KEYS(loaded);
		struct nz_error err = {0};

		write_file(path, i == 0 ? noble : node_crypto, 0600);
		if (nz_node_keys_load(crypto, path, no_passphrase, &loaded, &err) != NZ_OK)
			fail_msg("%s", err.message);
		assert_memory_equal(loaded.ed25519_private.bytes, seed, 32);
		assert_int_equal(loaded.created_at, i == 0 ? 1769949296 : 0);
		assert_int_equal(nz_x25519_is_known(loaded.x25519_public), i == 0);
		/* An id that is no fingerprint proves nothing, so it has no document. */
		assert_int_equal(nz_node_document_make(crypto, &loaded, &document, NULL),
		                 i == 0 ? NZ_OK : NZ_REFUSED);
	}
}

static void passphrases(void **state)
{
	(void)state;
	const struct nz_bytes right = nz_bytes_str("correct horse");
	struct nz_error err;
	NZ_BUFFER(text);
	NZ_BUFFER(changed);
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_node_keys_save(crypto, path, true, right, &keys, NULL), NZ_OK);
	const char *file = read_file(&text);
	assert_null(strstr(file, "private"));
	assert_int_equal(load(right, NULL), NZ_OK);
	assert_int_equal(load(nz_bytes_str("wrong"), NULL), NZ_UNVERIFIED);
	assert_int_equal(load(no_passphrase, &err), NZ_UNVERIFIED);
	assert_non_null(strstr(err.message, "needs a passphrase"));

	/* The public part is bound to the private one. */
	assert_int_equal(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	nz_json_set_int(doc, nz_json_root(doc), "created_at", keys.created_at + 1);
	assert_int_equal(nz_json_canonical(nz_json_root(doc), &changed), NZ_OK);
	write_file(path, nz_buffer_cstr(&changed), 0600);
	assert_int_equal(load(right, NULL), NZ_UNVERIFIED);

	/* Parameters that would be weak, or eat memory, are refused before any work. */
	struct nz_json *envelope = nz_json_get(nz_json_root(doc), "encrypted");
	static const int64_t bad_n[] = {1024, 32769, INT64_C(1) << 30};
	for (size_t i = 0; i < 3; i++) {
		nz_buffer_reset(&changed);
		nz_json_set_int(doc, envelope, "n", bad_n[i]);
		assert_int_equal(nz_json_canonical(nz_json_root(doc), &changed), NZ_OK);
		write_file(path, nz_buffer_cstr(&changed), 0600);
		assert_int_equal(load(right, NULL), NZ_MALFORMED);
	}
}

/* A process that ends at any step leaves the old file or the new one, whole. */
static void a_crash_leaves_nothing_or_all(void **state)
{
	(void)state;
	for (int replace = 0; replace < 2; replace++) {
		bool finished = false;

		for (int steps = 1; !finished; steps++) {
			char command[160];
			int status;

			unlink(path);
			if (replace)
				save();
			const pid_t child = fork();
			if (child == 0) {
				steps_left = steps;
				const enum nz_status got = nz_node_keys_save(
					crypto, path, replace, no_passphrase, &keys, NULL);
				_exit(got == NZ_OK ? 0 : 1);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			finished = status == 0;
			assert_true(finished || WEXITSTATUS(status) == 42);
			const enum nz_status loaded = load(no_passphrase, NULL);
			if (finished || replace)
				assert_int_equal(loaded, NZ_OK);
			else
				assert_true(loaded == NZ_OK || loaded == NZ_NOT_FOUND);
			assert_true(finished || steps < 20);
			assert_true(!finished || steps > 4); /* write, chmod, sync, rename, sync */
			snprintf(command, sizeof command, "rm -f %s/.node.json.*", folder);
			assert_int_equal(system(command), 0);
		}
	}
}

/* A full disk, as a limit on the size of files. */
static void a_full_disk_leaves_nothing(void **state)
{
	(void)state;
	struct rlimit old;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (rlim_t room = 0; room < 300; room += 100) {
		const struct rlimit full = {.rlim_cur = room, .rlim_max = old.rlim_max};
		struct nz_error err;

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
		const enum nz_status status =
			nz_node_keys_save(crypto, path, false, no_passphrase, &keys, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(status, NZ_IO);
		assert_int_equal(err.code, EFBIG);
		assert_int_equal(load(no_passphrase, NULL), NZ_NOT_FOUND);
		assert_int_equal(rmdir(folder), 0); /* no temporary file either */
		assert_int_equal(mkdir(folder, 0700), 0);
	}
}

static void resolve_is(struct nz_peers *peers, const char *id, enum nz_status expected)
{
	const struct nz_resolver resolver = nz_peers_resolver(peers);
	struct nz_node node;

	assert_int_equal(resolver.resolve(resolver.context, nz_bytes_str(id), &node, NULL),
	                 expected);
	if (expected == NZ_OK)
		assert_string_equal(node.node_id, id);
}

static void peers_are_found(void **state)
{
	(void)state;
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;

	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	for (int i = 0; i < 100; i++) {
		struct nz_node node = {.seq = 0};

		memcpy(node.ed25519, keys.ed25519_public, 32);
		snprintf(node.node_id, sizeof node.node_id, "peer-%d", i * 37 % 100);
		assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
		assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
		memcpy(node.x25519, keys.x25519_public, 32);
		assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_MALFORMED);
	}
	for (int i = 0; i < 100; i++) {
		char id[32];

		snprintf(id, sizeof id, "peer-%d", i);
		resolve_is(peers, id, NZ_OK);
	}
	resolve_is(peers, "peer-", NZ_UNKNOWN);
	resolve_is(peers, "peer-100", NZ_UNKNOWN);
	resolve_is(peers, "", NZ_UNKNOWN);

	/* The identity point would verify anything. */
	struct nz_node weak = {.node_id = "weak", .ed25519 = {1}};
	assert_int_equal(nz_peers_add(peers, crypto, &weak, NULL), NZ_MALFORMED);
}

static enum nz_status add_text(const char *text)
{
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;

	write_file(path, text, 0644);
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	return nz_peers_add_path(peers, crypto, path, NULL);
}

#define PLAIN                                                       \
	"{\"node_id\":\"discovery.37d1585a\",\"ed25519public\":"    \
	"\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"}"

static void peer_files(void **state)
{
	(void)state;
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;
	NZ_BUFFER(document);
	NZ_BUFFER(array);
	char other[128];

	assert_int_equal(nz_node_document_make(crypto, &keys, &document, NULL), NZ_OK);
	assert_int_equal(add_text(nz_buffer_cstr(&document)), NZ_OK);
	assert_int_equal(add_text("[" PLAIN "]"), NZ_OK);
	assert_int_equal(add_text("[" PLAIN "," PLAIN "]"), NZ_OK);
	assert_int_equal(add_text("[]"), NZ_OK);
	assert_int_equal(nz_buffer_appendf(&array, "[" PLAIN ",%s]", nz_buffer_cstr(&document)),
	                 NZ_OK);
	assert_int_equal(add_text(nz_buffer_cstr(&array)), NZ_OK);

	/* A document that lost its signature is not believed; nor is anything half right. */
	assert_int_equal(add_text(PLAIN), NZ_MALFORMED);
	assert_int_equal(add_text("[{\"node_id\":\"x\"}]"), NZ_MALFORMED);
	assert_int_equal(add_text("[1]"), NZ_MALFORMED);
	assert_int_equal(add_text("{"), NZ_MALFORMED);
	assert_int_equal(add_text(""), NZ_MALFORMED);
	document.ptr[strstr((const char *)document.ptr, "x25519public") + 16 -
	             (const char *)document.ptr] ^= 1;
	assert_int_not_equal(add_text(nz_buffer_cstr(&document)), NZ_OK);
	save();
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	assert_int_equal(nz_peers_add_path(peers, crypto, path, NULL), NZ_MALFORMED);

	/* A folder: its *.json and nothing else. */
	snprintf(other, sizeof other, "%s/readme.txt", folder);
	write_file(path, "[" PLAIN "]", 0644);
	write_file(other, "not json", 0644);
	assert_int_equal(nz_peers_add_path(peers, crypto, folder, NULL), NZ_OK);
	resolve_is(peers, "discovery.37d1585a", NZ_OK);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(nz_peers_add_path(peers, crypto, "/nonexistent", NULL), NZ_NOT_FOUND);
}

static int start(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/node.json", folder);
	return nz_node_keys_make(crypto, NOW, &keys, NULL) == NZ_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	nz_node_keys_clear(&keys);
	(void)start(state);
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids),
		TEST(labels_separate_messages),
		TEST(digest_leaves_a_member_out),
		TEST(a_document_proves_a_node),
		TEST(rotations_keep_the_id),
		TEST(the_form_of_a_link),
		TEST(wrong_documents),
		TEST(there_is_a_last_rotation),
		TEST(a_key_file_comes_back),
		TEST(nothing_is_overwritten_unasked),
		TEST(the_folder_is_made),
		TEST(rights_are_checked),
		TEST(a_file_cut_short_is_malformed),
		TEST(members_that_do_not_fit),
		TEST(files_of_the_reference),
		TEST(passphrases),
		TEST(a_crash_leaves_nothing_or_all),
		TEST(a_full_disk_leaves_nothing),
		TEST(peers_are_found),
		TEST(peer_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
