/* SPDX-License-Identifier: Apache-2.0 */
#include "state/sqlite/datasets.h"

#include <stdlib.h>

#include "state/sqlite/builds.h"
#include "state/sqlite/rows.h"

static enum nz_status add_tables(struct state_sqlite *s, int64_t id, bool excluded,
                                 char *const *names, size_t count, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO dataset_table (dataset, excluded, ordinal, name)"
	                         " VALUES (?, ?, ?, ?)",
	                         &stmt, err));
	for (size_t i = 0; i < count; i++) {
		sqlite3_bind_int64(stmt, 1, id);
		sqlite3_bind_int(stmt, 2, excluded ? 1 : 0);
		sqlite3_bind_int64(stmt, 3, (int64_t)i);
		state_bind_text(stmt, 4, names[i]);
		NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	}
	return NZ_OK;
}

static enum nz_status add(struct state_sqlite *s, const struct nz_dataset *d, struct nz_error *err)
{
	NZ_STMT(stmt);
	int64_t id;
	const enum nz_status found = state_dataset_id(s, d->name, &id, err);

	if (found == NZ_OK)
		return nz_fail(err, NZ_EXISTS, "a dataset '%s' is there already", d->name);
	if (found != NZ_NOT_FOUND)
		return found;
	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO dataset (name, source, encoding, lineage, added_at)"
	                         " VALUES (?, ?, ?, ?, ?)",
	                         &stmt, err));
	state_bind_text(stmt, 1, d->name);
	state_bind_text(stmt, 2, d->source);
	state_bind_text(stmt, 3, d->encoding);
	state_bind_text(stmt, 4, d->lineage);
	sqlite3_bind_int64(stmt, 5, d->added_at);
	NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	id = sqlite3_last_insert_rowid(s->db);
	NZ_TRY(add_tables(s, id, false, d->tables, d->table_count, err));
	return add_tables(s, id, true, d->exclude, d->exclude_count, err);
}

enum nz_status state_dataset_add(struct nz_state *state, const struct nz_dataset *dataset,
                                 struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);

	if (!nz_dataset_name_valid(nz_bytes_str(dataset->name)))
		return nz_fail(err, NZ_INVALID, "'%s' is no name for a dataset", dataset->name);
	NZ_TRY(state_begin(s, err));
	return state_end(s, add(s, dataset, err), err);
}

static enum nz_status get_tables(struct state_sqlite *s, int64_t id, bool excluded, char ***names,
                                 size_t *count, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT name FROM dataset_table WHERE dataset = ?"
	                         " AND excluded = ? ORDER BY ordinal",
	                         &stmt, err));
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int(stmt, 2, excluded ? 1 : 0);
	return state_list(s, stmt, names, count, err);
}

/* The columns of the index, which is there. */
static enum nz_status get_index(sqlite3_stmt *stmt, struct nz_dataset *d, struct nz_error *err)
{
	NZ_TRY(state_column_exact(stmt, 6, d->root.bytes, sizeof d->root.bytes, err));
	NZ_TRY(state_column_exact(stmt, 7, d->schema_sha256.bytes, sizeof d->schema_sha256.bytes,
	                          err));
	NZ_TRY(state_column_exact(stmt, 8, d->version.bytes, sizeof d->version.bytes, err));
	d->records = sqlite3_column_int64(stmt, 9);
	d->batches = sqlite3_column_int64(stmt, 10);
	d->bytes = sqlite3_column_int64(stmt, 11);
	d->indexed_at = sqlite3_column_int64(stmt, 12);
	d->schema_json = nz_strdup_bytes(state_column(stmt, 13));
	return d->schema_json != NULL ? NZ_OK
	                              : nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
}

static enum nz_status get_row(sqlite3_stmt *stmt, const char *name, struct nz_dataset *d,
                              struct nz_error *err)
{
	const size_t len = strlen(name);

	if (len >= sizeof d->name)
		return nz_fail(err, NZ_NOT_FOUND, "no dataset of so long a name");
	memcpy(d->name, name, len + 1);
	d->source = nz_strdup_bytes(state_column(stmt, 1));
	if (d->source == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a dataset");
	NZ_TRY(state_column_text(stmt, 2, d->encoding, sizeof d->encoding, err));
	NZ_TRY(state_column_text(stmt, 3, d->lineage, sizeof d->lineage, err));
	d->added_at = sqlite3_column_int64(stmt, 4);
	d->epoch = sqlite3_column_int64(stmt, 5);
	return d->epoch > 0 ? get_index(stmt, d, err) : NZ_OK;
}

static enum nz_status get(struct state_sqlite *s, const char *name, struct nz_dataset *d,
                          struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT id, source, encoding, lineage, added_at, epoch, root,"
	                         " schema_sha256, version, records, batches, bytes, indexed_at,"
	                         " schema_json FROM dataset WHERE name = ?",
	                         &stmt, err));
	state_bind_text(stmt, 1, name);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "no dataset '%s'", name);
	NZ_TRY(status);
	NZ_TRY(get_row(stmt, name, d, err));
	const int64_t id = sqlite3_column_int64(stmt, 0);
	NZ_TRY(get_tables(s, id, false, &d->tables, &d->table_count, err));
	return get_tables(s, id, true, &d->exclude, &d->exclude_count, err);
}

enum nz_status state_dataset_get(struct nz_state *state, const char *name, struct nz_dataset *out,
                                 struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	struct nz_dataset dataset NZ_CLEANUP(nz_dataset_clear) = {{0}};

	NZ_TRY(state_begin_read(s, err));
	NZ_TRY(state_end(s, get(s, name, &dataset, err), err));
	*out = dataset;
	dataset = (struct nz_dataset){{0}};
	return NZ_OK;
}

static void free_names(struct nz_dataset *names)
{
	nz_dataset_clear(names);
}

enum nz_status state_dataset_list(struct nz_state *state, nz_dataset_visit visit, void *context,
                                  struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	struct nz_dataset names NZ_CLEANUP(free_names) = {{0}}; /* in its list of tables */
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "SELECT name FROM dataset ORDER BY name", &stmt, err));
	NZ_TRY(state_list(s, stmt, &names.tables, &names.table_count, err));
	/* Outside a transaction, so that the visitor may use the handle. */
	for (size_t i = 0; i < names.table_count; i++) {
		struct nz_dataset dataset NZ_CLEANUP(nz_dataset_clear) = {{0}};
		const enum nz_status status =
			state_dataset_get(state, names.tables[i], &dataset, err);

		if (status == NZ_NOT_FOUND) /* removed meanwhile */
			continue;
		NZ_TRY(status);
		NZ_TRY(visit(context, &dataset));
	}
	return NZ_OK;
}

static enum nz_status delete_row(struct state_sqlite *s, int64_t id, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "DELETE FROM dataset WHERE id = ?", &stmt, err));
	sqlite3_bind_int64(stmt, 1, id);
	return nz_sqlite_run(s->db, stmt, err);
}

enum nz_status state_dataset_remove(struct nz_state *state, const char *name,
                                    struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	int lock NZ_CLEANUP(state_unlock_builder) = -1;
	int64_t id;

	NZ_TRY(state_dataset_id(s, name, &id, err));
	NZ_TRY(state_lock_builder(s, name, &lock, err));
	/* Again: another one may have removed it, and even added it anew. */
	NZ_TRY(state_dataset_id(s, name, &id, err));
	NZ_TRY(delete_row(s, id, err));
	/* It is gone. What a failure or a kill leaves of its index goes when the next one begins. */
	const enum nz_status dropped = state_drop_builds(s, id, NULL);
	(void)dropped;
	return NZ_OK;
}
