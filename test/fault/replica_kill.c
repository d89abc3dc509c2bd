/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that changes a source and syncs it into a replica, over and over, is killed with SIGKILL at
 * random moments. After every kill the replica must hold exactly one of the epochs that were on their
 * way to it: its rows give the root that its checkpoint states, and that root was announced. Now and
 * then the schema changes, the replica is lost, or its work file is. The same without room on the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <nz/clock.h>

#include "../conformance/replica_feed.h"

#define KILLS 100
#define LONGEST_LIFE_MS 350
#define BUDGET_MS 60000 /* on a slow machine there are fewer kills */

static char folder[64], source[128], replica_path[128], uri[160], journal[128];

/* What is announced before it is published. */
struct announced {
	int64_t epoch;
	struct nz_hash root;
};

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *why = NULL;

	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
		(void)fprintf(stderr, "%s: %s: %.200s\n", path, why != NULL ? why : "", sql);
		abort();
	}
	(void)sqlite3_close(db);
}

static void make_source(void)
{
	run_sql(source,
	        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
	        "CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, n INTEGER UNIQUE);"
	        "CREATE INDEX items_name ON items(name);"
	        "CREATE TABLE tags(a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID;"
	        "CREATE TABLE bag(x, y);"
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
	        " INSERT INTO items SELECT i, 'item number ' || i, i FROM n;"
	        "INSERT INTO tags SELECT 'tag' || (n % 7), n, name FROM items WHERE n < 4000;"
	        "INSERT INTO bag SELECT n % 50, 'same' FROM items WHERE n < 4000");
}

static void change_source(unsigned salt)
{
	char sql[900];

	(void)snprintf(sql, sizeof(sql),
	               "PRAGMA synchronous = OFF; BEGIN;"
	               "UPDATE items SET name = name || '.' WHERE id %% 701 = %u;"
	               "UPDATE items SET n = -n WHERE id %% 997 = %u;"
	               "DELETE FROM items WHERE id %% 1511 = %u; INSERT INTO items(name) VALUES ('new %u');"
	               "DELETE FROM tags WHERE b %% 811 = %u;"
	               "INSERT OR IGNORE INTO tags VALUES ('t%u', %u, 1.5);"
	               "DELETE FROM bag WHERE rowid %% 1201 = %u; INSERT INTO bag VALUES (%u, 'same');"
	               "COMMIT", salt % 701, salt % 997, salt % 1511, salt, salt % 811, salt % 5, salt,
	               salt % 1201, salt % 50);
	run_sql(source, sql);
	if (salt % 6 == 0)
		run_sql(source, "DROP INDEX IF EXISTS other; CREATE INDEX other ON items(n, name)");
	else if (salt % 6 == 3)
		run_sql(source, "DROP INDEX IF EXISTS other");
}

static void announce(const struct nz_statement *statement)
{
	const struct announced line = {statement->epoch, statement->merkle_root};
	const int fd = open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, &line, sizeof(line)) != (ssize_t)sizeof(line) || close(fd) != 0)
		abort();
}

static bool was_announced(int64_t epoch, const struct nz_hash *root)
{
	const int fd = open(journal, O_RDONLY | O_CLOEXEC);
	struct announced line;
	bool found = false;

	assert_true(fd >= 0);
	while (!found && read(fd, &line, sizeof(line)) == (ssize_t)sizeof(line))
		found = line.epoch == epoch && memcmp(&line.root, root, sizeof(*root)) == 0;
	(void)close(fd);
	return found;
}

/* The epoch that the replica states, 0 for none, and the root of it. */
static int64_t replica_epoch(struct nz_hash *root)
{
	const struct nz_replica_options options = {.read_only = true};
	struct nz_checkpoint checkpoint = {0};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};

	const enum nz_status status = nz_replica_open(uri, &options, &replica, &err);
	if (status == NZ_NOT_FOUND)
		return 0;
	MUST(status);
	MUST(replica->ops->checkpoint(replica, &checkpoint, &err));
	const int64_t epoch = checkpoint.statement.epoch;
	*root = checkpoint.statement.merkle_root;
	nz_checkpoint_clear(&checkpoint);
	nz_replica_close(&replica);
	return epoch;
}

static enum nz_status sync_replica(struct feed *feed, struct nz_replica *replica,
                                   struct nz_error *err)
{
	struct nz_replica_plan plan;
	uint64_t changed = 0;
	size_t staged = 0;

	NZ_TRY(feed_begin(feed, replica, &plan, err));
	NZ_TRY(feed_stage(feed, replica, SIZE_MAX, &staged, err));
	announce(&feed->statement);
	return replica->ops->publish(replica, "[]", 1, &changed, err);
}

static void sync_once(int64_t epoch)
{
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;

	feed_open(&feed, source, epoch);
	MUST(nz_replica_open(uri, NULL, &replica, &err));
	MUST(sync_replica(&feed, replica, &err));
	nz_replica_close(&replica);
	feed_close(&feed);
}

static _Noreturn void child(unsigned salt)
{
	struct nz_hash root;

	for (unsigned i = 0;; i++) {
		change_source(salt + i * 7919);
		sync_once(replica_epoch(&root) + 1);
	}
}

static void sleep_ms(unsigned ms)
{
	const struct timespec span = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&span, NULL);
}

static off_t journal_size(void)
{
	struct stat st;

	return stat(journal, &st) == 0 ? st.st_size : 0;
}

/* Every other time until just after an announcement: publishing is where it is delicate. */
static void wait_for_the_moment(unsigned kill_number, unsigned *seed)
{
	const off_t before = journal_size();

	if (kill_number % 2 == 0) {
		sleep_ms(1 + (unsigned)rand_r(seed) % LONGEST_LIFE_MS);
		return;
	}
	for (int i = 0; i < 2000 && journal_size() == before; i++)
		sleep_ms(1);
	const struct timespec span = {0, (long)((unsigned)rand_r(seed) % 25000u) * 1000};
	(void)nanosleep(&span, NULL);
}

/* Waits for the child's end, and says whether it was by our signal. */
static bool kill_child(pid_t pid)
{
	int status = 0;

	assert_int_equal(kill(pid, SIGKILL), 0);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void unlink_beside(const char *suffix)
{
	char name[200];

	(void)snprintf(name, sizeof(name), "%s%s", replica_path, suffix);
	(void)unlink(name);
}

static void lose_something(unsigned salt)
{
	if (salt % 10 == 4) {
		unlink_beside("");
		unlink_beside("-wal");
		unlink_beside("-shm");
	} else if (salt % 10 == 7) {
		unlink_beside("-nz");
		unlink_beside("-nz-journal");
	}
}

static void always_a_published_epoch(void **state)
{
	const int64_t until = nz_clock_monotonic_ms() + BUDGET_MS;
	unsigned seed = 20240917, kills = 0;
	struct nz_hash stated, held;
	int64_t last = 0;

	(void)state;
	for (; kills < KILLS && nz_clock_monotonic_ms() < until; kills++) {
		const unsigned salt = (unsigned)rand_r(&seed);
		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			child(salt);
		wait_for_the_moment(kills, &seed);
		assert_true(kill_child(pid));
		const int64_t epoch = replica_epoch(&stated);
		assert_true(epoch >= last);
		if (epoch > 0) {
			feed_replica_root(uri, &held);
			assert_memory_equal(&held, &stated, sizeof(held));
			assert_true(was_announced(epoch, &held));
		}
		lose_something(salt);
		last = salt % 10 == 4 ? 0 : epoch;
	}
	print_message("killed %u times, last epoch %lld\n", kills, (long long)last);
	assert_true(kills >= 20);
	/* And it goes on from there. */
	sync_once(last + 1);
	assert_int_equal(replica_epoch(&stated), last + 1);
	feed_replica_root(uri, &held);
	assert_memory_equal(&held, &stated, sizeof(held));
}

/* One sync while no file may grow past the limit: 0 done, 1 an honest failure, else a wrong one. */
static _Noreturn void child_with_limit(int64_t epoch, rlim_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;

	(void)signal(SIGXFSZ, SIG_IGN);
	feed_open(&feed, source, epoch);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(9);
	enum nz_status status = nz_replica_open(uri, NULL, &replica, &err);
	if (status == NZ_OK)
		status = sync_replica(&feed, replica, &err);
	nz_replica_close(&replica);
	if (status != NZ_OK && status != NZ_IO)
		(void)fprintf(stderr, "limit %llu: %s: %s\n", (unsigned long long)bytes,
		              nz_status_name(status), err.message);
	_exit(status == NZ_OK ? 0 : status == NZ_IO ? 1 : 2);
}

/* For a first load, an amended replica and one made anew. */
static void no_room_at_any_size(void **state)
{
	unsigned failures = 0, salt = 0;
	struct nz_hash stated, held;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (rlim_t bytes = 1000; bytes < ((rlim_t)4 << 20); bytes = bytes * 5 / 4) {
			if (round == 0)
				lose_something(4);
			const int64_t before = replica_epoch(&stated);
			int status = 0;

			run_sql(source, round == 2 ? "DROP INDEX IF EXISTS other; CREATE INDEX other ON"
			                             " items(n, name)"
			                           : "SELECT 1");
			change_source(1 + 6 * salt++);
			const pid_t pid = fork();
			assert_true(pid >= 0);
			if (pid == 0)
				child_with_limit(before + 1, bytes);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
			const int64_t epoch = replica_epoch(&stated);
			assert_int_equal(epoch, WEXITSTATUS(status) == 0 ? before + 1 : before);
			failures += WEXITSTATUS(status) == 1 ? 1 : 0;
			if (epoch > 0) {
				feed_replica_root(uri, &held);
				assert_memory_equal(&held, &stated, sizeof(held));
			}
		}
	}
	assert_true(failures > 20);
	sync_once(replica_epoch(&stated) + 1);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/nz-kill-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(source, sizeof(source), "%s/source.db", folder);
	(void)snprintf(replica_path, sizeof(replica_path), "%s/replica.db", folder);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s", replica_path);
	(void)snprintf(journal, sizeof(journal), "%s/announced", folder);
	make_source();
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"source.db", "source.db-wal", "source.db-shm", "replica.db",
	                                    "replica.db-wal", "replica.db-shm", "replica.db-nz",
	                                    "replica.db-nz-journal", "replica.db-nz-lock",
	                                    "replica.db-nz-new", "replica.db-nz-new-journal",
	                                    "announced"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[200];

		(void)snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
		(void)unlink(name);
	}
	(void)rmdir(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(always_a_published_epoch, setup, teardown),
		cmocka_unit_test_setup_teardown(no_room_at_any_size, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
