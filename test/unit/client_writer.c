/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's thread: order, bounds, failures, and who has the replica when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "client/writer.h"

/* A replica that counts. */
struct counting {
	struct nz_replica base;
	uint64_t staged, expected_position;
	bool in_order, busy, overlapped;
	uint64_t fails_at; /* this many stagings in; 0: never */
	long delay_ns;
};

static enum nz_status stage(struct nz_replica *replica, const struct nz_batch *batch,
			    const struct nz_bytes *records, size_t count, struct nz_error *err)
{
	struct counting *c = (struct counting *)(void *)replica;
	const struct timespec delay = {.tv_nsec = c->delay_ns};

	c->overlapped = c->overlapped || c->busy;
	c->busy = true;
	c->in_order =
	    c->in_order && batch->position == c->expected_position && count == batch->count;
	c->expected_position++;
	for (size_t i = 0; i < count; i++)
		c->in_order =
		    c->in_order && records[i].len == 10 && records[i].ptr[9] == (uint8_t)i;
	c->in_order =
	    c->in_order && batch->first_key.len == 3 && memcmp(batch->first_key.ptr, "key", 3) == 0;
	(void)nanosleep(&delay, NULL);
	c->busy = false;
	if (++c->staged == c->fails_at)
		return nz_fail(err, NZ_IO, "the disk is full");
	return NZ_OK;
}

static struct nz_replica_ops ops = {.stage = stage};

static struct counting counting(void)
{
	return (struct counting){.base = {.ops = &ops}, .in_order = true};
}

static void fill(struct nz_writer_batch *batch)
{
	for (uint32_t i = 0; i < batch->entry.count; i++) {
		uint8_t *at = batch->arena.ptr + batch->arena.len;

		memset(at, (int)i & 0xff, 10);
		batch->arena.len += 10;
		batch->records[batch->count++] = nz_bytes_of(at, 10);
	}
}

static enum nz_status put(struct nz_writer *w, uint64_t position, uint32_t count,
			  struct nz_error *err)
{
	char key[] = "key";
	const struct nz_batch entry = {.position = position,
				       .count = count,
				       .bytes = 10 * (uint64_t)count,
				       .first_key = nz_bytes_str(key)};
	struct nz_writer_batch *batch = NULL;

	NZ_TRY(nz_writer_get(w, &entry, &batch, err));
	memset(key, 'x', 3); /* the writer has a copy of its own */
	fill(batch);
	nz_writer_put(w, &batch);
	assert_null(batch);
	return NZ_OK;
}

static void in_order(void **state)
{
	struct counting c = counting();
	struct nz_writer *w = NULL;

	(void)state;
	assert_int_equal(nz_writer_start(&c.base, &w, NULL), NZ_OK);
	for (uint64_t i = 0; i < 500; i++)
		assert_int_equal(put(w, i, (uint32_t)(i * 37 % 256), NULL), NZ_OK);
	assert_int_equal(nz_writer_sync(w, NULL), NZ_OK);
	assert_int_equal(nz_writer_staged(w), 500);
	assert_true(c.in_order);
	nz_writer_free(&w);
	assert_null(w);
}

static void free_stages_what_waits(void **state)
{
	struct counting c = counting();
	struct nz_writer *w = NULL;

	(void)state;
	c.delay_ns = 1000000;
	assert_int_equal(nz_writer_start(&c.base, &w, NULL), NZ_OK);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(put(w, i, 5, NULL), NZ_OK);
	nz_writer_free(&w);
	assert_int_equal(c.staged, 20);
	assert_true(c.in_order);
}

static void failure_is_kept(void **state)
{
	struct counting c = counting();
	struct nz_writer *w = NULL;
	struct nz_error err = {0};
	uint64_t position = 0;
	enum nz_status status;

	(void)state;
	c.fails_at = 3;
	assert_int_equal(nz_writer_start(&c.base, &w, NULL), NZ_OK);
	do
		status = put(w, position++, 5, &err);
	while (status == NZ_OK && position < 1000 &&
	       (position < 10 || nz_writer_sync(w, &err) == NZ_OK));
	assert_int_equal(nz_writer_sync(w, &err), NZ_IO);
	assert_string_equal(err.message, "the disk is full");
	assert_int_equal(put(w, position, 5, &err), NZ_IO);
	assert_int_equal(c.staged, 3); /* and nothing after a failure */
	assert_int_equal(nz_writer_staged(w), 2);
	nz_writer_free(&w);
}

static void hold_keeps_it_away(void **state)
{
	struct counting c = counting();
	struct nz_writer *w = NULL;

	(void)state;
	c.delay_ns = 200000;
	assert_int_equal(nz_writer_start(&c.base, &w, NULL), NZ_OK);
	for (uint64_t i = 0; i < 200; i++) {
		assert_int_equal(put(w, i, 20, NULL), NZ_OK);
		if (i % 10 != 0)
			continue;
		nz_writer_hold(w);
		c.overlapped = c.overlapped || c.busy;
		c.busy = true; /* the caller's own use of the replica */
		const struct timespec delay = {.tv_nsec = 300000};
		(void)nanosleep(&delay, NULL);
		c.busy = false;
		nz_writer_release(w);
	}
	assert_int_equal(nz_writer_sync(w, NULL), NZ_OK);
	assert_false(c.overlapped);
	assert_true(c.in_order);
	nz_writer_free(&w);
}

static void large_batches_go_one_by_one(void **state)
{
	struct counting c = counting();
	struct nz_writer *w = NULL;
	const struct nz_batch large = {.position = 1,
				       .count = 1,
				       .bytes = NZ_WRITER_QUEUE_BYTES * 2,
				       .first_key = nz_bytes_str("key")};
	struct nz_writer_batch *batch = NULL;

	(void)state;
	c.delay_ns = 20000000;
	assert_int_equal(nz_writer_start(&c.base, &w, NULL), NZ_OK);
	assert_int_equal(put(w, 0, 5, NULL), NZ_OK);
	assert_int_equal(nz_writer_get(w, &large, &batch, NULL),
			 NZ_OK); /* once the first is staged */
	assert_int_equal(nz_writer_staged(w), 1);
	assert_true(batch->arena.cap >= large.bytes);
	assert_true(batch->arena.cap <= large.bytes + 4096); /* not by doubling */
	nz_writer_drop(w, &batch);
	assert_null(batch);
	nz_writer_drop(w, &batch);
	assert_int_equal(nz_writer_sync(w, NULL), NZ_OK);
	nz_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order),
	    cmocka_unit_test(free_stages_what_waits),
	    cmocka_unit_test(failure_is_kept),
	    cmocka_unit_test(hold_keeps_it_away),
	    cmocka_unit_test(large_batches_go_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
