/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend of the platform's state must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/state.h"

static char folder[64];   /* of this run */
static char location[96]; /* of this test's state */

static int make_folder(void **unused)
{
	(void)unused;
	(void)snprintf(folder, sizeof folder, "/tmp/nz-state-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **unused)
{
	char command[128];

	(void)unused;
	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command) == 0 ? 0 : -1;
}

static struct nz_state *create(void)
{
	static int count;
	struct nz_state *state = NULL;

	(void)snprintf(location, sizeof location, "%s/%d", folder, count++);
	assert_int_equal(nz_state_open(location, true, &state, NULL), NZ_OK);
	return state;
}

static struct nz_state *reopen(void)
{
	struct nz_state *state = NULL;
	struct nz_error err = {0};

	assert_int_equal(nz_state_open(location, false, &state, &err), NZ_OK);
	return state;
}

/* ---- opening ---- */

static void opens_what_was_made(void **unused)
{
	struct nz_state *state = create(), *other = NULL;
	struct stat st;
	char path[128];

	(void)unused;
	assert_int_equal(nz_state_open(location, true, &other, NULL), NZ_EXISTS);
	assert_null(other);
	assert_int_equal(stat(location, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	(void)snprintf(path, sizeof path, "%s/state.db", location);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	nz_state_close(&state);
	assert_null(state);
	nz_state_close(&state); /* nothing to close is fine */
	state = reopen();
	nz_state_close(&state);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(nz_state_open(location, false, &state, NULL), NZ_REFUSED);
}

static void opens_nothing_else(void **unused)
{
	struct nz_state *state = NULL;
	char path[128];

	(void)unused;
	assert_int_equal(nz_state_open("/tmp/nz-no-such-folder", false, &state, NULL),
	                 NZ_NOT_FOUND);
	assert_int_equal(nz_state_open("postgresql://host/db", false, &state, NULL),
	                 NZ_UNSUPPORTED);
	state = create();
	nz_state_close(&state);
	(void)snprintf(path, sizeof path, "%s/state.db", location);
	/* A newer version: user_version is the big-endian integer at offset 60. */
	const int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\0\0\1\0", 4, 60), 4);
	assert_int_equal(nz_state_open(location, false, &state, NULL), NZ_UNSUPPORTED);
	/* Another application. */
	assert_int_equal(pwrite(fd, "\0\0\0\1", 4, 60), 4);
	assert_int_equal(pwrite(fd, "\0\0\0\1", 4, 68), 4);
	assert_int_equal(nz_state_open(location, false, &state, NULL), NZ_MALFORMED);
	/* No database at all. */
	assert_int_equal(pwrite(fd, "garbage!", 8, 0), 8);
	assert_int_equal(close(fd), 0);
	assert_int_equal(nz_state_open(location, false, &state, NULL), NZ_DATABASE);
	assert_null(state);
}

static void goes_on_where_making_was_cut(void **unused)
{
	struct nz_state *state = create();
	char path[128];

	(void)unused;
	nz_state_close(&state);
	(void)snprintf(path, sizeof path, "%s/state.db", location);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(nz_state_open(location, true, &state, NULL), NZ_OK);
	nz_state_close(&state);
}

/* ---- values ---- */

static void values(void **unused)
{
	struct nz_state *state = create();
	const struct nz_state_value both[] = {{"b", {(const uint8_t *)"2", 1}},
	                                      {"a", {(const uint8_t *)"x\0y", 3}}};
	NZ_BUFFER(out);

	(void)unused;
	assert_int_equal(state->ops->get(state, "a", &out, NULL), NZ_NOT_FOUND);
	assert_int_equal(state->ops->put(state, "a", nz_bytes_str("1"), NULL), NZ_OK);
	assert_int_equal(state->ops->put(state, "empty", nz_bytes_of(NULL, 0), NULL), NZ_OK);
	assert_int_equal(state->ops->put_all(state, both, 2, NULL), NZ_OK);
	nz_state_close(&state);
	state = reopen();
	assert_int_equal(state->ops->get(state, "a", &out, NULL), NZ_OK);
	assert_true(nz_bytes_equal(nz_buffer_bytes(&out), both[1].value));
	assert_int_equal(state->ops->get(state, "b", &out, NULL), NZ_OK); /* appended */
	assert_int_equal(out.len, 4);
	assert_int_equal(state->ops->get(state, "empty", &out, NULL), NZ_OK);
	assert_int_equal(out.len, 4);
	nz_state_close(&state);
}

/* ---- datasets ---- */

static void add_dataset(struct nz_state *state, const char *name)
{
	struct nz_dataset dataset = {.source = (char *)"sqlite:/x.db",
	                             .encoding = NZ_ENCODING_TEXT,
	                             .added_at = 7};

	(void)snprintf(dataset.name, sizeof dataset.name, "%s", name);
	(void)snprintf(dataset.lineage, sizeof dataset.lineage, "%032zx",
	               (size_t)name[0] * 1000 + strlen(name));
	assert_int_equal(state->ops->dataset_add(state, &dataset, NULL), NZ_OK);
}

static enum nz_status join_name(void *context, const struct nz_dataset *dataset)
{
	return nz_buffer_appendf(context, "%s ", dataset->name);
}

static enum nz_status stop_there(void *context, const struct nz_dataset *dataset)
{
	(void)context;
	(void)dataset;
	return NZ_CANCELLED;
}

static void datasets(void **unused)
{
	char *tables[] = {(char *)"t", (char *)"Ü"}, *exclude[] = {(char *)"secret"};
	struct nz_dataset dataset = {.name = "shop",
	                             .source = (char *)"sqlite:/shop.db",
	                             .tables = tables,
	                             .table_count = 2,
	                             .exclude = exclude,
	                             .exclude_count = 1,
	                             .encoding = NZ_ENCODING_TEXT,
	                             .lineage = "000102030405060708090a0b0c0d0e0f",
	                             .added_at = 1700000000};
	struct nz_dataset read = {{0}};
	struct nz_state *state = create();
	NZ_BUFFER(names);

	(void)unused;
	assert_int_equal(state->ops->dataset_get(state, "shop", &read, NULL), NZ_NOT_FOUND);
	assert_int_equal(state->ops->dataset_add(state, &dataset, NULL), NZ_OK);
	assert_int_equal(state->ops->dataset_add(state, &dataset, NULL), NZ_EXISTS);
	add_dataset(state, "other");
	assert_int_equal(state->ops->dataset_get(state, "shop", &read, NULL), NZ_OK);
	assert_string_equal(read.name, "shop");
	assert_string_equal(read.source, "sqlite:/shop.db");
	assert_string_equal(read.lineage, dataset.lineage);
	assert_string_equal(read.encoding, NZ_ENCODING_TEXT);
	assert_int_equal(read.table_count, 2);
	assert_string_equal(read.tables[1], "Ü");
	assert_int_equal(read.exclude_count, 1);
	assert_string_equal(read.exclude[0], "secret");
	assert_int_equal(read.added_at, 1700000000);
	assert_int_equal(read.epoch, 0);
	assert_null(read.schema_json);
	nz_dataset_clear(&read);
	assert_int_equal(state->ops->dataset_get(state, "other", &read, NULL), NZ_OK);
	assert_null(read.tables);
	nz_dataset_clear(&read);
	assert_int_equal(state->ops->dataset_list(state, join_name, &names, NULL), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&names), "other shop ");
	assert_int_equal(state->ops->dataset_list(state, stop_there, NULL, NULL), NZ_CANCELLED);
	assert_int_equal(state->ops->dataset_remove(state, "shop", NULL), NZ_OK);
	assert_int_equal(state->ops->dataset_remove(state, "shop", NULL), NZ_NOT_FOUND);
	assert_int_equal(state->ops->dataset_get(state, "shop", &read, NULL), NZ_NOT_FOUND);
	(void)snprintf(dataset.name, sizeof dataset.name, "../x");
	assert_int_equal(state->ops->dataset_add(state, &dataset, NULL), NZ_INVALID);
	nz_state_close(&state);
}

/* ---- indexes ---- */

/* Entry i of index `mark`: every value is told by the two. */
static void make_entry(uint64_t i, uint8_t mark, uint8_t key[40], struct nz_batch *out)
{
	memset(key, mark, 40);
	key[0] = (uint8_t)(i >> 8);
	key[1] = (uint8_t)i;
	*out = (struct nz_batch){.position = i,
	                         .table = (size_t)(i / 7),
	                         .ordinal = i * 3,
	                         .count = (uint32_t)(i % 10000),
	                         .bytes = i << 22,
	                         .first_key = nz_bytes_of(key, (size_t)(i % 41))};
	memset(out->root.bytes, (int)(mark + i), sizeof out->root.bytes);
}

static void add_entries(struct nz_state *state, uint64_t count, uint8_t mark)
{
	for (uint64_t i = 0; i < count; i++) {
		struct nz_batch batch;
		uint8_t key[40];

		make_entry(i, mark, key, &batch);
		assert_int_equal(state->ops->index_add(state, &batch, NULL), NZ_OK);
	}
}

static struct nz_dataset summary_of(uint64_t count, uint8_t mark)
{
	return (struct nz_dataset){.root = {{mark}},
	                           .schema_sha256 = {{5}},
	                           .version = {{mark, 1}},
	                           .records = 100,
	                           .batches = (int64_t)count,
	                           .bytes = 1000,
	                           .indexed_at = 1700000000 + mark,
	                           .schema_json = (char *)"{\"tables\":[]}"};
}

static int64_t build(struct nz_state *state, uint64_t count, uint8_t mark)
{
	const struct nz_dataset summary = summary_of(count, mark);
	int64_t epoch = 0;

	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_OK);
	add_entries(state, count, mark);
	assert_int_equal(state->ops->index_commit(state, &summary, &epoch, NULL), NZ_OK);
	return epoch;
}

struct expected {
	uint64_t next;
	uint8_t mark;
};

static enum nz_status check_entry(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct expected *e = context;
	struct nz_batch expected;
	uint8_t key[40];

	(void)err;
	make_entry(e->next, e->mark, key, &expected);
	assert_int_equal(batch->position, expected.position);
	assert_int_equal(batch->table, expected.table);
	assert_int_equal(batch->ordinal, expected.ordinal);
	assert_int_equal(batch->count, expected.count);
	assert_int_equal(batch->bytes, expected.bytes);
	assert_true(nz_bytes_equal(batch->first_key, expected.first_key));
	assert_memory_equal(&batch->root, &expected.root, sizeof batch->root);
	e->next++;
	return NZ_OK;
}

/* Reads all of the index of that epoch, which has count entries of that mark. */
static void check_index(struct nz_state *state, int64_t epoch, uint64_t count, uint8_t mark)
{
	struct expected e = {.mark = mark};

	assert_int_equal(
		state->ops->index_read(state, "shop", epoch, 0, UINT64_MAX, check_entry, &e, NULL),
		NZ_OK);
	assert_int_equal(e.next, count);
}

static enum nz_status refuse_third(void *context, const struct nz_batch *batch,
                                   struct nz_error *err)
{
	int *seen = context;

	(void)batch;
	return ++*seen < 3 ? NZ_OK : nz_fail(err, NZ_CANCELLED, "enough");
}

static void index_there_and_back(void **unused)
{
	struct nz_state *state = create();
	struct expected e = {.next = 1500, .mark = 1};
	struct nz_dataset read = {{0}};
	int seen = 0;

	(void)unused;
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_NOT_FOUND);
	add_dataset(state, "shop");
	assert_int_equal(state->ops->index_read(state, "shop", 0, 0, 1, check_entry, &e, NULL),
	                 NZ_NOT_FOUND);
	assert_int_equal(build(state, 2500, 1), 1);
	nz_state_close(&state);
	state = reopen();
	check_index(state, 1, 2500, 1);
	assert_int_equal(state->ops->index_read(state, "shop", 1, 1500, 10, check_entry, &e, NULL),
	                 NZ_OK);
	assert_int_equal(e.next, 1510);
	assert_int_equal(state->ops->index_read(state, "shop", 1, UINT64_MAX, 10, check_entry, &e,
	                                        NULL),
	                 NZ_OK);
	assert_int_equal(e.next, 1510);
	assert_int_equal(state->ops->index_read(state, "shop", 2, 0, 10, check_entry, &e, NULL),
	                 NZ_NOT_FOUND);
	assert_int_equal(state->ops->index_read(state, "shop", 1, 0, 10, refuse_third, &seen, NULL),
	                 NZ_CANCELLED);
	assert_int_equal(seen, 3);
	assert_int_equal(state->ops->dataset_get(state, "shop", &read, NULL), NZ_OK);
	assert_int_equal(read.epoch, 1);
	assert_int_equal(read.root.bytes[0], 1);
	assert_int_equal(read.version.bytes[1], 1);
	assert_int_equal(read.records, 100);
	assert_int_equal(read.batches, 2500);
	assert_int_equal(read.bytes, 1000);
	assert_int_equal(read.indexed_at, 1700000001);
	assert_string_equal(read.schema_json, "{\"tables\":[]}");
	nz_dataset_clear(&read);
	nz_state_close(&state);
}

static void epoch_rises_with_root_or_schema(void **unused)
{
	struct nz_state *state = create();
	struct nz_dataset summary = summary_of(5, 1), read = {{0}};
	int64_t epoch = 0;

	(void)unused;
	add_dataset(state, "shop");
	assert_int_equal(build(state, 5, 1), 1);
	assert_int_equal(build(state, 5, 2), 2);
	check_index(state, 2, 5, 2);
	/* The same root again is a new epoch: it is another time. */
	assert_int_equal(build(state, 5, 1), 3);
	/* The same content under another version of the source: the epoch stays. */
	summary.version.bytes[5] = 9;
	summary.indexed_at = 99;
	summary.schema_json = (char *)"{\"sequences\":[]}";
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_OK);
	add_entries(state, 5, 1);
	assert_int_equal(state->ops->index_commit(state, &summary, &epoch, NULL), NZ_OK);
	assert_int_equal(epoch, 3);
	check_index(state, 3, 5, 1);
	assert_int_equal(state->ops->dataset_get(state, "shop", &read, NULL), NZ_OK);
	assert_int_equal(read.version.bytes[5], 9);
	assert_int_equal(read.indexed_at, 99);
	assert_string_equal(read.schema_json, "{\"sequences\":[]}");
	nz_dataset_clear(&read);
	summary.schema_sha256.bytes[0] = 6;
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_OK);
	add_entries(state, 5, 1);
	assert_int_equal(state->ops->index_commit(state, &summary, &epoch, NULL), NZ_OK);
	assert_int_equal(epoch, 4);
	/* An empty index is one, too. */
	assert_int_equal(build(state, 0, 3), 5);
	check_index(state, 5, 0, 3);
	nz_state_close(&state);
}

static void nobody_sees_half_an_index(void **unused)
{
	struct nz_state *state = create(), *reader = reopen();
	const struct nz_dataset summary = summary_of(3000, 2);
	struct expected e = {.mark = 2};
	int64_t epoch;

	(void)unused;
	add_dataset(state, "shop");
	assert_int_equal(build(state, 2100, 1), 1);
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_OK);
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_INVALID);
	add_entries(state, 3000, 2);
	check_index(reader, 1, 2100, 1);
	assert_int_equal(reader->ops->index_begin(reader, "shop", NULL), NZ_BUSY);
	assert_int_equal(reader->ops->dataset_remove(reader, "shop", NULL), NZ_BUSY);
	/* Others can write meanwhile. */
	assert_int_equal(reader->ops->put(reader, "x", nz_bytes_str("y"), NULL), NZ_OK);
	assert_int_equal(state->ops->index_commit(state, &summary, &epoch, NULL), NZ_OK);
	assert_int_equal(epoch, 2);
	check_index(reader, 2, 3000, 2);
	assert_int_equal(reader->ops->index_read(reader, "shop", 1, 0, 1, check_entry, &e, NULL),
	                 NZ_NOT_FOUND);
	assert_int_equal(state->ops->index_add(state, &(struct nz_batch){.count = 0}, NULL),
	                 NZ_INVALID);
	assert_int_equal(state->ops->index_commit(state, &summary, &epoch, NULL), NZ_INVALID);
	nz_state_close(&reader);
	nz_state_close(&state);
}

static void an_abandoned_build_leaves_the_old_index(void **unused)
{
	struct nz_state *state = create(), *other = reopen();

	(void)unused;
	add_dataset(state, "shop");
	assert_int_equal(build(state, 10, 1), 1);
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_OK);
	add_entries(state, 1200, 2);
	state->ops->index_abort(state);
	state->ops->index_abort(state); /* nothing to abort is fine */
	check_index(state, 1, 10, 1);
	assert_int_equal(build(other, 11, 3), 2);
	/* Closing aborts. */
	assert_int_equal(state->ops->index_begin(state, "shop", NULL), NZ_OK);
	nz_state_close(&state);
	assert_int_equal(build(other, 12, 4), 3);
	nz_state_close(&other);
}

/* A builder that dies with 1,500 entries written: the lock goes with it, and so do its rows. */
static void a_killed_build_leaves_the_old_index(void **unused)
{
	struct nz_state *state = create();
	struct stat before, after;
	char path[128];
	int status;

	(void)unused;
	(void)snprintf(path, sizeof path, "%s/state.db", location);
	add_dataset(state, "shop");
	assert_int_equal(build(state, 10, 1), 1);
	nz_state_close(&state);
	assert_int_equal(stat(path, &before), 0);
	for (int round = 0; round < 3; round++) {
		const pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			struct nz_state *mine = reopen();

			assert_int_equal(mine->ops->index_begin(mine, "shop", NULL), NZ_OK);
			add_entries(mine, 1500, 2);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	state = reopen();
	check_index(state, 1, 10, 1);
	assert_int_equal(build(state, 11, 3), 2);
	check_index(state, 2, 11, 3);
	nz_state_close(&state);
	/* Three times 1,000 entries did not pile up. */
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size - before.st_size < 3 * 100 * 1000);
}

/* ---- nodes ---- */

static struct nz_pin make_pin(uint8_t mark, char **names, size_t name_count, char **networks,
                              size_t network_count)
{
	struct nz_pin pin = {.node = {.seq = mark},
	                     .state = NZ_NODE_ACTIVE,
	                     .pinned_at = 1700000000,
	                     .datasets = names,
	                     .dataset_count = name_count,
	                     .networks = networks,
	                     .network_count = network_count};

	(void)snprintf(pin.node.node_id, sizeof pin.node.node_id, "nzid:node:%032d", mark);
	memset(pin.node.ed25519, mark, sizeof pin.node.ed25519);
	memset(pin.node.x25519, mark + 1, sizeof pin.node.x25519);
	return pin;
}

static enum nz_status join_node(void *context, const struct nz_pin *pin)
{
	return nz_buffer_appendf(context, "%c%zu%zu ",
	                         pin->node.node_id[strlen(pin->node.node_id) - 1],
	                         pin->dataset_count, pin->network_count);
}

static void nodes(void **unused)
{
	char *names[] = {(char *)"shop", (char *)"other", (char *)"shop"};
	char *networks[] = {(char *)"192.0.2.0/24", (char *)"127.0.0.1/32"};
	char *unknown[] = {(char *)"nowhere"};
	struct nz_pin pin = make_pin(1, names, 3, networks, 2),
		      second = make_pin(2, NULL, 0, NULL, 0);
	struct nz_pin third = make_pin(3, unknown, 1, NULL, 0), read = {{{0}}};
	struct nz_state *state = create();
	NZ_BUFFER(text);

	(void)unused;
	add_dataset(state, "shop");
	add_dataset(state, "other");
	assert_int_equal(state->ops->node_get(state, pin.node.node_id, &read, NULL), NZ_NOT_FOUND);
	assert_int_equal(state->ops->node_add(state, &pin, NULL), NZ_OK);
	assert_int_equal(state->ops->node_add(state, &second, NULL), NZ_OK);
	assert_int_equal(state->ops->node_add(state, &third, NULL), NZ_NOT_FOUND);
	assert_int_equal(state->ops->node_get(state, third.node.node_id, &read, NULL),
	                 NZ_NOT_FOUND);
	assert_int_equal(state->ops->node_get(state, pin.node.node_id, &read, NULL), NZ_OK);
	assert_memory_equal(&read.node, &pin.node, sizeof pin.node);
	assert_int_equal(read.state, NZ_NODE_ACTIVE);
	assert_int_equal(read.pinned_at, 1700000000);
	assert_int_equal(read.dataset_count, 2);
	assert_string_equal(read.datasets[0], "other");
	assert_string_equal(read.datasets[1], "shop");
	assert_int_equal(read.network_count, 2);
	assert_string_equal(read.networks[0], "192.0.2.0/24");
	nz_pin_clear(&read);
	/* The grant of a dataset goes with it, and does not come back with its name. */
	assert_int_equal(state->ops->dataset_remove(state, "shop", NULL), NZ_OK);
	add_dataset(state, "shop");
	assert_int_equal(state->ops->node_list(state, join_node, &text, NULL), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), "112 200 ");
	nz_state_close(&state);
}

static void no_key_is_pinned_twice(void **unused)
{
	struct nz_pin pin = make_pin(1, NULL, 0, NULL, 0), same_id = make_pin(2, NULL, 0, NULL, 0),
		      same_key = make_pin(3, NULL, 0, NULL, 0);
	struct nz_state *state = create();
	struct nz_pin read = {{{0}}};

	(void)unused;
	memcpy(same_id.node.node_id, pin.node.node_id, sizeof pin.node.node_id);
	memcpy(same_key.node.ed25519, pin.node.ed25519, sizeof pin.node.ed25519);
	assert_int_equal(state->ops->node_add(state, &pin, NULL), NZ_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(state->ops->node_add(state, &pin, NULL), NZ_EXISTS);
		assert_int_equal(state->ops->node_add(state, &same_id, NULL), NZ_EXISTS);
		assert_int_equal(state->ops->node_add(state, &same_key, NULL), NZ_EXISTS);
		assert_int_equal(state->ops->node_remove(state, pin.node.node_id, NULL),
		                 round == 0 ? NZ_OK : NZ_NOT_FOUND);
	}
	assert_int_equal(state->ops->node_get(state, pin.node.node_id, &read, NULL), NZ_NOT_FOUND);
	nz_state_close(&state);
}

static void networks_have_a_limit(void **unused)
{
	char *networks[NZ_STATE_MAX_NETWORKS + 1];
	struct nz_state *state = create();

	(void)unused;
	for (size_t i = 0; i <= NZ_STATE_MAX_NETWORKS; i++)
		networks[i] = (char *)"192.0.2.1/32";
	struct nz_pin pin = make_pin(1, NULL, 0, networks, NZ_STATE_MAX_NETWORKS + 1);
	assert_int_equal(state->ops->node_add(state, &pin, NULL), NZ_LIMIT);
	pin.network_count--;
	assert_int_equal(state->ops->node_add(state, &pin, NULL), NZ_OK);
	nz_state_close(&state);
}

/* ---- logs, backup ---- */

static void logs_take_what_there_is(void **unused)
{
	const struct nz_failure failure = {.incident = "abc",
	                                   .at = 1,
	                                   .code = 1008,
	                                   .dataset = "shop",
	                                   .peer = "192.0.2.1",
	                                   .detail = "block 3"};
	struct nz_state *state = create();

	(void)unused;
	assert_int_equal(state->ops->failure_add(state, &failure, NULL), NZ_OK);
	assert_int_equal(state->ops->failure_add(state, &failure, NULL), NZ_OK);
	assert_int_equal(state->ops->receipt_add(state, "n", "shop", 1, 2, 3, NULL), NZ_OK);
	nz_state_close(&state);
}

static void backup_and_restore(void **unused)
{
	struct nz_state *state = create(), *back = NULL;
	struct nz_pin pin = make_pin(1, NULL, 0, NULL, 0);
	char file[128], target[128], inside[160];
	struct stat st;

	(void)unused;
	(void)snprintf(file, sizeof file, "%s.backup", location);
	(void)snprintf(target, sizeof target, "%s.restored", location);
	(void)snprintf(inside, sizeof inside, "%s/state.db", target);
	add_dataset(state, "shop");
	assert_int_equal(build(state, 50, 1), 1);
	assert_int_equal(state->ops->node_add(state, &pin, NULL), NZ_OK);
	assert_int_equal(state->ops->node_remove(state, pin.node.node_id, NULL), NZ_OK);
	assert_int_equal(state->ops->backup(state, file, NULL), NZ_OK);
	assert_int_equal(state->ops->backup(state, file, NULL), NZ_EXISTS);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(build(state, 50, 2), 2); /* after the backup */
	assert_int_equal(state->ops->restore(location, file, NULL), NZ_EXISTS);
	assert_int_equal(state->ops->restore(target, file, NULL), NZ_OK);
	assert_int_equal(stat(inside, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(nz_state_open(target, false, &back, NULL), NZ_OK);
	check_index(back, 1, 50, 1);
	assert_int_equal(back->ops->node_add(back, &pin, NULL), NZ_EXISTS);
	nz_state_close(&back);
	nz_state_close(&state);
}

static void restores_nothing_else(void **unused)
{
	struct nz_state *state = create();
	char file[128], target[128];
	struct stat st;

	(void)unused;
	(void)snprintf(file, sizeof file, "%s.backup", location);
	(void)snprintf(target, sizeof target, "%s.restored", location);
	assert_int_equal(state->ops->restore(target, file, NULL), NZ_NOT_FOUND);
	assert_int_equal(state->ops->backup(state, file, NULL), NZ_OK);
	nz_state_close(&state);
	const int fd = open(file, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\0\0\0\1", 4, 68), 4); /* another application */
	assert_int_equal(nz_state_sqlite.restore(target, file, NULL), NZ_MALFORMED);
	assert_int_equal(pwrite(fd, "garbage!", 8, 0), 8);
	assert_int_equal(close(fd), 0);
	assert_int_equal(nz_state_sqlite.restore(target, file, NULL), NZ_DATABASE);
	assert_int_not_equal(stat(target, &st), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_was_made),
		cmocka_unit_test(opens_nothing_else),
		cmocka_unit_test(goes_on_where_making_was_cut),
		cmocka_unit_test(values),
		cmocka_unit_test(datasets),
		cmocka_unit_test(index_there_and_back),
		cmocka_unit_test(epoch_rises_with_root_or_schema),
		cmocka_unit_test(nobody_sees_half_an_index),
		cmocka_unit_test(an_abandoned_build_leaves_the_old_index),
		cmocka_unit_test(a_killed_build_leaves_the_old_index),
		cmocka_unit_test(nodes),
		cmocka_unit_test(no_key_is_pinned_twice),
		cmocka_unit_test(networks_have_a_limit),
		cmocka_unit_test(logs_take_what_there_is),
		cmocka_unit_test(backup_and_restore),
		cmocka_unit_test(restores_nothing_else),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
