/* SPDX-License-Identifier: Apache-2.0 */
/* What the replica's tests share: a place for source and replica, whole syncs, data. */
#ifndef NZ_TEST_REPLICA_HELP_H
#define NZ_TEST_REPLICA_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "replica_feed.h"

struct place {
	char folder[64];
	char source[128], replica[128], uri[160];
};
struct outcome {
	struct nz_replica_plan plan;
	uint64_t changed;
	size_t staged;
};

void run_sql(const char *path, const char *sql);
/* The first column of the first row. */
int64_t ask(const char *path, const char *sql);
/* A folder of its own for each test. */
int setup(void **state);
int teardown(void **state);
/* Whether the replica's file with that suffix is there. */
bool is_there(const struct place *place, const char *suffix);
/* Source and replica have the same statements and rows. */
void assert_same(const struct place *place);
/* A whole sync, and what every sync has to leave behind. */
struct outcome sync_all(const struct place *place, int64_t epoch);
bool is_unchanged(const struct place *place);
int64_t epoch_of(const struct place *place);
/* Every kind of table and value in the source; or one plain table of `rows`. */
void make_odd(const struct place *place);
void make_numbers(const struct place *place, int rows);
/* Opens both ends, begins, and stages up to `max` wanted batches; gives how many. */
size_t open_and_stage(const struct place *place, int64_t epoch, size_t max, struct feed *feed,
                      struct nz_replica **replica, struct nz_replica_plan *plan);
#define REPLICA_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
