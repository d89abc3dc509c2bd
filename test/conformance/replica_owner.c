/* SPDX-License-Identifier: Apache-2.0 */
/* A replica with other readers and writers, and with things that are its owner's. */
#include "replica_help.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct reader {
	sqlite3 *db;
	sqlite3_stmt *stmt;
};

static struct reader reader_open(const char *path, const char *sql)
{
	struct reader reader = {0};

	assert_int_equal(sqlite3_open_v2(path, &reader.db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader.db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(reader.db, sql, -1, &reader.stmt, NULL), SQLITE_OK);
	return reader;
}

static int64_t reader_ask(struct reader *reader)
{
	assert_int_equal(sqlite3_step(reader->stmt), SQLITE_ROW);
	const int64_t value = sqlite3_column_int64(reader->stmt, 0);
	assert_int_equal(sqlite3_reset(reader->stmt), SQLITE_OK);
	return value;
}

static void reader_close(struct reader *reader)
{
	assert_int_equal(sqlite3_finalize(reader->stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(reader->db), SQLITE_OK);
}

static void readers_see_the_old_or_the_new(void **state)
{
	const struct place *place = *state;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	struct reader reader = reader_open(place->replica, "SELECT count(*) FROM t WHERE v = 'new'");
	assert_int_equal(reader_ask(&reader), 0);
	run_sql(place->source, "UPDATE t SET v = 'new' WHERE id % 30 = 0");
	(void)sync_all(place, 2);
	assert_int_equal(reader_ask(&reader), 0);
	assert_int_equal(sqlite3_exec(reader.db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(reader_ask(&reader), 6666);
	reader_close(&reader);
	/* Whoever closes last folds the WAL in, which looks like a write: the rows are read once more. */
	assert_int_equal(sync_all(place, 3).plan.batches_wanted, 0);
	assert_true(is_unchanged(place));
	assert_same(place);
}

static void another_schema(void **state)
{
	const struct place *place = *state;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	struct reader reader = reader_open(place->replica, "SELECT count(*) FROM t");
	assert_int_equal(reader_ask(&reader), 20000);
	run_sql(place->source, "ALTER TABLE t ADD COLUMN w TEXT DEFAULT 'd'; CREATE TABLE s(a, b);"
	                       "INSERT INTO s VALUES (1, 2), (1, 2); DELETE FROM t WHERE id < 100");
	assert_true(sync_all(place, 2).plan.rebuild);
	assert_int_equal(reader_ask(&reader), 20000);
	assert_int_equal(sqlite3_exec(reader.db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(reader_ask(&reader), 19991);
	reader_close(&reader);
	assert_same(place);
	assert_false(sync_all(place, 3).plan.rebuild);
}

static void keeps_the_owners_journal_mode(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	uint64_t changed = 0;

	make_numbers(place, 3000);
	(void)sync_all(place, 1);
	assert_int_equal(ask(place->replica, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	run_sql(place->replica, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM");
	run_sql(place->source, "UPDATE t SET v = 'b' WHERE id = 50");
	(void)sync_all(place, 2);
	run_sql(place->source, "CREATE INDEX late ON t(v)");
	/* A reader stands in the way there: said so, and what was received is kept. */
	(void)open_and_stage(place, 3, SIZE_MAX, &feed, &replica, &plan);
	struct reader reader = reader_open(place->replica, "SELECT count(*) FROM t");
	assert_int_equal(reader_ask(&reader), 3000);
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_BUSY);
	reader_close(&reader);
	assert_int_equal(epoch_of(place), 2);
	MUST(replica->ops->publish(replica, "[]", 1, &changed, &err));
	nz_replica_close(&replica);
	feed_close(&feed);
	assert_same(place);
	assert_int_equal(ask(place->replica, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"),
	                 1);
	assert_int_equal(ask(place->replica, "PRAGMA page_size"), 8192);
}

static void tampering_is_healed(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	assert_true(is_unchanged(place));
	run_sql(place->replica,
	        "UPDATE made SET w = 100 WHERE id = 5; DELETE FROM pairs WHERE a = 4 AND b = 'b9';"
	        "UPDATE composite SET v = x'00' WHERE b = 77; INSERT INTO keyless VALUES (5, 'same');"
	        "INSERT INTO barren VALUES ('12', 'extra'); UPDATE textkey SET v = 'text' WHERE v = 9;"
	        "DELETE FROM sqlite_sequence");
	assert_false(is_unchanged(place));
	const struct outcome out = sync_all(place, 1);
	assert_false(out.plan.rebuild);
	assert_int_equal(out.changed, 9);
	assert_same(place);
	/* Without its work file the rows are read, found right, and trusted again. */
	char work[200];
	(void)snprintf(work, sizeof(work), "%s-nz", place->replica);
	assert_int_equal(unlink(work), 0);
	assert_false(is_unchanged(place));
	assert_int_equal(sync_all(place, 1).changed, 0);
	assert_true(is_unchanged(place));
}

static void damaged_schema_is_made_anew(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};

	make_odd(place);
	(void)sync_all(place, 1);
	run_sql(place->replica, "DROP TRIGGER zeta_log; DROP TABLE made");
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->read_begin(replica, &err));
	assert_int_equal(replica->ops->schema_check(replica, &err), NZ_MISMATCH);
	assert_non_null(strstr(err.message, "made"));
	replica->ops->read_end(replica);
	nz_replica_close(&replica);
	assert_true(sync_all(place, 2).plan.rebuild);
	assert_same(place);
	run_sql(place->replica, "ALTER TABLE pairs ADD COLUMN z");
	assert_true(sync_all(place, 3).plan.rebuild);
	assert_same(place);
}

static void owners_objects_stay(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;

	make_numbers(place, 5000);
	(void)sync_all(place, 1);
	run_sql(place->replica, "CREATE TABLE own_notes(id INTEGER PRIMARY KEY AUTOINCREMENT, t);"
	                        "INSERT INTO own_notes(t) VALUES ('a'), ('b');"
	                        "CREATE INDEX own_index ON t(v);"
	                        "CREATE TRIGGER own_trigger AFTER DELETE ON t BEGIN"
	                        " DELETE FROM own_notes; END");
	run_sql(place->source, "DELETE FROM t WHERE id = 100; UPDATE t SET v = 'z' WHERE id = 200");
	assert_int_equal(sync_all(place, 2).changed, 3);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM own_notes"), 2);
	assert_int_equal(ask(place->replica, "SELECT seq FROM sqlite_sequence WHERE name = 'own_notes'"),
	                 2);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM t INDEXED BY own_index WHERE v = 'z'"),
	                 1);
	/* Another schema would cost them. */
	run_sql(place->source, "ALTER TABLE t ADD COLUMN more");
	feed_open(&feed, place->source, 3);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	assert_int_equal(replica->ops->begin(replica, &feed.statement, feed.schema, &err), NZ_REFUSED);
	assert_non_null(strstr(err.message, "own_notes"));
	assert_non_null(strstr(err.message, "own_index"));
	nz_replica_close(&replica);
	assert_int_equal(epoch_of(place), 2);
	run_sql(place->replica, "DROP TABLE own_notes; DROP INDEX own_index; DROP TRIGGER own_trigger");
	feed_close(&feed);
	assert_true(sync_all(place, 3).plan.rebuild);
	assert_same(place);
}

static void writing_during_a_sync(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	uint64_t changed = 0;

	make_numbers(place, 9000);
	(void)sync_all(place, 1);
	run_sql(place->source, "UPDATE t SET v = 'b' WHERE id = 50");
	(void)open_and_stage(place, 2, SIZE_MAX, &feed, &replica, &plan);
	run_sql(place->replica, "UPDATE t SET v = 'mine' WHERE id = 80000");
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_BUSY);
	MUST(feed_begin(&feed, replica, &plan, &err));
	assert_int_equal(plan.batches_staged, 1);
	assert_int_equal(plan.batches_wanted, 1);
	nz_replica_close(&replica);
	feed_close(&feed);
	(void)sync_all(place, 2);
	assert_same(place);
}

static void others_are_refused(void **state)
{
	const struct place *place = *state;
	const struct nz_replica_options reading = {.read_only = true};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	char uri[200];

	assert_int_equal(nz_replica_open(place->uri, &reading, &replica, &err), NZ_NOT_FOUND);
	run_sql(place->replica, "CREATE TABLE mine(a); INSERT INTO mine VALUES (7)");
	assert_int_equal(nz_replica_open(place->uri, NULL, &replica, &err), NZ_REFUSED);
	assert_non_null(strstr(err.message, "mine"));
	assert_int_equal(ask(place->replica, "SELECT a FROM mine"), 7);
	assert_false(is_there(place, "-nz-lock"));
	FILE *file = fopen(place->replica, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		(void)fputs("no database\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(nz_replica_open(place->uri, NULL, &replica, &err), NZ_DATABASE);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s", place->folder);
	assert_int_equal(nz_replica_open(uri, NULL, &replica, &err), NZ_REFUSED);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s/no/such.db", place->folder);
	assert_int_equal(nz_replica_open(uri, NULL, &replica, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_replica_open("mysql://u:secret@h/d", NULL, &replica, &err), NZ_INVALID);
	assert_null(strstr(err.message, "secret"));
	assert_null(replica);
}

static void one_sync_at_a_time(void **state)
{
	const struct place *place = *state;
	struct nz_replica *first = NULL, *second = NULL;
	struct nz_error err = {0};

	MUST(nz_replica_open(place->uri, NULL, &first, &err));
	assert_int_equal(nz_replica_open(place->uri, NULL, &second, &err), NZ_BUSY);
	assert_non_null(strstr(err.message, "another nz sync"));
	nz_replica_close(&first);
	MUST(nz_replica_open(place->uri, NULL, &second, &err));
	nz_replica_close(&second);
	/* Opening alone makes nothing. */
	assert_false(is_there(place, ""));
	assert_false(is_there(place, "-nz"));
}

static void locked_replica(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	sqlite3 *writer = NULL;
	struct feed feed;
	uint64_t changed = 0;

	make_numbers(place, 3000);
	(void)sync_all(place, 1);
	run_sql(place->source, "DELETE FROM t WHERE id = 50");
	(void)open_and_stage(place, 2, SIZE_MAX, &feed, &replica, &plan);
	assert_int_equal(sqlite3_open(place->replica, &writer), SQLITE_OK);
	assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_BUSY);
	assert_int_equal(sqlite3_close(writer), SQLITE_OK);
	MUST(replica->ops->publish(replica, "[]", 1, &changed, &err));
	assert_int_equal(changed, 1);
	nz_replica_close(&replica);
	feed_close(&feed);
	assert_same(place);
}

/* Rights do not bind root, so somebody else tries. */
static void without_rights(void **state)
{
	const struct place *place = *state;
	int status = 0;

	make_numbers(place, 1000);
	(void)sync_all(place, 1);
	assert_int_equal(chmod(place->folder, 0755), 0);
	assert_int_equal(chmod(place->replica, 0444), 0);
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct nz_replica *replica = NULL;
		struct nz_error err = {0};

		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(9);
		if (nz_replica_open(place->uri, NULL, &replica, &err) != NZ_REFUSED ||
		    strstr(err.message, "read-only") == NULL)
			_exit(1);
		char missing[200];
		(void)snprintf(missing, sizeof(missing), "sqlite:%s/other.db", place->folder);
		if (geteuid() == 65534 && nz_replica_open(missing, NULL, &replica, &err) != NZ_REFUSED)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLICA_TEST(readers_see_the_old_or_the_new),
		REPLICA_TEST(another_schema),
		REPLICA_TEST(keeps_the_owners_journal_mode),
		REPLICA_TEST(tampering_is_healed),
		REPLICA_TEST(damaged_schema_is_made_anew),
		REPLICA_TEST(owners_objects_stay),
		REPLICA_TEST(writing_during_a_sync),
		REPLICA_TEST(others_are_refused),
		REPLICA_TEST(one_sync_at_a_time),
		REPLICA_TEST(locked_replica),
		REPLICA_TEST(without_rights),
	};

	return cmocka_run_group_tests_name("replica_owner", tests, NULL, NULL);
}
