/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nz dataset: add, list, remove, index.
 *
 * Adding reads the source's schema, so that what cannot be carried is refused by name right away.
 * It scans no rows: `index` does, or the platform when it is first asked for the dataset.
 */
#include "platform.h"

#include <stdio.h>
#include <unistd.h>

#include <nz/clock.h>
#include <nz/crypto.h>

#include "server/indexer.h"
#include "source/source.h"

#define SQLITE_SCHEME "sqlite:"
#define FILTER_MAX NZ_OPTION_VALUES

/* ---- add ---- */

struct addition {
	struct nz_dataset dataset; /* its lists borrow from the arguments */
	struct nz_buffer source;
	char *tables[FILTER_MAX], *exclude[FILTER_MAX];
	struct nz_schema *schema;
};

static void addition_clear(struct addition *a)
{
	nz_buffer_clear(&a->source);
	nz_schema_free(&a->schema);
}

/* What --table and --exclude give; borrowed. */
static size_t collect(const struct nz_args *args, const char *option, char *out[FILTER_MAX])
{
	const char *value;
	size_t n = 0;

	while (n < FILTER_MAX && (value = nz_args_get_nth(args, option, n)) != NULL)
		out[n++] = (char *)value; /* read only from here on */
	return n;
}

static enum nz_status check_filters(const struct nz_dataset *d, struct nz_error *err)
{
	for (size_t i = 0; i < d->table_count; i++)
		for (size_t j = 0; j < d->exclude_count; j++)
			if (strcmp(d->tables[i], d->exclude[j]) == 0)
				return nz_fail(err, NZ_INVALID,
				               "table '%s' is both wanted and excluded",
				               d->tables[i]);
	return NZ_OK;
}

/* An absolute path, since the platform runs elsewhere. */
static enum nz_status absolute_source(const char *uri, struct nz_buffer *out, struct nz_error *err)
{
	const size_t scheme = strlen(SQLITE_SCHEME);

	if (strncmp(uri, SQLITE_SCHEME, scheme) != 0)
		return nz_buffer_append_str(out, uri);
	if (uri[scheme] == '\0')
		return nz_fail(err, NZ_INVALID, "sqlite: needs a path: sqlite:shop.db");
	NZ_TRY(nz_buffer_append_str(out, SQLITE_SCHEME));
	return nz_absolute_path(uri + scheme, out, err);
}

static enum nz_status choose_encoding(const struct nz_args *args, struct nz_dataset *d,
                                      struct nz_error *err)
{
	const char *encoding = nz_args_get(args, "encoding", "text");

	if (strcmp(encoding, "text") == 0) {
		memcpy(d->encoding, NZ_ENCODING_TEXT, sizeof NZ_ENCODING_TEXT);
		return NZ_OK;
	}
	if (strcmp(encoding, "binary") == 0)
		return nz_fail(err, NZ_UNSUPPORTED,
		               "the binary encoding is from PostgreSQL to PostgreSQL: leave out "
		               "--encoding binary for a SQLite source");
	return nz_fail(err, NZ_INVALID, "--encoding is text or binary, not '%s'", encoding);
}

static enum nz_status read_schema(const char *uri, const struct nz_source_options *options,
                                  struct nz_schema **out, struct nz_error *err)
{
	struct nz_source *source NZ_CLEANUP(nz_source_close) = NULL;

	NZ_TRY(nz_source_open(uri, options, &source, err));
	NZ_TRY(source->ops->begin(source, err));
	const enum nz_status status = source->ops->schema(source, out, err);
	source->ops->end(source);
	return status;
}

/*
 * A table that was named must be there: a slip in --exclude would publish what was to stay private.
 * One that exists but cannot be carried may well be excluded.
 */
static enum nz_status check_table(const char *uri, const char *option, const char *table,
                                  struct nz_error *err)
{
	const struct nz_source_options options = {.tables = &table, .table_count = 1};
	NZ_SCHEMA(schema);
	const enum nz_status status = read_schema(uri, &options, &schema, err);

	if (status == NZ_UNSUPPORTED)
		return NZ_OK;
	if (status == NZ_OK && nz_schema_find(schema, nz_bytes_str(table)) != NULL)
		return NZ_OK;
	if (status != NZ_OK && status != NZ_NOT_FOUND)
		return status;
	return nz_fail(err, NZ_NOT_FOUND, "--%s %s: the source has no such table", option, table);
}

static enum nz_status check_source(struct addition *a, struct nz_error *err)
{
	const struct nz_dataset *d = &a->dataset;
	const struct nz_source_options options = {
		.tables = (const char *const *)d->tables,
		.table_count = d->table_count,
		.exclude = (const char *const *)d->exclude,
		.exclude_count = d->exclude_count,
	};

	for (size_t i = 0; i < d->table_count; i++)
		NZ_TRY(check_table(d->source, "table", d->tables[i], err));
	for (size_t i = 0; i < d->exclude_count; i++)
		NZ_TRY(check_table(d->source, "exclude", d->exclude[i], err));
	return read_schema(d->source, &options, &a->schema, err);
}

static enum nz_status set_name(const char *name, struct nz_dataset *d, struct nz_error *err)
{
	if (!nz_dataset_name_valid(nz_bytes_str(name)))
		return nz_fail(
			err, NZ_INVALID,
			"'%.100s' is no name for a dataset: 1 to %d of a-z 0-9 _ . - and a letter "
			"or digit first",
			name, NZ_DATASET_NAME_MAX_BYTES);
	memcpy(d->name, name, strlen(name) + 1);
	return NZ_OK;
}

static enum nz_status prepare(const struct nz_args *args, struct addition *a, struct nz_error *err)
{
	struct nz_dataset *d = &a->dataset;
	uint8_t lineage[16];

	NZ_TRY(set_name(args->positional[0], d, err));
	NZ_TRY(nz_refuse_password(args->positional[1], err));
	NZ_TRY(choose_encoding(args, d, err));
	NZ_TRY(absolute_source(args->positional[1], &a->source, err));
	d->source = (char *)nz_buffer_cstr(&a->source);
	if (d->source == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	d->table_count = collect(args, "table", a->tables);
	d->tables = d->table_count > 0 ? a->tables : NULL;
	d->exclude_count = collect(args, "exclude", a->exclude);
	d->exclude = d->exclude_count > 0 ? a->exclude : NULL;
	NZ_TRY(check_filters(d, err));
	if (nz_crypto_default()->random(lineage, sizeof lineage) != NZ_OK)
		return nz_fail(err, NZ_CRYPTO, "no random bytes");
	nz_hex_encode(nz_bytes_of(lineage, sizeof lineage), d->lineage);
	d->added_at = nz_clock_unix();
	return NZ_OK;
}

static enum nz_status add(const struct nz_args *args, struct addition *a, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(prepare(args, a, err));
	NZ_TRY(nz_platform_open(args, &state, err));
	NZ_TRY(check_source(a, err));
	return state->ops->dataset_add(state, &a->dataset, err);
}

static int say_added(const struct nz_args *args, const struct addition *a)
{
	const struct nz_dataset *d = &a->dataset;
	struct nz_error err = {.status = NZ_NO_MEMORY};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	if (nz_json_new(&doc) != NZ_OK ||
	    nz_buffer_appendf(&text, "added %s: %zu table%s of %s\n", d->name,
	                      a->schema->table_count, a->schema->table_count == 1 ? "" : "s",
	                      d->source) != NZ_OK)
		return nz_platform_fail(args, &err);
	struct nz_json *json = nz_json_make_object(doc);
	struct nz_json *tables = nz_json_make_array(doc);
	nz_json_set_str(doc, json, "name", d->name);
	nz_json_set_str(doc, json, "source", d->source);
	nz_json_set_str(doc, json, "encoding", d->encoding);
	nz_json_set_str(doc, json, "lineage", d->lineage);
	for (size_t i = 0; i < a->schema->table_count; i++)
		nz_json_push(doc, tables,
		             nz_json_make_string(doc, nz_bytes_str(a->schema->tables[i].name)));
	nz_json_set(doc, json, "tables", tables);
	return nz_platform_print(args, json, &text);
}

static int run_add(const struct nz_args *args)
{
	struct addition a NZ_CLEANUP(addition_clear) = {.schema = NULL};
	struct nz_error err = {0};

	return add(args, &a, &err) == NZ_OK ? say_added(args, &a) : nz_platform_fail(args, &err);
}

/* ---- list and remove ---- */

struct listing {
	struct nz_json_doc *doc;
	struct nz_json *array;
	struct nz_buffer text;
};

static void listing_clear(struct listing *listing)
{
	nz_json_free(&listing->doc);
	nz_buffer_clear(&listing->text);
}

static struct nz_json *dataset_json(struct nz_json_doc *doc, const struct nz_dataset *d)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_str(doc, json, "name", d->name);
	nz_json_set_str(doc, json, "source", d->source);
	nz_json_set_str(doc, json, "encoding", d->encoding);
	nz_json_set_int(doc, json, "epoch", d->epoch);
	if (d->epoch > 0)
		nz_json_set_hex(doc, json, "root",
		                nz_bytes_of(d->root.bytes, sizeof d->root.bytes));
	else
		nz_json_set(doc, json, "root", nz_json_make_null(doc));
	nz_json_set_int(doc, json, "records", d->records);
	nz_json_set_int(doc, json, "batches", d->batches);
	nz_json_set_int(doc, json, "bytes", d->bytes);
	nz_json_set_int(doc, json, "indexed_at", d->indexed_at);
	return json;
}

/* "epoch 3 root 9f3c… 15607 records 11 batches 1.2 MB" */
static enum nz_status append_index(struct nz_buffer *out, const struct nz_dataset *d)
{
	char root[2 * NZ_SHA256_BYTES + 1];

	nz_hex_encode(nz_bytes_of(d->root.bytes, sizeof d->root.bytes), root);
	NZ_TRY(nz_buffer_appendf(out, "epoch %lld root %s %lld records %lld batches ",
	                         (long long)d->epoch, root, (long long)d->records,
	                         (long long)d->batches));
	return nz_size_text(d->bytes, out);
}

static enum nz_status visit(void *context, const struct nz_dataset *d)
{
	struct listing *l = context;

	nz_json_push(l->doc, l->array, dataset_json(l->doc, d));
	NZ_TRY(nz_json_failed(l->doc));
	NZ_TRY(nz_buffer_appendf(&l->text, "%s %s ", d->name, d->source));
	if (d->epoch > 0)
		NZ_TRY(append_index(&l->text, d));
	else
		NZ_TRY(nz_buffer_append_str(&l->text, "not indexed yet"));
	return nz_buffer_append_byte(&l->text, '\n');
}

static enum nz_status list(const struct nz_args *args, struct listing *l, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_json_new(&l->doc));
	l->array = nz_json_make_array(l->doc);
	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->dataset_list(state, visit, l, err);
}

static int run_list(const struct nz_args *args)
{
	struct listing l NZ_CLEANUP(listing_clear) = {.doc = NULL};
	struct nz_error err = {0};

	if (list(args, &l, &err) != NZ_OK)
		return nz_platform_fail(args, &err);
	return nz_platform_print(args, l.array, &l.text);
}

static enum nz_status remove_dataset(const struct nz_args *args, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->dataset_remove(state, args->positional[0], err);
}

static int run_remove(const struct nz_args *args)
{
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	if (remove_dataset(args, &err) != NZ_OK || nz_json_new(&doc) != NZ_OK ||
	    nz_buffer_appendf(&text, "removed %s and all grants of it; the source is untouched\n",
	                      args->positional[0]) != NZ_OK)
		return nz_platform_fail(args, &err);
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_str(doc, json, "name", args->positional[0]);
	return nz_platform_print(args, json, &text);
}

/* ---- index ---- */

#define PROGRESS_EVERY_MS 200

struct progress {
	bool terminal;
	int64_t shown_at; /* ms */
};

static enum nz_status show_progress(void *context, uint64_t records, uint64_t bytes)
{
	struct progress *p = context;
	const int64_t now = nz_clock_monotonic_ms();

	if (nz_cli_stopped())
		return NZ_CANCELLED;
	if (!p->terminal || now - p->shown_at < PROGRESS_EVERY_MS)
		return NZ_OK;
	p->shown_at = now;
	fprintf(stderr, "\r\033[K%llu records, %llu MB", (unsigned long long)records,
	        (unsigned long long)(bytes / 1000000));
	return NZ_OK;
}

static enum nz_status build_index(const struct nz_args *args, struct nz_dataset *dataset,
                                  struct nz_error *err)
{
	struct progress progress = {.terminal = !args->json && isatty(STDERR_FILENO) != 0};
	NZ_STATE(state);

	NZ_TRY(nz_platform_open(args, &state, err));
	const enum nz_status status =
		nz_indexer_refresh(state, nz_crypto_default(), args->positional[0],
	                           nz_args_flag(args, "force"), show_progress, &progress, dataset,
	                           err);
	if (progress.shown_at != 0)
		fprintf(stderr, "\r\033[K");
	return status;
}

static int run_index(const struct nz_args *args)
{
	struct nz_dataset dataset NZ_CLEANUP(nz_dataset_clear) = {{0}};
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	nz_cli_catch_signals();
	if (build_index(args, &dataset, &err) != NZ_OK || nz_json_new(&doc) != NZ_OK ||
	    nz_buffer_appendf(&text, "indexed %s ", dataset.name) != NZ_OK ||
	    append_index(&text, &dataset) != NZ_OK || nz_buffer_append_byte(&text, '\n') != NZ_OK)
		return nz_platform_fail(args, &err);
	return nz_platform_print(args, dataset_json(doc, &dataset), &text);
}

/* ---- the table ---- */

static const struct nz_option add_options[] = {
	NZ_OPTION_STATE,
	{.name = "table", .value = "NAME", .help = "take this table, and no others", .many = true},
	{.name = "exclude", .value = "NAME", .help = "leave this table out", .many = true},
	{.name = "encoding",
	 .value = "text|binary",
	 .help = "how records travel (default text; binary is for PostgreSQL alone)"},
	{0},
};
static const struct nz_option index_options[] = {
	NZ_OPTION_STATE,
	{.name = "force", .help = "scan even where the source looks unchanged"},
	{0},
};

const struct nz_command nz_commands_dataset[] = {
	NZ_STATE_COMMAND("dataset", "add", 2, add_options, run_add,
	                 "NAME SOURCE --state DIR [--table T]... [--exclude T]...",
	                 "offer a database as a dataset",
	                 "nz dataset add shop sqlite:shop.db --state platform --exclude sessions"),
	NZ_STATE_COMMAND("dataset", "list", 0, nz_state_options, run_list,
	                 "--state DIR",
	                 "list the datasets",
	                 "nz dataset list --state platform"),
	NZ_STATE_COMMAND("dataset", "remove", 1, nz_state_options, run_remove,
	                 "NAME --state DIR",
	                 "stop offering a dataset",
	                 "nz dataset remove shop --state platform"),
	NZ_STATE_COMMAND("dataset", "index", 1, index_options, run_index,
	                 "NAME --state DIR [--force]",
	                 "scan a dataset's source now, instead of when it is asked for",
	                 "nz dataset index shop --state platform"),
	{0},
};
