/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite replica that is loaded, brought up to date and made anew for another schema while memory,
 * SQLite's memory or its files fail: its readers have the old epoch or the new one, whole, and the
 * next sync succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../conformance/replica_feed.h"
#include "alloc.h"
#include "sqlite_calls.h"

static char folder[FAULT_FOLDER_CHARS], base[64], work[64], uri[96];
static char first[64], second[64], other[64]; /* sources: a start, changed rows, another schema */
static struct feed feeds[3];

/*
 * A file that was written to less than 20 ms ago may be written to again without a trace, so a sync
 * waits. With this clock, to which the linker leads, every file is a second old.
 */
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	const int result = __real_clock_gettime(clock, out);

	out->tv_sec += clock == CLOCK_REALTIME ? 1 : 0;
	return result;
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What the replica states and holds: the epoch, 0 for none, once its rows are found to be its root. */
static int64_t epoch_of(void)
{
	const struct nz_replica_options options = {.read_only = true};
	struct nz_checkpoint checkpoint = {0};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct nz_hash root;
	int64_t epoch = 0;

	enum nz_status status = nz_replica_open(uri, &options, &replica, &err);
	if (status == NZ_NOT_FOUND)
		return 0;
	if (status == NZ_OK)
		status = replica->ops->checkpoint(replica, &checkpoint, &err);
	if (status == NZ_OK)
		epoch = checkpoint.statement.epoch;
	else if (status != NZ_NOT_FOUND)
		fail_msg("cannot read the replica: %s", err.message);
	nz_replica_close(&replica);
	if (epoch > 0) {
		feed_replica_root(uri, &root);
		assert_memory_equal(&root, &checkpoint.statement.merkle_root, sizeof(root));
	}
	nz_checkpoint_clear(&checkpoint);
	return epoch;
}

static enum nz_status sync_once(struct feed *feed, struct nz_error *err)
{
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	uint64_t changed = 0, position = 0;
	enum nz_status status = FAULTY(nz_replica_open(uri, NULL, &replica, err));
	size_t count = 0;

	if (status == NZ_OK)
		status = FAULTY(feed_begin(feed, replica, &plan, err));
	while (status == NZ_OK) {
		struct feed_records records;
		struct nz_batch entry;

		status = FAULTY(replica->ops->next_wanted(replica, position, &position, 1, &count,
		                                          err));
		if (status != NZ_OK || count == 0)
			break;
		status = FAULTY(replica->ops->entry(replica, position, &entry, err));
		if (status != NZ_OK)
			break;
		feed_read(feed, &feed->batches[position], &records);
		status = FAULTY(replica->ops->stage(replica, &entry, records.records,
		                                    records.count, err));
		feed_records_clear(&records);
		position++;
	}
	if (status == NZ_OK)
		status = FAULTY(replica->ops->publish(replica, "[]", 1, &changed, err));
	fault_on();
	nz_replica_close(&replica);
	fault_off();
	return status;
}

/* From what is in `base`, or from nothing, to what the feed has as epoch 2. */
static enum nz_status bring_to(struct feed *feed, int64_t before, struct nz_error *err)
{
	sqlite_calls_copy(base, work);
	if (before == 0)
		fault_empty_folder(work);

	const enum nz_status status = sync_once(feed, err);
	const int64_t epoch = epoch_of();

	/* A sync may still fail once it has published. */
	if (epoch != 2 && (status == NZ_OK || epoch != before))
		fail_msg("epoch %lld after %s", (long long)epoch, nz_status_name(status));
	if (status != NZ_OK) {
		struct nz_error again = {.status = NZ_OK};

		fault_hold();
		if (sync_once(feed, &again) != NZ_OK)
			fail_msg("not synced after %s: %s", nz_status_name(status), again.message);
		fault_go_on();
		assert_int_equal(epoch_of(), 2);
	}
	return status;
}

static enum nz_status first_load(struct nz_error *err)
{
	return bring_to(&feeds[0], 0, err);
}

static enum nz_status update(struct nz_error *err)
{
	return bring_to(&feeds[1], 1, err);
}

static enum nz_status new_schema(struct nz_error *err)
{
	return bring_to(&feeds[2], 1, err);
}

static void under_malloc(void **state)
{
	(void)state;
	/* What comes after publishing may fail: the next run looks through the replica once more. */
	FAULT_EACH_OR(FAULT_MALLOC, first_load, FAULT_BIT(NZ_OK));
	FAULT_EACH_OR(FAULT_MALLOC, update, FAULT_BIT(NZ_OK));
	FAULT_EACH_OR(FAULT_MALLOC, new_schema, FAULT_BIT(NZ_OK));
}

static void under_sqlite_memory(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_SQLITE_MEMORY, first_load);
	FAULT_EACH(FAULT_SQLITE_MEMORY, update);
	FAULT_EACH(FAULT_SQLITE_MEMORY, new_schema);
}

static void under_sqlite_files(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_SQLITE_FILE, first_load);
	FAULT_EACH(FAULT_SQLITE_FILE, update);
	FAULT_EACH(FAULT_SQLITE_FILE, new_schema);
}

#define TABLES                                                                                 \
	"CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, n INTEGER UNIQUE);"   \
	"CREATE INDEX items_name ON items(name);"                                              \
	"CREATE TABLE tags(a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID;"            \
	"CREATE TABLE bag(x, y);"                                                              \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)"          \
	" INSERT INTO items SELECT i, 'item number ' || i, i FROM n;"                          \
	"INSERT INTO tags SELECT 'tag' || (n % 7), n, name FROM items;"                        \
	"INSERT INTO bag SELECT n % 5, 'same' FROM items;"
#define CHANGES                                                                                \
	"UPDATE items SET name = name || '.' WHERE id % 10 = 3;"                               \
	"DELETE FROM items WHERE id = 11; INSERT INTO items(name) VALUES ('new');"             \
	"DELETE FROM tags WHERE b = 9; INSERT INTO tags VALUES ('t', 1, 1.5);"                 \
	"DELETE FROM bag WHERE rowid = 4; INSERT INTO bag VALUES (9, 'same');"

static int start(void **state)
{
	struct nz_error err = {.status = NZ_OK};
	struct feed feed;

	(void)state;
	fault_folder(folder);
	(void)snprintf(base, sizeof(base), "%s/base", folder);
	(void)snprintf(work, sizeof(work), "%s/work", folder);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s/replica.db", work);
	(void)snprintf(first, sizeof(first), "%s/first.db", folder);
	(void)snprintf(second, sizeof(second), "%s/second.db", folder);
	(void)snprintf(other, sizeof(other), "%s/other.db", folder);
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(mkdir(work, 0700), 0);
	run_sql(first, TABLES);
	run_sql(second, TABLES CHANGES);
	run_sql(other, TABLES CHANGES "ALTER TABLE items ADD COLUMN more TEXT DEFAULT 'x'");
	feed_open(&feed, first, 1);
	if (sync_once(&feed, &err) != NZ_OK)
		fail_msg("%s", err.message);
	feed_close(&feed);
	assert_int_equal(epoch_of(), 1);
	sqlite_calls_copy(work, base);
	feed_open(&feeds[0], first, 2);
	feed_open(&feeds[1], second, 2);
	feed_open(&feeds[2], other, 2);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		feed_close(&feeds[i]);
	fault_empty_folder(base);
	fault_empty_folder(work);
	(void)rmdir(base);
	(void)rmdir(work);
	fault_empty_folder(folder);
	return rmdir(folder);
}

/* An argument names the one test to run: each takes its time. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(under_malloc),
		cmocka_unit_test(under_sqlite_memory),
		cmocka_unit_test(under_sqlite_files),
	};

	fault_install();
	sqlite_calls_install();
	fault_thin_after(60);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, start, stop);
}
