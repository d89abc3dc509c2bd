/* SPDX-License-Identifier: Apache-2.0 */
/* What every replica backend has to do, through its operations alone; here on SQLite: loads, changes. */
#include "replica_help.h"

static void first_load(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	const struct outcome out = sync_all(place, 1);
	assert_true(out.plan.rebuild);
	assert_int_equal(out.plan.batches_held, 0);
	assert_same(place);
	/* Triggers of the dataset are there and did not fire while its rows came. */
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM log"), 0);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"),
	                 3);
	assert_true(is_unchanged(place));
	assert_int_equal(epoch_of(place), 1);
	assert_int_equal(ask(place->replica, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
	                 1);
}

static void empty_file_is_a_replica(void **state)
{
	const struct place *place = *state;
	FILE *file = fopen(place->replica, "w");

	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	make_numbers(place, 5000);
	assert_true(sync_all(place, 1).plan.rebuild);
	assert_same(place);
}

static void a_dataset_without_rows(void **state)
{
	const struct place *place = *state;

	run_sql(place->source, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
	(void)sync_all(place, 1);
	assert_same(place);
	run_sql(place->source, "INSERT INTO t VALUES (1, 'one')");
	assert_int_equal(sync_all(place, 2).changed, 1);
	assert_same(place);
	run_sql(place->source, "DELETE FROM t");
	assert_int_equal(sync_all(place, 3).changed, 1);
	assert_same(place);
}

static void nothing_changed(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	const struct outcome out = sync_all(place, 2);
	assert_false(out.plan.rebuild);
	assert_int_equal(out.plan.batches_wanted, 0);
	assert_int_equal(out.changed, 0);
	assert_int_equal(epoch_of(place), 2);
	assert_same(place);
}

static void rows_change(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	run_sql(place->source,
	        "DROP TRIGGER zeta_log; DROP TRIGGER zeta_del;"
	        "UPDATE zeta SET name = name || '!' WHERE id % 1999 = 0;"
	        "DELETE FROM zeta WHERE id BETWEEN 5000 AND 7100;"
	        "INSERT INTO zeta(id, name) VALUES (-6, 'less'), (30000, 'more');"
	        "UPDATE pairs SET v = -v WHERE a = 3; DELETE FROM pairs WHERE b = 'b100';"
	        "INSERT INTO composite VALUES ('a5', -1, 'first'), ('zz', 1, 'last');"
	        "DELETE FROM composite WHERE a = 'a50'; UPDATE textkey SET v = v + 100000;"
	        "DELETE FROM keyless WHERE rowid % 3 = 0; INSERT INTO keyless VALUES (5, 'same'), (0, '');"
	        "UPDATE made SET w = w + 1 WHERE id = 7;"
	        "INSERT INTO barren VALUES (1, 'now something'); DELETE FROM child;"
	        "CREATE TRIGGER zeta_log AFTER INSERT ON zeta BEGIN INSERT INTO log VALUES ('ins'); END;"
	        "CREATE TRIGGER zeta_del AFTER DELETE ON zeta BEGIN INSERT INTO log VALUES ('del'); END;");
	const struct outcome out = sync_all(place, 2);
	assert_true(out.changed > 0);
	run_sql(place->source, "VACUUM");
	assert_same(place);
}

/* Rows at, before and after each border of a batch; one at a time. */
static void changes_at_batch_borders(void **state)
{
	const struct place *place = *state;
	int64_t epoch = 2;
	int64_t borders[3];
	struct feed feed;

	make_numbers(place, 30000);
	(void)sync_all(place, 1);
	feed_open(&feed, place->source, 1);
	assert_true(feed.count > 5);
	for (size_t i = 0; i < 3; i++)
		borders[i] = (int64_t)(feed.batches[i + 1].ordinal + 1) * 10;
	feed_close(&feed);
	for (size_t i = 0; i < 3; i++) {
		static const struct {
			const char *verb, *rest;
		} steps[] = {
			{"UPDATE t SET v = 'changed' WHERE id =", ""},
			{"DELETE FROM t WHERE id =", "- 10"},
			{"INSERT INTO t SELECT column1 - 5, 'between', NULL FROM (VALUES (", "))"},
			{"DELETE FROM t WHERE id =", ""},
		};

		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			char sql[200];

			(void)snprintf(sql, sizeof(sql), "%s %lld %s", steps[k].verb,
			               (long long)borders[i], steps[k].rest);
			run_sql(place->source, sql);
			const struct outcome out = sync_all(place, epoch++);
			assert_false(out.plan.rebuild);
			assert_true(out.plan.batches_wanted <= 3);
			assert_true(out.changed >= 1 && out.changed <= 2);
		}
	}
	assert_same(place);
}

static void values_swap_under_a_unique_index(void **state)
{
	const struct place *place = *state;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	run_sql(place->source,
	        "UPDATE t SET u = -1 WHERE id = 10; UPDATE t SET u = 1 WHERE id = 200000;"
	        "UPDATE t SET u = 20000 WHERE id = 10; UPDATE t SET u = u - 1000000;"
	        "UPDATE t SET u = u + 1000001");
	const struct outcome out = sync_all(place, 2);
	assert_int_equal(out.changed, 40000);
	assert_same(place);
}

static void other_tables_rows_are_used_again(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	/* By an index and statistics alone: nothing to fetch. */
	run_sql(place->source, "CREATE INDEX late ON composite(v); ANALYZE");
	struct outcome out = sync_all(place, 2);
	assert_true(out.plan.rebuild);
	assert_int_equal(out.plan.batches_wanted, 0);
	assert_true(out.plan.batches_held > 10);
	assert_same(place);
	/* One table is another, rows of others changed: here, and there behind nz's back. */
	run_sql(place->source, "ALTER TABLE made ADD COLUMN d; DROP TABLE textkey;"
	                       "UPDATE composite SET v = 'c' WHERE b = 4000");
	run_sql(place->replica, "UPDATE zeta SET name = 'tampered' WHERE id = 9000;"
	                        "ALTER TABLE barren RENAME COLUMN v TO w");
	out = sync_all(place, 3);
	assert_true(out.plan.rebuild);
	assert_true(out.plan.batches_held > 10);
	assert_true(out.plan.batches_wanted >= 3 && out.plan.batches_wanted < 8);
	assert_same(place);
}

static void large_records(void **state)
{
	const struct place *place = *state;

	run_sql(place->source, "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB);"
	                       "INSERT INTO t VALUES (1, zeroblob(3000000)), (2, x'01'),"
	                       " (3, randomblob(6000000)), (4, zeroblob(100000)), (5, NULL)");
	(void)sync_all(place, 1);
	run_sql(place->source, "UPDATE t SET b = randomblob(5000000) WHERE id IN (1, 4);"
	                       "INSERT INTO t VALUES (6, zeroblob(200000))");
	assert_int_equal(sync_all(place, 2).changed, 5);
	assert_same(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLICA_TEST(first_load),
		REPLICA_TEST(empty_file_is_a_replica),
		REPLICA_TEST(a_dataset_without_rows),
		REPLICA_TEST(nothing_changed),
		REPLICA_TEST(rows_change),
		REPLICA_TEST(changes_at_batch_borders),
		REPLICA_TEST(values_swap_under_a_unique_index),
		REPLICA_TEST(other_tables_rows_are_used_again),
		REPLICA_TEST(large_records),
	};

	return cmocka_run_group_tests_name("replica", tests, NULL, NULL);
}
