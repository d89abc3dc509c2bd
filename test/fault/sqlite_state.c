/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's state while memory, SQLite's memory or its files fail: each change is there whole or
 * not at all, whoever opens the state afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "alloc.h"
#include "sqlite_calls.h"
#include "state/state.h"

#define ENTRIES 12

static char folder[FAULT_FOLDER_CHARS], base[64], work[64], backup_path[64];

/* ---- what a state holds, as text ---- */

static enum nz_status print_batch(void *context, const struct nz_batch *batch,
                                  struct nz_error *err)
{
	char key[2 * NZ_BATCH_FIRST_KEY_MAX_BYTES + 1];

	(void)err;
	nz_hex_encode(batch->first_key, key);
	return nz_buffer_appendf(context, " %llu:%llu:%s:%02x",
	                         (unsigned long long)batch->position,
	                         (unsigned long long)batch->bytes, key, batch->root.bytes[31]);
}

struct printing {
	struct nz_state *state;
	struct nz_buffer *out;
	char names[8][NZ_DATASET_NAME_MAX_BYTES + 1];
	size_t count;
};

static enum nz_status note_name(void *context, const struct nz_dataset *dataset)
{
	struct printing *p = context;

	assert_true(p->count < 8);
	memcpy(p->names[p->count++], dataset->name, sizeof(dataset->name));
	return NZ_OK;
}

static enum nz_status print_dataset(struct nz_state *state, const char *name,
                                    struct nz_buffer *out, struct nz_error *err)
{
	struct nz_dataset d NZ_CLEANUP(nz_dataset_clear) = {{0}};

	NZ_TRY(state->ops->dataset_get(state, name, &d, err));
	NZ_TRY(nz_buffer_appendf(out, "dataset %s %s %s tables %zu", d.name, d.source, d.lineage,
	                         d.table_count));
	for (size_t i = 0; i < d.table_count; i++)
		NZ_TRY(nz_buffer_appendf(out, " %s", d.tables[i]));
	NZ_TRY(nz_buffer_appendf(out, " epoch %lld root %02x %s", (long long)d.epoch,
	                         d.root.bytes[0], d.schema_json != NULL ? d.schema_json : "-"));
	if (d.epoch > 0)
		NZ_TRY(state->ops->index_read(state, name, d.epoch, 0, UINT64_MAX, print_batch, out,
		                              err));
	return nz_buffer_append_str(out, "\n");
}

static enum nz_status print_pin(void *context, const struct nz_pin *pin)
{
	struct nz_buffer *out = context;

	NZ_TRY(nz_buffer_appendf(out, "node %s %02x", pin->node.node_id, pin->node.ed25519[0]));
	for (size_t i = 0; i < pin->dataset_count; i++)
		NZ_TRY(nz_buffer_appendf(out, " %s", pin->datasets[i]));
	for (size_t i = 0; i < pin->network_count; i++)
		NZ_TRY(nz_buffer_appendf(out, " %s", pin->networks[i]));
	return nz_buffer_append_str(out, "\n");
}

static enum nz_status print_state(struct nz_state *state, struct nz_buffer *out,
                                  struct nz_error *err)
{
	struct printing p = {.state = state, .out = out};

	NZ_TRY(state->ops->get(state, "a", out, err));
	NZ_TRY(nz_buffer_append_str(out, "\n"));
	NZ_TRY(state->ops->get(state, "b", out, err));
	NZ_TRY(nz_buffer_append_str(out, "\n"));
	NZ_TRY(state->ops->dataset_list(state, note_name, &p, err));
	for (size_t i = 0; i < p.count; i++)
		NZ_TRY(print_dataset(state, p.names[i], out, err));
	return state->ops->node_list(state, print_pin, out, err);
}

/* Of a location, opened afresh and without faults. */
static void read_state(const char *location, struct nz_buffer *out)
{
	struct nz_state *state = NULL;
	struct nz_error err = {.status = NZ_OK};

	if (nz_state_open(location, false, &state, &err) != NZ_OK ||
	    print_state(state, out, &err) != NZ_OK || nz_buffer_cstr(out) == NULL)
		fail_msg("cannot read the state: %s", err.message);
	nz_state_close(&state);
}

/* ---- changes ---- */

static enum nz_status add_dataset(struct nz_state *state, const char *name, struct nz_error *err)
{
	char *tables[] = {(char *)"one", (char *)"two"};
	struct nz_dataset dataset = {.source = (char *)"sqlite:/x.db",
	                             .tables = tables,
	                             .table_count = 2,
	                             .encoding = NZ_ENCODING_TEXT,
	                             .added_at = 7};

	(void)snprintf(dataset.name, sizeof(dataset.name), "%s", name);
	(void)snprintf(dataset.lineage, sizeof(dataset.lineage), "%032x", (unsigned)name[0]);
	return state->ops->dataset_add(state, &dataset, err);
}

static enum nz_status build_index(struct nz_state *state, uint8_t mark, struct nz_error *err)
{
	const struct nz_dataset summary = {.root = {{mark}},
	                                   .schema_sha256 = {{5}},
	                                   .version = {{mark}},
	                                   .records = 100,
	                                   .batches = ENTRIES,
	                                   .bytes = 1000,
	                                   .indexed_at = 1700000000,
	                                   .schema_json = (char *)"{\"tables\":[]}"};
	enum nz_status status = state->ops->index_begin(state, "shop", err);
	int64_t epoch = 0;

	NZ_TRY(status);
	for (unsigned i = 0; i < ENTRIES && status == NZ_OK; i++) {
		const uint8_t key[3] = {1, (uint8_t)i, mark};
		struct nz_batch batch = {.position = i,
		                         .count = 1,
		                         .bytes = i,
		                         .first_key = nz_bytes_of(key, sizeof(key))};

		memset(batch.root.bytes, mark, sizeof(batch.root.bytes));
		status = state->ops->index_add(state, &batch, err);
	}
	if (status == NZ_OK)
		return state->ops->index_commit(state, &summary, &epoch, err);
	state->ops->index_abort(state);
	return status;
}

static enum nz_status add_node(struct nz_state *state, const char *id, struct nz_error *err)
{
	char *datasets[] = {(char *)"shop"}, *networks[] = {(char *)"192.0.2.0/24", (char *)"::/0"};
	struct nz_pin pin = {.state = NZ_NODE_ACTIVE,
	                     .pinned_at = 7,
	                     .datasets = datasets,
	                     .dataset_count = 1,
	                     .networks = networks,
	                     .network_count = 2};

	(void)snprintf(pin.node.node_id, sizeof(pin.node.node_id), "%s", id);
	memset(pin.node.ed25519, id[0], sizeof(pin.node.ed25519));
	return state->ops->node_add(state, &pin, err);
}

static enum nz_status put_two(struct nz_state *state, struct nz_error *err)
{
	const struct nz_state_value values[] = {{"a", nz_bytes_str("new a")},
	                                        {"b", nz_bytes_str("new b")}};

	return state->ops->put_all(state, values, 2, err);
}

static enum nz_status change_dataset(struct nz_state *state, struct nz_error *err)
{
	return add_dataset(state, "another", err);
}

static enum nz_status change_removal(struct nz_state *state, struct nz_error *err)
{
	return state->ops->dataset_remove(state, "shop", err);
}

static enum nz_status change_index(struct nz_state *state, struct nz_error *err)
{
	return build_index(state, 2, err);
}

static enum nz_status change_nodes(struct nz_state *state, struct nz_error *err)
{
	return add_node(state, "second", err);
}

/* ---- scenarios ---- */

typedef enum nz_status (*change_fn)(struct nz_state *state, struct nz_error *err);

/* What a state holds before any change, and after each. */
static struct nz_buffer before;
static struct expected {
	change_fn change;
	struct nz_buffer after;
} expected[] = {{put_two, {0}},      {change_dataset, {0}}, {change_removal, {0}},
                {change_index, {0}}, {change_nodes, {0}}};
#define EXPECTED (sizeof(expected) / sizeof(expected[0]))

/* Found out without faults. */
static void expect(struct expected *e)
{
	struct nz_state *state = NULL;

	sqlite_calls_copy(base, work);
	assert_int_equal(nz_state_open(work, false, &state, NULL), NZ_OK);
	assert_int_equal(e->change(state, NULL), NZ_OK);
	nz_state_close(&state);
	read_state(work, &e->after);
	assert_false(nz_bytes_equal(nz_buffer_bytes(&e->after), nz_buffer_bytes(&before)));
}

/*
 * After a success what was changed; after a failure what was before. A disk that fails in the midst
 * of a commit leaves open which of the two SQLite finds later.
 */
static void check_state(struct nz_buffer *found, struct expected *e, enum nz_status status)
{
	if (status == NZ_IO && nz_bytes_equal(nz_buffer_bytes(found), nz_buffer_bytes(&e->after)))
		return;
	assert_string_equal(nz_buffer_cstr(found),
	                    nz_buffer_cstr(status == NZ_OK ? &e->after : &before));
}

static enum nz_status change_under_faults(struct expected *e, struct nz_error *err)
{
	NZ_BUFFER(found);
	struct nz_state *state = NULL;
	enum nz_status status;

	sqlite_calls_copy(base, work);
	status = FAULTY(nz_state_open(work, false, &state, err));
	if (status != NZ_OK)
		assert_null(state);
	else
		status = FAULTY(e->change(state, err));
	/* What the handle sees now, and a new one. */
	if (state != NULL) {
		assert_int_equal(print_state(state, &found, NULL), NZ_OK);
		nz_state_close(&state);
		check_state(&found, e, status);
		nz_buffer_reset(&found);
	}
	read_state(work, &found);
	check_state(&found, e, status);
	/* And it goes on from there. */
	if (nz_bytes_equal(nz_buffer_bytes(&found), nz_buffer_bytes(&before))) {
		assert_int_equal(nz_state_open(work, false, &state, NULL), NZ_OK);
		assert_int_equal(e->change(state, NULL), NZ_OK);
		nz_state_close(&state);
	}
	assert_int_equal(sqlite3_memory_used(), 0);
	return status;
}

#define SCENARIO(name, number)                                           \
	static enum nz_status name(struct nz_error *err)                 \
	{                                                                \
		return change_under_faults(&expected[number], err);      \
	}
SCENARIO(values, 0)
SCENARIO(new_dataset, 1)
SCENARIO(removal, 2)
SCENARIO(new_index, 3)
SCENARIO(new_node, 4)

/* What is read is right, or the failure is told. */
static enum nz_status reading(struct nz_error *err)
{
	NZ_BUFFER(found);
	struct nz_state *state = NULL;
	enum nz_status status = FAULTY(nz_state_open(base, false, &state, err));

	if (status == NZ_OK)
		status = FAULTY(print_state(state, &found, err));
	if (status == NZ_OK)
		assert_string_equal(nz_buffer_cstr(&found), nz_buffer_cstr(&before));
	nz_state_close(&state);
	return status;
}

/* A platform that could not be made can be made again. */
static enum nz_status creation(struct nz_error *err)
{
	struct nz_state *state = NULL;

	fault_empty_folder(work);
	assert_int_equal(rmdir(work), 0);

	const enum nz_status status = FAULTY(nz_state_open(work, true, &state, err));

	if (status != NZ_OK) {
		assert_null(state);
		const enum nz_status again = nz_state_open(work, true, &state, NULL);

		/* It may be there already, as after any commit that a disk failed in. */
		if (status == NZ_IO && again == NZ_EXISTS)
			assert_int_equal(nz_state_open(work, false, &state, NULL), NZ_OK);
		else
			assert_int_equal(again, NZ_OK);
	}
	assert_int_equal(state->ops->put(state, "a", nz_bytes_str("1"), NULL), NZ_OK);
	nz_state_close(&state);
	return status;
}

/* Whole or not at all, both ways. */
static enum nz_status backup(struct nz_error *err)
{
	NZ_BUFFER(found);
	struct nz_state *state = NULL;
	enum nz_status status;

	(void)unlink(backup_path);
	fault_empty_folder(work);
	assert_int_equal(nz_state_open(base, false, &state, err), NZ_OK);
	status = FAULTY(state->ops->backup(state, backup_path, err));
	nz_state_close(&state);
	if (status != NZ_OK && access(backup_path, F_OK) != 0)
		return status;
	if (status == NZ_OK)
		status = FAULTY(nz_state_sqlite.restore(work, backup_path, err));
	if (status != NZ_OK) {
		const enum nz_status again = nz_state_sqlite.restore(work, backup_path, NULL);

		assert_true(again == NZ_OK || again == NZ_EXISTS);
	}
	read_state(work, &found);
	assert_string_equal(nz_buffer_cstr(&found), nz_buffer_cstr(&before));
	return status;
}

static void changes(void **state)
{
	static const enum fault_source sources[] = {FAULT_MALLOC, FAULT_SQLITE_MEMORY,
	                                            FAULT_SQLITE_FILE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		FAULT_EACH(sources[i], values);
		FAULT_EACH(sources[i], new_dataset);
		FAULT_EACH(sources[i], removal);
		FAULT_EACH(sources[i], new_index);
		FAULT_EACH(sources[i], new_node);
	}
}

static void reads(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, reading);
	FAULT_EACH(FAULT_SQLITE_MEMORY, reading);
	FAULT_EACH(FAULT_SQLITE_FILE, reading);
}

static void wholes(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, creation);
	FAULT_EACH(FAULT_SQLITE_MEMORY, creation);
	FAULT_EACH(FAULT_SQLITE_FILE, creation);
	FAULT_EACH(FAULT_MALLOC, backup);
	FAULT_EACH(FAULT_SQLITE_MEMORY, backup);
	/* VACUUM INTO takes a file whose size it cannot ask for one with content. */
	FAULT_EACH_OR(FAULT_SQLITE_FILE, backup, FAULT_BIT(NZ_DATABASE));
}

static int start(void **unused)
{
	struct nz_state *state = NULL;

	(void)unused;
	fault_folder(folder);
	(void)snprintf(base, sizeof(base), "%s/base", folder);
	(void)snprintf(work, sizeof(work), "%s/work", folder);
	(void)snprintf(backup_path, sizeof(backup_path), "%s/backup", folder);
	assert_int_equal(mkdir(work, 0700), 0);
	assert_int_equal(nz_state_open(base, true, &state, NULL), NZ_OK);
	assert_int_equal(state->ops->put(state, "a", nz_bytes_str("old a"), NULL), NZ_OK);
	assert_int_equal(state->ops->put(state, "b", nz_bytes_str("old b"), NULL), NZ_OK);
	assert_int_equal(add_dataset(state, "shop", NULL), NZ_OK);
	assert_int_equal(add_dataset(state, "idle", NULL), NZ_OK);
	assert_int_equal(build_index(state, 1, NULL), NZ_OK);
	assert_int_equal(add_node(state, "first", NULL), NZ_OK);
	nz_state_close(&state);
	read_state(base, &before);
	for (size_t i = 0; i < EXPECTED; i++)
		expect(&expected[i]);
	return 0;
}

static int stop(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < EXPECTED; i++)
		nz_buffer_clear(&expected[i].after);
	nz_buffer_clear(&before);
	fault_empty_folder(base);
	fault_empty_folder(work);
	(void)rmdir(base);
	(void)rmdir(work);
	(void)unlink(backup_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(changes),
		cmocka_unit_test(wholes),
	};

	fault_install();
	sqlite_calls_install();
	return cmocka_run_group_tests(tests, start, stop);
}
