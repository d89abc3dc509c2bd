/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What staging costs over SQLite itself: rows put through the replica's operations, against a bare loop
 * of one prepared INSERT over values that are at hand, in one process on the same disk.
 *
 *   replica_load [ROWS [FOLDER]]       (3,000,000 rows of about 128 bytes; the working folder)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "replica/replica.h"

#define BATCH_ROWS 2000

/* Of processor time: nothing here waits for the disk but publishing, whose wall time is given. */
static double seconds_on(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds(void)
{
	return seconds_on(CLOCK_PROCESS_CPUTIME_ID);
}

static void must(bool good, const char *what, const char *why)
{
	if (good)
		return;
	(void)fprintf(stderr, "replica_load: %s: %s\n", what, why);
	exit(1);
}

struct row {
	int64_t id, amount;
	double price;
	char name[40], note[90];
};

static void make_row(int64_t i, struct row *row)
{
	const uint64_t mixed = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);

	row->id = i + 1;
	row->amount = (int64_t)(mixed % 100000);
	row->price = (double)(mixed % 10007) / 4.0;
	(void)snprintf(row->name, sizeof(row->name), "customer %016" PRIx64, mixed);
	(void)snprintf(row->note, sizeof(row->note), "ordered %" PRIu64 " pieces for delivery %016" PRIx64
	               " to the north gate", mixed % 97, ~mixed);
}

static const char ddl[] =
	"CREATE TABLE orders(id INTEGER PRIMARY KEY, amount INTEGER, price REAL, name TEXT, note TEXT)";

/* ---- the bare loop ---- */

static double bare(const char *path, int64_t rows)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	(void)unlink(path);
	const double start = seconds();
	must(sqlite3_open(path, &db) == SQLITE_OK, "bare", "open");
	must(sqlite3_exec(db, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF;"
	                      "PRAGMA cache_size = -16384", NULL, NULL, NULL) == SQLITE_OK, "bare", "set");
	must(sqlite3_exec(db, ddl, NULL, NULL, NULL) == SQLITE_OK, "bare", "create");
	must(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK, "bare", "begin");
	must(sqlite3_prepare_v2(db, "INSERT INTO orders VALUES (?, ?, ?, ?, ?)", -1, &stmt, NULL) ==
		     SQLITE_OK, "bare", "prepare");
	double making = 0;
	static struct row made[BATCH_ROWS];
	for (int64_t i = 0; i < rows; i++) {
		if (i % BATCH_ROWS == 0) {
			const double before = seconds();

			for (int64_t k = 0; k < BATCH_ROWS; k++)
				make_row(i + k, &made[k]);
			making += seconds() - before;
		}
		const struct row *row = &made[i % BATCH_ROWS];
		(void)sqlite3_bind_int64(stmt, 1, row->id);
		(void)sqlite3_bind_int64(stmt, 2, row->amount);
		(void)sqlite3_bind_double(stmt, 3, row->price);
		(void)sqlite3_bind_text(stmt, 4, row->name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(stmt, 5, row->note, -1, SQLITE_STATIC);
		must(sqlite3_step(stmt) == SQLITE_DONE, "bare", sqlite3_errmsg(db));
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "bare", "commit");
	must(sqlite3_close(db) == SQLITE_OK, "bare", "close");
	return seconds() - start - making;
}

/* ---- the replica ---- */

static struct nz_schema *make_schema(void)
{
	static const char json[] =
		"{\"engine\":\"sqlite\",\"sequences\":[],\"tables\":[{\"columns\":["
		"{\"kind\":\"int\",\"name\":\"id\",\"nullable\":false,\"type\":\"INTEGER\"},"
		"{\"kind\":\"int\",\"name\":\"amount\",\"nullable\":true,\"type\":\"INTEGER\"},"
		"{\"kind\":\"float8\",\"name\":\"price\",\"nullable\":true,\"type\":\"REAL\"},"
		"{\"kind\":\"text\",\"name\":\"name\",\"nullable\":true,\"type\":\"TEXT\"},"
		"{\"kind\":\"text\",\"name\":\"note\",\"nullable\":true,\"type\":\"TEXT\"}],"
		"\"ddl\":[\"CREATE TABLE orders(id INTEGER PRIMARY KEY, amount INTEGER, price REAL,"
		" name TEXT, note TEXT)\"],\"key\":[\"id\"],\"name\":\"orders\"}]}";
	struct nz_schema *schema = NULL;
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);

	must(nz_json_parse(nz_bytes_str(json), &nz_json_packet_limits, &doc, &err) == NZ_OK, "json",
	     err.message);
	must(nz_schema_from_json(nz_json_root(doc), &schema, &err) == NZ_OK, "schema", err.message);
	return schema;
}

static void make_record(const struct nz_table *table, int64_t i, struct nz_buffer *out)
{
	struct row row;

	make_row(i, &row);
	const struct nz_value values[] = {
		{.class_ = NZ_VALUE_INTEGER, .integer = row.id},
		{.class_ = NZ_VALUE_INTEGER, .integer = row.amount},
		{.class_ = NZ_VALUE_REAL, .real = row.price},
		{.class_ = NZ_VALUE_TEXT, .bytes = nz_bytes_str(row.name)},
		{.class_ = NZ_VALUE_TEXT, .bytes = nz_bytes_str(row.note)},
	};
	must(nz_record_encode(table, values, out) == NZ_OK, "encode", "failed");
}

struct load {
	struct nz_replica *replica;
	struct nz_schema *schema;
	int64_t rows;
	double making;
	uint64_t bytes;
};

/* Roots are the client's to check: here any 32 bytes that differ serve. */
static struct nz_batch batch_at(const struct load *load, uint64_t position, struct nz_buffer *key)
{
	const int64_t first = (int64_t)position * BATCH_ROWS;
	struct nz_batch batch = {.position = position};
	NZ_BUFFER(record);

	nz_buffer_reset(key);
	make_record(&load->schema->tables[0], first, &record);
	must(nz_record_key(&load->schema->tables[0], nz_buffer_bytes(&record), key) == NZ_OK, "key",
	     "failed");
	batch.ordinal = (uint64_t)first;
	batch.count = (uint32_t)(load->rows - first < BATCH_ROWS ? load->rows - first : BATCH_ROWS);
	batch.bytes = (uint64_t)batch.count * 128;
	batch.first_key = nz_buffer_bytes(key);
	memcpy(batch.root.bytes, &position, sizeof(position));
	return batch;
}

static void stage_one(struct load *load, uint64_t position, struct nz_error *err)
{
	static size_t ends[BATCH_ROWS + 1];
	static struct nz_bytes records[BATCH_ROWS];
	static struct nz_buffer bytes;
	NZ_BUFFER(key);

	const double before = seconds();
	const struct nz_batch batch = batch_at(load, position, &key);
	nz_buffer_reset(&bytes);
	for (size_t i = 0; i < batch.count; i++) {
		make_record(&load->schema->tables[0], (int64_t)(batch.ordinal + i), &bytes);
		ends[i + 1] = bytes.len;
	}
	for (size_t i = 0; i < batch.count; i++)
		records[i] = nz_bytes_of(bytes.ptr + ends[i], ends[i + 1] - ends[i]);
	load->bytes += bytes.len;
	load->making += seconds() - before;
	must(load->replica->ops->stage(load->replica, &batch, records, batch.count, err) == NZ_OK,
	     "stage", err->message);
}

static void replica(const char *path, int64_t rows, double *staging, double *publishing,
                    uint64_t *bytes)
{
	struct load load = {.rows = rows, .schema = make_schema()};
	struct nz_statement statement = {.epoch = 1, .encoding = NZ_ENCODING_TEXT, .name = "bench"};
	const uint64_t batches = (uint64_t)((rows + BATCH_ROWS - 1) / BATCH_ROWS);
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	uint64_t changed = 0;
	char uri[600];
	NZ_BUFFER(key);

	(void)snprintf(statement.platform, sizeof(statement.platform), "%064d", 0);
	(void)snprintf(statement.lineage, sizeof(statement.lineage), "%032d", 0);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s", path);
	(void)unlink(path);
	must(nz_replica_open(uri, NULL, &load.replica, &err) == NZ_OK, "open", err.message);
	const struct nz_replica_ops *ops = load.replica->ops;
	must(ops->begin(load.replica, &statement, load.schema, &err) == NZ_OK, "begin", err.message);
	for (uint64_t i = 0; i < batches; i++) {
		const struct nz_batch batch = batch_at(&load, i, &key);

		must(ops->manifest_add(load.replica, &batch, &err) == NZ_OK, "manifest", err.message);
	}
	must(ops->plan(load.replica, &plan, &err) == NZ_OK, "plan", err.message);
	const double start = seconds();
	for (uint64_t i = 0; i < batches; i++)
		stage_one(&load, i, &err);
	*staging = seconds() - start - load.making;
	const double middle = seconds_on(CLOCK_MONOTONIC);
	must(ops->publish(load.replica, "[]", 1, &changed, &err) == NZ_OK, "publish", err.message);
	*publishing = seconds_on(CLOCK_MONOTONIC) - middle;
	*bytes = load.bytes;
	nz_replica_close(&load.replica);
	nz_schema_free(&load.schema);
}

int main(int argc, char **argv)
{
	const int64_t rows = argc > 1 ? strtoll(argv[1], NULL, 10) : 3000000;
	const char *folder = argc > 2 ? argv[2] : ".";
	double staging = 0, publishing = 0;
	uint64_t bytes = 0;
	struct rusage usage;
	char first[500], second[500];

	must(rows > 0, "usage", "replica_load [ROWS [FOLDER]]");
	(void)snprintf(first, sizeof(first), "%s/bench-bare.db", folder);
	(void)snprintf(second, sizeof(second), "%s/bench-replica.db", folder);
	replica(second, rows, &staging, &publishing, &bytes);
	(void)getrusage(RUSAGE_SELF, &usage);
	const double loop = bare(first, rows);
	(void)unlink(first);
	(void)unlink(second);
	char work[510];
	(void)snprintf(work, sizeof(work), "%s-nz", second);
	(void)unlink(work);
	(void)printf("rows %" PRId64 ", bytes a row %.0f\n", rows, (double)bytes / (double)rows);
	(void)printf("bare insert loop   %.3f s\n", loop);
	(void)printf("staging            %.3f s   ratio %.2f\n", staging, staging / loop);
	(void)printf("publishing         %.3f s   (wall time, to the disk)\n", publishing);
	(void)printf("resident at most   %.1f MiB\n", (double)usage.ru_maxrss / 1024.0);
	return 0;
}
