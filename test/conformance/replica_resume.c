/* SPDX-License-Identifier: Apache-2.0 */
/* Syncs of a replica that end early, go on, move or break. */
#include "replica_help.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void resumes_after_a_close(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct feed feed;

	make_odd(place);
	assert_int_equal(open_and_stage(place, 1, 6, &feed, &replica, &plan), 6);
	nz_replica_close(&replica);
	/* Nothing is visible, and what was received is kept. */
	assert_false(is_there(place, ""));
	const struct outcome out = sync_all(place, 1);
	assert_true(out.plan.batches_staged >= 6);
	assert_int_equal(out.plan.batches_wanted, plan.batches_wanted - 6);
	assert_same(place);

	feed_close(&feed);
	run_sql(place->source, "UPDATE textkey SET v = -v; UPDATE composite SET v = v || '.'");
	assert_int_equal(open_and_stage(place, 2, 3, &feed, &replica, &plan), 3);
	nz_replica_close(&replica);
	assert_int_equal(epoch_of(place), 1);
	assert_int_equal(sync_all(place, 2).plan.batches_wanted, plan.batches_wanted - 3);
	assert_same(place);
	feed_close(&feed);
}

/* Half of the wanted batches; gives how many. */
static size_t stage_half(const struct place *place, int64_t epoch)
{
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	size_t staged = 0;

	feed_open(&feed, place->source, epoch);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, (size_t)plan.batches_wanted / 2 + 1, &staged, &err));
	nz_replica_close(&replica);
	feed_close(&feed);
	return staged;
}

static const char move_source[] =
	"DROP TRIGGER zeta_log; DROP TRIGGER zeta_del;"
	"DELETE FROM zeta WHERE id % 5000 = 1; DELETE FROM pairs WHERE a = 3 AND v < 4000;"
	"DELETE FROM composite WHERE a = 'a20'; UPDATE textkey SET v = v + 50000 WHERE v < 40;"
	"DELETE FROM keyless WHERE rowid BETWEEN 12000 AND 14000; DELETE FROM made WHERE id < 9;"
	"CREATE TRIGGER zeta_log AFTER INSERT ON zeta BEGIN INSERT INTO log VALUES ('ins'); END;"
	"CREATE TRIGGER zeta_del AFTER DELETE ON zeta BEGIN INSERT INTO log VALUES ('del'); END;";

static void source_moves_between_runs(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)stage_half(place, 1);
	/* The dump keeps the order of statements, so the triggers are made anew before the first load. */
	run_sql(place->source, move_source);
	run_sql(place->source, "INSERT INTO keyless VALUES (5, 'same'); DELETE FROM barren");
	const struct outcome out = sync_all(place, 2);
	assert_true(out.plan.batches_staged > 0 && out.plan.batches_wanted > 0);
	assert_same(place);

	run_sql(place->source, "UPDATE composite SET v = 'x' || v WHERE b % 3 = 0; UPDATE zeta SET f = 1");
	(void)stage_half(place, 3);
	run_sql(place->source, "UPDATE composite SET v = 'y' || v WHERE b % 999 = 0;"
	                       "DELETE FROM keyless WHERE rowid % 1000 = 2");
	const struct outcome again = sync_all(place, 4);
	assert_true(again.plan.batches_staged > 0);
	assert_same(place);
}

/* Batches come in another order than their rows: what is left of them is still found. */
static void source_moves_twice_before_the_first_load(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)stage_half(place, 1);
	run_sql(place->source, "UPDATE composite SET v = 'x' WHERE b % 2500 = 1; DELETE FROM keyless"
	                       " WHERE rowid % 9000 = 5");
	(void)stage_half(place, 2);
	run_sql(place->source, "UPDATE composite SET v = 'y' WHERE b % 2500 = 1; INSERT INTO keyless"
	                       " VALUES (5, 'same'), (4, 'new'); DELETE FROM made WHERE id = 3");
	(void)stage_half(place, 3);
	run_sql(place->source, "UPDATE composite SET v = 'z' WHERE b % 2500 IN (1, 2);"
	                       "UPDATE zeta SET x = 1 WHERE id = 12");
	assert_true(sync_all(place, 4).plan.batches_staged > 0);
	assert_same(place);
}

/* All of it staged and never published; the source moves on. */
static void complete_and_moved(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	uint64_t changed = 0;

	make_odd(place);
	(void)open_and_stage(place, 1, SIZE_MAX, &feed, &replica, &plan);
	/* Somebody takes the name at the last moment: refused, and nothing of theirs is touched. */
	run_sql(place->replica, "CREATE TABLE mine(a); INSERT INTO mine VALUES (1)");
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_REFUSED);
	nz_replica_close(&replica);
	assert_int_equal(ask(place->replica, "SELECT a FROM mine"), 1);
	assert_int_equal(unlink(place->replica), 0);
	feed_close(&feed);

	run_sql(place->source, "INSERT INTO composite VALUES ('late', 1, 'x'); DELETE FROM made WHERE id = 4");
	const struct outcome out = sync_all(place, 2);
	assert_true(out.plan.batches_staged > 10);
	assert_true(out.plan.batches_wanted >= 2 && out.plan.batches_wanted < 8);
	assert_same(place);
}

static void discards(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;

	make_odd(place);
	(void)stage_half(place, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->discard(replica, &err));
	nz_replica_close(&replica);
	assert_int_equal(sync_all(place, 1).plan.batches_staged, 2); /* the tables without rows */

	run_sql(place->source, "UPDATE composite SET v = v || '.'");
	const size_t staged = stage_half(place, 2);
	feed_open(&feed, place->source, 2);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	assert_int_equal(plan.batches_staged, staged + 2);
	MUST(replica->ops->discard(replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	assert_int_equal(plan.batches_staged, 2);
	nz_replica_close(&replica);
	feed_close(&feed);
	assert_int_equal(sync_all(place, 2).changed, 18000);
	assert_same(place);
}

/* A limit on the size of files stands for a disk that is full. */
static void no_room(void **state)
{
	const struct place *place = *state;
	int status = 0;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	run_sql(place->source, "UPDATE t SET v = v || hex(zeroblob(300))");
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit limit = {2 << 20, RLIM_INFINITY};
		struct nz_replica *replica = NULL;
		struct nz_replica_plan plan;
		struct nz_error err = {0};
		struct feed feed;
		size_t staged = 0;

		(void)signal(SIGXFSZ, SIG_IGN);
		feed_open(&feed, place->source, 2);
		MUST(nz_replica_open(place->uri, NULL, &replica, &err));
		MUST(feed_begin(&feed, replica, &plan, &err));
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(9);
		enum nz_status failed = feed_stage(&feed, replica, SIZE_MAX, &staged, &err);
		uint64_t changed = 0;
		if (failed == NZ_OK)
			failed = replica->ops->publish(replica, "[]", 1, &changed, &err);
		nz_replica_close(&replica);
		_exit(failed == NZ_IO ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(epoch_of(place), 1);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM t WHERE length(v) < 100"), 20000);
	(void)sync_all(place, 2);
	assert_same(place);
}

static void rows_that_break_a_constraint(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	struct feed_records records;
	uint64_t position = 0;
	size_t count = 0;

	make_numbers(place, 500);
	feed_open(&feed, place->source, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	feed_read(&feed, &feed.batches[0], &records);
	records.records[7] = nz_bytes_str("80\tdouble\t1");
	assert_int_equal(replica->ops->stage(replica, &feed.batches[0], records.records, records.count,
	                                     &err), NZ_DATABASE);
	assert_non_null(strstr(err.message, "80"));
	assert_non_null(strstr(err.message, "t"));
	/* All or nothing: it is wanted still, and can be staged. */
	MUST(replica->ops->next_wanted(replica, 0, &position, 1, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(position, 0);
	feed_records_clear(&records);
	nz_replica_close(&replica);
	feed_close(&feed);
	(void)sync_all(place, 1);
	assert_same(place);
}

static void hostile_schemas_are_refused(void **state)
{
	static const char *const bad[] = {
		"CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(a)",
		"CREATE TABLE _nz_checkpoint(id INTEGER PRIMARY KEY)",
		"ATTACH 'x.db' AS x",
		"PRAGMA user_version = 5",
		"CREATE TEMP TABLE t(id INTEGER PRIMARY KEY)",
		"CREATE VIRTUAL TABLE t USING fts5(id)",
		"DELETE FROM sqlite_master",
		"DROP TABLE _nz_staged",
		"SELECT 1",
		"SELECT 1 WHERE 0",
		"CREATE TABLE t AS SELECT 1 AS id, 2 AS v, 3 AS u",
		"CREATE TABLE another(id INTEGER PRIMARY KEY)",
		"ANALYZE",
		"",
	};
	const struct place *place = *state;

	make_numbers(place, 10);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nz_replica *replica = NULL;
		struct nz_error err = {0};
		struct feed feed;

		feed_open(&feed, place->source, 1);
		free(feed.schema->tables[0].ddl[0]);
		feed.schema->tables[0].ddl[0] = strdup(bad[i]);
		MUST(nz_replica_open(place->uri, NULL, &replica, &err));
		if (replica->ops->begin(replica, &feed.statement, feed.schema, &err) == NZ_OK) {
			print_error("taken: %s\n", bad[i]);
			fail();
		}
		nz_replica_close(&replica);
		assert_false(is_there(place, ""));
		feed_close(&feed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLICA_TEST(resumes_after_a_close),
		REPLICA_TEST(source_moves_between_runs),
		REPLICA_TEST(source_moves_twice_before_the_first_load),
		REPLICA_TEST(complete_and_moved),
		REPLICA_TEST(discards),
		REPLICA_TEST(no_room),
		REPLICA_TEST(rows_that_break_a_constraint),
		REPLICA_TEST(hostile_schemas_are_refused),
	};

	return cmocka_run_group_tests_name("replica_resume", tests, NULL, NULL);
}
