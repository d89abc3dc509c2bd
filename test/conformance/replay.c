/* SPDX-License-Identifier: Apache-2.0 */
/* What every replay guard does, over each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <nz/replay.h>

#define NOW INT64_C(1738249200)

typedef enum nz_status make_guard(const struct nz_replay_limits *limits, struct nz_replay **out);

static char folder[] = "/tmp/nz-replay-XXXXXX";
static unsigned files;

static enum nz_status make_memory(const struct nz_replay_limits *limits, struct nz_replay **out)
{
	return nz_replay_memory(nz_crypto_default(), limits, out, NULL);
}

static enum nz_status make_file(const struct nz_replay_limits *limits, struct nz_replay **out)
{
	char path[128];

	snprintf(path, sizeof path, "%s/guard-%u", folder, files++);
	return nz_replay_file(nz_crypto_default(), path, limits, out, NULL);
}

static const struct {
	const char *name;
	make_guard *make;
} kinds[] = {{"memory", make_memory}, {"file", make_file}};
#define KINDS (sizeof kinds / sizeof kinds[0])

static enum nz_status check(struct nz_replay *guard, const char *node, const char *nonce,
                            int64_t timestamp, int64_t now)
{
	return nz_replay_check(guard, nz_bytes_str(node), nz_bytes_str(nonce), timestamp, now,
	                       NULL);
}

/* Runs body for each kind of guard, with `guard` in scope. */
#define EACH_GUARD(limits, body)                                                     \
	for (size_t kind = 0; kind < KINDS; kind++) {                                \
		struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;           \
		assert_int_equal(kinds[kind].make(limits, &guard), NZ_OK);           \
		assert_string_equal(guard->ops->name, kinds[kind].name);             \
		body                                                                 \
	}

static void a_nonce_is_good_once_for_each_node(void **state)
{
	(void)state;
	EACH_GUARD(NULL, {
		assert_int_equal(check(guard, "a", "1", NOW, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "1", NOW, NOW), NZ_REPLAYED);
		assert_int_equal(check(guard, "a", "1", NOW + 5, NOW + 10), NZ_REPLAYED);
		assert_int_equal(check(guard, "b", "1", NOW, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "2", NOW, NOW), NZ_OK);
		/* The pair is what counts, not the letters in a row. */
		assert_int_equal(check(guard, "a1", "", NOW, NOW), NZ_OK);
	})
}

static void an_entry_lives_until_its_window_has_passed(void **state)
{
	(void)state;
	EACH_GUARD(NULL, {
		assert_int_equal(check(guard, "a", "1", NOW, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "1", NOW, NOW + 300), NZ_REPLAYED);
		/* Expired at NOW + 301: the old packet stays out, the nonce serves a new one. */
		assert_int_equal(check(guard, "a", "1", NOW, NOW + 301), NZ_REPLAYED);
		assert_int_equal(check(guard, "a", "1", NOW + 1, NOW + 301), NZ_OK);
	})
}

static void a_clock_set_back_opens_nothing(void **state)
{
	(void)state;
	EACH_GUARD(NULL, {
		assert_int_equal(check(guard, "a", "1", NOW, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "2", NOW + 1000, NOW + 1000), NZ_OK);
		/* Both the entry itself and anything else of that time or before. */
		assert_int_equal(check(guard, "a", "1", NOW, NOW), NZ_REPLAYED);
		assert_int_equal(check(guard, "a", "new", NOW, NOW), NZ_REPLAYED);
		assert_int_equal(check(guard, "a", "new", NOW - 1, NOW), NZ_REPLAYED);
		assert_int_equal(check(guard, "a", "new", NOW + 1, NOW), NZ_OK);
	})
}

static void what_cannot_be_remembered_long_enough_is_refused(void **state)
{
	(void)state;
	const struct nz_replay_limits limits = {.window_s = 60};

	EACH_GUARD(&limits, {
		assert_int_equal(check(guard, "a", "1", NOW - 61, NOW), NZ_EXPIRED);
		assert_int_equal(check(guard, "a", "1", NOW + 61, NOW), NZ_EXPIRED);
		assert_int_equal(check(guard, "a", "1", NOW - 60, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "2", NOW + 60, NOW), NZ_OK);
	})
}

static void a_node_has_a_quota(void **state)
{
	(void)state;
	const struct nz_replay_limits limits = {.entries = 100, .entries_per_node = 3};

	EACH_GUARD(&limits, {
		assert_int_equal(check(guard, "a", "1", NOW, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "2", NOW, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "3", NOW + 9, NOW), NZ_OK);
		assert_int_equal(check(guard, "a", "4", NOW, NOW), NZ_LIMIT);
		assert_int_equal(check(guard, "a", "3", NOW, NOW), NZ_REPLAYED);
		assert_int_equal(check(guard, "b", "4", NOW, NOW), NZ_OK);
		/* Two expire, one does not. */
		assert_int_equal(check(guard, "a", "5", NOW + 305, NOW + 305), NZ_OK);
		assert_int_equal(check(guard, "a", "6", NOW + 305, NOW + 305), NZ_OK);
		assert_int_equal(check(guard, "a", "7", NOW + 305, NOW + 305), NZ_LIMIT);
	})
}

static void a_full_guard_refuses_and_never_evicts(void **state)
{
	(void)state;
	const struct nz_replay_limits limits = {.entries = 50, .entries_per_node = 50};

	EACH_GUARD(&limits, {
		char nonce[16];

		for (int i = 0; i < 50; i++) {
			snprintf(nonce, sizeof nonce, "%d", i);
			assert_int_equal(check(guard, i % 2 ? "a" : "b", nonce, NOW, NOW), NZ_OK);
		}
		assert_int_equal(check(guard, "c", "x", NOW, NOW), NZ_LIMIT);
		for (int i = 0; i < 50; i++) {
			snprintf(nonce, sizeof nonce, "%d", i);
			assert_int_equal(check(guard, i % 2 ? "a" : "b", nonce, NOW, NOW),
			                 NZ_REPLAYED);
		}
		assert_int_equal(check(guard, "c", "x", NOW + 301, NOW + 301), NZ_OK);
	})
}

/* Against a plain list that remembers everything. */
#define MODEL_ENTRIES 600
static struct {
	int node, nonce;
	int64_t timestamp;
} model[MODEL_ENTRIES];

static bool model_has(size_t count, int node, int nonce, int64_t oldest)
{
	for (size_t i = 0; i < count; i++)
		if (model[i].node == node && model[i].nonce == nonce &&
		    model[i].timestamp >= oldest)
			return true;
	return false;
}

static void agrees_with_a_plain_list(void **state)
{
	(void)state;
	EACH_GUARD(NULL, {
		uint32_t random = 12345;
		int64_t now = NOW;
		int64_t floor = INT64_MIN;
		size_t count = 0;

		while (count < MODEL_ENTRIES) {
			char node[16];
			char nonce[16];

			random = random * 1664525 + 1013904223;
			now += (random >> 8) % 3;
			const int node_number = (int)(random >> 12) % 7;
			const int nonce_number = (int)(random >> 16) % 40;
			const int64_t timestamp = now - 300 + (int64_t)(random >> 20) % 601;

			for (size_t i = 0; i < count; i++)
				if (model[i].timestamp < now - 300 && model[i].timestamp > floor)
					floor = model[i].timestamp;
			const bool refuse = timestamp <= floor ||
			                    model_has(count, node_number, nonce_number, now - 300);
			snprintf(node, sizeof node, "node-%d", node_number);
			snprintf(nonce, sizeof nonce, "%d", nonce_number);
			assert_int_equal(check(guard, node, nonce, timestamp, now),
			                 refuse ? NZ_REPLAYED : NZ_OK);
			if (refuse)
				continue;
			model[count].node = node_number;
			model[count].nonce = nonce_number;
			model[count++].timestamp = timestamp;
		}
	})
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	(void)state;
	char path[128];

	for (unsigned i = 0; i < files; i++) {
		snprintf(path, sizeof path, "%s/guard-%u", folder, i);
		unlink(path);
		snprintf(path, sizeof path, "%s/guard-%u.exists", folder, i);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nonce_is_good_once_for_each_node),
		cmocka_unit_test(an_entry_lives_until_its_window_has_passed),
		cmocka_unit_test(a_clock_set_back_opens_nothing),
		cmocka_unit_test(what_cannot_be_remembered_long_enough_is_refused),
		cmocka_unit_test(a_node_has_a_quota),
		cmocka_unit_test(a_full_guard_refuses_and_never_evicts),
		cmocka_unit_test(agrees_with_a_plain_list),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
