/* SPDX-License-Identifier: Apache-2.0 */
/* The replay guard in a file: what survives a crash, a restart, other processes, and damage. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <nz/replay.h>

#define NOW INT64_C(1738249200)
#define CELL 64 /* bytes of a record */

static const struct nz_crypto *crypto;
static char folder[] = "/tmp/nz-replay-XXXXXX";
static char path[64], marker[64], temporary[64];

static struct nz_replay *open_guard(void)
{
	struct nz_replay *guard = NULL;

	assert_int_equal(nz_replay_file(crypto, path, NULL, &guard, NULL), NZ_OK);
	return guard;
}

static enum nz_status check_number(struct nz_replay *guard, unsigned nonce, int64_t timestamp,
                                   int64_t now)
{
	char text[16];

	snprintf(text, sizeof text, "%u", nonce);
	return nz_replay_check(guard, nz_bytes_str("node"), nz_bytes_str(text), timestamp, now,
	                       NULL);
}

/* One check by a guard that is opened for it, as after a restart. */
static enum nz_status check_afresh(unsigned nonce, int64_t timestamp, int64_t now)
{
	struct nz_replay *guard = NULL;

	if (nz_replay_file(crypto, path, NULL, &guard, NULL) != NZ_OK)
		return NZ_REFUSED;
	const enum nz_status status = check_number(guard, nonce, timestamp, now);
	nz_replay_free(&guard);
	return status;
}

static off_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static int start(void **state)
{
	(void)state;
	unlink(path);
	unlink(marker);
	unlink(temporary);
	return 0;
}

static void key_of_an_entry(void **state)
{
	(void)state;
	struct nz_hash key;
	char hex[65];

	/* printf '["nzid:node:8be3","a\\"\xc3\xa9"]' | sha256sum */
	assert_int_equal(nz_replay_key(crypto, nz_bytes_str("nzid:node:8be3"),
	                               nz_bytes_str("a\"\xc3\xa9"), &key),
	                 NZ_OK);
	nz_hex_encode(nz_bytes_of(key.bytes, 32), hex);
	assert_string_equal(hex, "d874424ffb01ba0acc36620a6c952fc1055b07f9ed3e6f814e00e7fee883e15d");
}

static void a_restart_forgets_nothing(void **state)
{
	(void)state;
	assert_int_equal(check_afresh(1, NOW, NOW), NZ_OK);
	assert_int_equal(file_size(), 2 * CELL);
	assert_int_equal(check_afresh(1, NOW, NOW), NZ_REPLAYED);
	assert_int_equal(check_afresh(2, NOW, NOW), NZ_OK);
	/* Expired entries are still the floor. */
	assert_int_equal(check_afresh(3, NOW, NOW + 301), NZ_REPLAYED);
	assert_int_equal(check_afresh(3, NOW + 1, NOW + 301), NZ_OK);
}

static void files_are_private(void **state)
{
	(void)state;
	struct stat st;

	assert_int_equal(check_afresh(1, NOW, NOW), NZ_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(marker, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void two_guards_share_one_file(void **state)
{
	(void)state;
	struct nz_replay *a = open_guard();
	struct nz_replay *b = open_guard();

	assert_int_equal(check_number(a, 1, NOW, NOW), NZ_OK);
	assert_int_equal(check_number(b, 1, NOW, NOW), NZ_REPLAYED);
	assert_int_equal(check_number(b, 2, NOW, NOW), NZ_OK);
	assert_int_equal(check_number(a, 2, NOW, NOW), NZ_REPLAYED);
	nz_replay_free(&a);
	nz_replay_free(&b);
}

/* Four processes try the same nonces: each is accepted by one of them. */
static void processes_share_one_file(void **state)
{
	(void)state;
	enum { PROCESSES = 4, NONCES = 60 };
	pid_t children[PROCESSES];
	unsigned accepted = 0;
	int channel[2];

	assert_int_equal(pipe(channel), 0);
	for (int p = 0; p < PROCESSES; p++) {
		children[p] = fork();
		assert_true(children[p] >= 0);
		if (children[p] != 0)
			continue;
		struct nz_replay *guard = NULL;
		unsigned char got = 0;

		if (nz_replay_file(crypto, path, NULL, &guard, NULL) != NZ_OK)
			_exit(1);
		for (unsigned i = 0; i < NONCES; i++) {
			const enum nz_status status = check_number(guard, i, NOW, NOW);

			if (status != NZ_OK && status != NZ_REPLAYED)
				_exit(2);
			got = (unsigned char)(got + (status == NZ_OK));
		}
		_exit(write(channel[1], &got, 1) == 1 ? 0 : 3);
	}
	for (int p = 0; p < PROCESSES; p++) {
		unsigned char got;
		int status;

		assert_int_equal(waitpid(children[p], &status, 0), children[p]);
		assert_int_equal(status, 0);
		assert_int_equal(read(channel[0], &got, 1), 1);
		accepted += got;
	}
	close(channel[0]);
	close(channel[1]);
	assert_int_equal(accepted, NONCES);
}

/* A crash in the middle of an append, at every byte of the record. */
static void an_unfinished_record_is_dropped(void **state)
{
	(void)state;
	uint8_t cells[4 * CELL];

	assert_int_equal(check_afresh(1, NOW, NOW), NZ_OK);
	assert_int_equal(check_afresh(2, NOW, NOW), NZ_OK);
	assert_int_equal(check_afresh(3, NOW, NOW), NZ_OK);
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, cells, sizeof cells, 0), sizeof cells);
	for (size_t kept = 0; kept < CELL; kept++) {
		/* Both ways in which it can look: cut short, and of full length with zeros. */
		for (int full = 0; full < 2; full++) {
			memset(cells + 3 * CELL + kept, 0, CELL - kept);
			assert_int_equal(pwrite(fd, cells, sizeof cells, 0), sizeof cells);
			const off_t length = (off_t)(3 * CELL + (full ? CELL : kept));
			assert_int_equal(ftruncate(fd, length), 0);

			assert_int_equal(check_afresh(1, NOW, NOW), NZ_REPLAYED);
			assert_int_equal(check_afresh(2, NOW, NOW), NZ_REPLAYED);
			assert_int_equal(file_size(), 3 * CELL);
			assert_int_equal(check_afresh(3, NOW, NOW), NZ_OK);
			assert_int_equal(check_afresh(3, NOW, NOW), NZ_REPLAYED);
			assert_int_equal(pread(fd, cells, sizeof cells, 0), sizeof cells);
		}
	}
	close(fd);
}

/* A guard that has the file open sees another's unfinished record too. */
static void an_open_guard_repairs_as_well(void **state)
{
	(void)state;
	struct nz_replay *guard = open_guard();

	assert_int_equal(check_number(guard, 1, NOW, NOW), NZ_OK);
	const int fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "half a record", 13), 13);
	close(fd);
	assert_int_equal(check_number(guard, 1, NOW, NOW), NZ_REPLAYED);
	assert_int_equal(check_number(guard, 2, NOW, NOW), NZ_OK);
	assert_int_equal(file_size(), 3 * CELL);
	nz_replay_free(&guard);
}

static void damage_anywhere_else_fails_closed(void **state)
{
	(void)state;
	uint8_t byte;

	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(check_afresh(i, NOW, NOW), NZ_OK);
	const int fd = open(path, O_RDWR);
	for (off_t at = 0; at < 3 * CELL; at++) {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_int_equal(check_afresh(9, NOW, NOW), NZ_MALFORMED);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(check_afresh(9, NOW, NOW), NZ_OK);
	assert_int_equal(ftruncate(fd, CELL / 2), 0);
	assert_int_equal(check_afresh(9, NOW, NOW), NZ_MALFORMED);
	close(fd);
}

static void a_missing_file_fails_closed(void **state)
{
	(void)state;
	struct nz_replay *guard = open_guard();
	struct nz_replay *other = NULL;
	struct nz_error err;

	assert_int_equal(check_number(guard, 1, NOW, NOW), NZ_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(nz_replay_file(crypto, path, NULL, &other, &err), NZ_REFUSED);
	assert_non_null(strstr(err.message, "missing"));
	assert_null(other);
	/* Also for a guard that still has it open, and it is not made again. */
	assert_int_equal(check_number(guard, 2, NOW, NOW), NZ_REFUSED);
	assert_int_equal(access(path, F_OK), -1);
	nz_replay_free(&guard);
}

/* A crash between the marker and the file: nothing was accepted yet, so nothing is lost. */
static void a_first_use_cut_short_is_done_again(void **state)
{
	(void)state;
	const int fd = open(marker, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(check_afresh(1, NOW, NOW), NZ_OK);
	assert_int_equal(check_afresh(1, NOW, NOW), NZ_REPLAYED);
}

static void compaction_keeps_the_living_and_the_floor(void **state)
{
	(void)state;
	struct nz_replay *guard = open_guard();
	struct nz_replay *other = open_guard();

	for (unsigned i = 0; i < 1100; i++)
		assert_int_equal(check_number(guard, i, NOW, NOW), NZ_OK);
	assert_int_equal(check_number(guard, 5000, NOW + 200, NOW), NZ_OK);
	assert_int_equal(check_number(other, 5000, NOW + 200, NOW), NZ_REPLAYED);
	assert_int_equal(file_size(), 1102 * CELL);
	assert_int_equal(check_number(guard, 5001, NOW + 301, NOW + 301), NZ_OK);
	assert_int_equal(file_size(), 3 * CELL); /* header, 5000, 5001 */
	/* The other guard notices that the file was replaced. */
	assert_int_equal(check_number(other, 5001, NOW + 301, NOW + 301), NZ_REPLAYED);
	assert_int_equal(check_number(other, 5000, NOW + 301, NOW + 301), NZ_REPLAYED);
	/* With the clock set back and the entries gone, the floor refuses. */
	assert_int_equal(check_afresh(7, NOW, NOW), NZ_REPLAYED);
	assert_int_equal(check_afresh(9999, NOW, NOW), NZ_REPLAYED);
	assert_int_equal(check_afresh(9999, NOW + 1, NOW), NZ_OK);
	nz_replay_free(&guard);
	nz_replay_free(&other);
}

/* A nonce that served twice, its first entry expired, is read again by a clock set back. */
static void a_reused_nonce_survives_a_clock_set_back(void **state)
{
	(void)state;
	assert_int_equal(check_afresh(1, NOW, NOW), NZ_OK);
	assert_int_equal(check_afresh(1, NOW + 400, NOW + 400), NZ_OK);
	assert_int_equal(check_afresh(1, NOW + 400, NOW + 100), NZ_REPLAYED);
	assert_int_equal(check_afresh(2, NOW, NOW + 100), NZ_REPLAYED);
	assert_int_equal(check_afresh(2, NOW + 1, NOW + 100), NZ_OK);
}

static void limits_hold_for_what_a_file_holds(void **state)
{
	(void)state;
	const struct nz_replay_limits small = {.entries = 2};
	struct nz_replay *guard = NULL;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(check_afresh(i, NOW, NOW), NZ_OK);
	assert_int_equal(nz_replay_file(crypto, path, &small, &guard, NULL), NZ_OK);
	assert_int_equal(check_number(guard, 0, NOW, NOW), NZ_LIMIT);
	nz_replay_free(&guard);
}

/* A full disk, as a limit on the size of files: refused, and good again when there is room. */
static void a_full_disk_fails_closed(void **state)
{
	(void)state;
	struct nz_replay *guard = open_guard();
	struct rlimit old;

	assert_int_equal(check_number(guard, 1, NOW, NOW), NZ_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (rlim_t room = 0; room < CELL; room += 21) {
		const struct rlimit full = {.rlim_cur = 2 * CELL + room, .rlim_max = old.rlim_max};

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
		const enum nz_status status = check_number(guard, 2, NOW, NOW);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(status, NZ_IO);
		assert_int_equal(file_size(), 2 * CELL);
	}
	assert_int_equal(check_number(guard, 2, NOW, NOW), NZ_OK);
	assert_int_equal(check_number(guard, 1, NOW, NOW), NZ_REPLAYED);
	nz_replay_free(&guard);
}

static int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/guard", folder);
	snprintf(marker, sizeof marker, "%s/guard.exists", folder);
	snprintf(temporary, sizeof temporary, "%s/guard.new", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)start(state);
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_of_an_entry),
		TEST(a_restart_forgets_nothing),
		TEST(files_are_private),
		TEST(two_guards_share_one_file),
		TEST(processes_share_one_file),
		TEST(an_unfinished_record_is_dropped),
		TEST(an_open_guard_repairs_as_well),
		TEST(damage_anywhere_else_fails_closed),
		TEST(a_missing_file_fails_closed),
		TEST(a_first_use_cut_short_is_done_again),
		TEST(compaction_keeps_the_living_and_the_floor),
		TEST(a_reused_nonce_survives_a_clock_set_back),
		TEST(limits_hold_for_what_a_file_holds),
		TEST(a_full_disk_fails_closed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
