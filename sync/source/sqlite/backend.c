/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite file as a source. One read transaction is the snapshot. */
#include <stdlib.h>

#include "source/source.h"
#include "sqlite/sqlite.h"

#define BUSY_TIMEOUT_MS 5000
#define SCHEME "sqlite:"
/* A row passes through SQLite whole, escaped and beside its key. */
#define ROW_FACTOR 3
#define ROW_MIN_BYTES ((size_t)16 << 20)

struct sqlite_source {
	struct nz_source base;
	sqlite3 *db;
	char *path;
	char **tables, **exclude; /* copies of the options' */
	size_t table_count, exclude_count;
	size_t record_max_bytes;
	bool open; /* a snapshot is */
};

static struct sqlite_source *own(struct nz_source *source)
{
	return (struct sqlite_source *)source;
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; names != NULL && i < count; i++)
		free(names[i]);
	free(names);
}

static void source_close(struct nz_source **source)
{
	struct sqlite_source *s = own(*source);

	if (s == NULL)
		return;
	nz_sqlite_close(&s->db);
	free_names(s->tables, s->table_count);
	free_names(s->exclude, s->exclude_count);
	free(s->path);
	free(s);
	*source = NULL;
}

static enum nz_status copy_names(const char *const *names, size_t count, char ***out,
                                 size_t *out_count)
{
	*out = calloc(count > 0 ? count : 1, sizeof(**out));
	if (*out == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		(*out)[i] = nz_strdup_bytes(nz_bytes_str(names[i]));
		if ((*out)[i] == NULL)
			return NZ_NO_MEMORY;
		*out_count = i + 1;
	}
	return NZ_OK;
}

static enum nz_status set_up(struct sqlite_source *s, const char *path,
                             const struct nz_source_options *options, struct nz_error *err)
{
	size_t row_max;

	s->record_max_bytes = NZ_RECORD_MAX_BYTES;
	s->path = nz_strdup_bytes(nz_bytes_str(path));
	if (s->path == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a source");
	if (options != NULL) {
		if (options->record_max_bytes != 0)
			s->record_max_bytes = options->record_max_bytes;
		NZ_TRY(copy_names(options->tables, options->table_count, &s->tables,
		                  &s->table_count));
		NZ_TRY(copy_names(options->exclude, options->exclude_count, &s->exclude,
		                  &s->exclude_count));
	}
	NZ_TRY(nz_sqlite_open(path, NZ_SQLITE_READ, BUSY_TIMEOUT_MS, &s->db, err));
	/* Keeps SQLite from loading a value that no record can hold. */
	row_max = s->record_max_bytes > INT32_MAX / ROW_FACTOR ? INT32_MAX
							       : s->record_max_bytes * ROW_FACTOR;
	(void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH,
	                    (int)(row_max < ROW_MIN_BYTES ? ROW_MIN_BYTES : row_max));
	return NZ_OK;
}

static enum nz_status source_open(const char *uri, const struct nz_source_options *options,
                                  struct nz_source **out, struct nz_error *err)
{
	struct sqlite_source *s = calloc(1, sizeof(*s));
	struct nz_source *base NZ_CLEANUP(source_close) = s != NULL ? &s->base : NULL;

	if (s == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a source");
	s->base.ops = &nz_source_sqlite;
	NZ_TRY(set_up(s, uri + sizeof(SCHEME) - 1, options, err));
	*out = base;
	base = NULL;
	return NZ_OK;
}

static enum nz_status source_version(struct nz_source *source, struct nz_hash *out,
                                     struct nz_error *err)
{
	struct nz_hash hash;
	bool settled;

	NZ_TRY(nz_sqlite_fingerprint(own(source)->path, &hash, &settled, err));
	if (!settled)
		return nz_fail(err, NZ_BUSY, "%s was written to just now", own(source)->path);
	*out = hash;
	return NZ_OK;
}

static void source_end(struct nz_source *source)
{
	struct sqlite_source *s = own(source);

	if (s->open)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->open = false;
}

static enum nz_status source_begin(struct nz_source *source, struct nz_error *err)
{
	struct sqlite_source *s = own(source);
	enum nz_status status;

	if (s->open)
		return nz_fail(err, NZ_INVALID, "a snapshot is open already");
	NZ_TRY(nz_sqlite_begin(s->db, "BEGIN", err));
	s->open = true;
	/* BEGIN alone takes no lock; the first read does. */
	status = nz_sqlite_exec(s->db, "SELECT 1 FROM sqlite_schema LIMIT 1", err);
	if (status != NZ_OK)
		source_end(source);
	return status;
}

static enum nz_status source_schema(struct nz_source *source, struct nz_schema **out,
                                    struct nz_error *err)
{
	struct sqlite_source *s = own(source);
	const struct nz_sqlite_filter filter = {
		.tables = (const char *const *)s->tables,
		.table_count = s->table_count,
		.exclude = (const char *const *)s->exclude,
		.exclude_count = s->exclude_count,
	};

	if (!s->open)
		return nz_fail(err, NZ_INVALID, "no snapshot is open");
	return nz_sqlite_schema(s->db, &filter, out, err);
}

static enum nz_status source_scan(struct nz_source *source, const struct nz_schema *schema,
                                  size_t table, const struct nz_scan_from *from,
                                  struct nz_scan **out, struct nz_error *err)
{
	struct sqlite_source *s = own(source);

	if (!s->open || table >= schema->table_count)
		return nz_fail(err, NZ_INVALID, "no snapshot is open, or there is no such table");
	return nz_sqlite_scan(s->db, "main", &schema->tables[table], from, s->record_max_bytes, out,
	                      err);
}

const struct nz_source_ops nz_source_sqlite = {
	.scheme = "sqlite",
	.open = source_open,
	.close = source_close,
	.version = source_version,
	.begin = source_begin,
	.end = source_end,
	.schema = source_schema,
	.scan = source_scan,
	.scan_ops = {.next = nz_sqlite_scan_next, .free = nz_sqlite_scan_free},
};
