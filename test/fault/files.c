/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key file and the replay guard's file while writes, syncs and renames fail, one at a time and
 * all from one on. A reader finds the old file or the new one; a nonce that was accepted stays used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <nz/identity.h>
#include <nz/replay.h>

#include "alloc.h"
#include "file_calls.h"

#define NOW INT64_C(1738249200)
#define WINDOW 300
#define LATE (NOW + 2 * WINDOW)
#define DEAD 1100 /* records: enough to be compacted when they have expired */

static struct nz_node_keys old_keys, new_keys;
static char folder[FAULT_FOLDER_CHARS];
static char key_path[64], replay_path[64], marker_path[64];
static struct nz_buffer dead_file, marker_file;

/* ---- the key file ---- */

static enum nz_status save(const struct nz_node_keys *keys, bool replace, struct nz_error *err)
{
	return nz_node_keys_save(fault_crypto(), key_path, replace, nz_bytes_str(""), keys, err);
}

/* Which node the file holds: NULL for no file. A file that cannot be loaded fails the test. */
static const char *holds(void)
{
	NZ_NODE_KEYS(found);
	const enum nz_status status =
		nz_node_keys_load(fault_crypto(), key_path, nz_bytes_str(""), &found, NULL);

	if (status == NZ_NOT_FOUND)
		return NULL;
	assert_int_equal(status, NZ_OK);
	if (strcmp(found.node_id, old_keys.node_id) == 0)
		return old_keys.node_id;
	assert_string_equal(found.node_id, new_keys.node_id);
	return new_keys.node_id;
}

static enum nz_status replace(struct nz_error *err)
{
	fault_empty_folder(folder);
	assert_int_equal(save(&old_keys, false, NULL), NZ_OK);

	const enum nz_status status = FAULTY(save(&new_keys, true, err));
	const char *found = holds();

	assert_non_null(found);
	if (status == NZ_OK)
		assert_ptr_equal(found, new_keys.node_id);
	/* And then it works, whatever lies about. */
	assert_int_equal(save(&new_keys, true, NULL), NZ_OK);
	assert_ptr_equal(holds(), new_keys.node_id);
	return status;
}

static enum nz_status create(struct nz_error *err)
{
	fault_empty_folder(folder);

	const enum nz_status status = FAULTY(save(&new_keys, false, err));
	const char *found = holds();

	assert_true(found == new_keys.node_id || (found == NULL && status != NZ_OK));
	assert_int_equal(save(&old_keys, false, NULL), found != NULL ? NZ_EXISTS : NZ_OK);
	return status;
}

static void key_file(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_FILE, replace);
	FAULT_EACH(FAULT_FILE, create);
}

static void key_file_by_link(void **state)
{
	(void)state;
	file_calls_old_system = true;
	FAULT_EACH(FAULT_FILE, create);
	file_calls_old_system = false;
}

/* ---- the replay guard ---- */

static enum nz_status check(struct nz_replay *guard, unsigned nonce, int64_t at,
                            struct nz_error *err)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", nonce);
	return nz_replay_check(guard, nz_bytes_str("node"), nz_bytes_str(text), at, at, err);
}

static enum nz_status open_guard(struct nz_replay **guard, struct nz_error *err)
{
	return nz_replay_file(fault_crypto(), replay_path, NULL, guard, err);
}

/* What is accepted is in a file that a power cut leaves under its name. */
static enum nz_status check_kept(struct nz_replay *guard, unsigned nonce, int64_t at,
                                 struct nz_error *err)
{
	const enum nz_status status = check(guard, nonce, at, err);

	assert_false(status == NZ_OK && file_calls_rename_pending);
	return status;
}

/*
 * Nonces one after the other: those that were accepted are used, for this guard and for one that is
 * opened afresh. One that met a fault may be either, as its record may have reached the disk.
 */
static enum nz_status use_some(int64_t at, struct nz_error *err)
{
	struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;
	struct nz_replay *fresh NZ_CLEANUP(nz_replay_free) = NULL;
	enum nz_status status = FAULTY(open_guard(&guard, err));
	bool used[4] = {false};

	for (unsigned i = 0; i < 4 && status == NZ_OK; i++) {
		status = FAULTY(check_kept(guard, i, at, err));
		used[i] = status == NZ_OK;
	}
	for (unsigned i = 0; guard != NULL && i < 4; i++)
		if (used[i])
			assert_int_equal(check(guard, i, at, NULL), NZ_REPLAYED);
	assert_int_equal(open_guard(&fresh, NULL), NZ_OK);
	for (unsigned i = 0; i < 4; i++) {
		const enum nz_status again = check_kept(fresh, i, at, NULL);

		if (used[i])
			assert_int_equal(again, NZ_REPLAYED);
		else
			assert_true(again == NZ_OK || again == NZ_REPLAYED);
		assert_int_equal(check(fresh, i, at, NULL), NZ_REPLAYED);
	}
	/* The first one sees what the other recorded. */
	for (unsigned i = 0; guard != NULL && i < 4; i++)
		assert_int_equal(check(guard, i, at, NULL), NZ_REPLAYED);
	return status;
}

static enum nz_status first_use(struct nz_error *err)
{
	fault_empty_folder(folder);
	return use_some(NOW, err);
}

static void write_file(const char *path, const struct nz_buffer *text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text->ptr, 1, text->len, file), text->len);
	assert_int_equal(fclose(file), 0);
}

static void read_file(const char *path, struct nz_buffer *out)
{
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(nz_buffer_reserve(out, 1 << 20), NZ_OK);
	out->len = fread(out->ptr, 1, 1 << 20, file);
	assert_int_equal(fclose(file), 0);
}

/* A file that is compacted by the first check: what it held has expired, and stays refused. */
static enum nz_status compaction(struct nz_error *err)
{
	struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;

	fault_empty_folder(folder);
	write_file(replay_path, &dead_file);
	write_file(marker_path, &marker_file);

	const enum nz_status status = use_some(LATE, err);

	assert_int_equal(open_guard(&guard, NULL), NZ_OK);
	assert_int_equal(check(guard, 10, NOW, NULL), NZ_REPLAYED);
	return status;
}

static void replay_file(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_FILE, first_use);
	FAULT_EACH(FAULT_FILE, compaction);
}

static int start(void **state)
{
	struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;

	(void)state;
	fault_folder(folder);
	(void)snprintf(key_path, sizeof(key_path), "%s/node.json", folder);
	(void)snprintf(replay_path, sizeof(replay_path), "%s/replay", folder);
	(void)snprintf(marker_path, sizeof(marker_path), "%s/replay.exists", folder);
	assert_int_equal(nz_node_keys_make(nz_crypto_default(), NOW, &old_keys, NULL), NZ_OK);
	assert_int_equal(nz_node_keys_make(nz_crypto_default(), NOW, &new_keys, NULL), NZ_OK);
	assert_int_equal(open_guard(&guard, NULL), NZ_OK);
	for (unsigned i = 0; i < DEAD; i++)
		assert_int_equal(check(guard, i, NOW, NULL), NZ_OK);
	read_file(replay_path, &dead_file);
	read_file(marker_path, &marker_file);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fault_empty_folder(folder);
	nz_node_keys_clear(&old_keys);
	nz_node_keys_clear(&new_keys);
	nz_buffer_clear(&dead_file);
	nz_buffer_clear(&marker_file);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_file),
		cmocka_unit_test(key_file_by_link),
		cmocka_unit_test(replay_file),
	};

	fault_install();
	return cmocka_run_group_tests(tests, start, stop);
}
