/* SPDX-License-Identifier: Apache-2.0 */
/* New statements, repair of rows, and what a replica tells of itself. */
#include "replica_help.h"

static void restates(void **state)
{
	const struct place *place = *state;
	struct nz_checkpoint checkpoint = {0};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;
	bool unchanged = false;

	make_numbers(place, 3000);
	(void)sync_all(place, 1);
	feed_open(&feed, place->source, 5);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->restate(replica, &feed.statement, "[\"BB==\"]", 77, &err));
	MUST(replica->ops->checkpoint(replica, &checkpoint, &err));
	assert_int_equal(checkpoint.statement.epoch, 5);
	assert_int_equal(checkpoint.synced_at, 77);
	assert_string_equal(checkpoint.certificate, "[\"BB==\"]");
	nz_checkpoint_clear(&checkpoint);
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_true(unchanged);
	feed.statement.merkle_root.bytes[0] ^= 1;
	assert_int_equal(replica->ops->restate(replica, &feed.statement, "[]", 78, &err), NZ_INVALID);
	nz_replica_close(&replica);
	/* A new date does not make rows verified that somebody wrote. */
	run_sql(place->replica, "UPDATE t SET v = 'x' WHERE id = 10");
	feed.statement.merkle_root.bytes[0] ^= 1;
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->restate(replica, &feed.statement, "[]", 79, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_false(unchanged);
	nz_replica_close(&replica);
	feed_close(&feed);
}

struct found {
	bool there;
	int64_t rowid;
	struct nz_buffer record;
};

static void find_row(struct nz_replica *replica, const struct nz_schema *schema, size_t table,
                     const char *prefix, struct found *out)
{
	struct nz_scan *scan = NULL;
	struct nz_error err = {0};
	struct nz_row row;

	*out = (struct found){0};
	MUST(replica->ops->scan(replica, schema, table, NULL, &scan, &err));
	while (replica->ops->scan_ops.next(scan, &row, &err) == NZ_OK) {
		if (row.record.len < strlen(prefix) ||
		    memcmp(row.record.ptr, prefix, strlen(prefix)) != 0)
			continue;
		out->there = true;
		out->rowid = row.rowid;
		assert_int_equal(nz_buffer_append(&out->record, row.record.ptr, row.record.len), NZ_OK);
		break;
	}
	replica->ops->scan_ops.free(&scan);
}

static void repairs_rows(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_schema *schema = NULL;
	struct nz_error err = {0};
	struct found found;
	bool unchanged = false;

	run_sql(place->source, "CREATE TABLE a(x INTEGER, y TEXT); INSERT INTO a VALUES (1, 'one'),"
	                       " (2, 'two'), (2, 'two');"
	                       "CREATE TABLE b(k TEXT PRIMARY KEY, u INTEGER UNIQUE) WITHOUT ROWID;"
	                       "INSERT INTO b VALUES ('p', 1), ('q', 2)");
	(void)sync_all(place, 1);
	run_sql(place->replica, "UPDATE a SET y = 'ONE' WHERE x = 1; UPDATE b SET u = 0 WHERE k = 'p';"
	                        "UPDATE b SET u = 1 WHERE k = 'q'");
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->read_begin(replica, &err));
	MUST(replica->ops->schema(replica, &schema, &err));
	find_row(replica, schema, 0, "1\tONE", &found);
	assert_true(found.there);
	replica->ops->read_end(replica);

	MUST(replica->ops->repair_begin(replica, &err));
	MUST(replica->ops->repair_put(replica, 0, nz_bytes_str("1\tone"), &err));
	MUST(replica->ops->repair_remove(replica, 0, found.rowid, nz_buffer_bytes(&found.record), &err));
	MUST(replica->ops->repair_end(replica, false, &err));
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM a WHERE y = 'ONE'"), 1);

	MUST(replica->ops->repair_begin(replica, &err));
	MUST(replica->ops->repair_put(replica, 0, nz_bytes_str("1\tone"), &err));
	MUST(replica->ops->repair_remove(replica, 0, found.rowid, nz_buffer_bytes(&found.record), &err));
	MUST(replica->ops->repair_put(replica, 1, nz_bytes_str("p\t1"), &err));
	MUST(replica->ops->repair_put(replica, 1, nz_bytes_str("q\t2"), &err));
	MUST(replica->ops->repair_remove(replica, 1, 0, nz_bytes_str("p\t0"), &err));
	MUST(replica->ops->repair_remove(replica, 1, 0, nz_bytes_str("q\t1"), &err));
	MUST(replica->ops->repair_end(replica, true, &err));
	nz_buffer_clear(&found.record);

	/* A row that is not there: nothing of the repair happens. */
	MUST(replica->ops->repair_begin(replica, &err));
	MUST(replica->ops->repair_put(replica, 0, nz_bytes_str("9\tnine"), &err));
	MUST(replica->ops->repair_remove(replica, 0, 12345, nz_bytes_str("1\tone"), &err));
	assert_int_equal(replica->ops->repair_end(replica, true, &err), NZ_NOT_FOUND);

	MUST(replica->ops->read_begin(replica, &err));
	replica->ops->read_end(replica);
	MUST(replica->ops->mark_verified(replica, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_true(unchanged);
	/* Rows that were read a while ago are not addressed after somebody else wrote. */
	run_sql(place->replica, "UPDATE a SET x = 3 WHERE x = 99; INSERT INTO a VALUES (7, 'seven')");
	assert_int_equal(replica->ops->repair_begin(replica, &err), NZ_BUSY);
	MUST(replica->ops->mark_verified(replica, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_false(unchanged);
	nz_replica_close(&replica);
	nz_schema_free(&schema);
	run_sql(place->replica, "DELETE FROM a WHERE x = 7");
	assert_same(place);
}

static enum nz_status count_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct nz_batch *last = context;

	if (batch->table == last->table && batch->position > 0 && last->position + 1 == batch->position &&
	    last->count > 0 && batch->ordinal != last->ordinal + last->count)
		return nz_fail(err, NZ_MISMATCH, "ordinal");
	*last = *batch;
	last->first_key = nz_bytes_of(NULL, 0);
	return NZ_OK;
}

static void lists_its_batches(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;

	make_odd(place);
	(void)sync_all(place, 1);
	feed_open(&feed, place->source, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	for (size_t from = 0; from < feed.count; from++) {
		struct nz_batch last = {0};

		MUST(replica->ops->batches(replica, from, 1, count_batch, &last, &err));
		assert_int_equal(last.position, from);
		assert_int_equal(last.ordinal, feed.batches[from].ordinal);
		assert_int_equal(last.count, feed.batches[from].count);
		assert_memory_equal(&last.root, &feed.batches[from].root, sizeof(last.root));
		MUST(replica->ops->batches(replica, from, UINT64_MAX, count_batch, &last, &err));
		assert_int_equal(last.position, feed.count - 1);
	}
	nz_replica_close(&replica);
	feed_close(&feed);
}

static void remembers_the_last_error(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	int64_t at = -1;
	NZ_BUFFER(message);

	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->last_error(replica, &at, &message, &err));
	assert_int_equal(at, 0);
	assert_int_equal(message.len, 0);
	MUST(replica->ops->note_error(replica, 42, "the platform is away", &err));
	nz_replica_close(&replica);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->last_error(replica, &at, &message, &err));
	assert_int_equal(at, 42);
	assert_string_equal(nz_buffer_cstr(&message), "the platform is away");
	MUST(replica->ops->note_error(replica, 43, "", &err));
	MUST(replica->ops->last_error(replica, &at, &message, &err));
	assert_int_equal(message.len, 0);
	nz_replica_close(&replica);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLICA_TEST(restates),
		REPLICA_TEST(repairs_rows),
		REPLICA_TEST(lists_its_batches),
		REPLICA_TEST(remembers_the_last_error),
	};

	return cmocka_run_group_tests_name("replica_repair", tests, NULL, NULL);
}
