/* SPDX-License-Identifier: Apache-2.0 */
/* Key files, and what can happen to them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../unhex.h"
#include "identity_help.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
