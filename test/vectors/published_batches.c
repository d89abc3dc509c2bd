/* SPDX-License-Identifier: Apache-2.0 */
/* batches.json: section 5 of doc/protocol.md from leaves to the dataset root, and section 6. */
#include <stdlib.h>

#include "published.h"
#include "record/batch.h"
#include "record/record.h"

/* ---- where a batch ends ---- */

static const struct {
	uint32_t first; /* of the leaf, big endian */
	size_t len;     /* of the record */
} ends[] = {
	{0x00000000, 0},       {0x001fffff, 0},        {0x00200000, 0},
	{0x001fffff, 512},     {0x00200000, 512},      {0x00200fff, 513},
	{0x00201000, 513},     {0x7fffffff, 524288},   {0x80000000, 524288},
	{0xfffffffe, 1048576}, {0xffffffff, 1048576},  {0xfffffffe, 67108864},
	{0xffffffff, 67108864},
};

static enum nz_status put_ends(struct nz_json_doc *doc, struct nz_json *root)
{
	struct nz_json *list = put_array(doc, root, "ends_after");

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct nz_json *item = push_object(doc, list);
		const uint32_t first = ends[i].first;
		const struct nz_hash leaf = {{(uint8_t)(first >> 24), (uint8_t)(first >> 16),
		                              (uint8_t)(first >> 8), (uint8_t)first}};

		nz_json_set_hex(doc, item, "leaf_starts", nz_bytes_of(leaf.bytes, 4));
		nz_json_set_int(doc, item, "record_length", (int64_t)ends[i].len);
		nz_json_set(doc, item, "ends",
		            nz_json_make_bool(doc, nz_batch_ends_after(&leaf, ends[i].len)));
	}
	return nz_json_failed(doc);
}

/* ---- datasets ---- */

#define RECORDS_LISTED 3

/* Records in key order: listed, or `last` of them by the rule that the file tells. */
struct table_rows {
	const char *listed[RECORDS_LISTED];
	size_t count; /* listed */
	int64_t last; /* generated: ids 1 to last */
	const char *prefix;
	int pad;
};
struct dataset {
	const char *name, *schema;
	const struct table_rows *tables;
	size_t table_count;
	bool leaves; /* list them */
};

static const struct table_rows small_tables[] = {
	{.listed = {"-2\tnegative\t\\N\t\\N", "1\tAda\t9.50\t\\\\x00ff", "2\ttab\\there\t0.00\t\\\\x"},
         .count = 3},
	{.listed = {"\\N\ta", "again\tb", "again\tb"}, .count = 3},
};
static const char small_schema[] =
	"{\"engine\":\"sqlite\",\"tables\":["
	"{\"name\":\"item\",\"columns\":["
	"{\"name\":\"id\",\"type\":\"INTEGER\",\"nullable\":false,\"kind\":\"int\"},"
	"{\"name\":\"name\",\"type\":\"TEXT\",\"nullable\":false,\"kind\":\"text\"},"
	"{\"name\":\"price\",\"type\":\"DECIMAL(10,2)\",\"nullable\":true,\"kind\":\"decimal\"},"
	"{\"name\":\"photo\",\"type\":\"BLOB\",\"nullable\":true,\"kind\":\"bytes\"}],"
	"\"key\":[\"id\"],\"ddl\":[\"CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, "
	"price DECIMAL(10,2), photo BLOB)\"]},"
	"{\"name\":\"note\",\"columns\":["
	"{\"name\":\"title\",\"type\":\"TEXT\",\"nullable\":true,\"kind\":\"text\"},"
	"{\"name\":\"text\",\"type\":\"TEXT\",\"nullable\":true,\"kind\":\"text\"}],"
	"\"key\":[],\"ddl\":[\"CREATE TABLE note(title TEXT, text TEXT)\"]}],"
	"\"ddl\":[\"CREATE VIEW cheap AS SELECT * FROM item WHERE price < 1\"],"
	"\"sequences\":[]}";

static const struct table_rows cut_tables[] = {
	{.last = 0, .prefix = "", .pad = 0},
	{.last = 10100, .prefix = "287-", .pad = 0},
	{.last = 4500, .prefix = "120-", .pad = 2000},
};
#define CUT_COLUMNS                                                                             \
	"\"columns\":[{\"name\":\"id\",\"type\":\"INTEGER\",\"nullable\":false,\"kind\":\"int\"}," \
	"{\"name\":\"text\",\"type\":\"TEXT\",\"nullable\":true,\"kind\":\"text\"}],\"key\":[\"id\"],"
#define CUT_DDL(name) "\"ddl\":[\"CREATE TABLE " name "(id INTEGER PRIMARY KEY, text TEXT)\"]"
static const char cut_schema[] =
	"{\"engine\":\"sqlite\",\"tables\":["
	"{\"name\":\"empty\"," CUT_COLUMNS CUT_DDL("empty") "},"
	"{\"name\":\"many\"," CUT_COLUMNS CUT_DDL("many") "},"
	"{\"name\":\"wide\"," CUT_COLUMNS CUT_DDL("wide") "}],\"sequences\":[]}";

static const struct dataset datasets[] = {
	{.name = "small", .schema = small_schema, .tables = small_tables, .table_count = 2, .leaves = true},
	{.name = "cut", .schema = cut_schema, .tables = cut_tables, .table_count = 3},
};

/* What a dataset's batches are gathered into. */
struct gathering {
	struct nz_json_doc *doc;
	struct nz_json *manifest, *entry_leaves;
	struct nz_dataset_root root;
};
static void gathering_clear(struct gathering *g)
{
	nz_dataset_root_clear(&g->root);
}

static enum nz_status entry_leaf(const struct nz_json *entry, struct nz_hash *out)
{
	NZ_BUFFER(text);

	NZ_TRY(nz_buffer_append_byte(&text, 0x02));
	NZ_TRY(nz_json_canonical(entry, &text));
	return nz_crypto_default()->sha256(nz_buffer_bytes(&text), out->bytes);
}

static enum nz_status on_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct gathering *g = context;
	struct nz_json *entry = nz_batch_to_json(g->root.schema, batch, g->doc);
	struct nz_hash leaf;

	(void)err;
	NZ_TRY(nz_json_failed(g->doc));
	NZ_TRY(entry_leaf(entry, &leaf));
	nz_json_push(g->doc, g->manifest, entry);
	char hex[2 * NZ_SHA256_BYTES + 1];
	nz_hex_encode(nz_bytes_of(leaf.bytes, sizeof leaf.bytes), hex);
	nz_json_push(g->doc, g->entry_leaves, nz_json_make_string(g->doc, nz_bytes_str(hex)));
	return nz_dataset_root_add(&g->root, batch);
}

static enum nz_status record_at(const struct table_rows *t, size_t i, struct nz_buffer *out)
{
	nz_buffer_reset(out);
	if (t->count > 0)
		return nz_buffer_append_str(out, t->listed[i]);
	NZ_TRY(nz_buffer_appendf(out, "%zu\t%s%zu", i + 1, t->prefix, i + 1));
	for (int pad = 0; pad < t->pad; pad++)
		NZ_TRY(nz_buffer_append_byte(out, 'x'));
	return NZ_OK;
}

static enum nz_status put_leaf(struct nz_json_doc *doc, struct nz_json *list,
                               const struct nz_buffer *record)
{
	struct nz_hash leaf;
	char hex[2 * NZ_SHA256_BYTES + 1];
	NZ_BUFFER(text);

	NZ_TRY(nz_buffer_append_byte(&text, 0x00));
	NZ_TRY(nz_buffer_append(&text, record->ptr, record->len));
	NZ_TRY(nz_crypto_default()->sha256(nz_buffer_bytes(&text), leaf.bytes));
	nz_hex_encode(nz_bytes_of(leaf.bytes, sizeof leaf.bytes), hex);
	nz_json_push(doc, list, nz_json_make_string(doc, nz_bytes_str(hex)));
	return nz_json_failed(doc);
}

/* The rows of one table, told to the file and given to the cutter. */
static enum nz_status put_table(struct nz_json_doc *doc, struct nz_json *item,
                                const struct dataset *d, const struct nz_schema *schema,
                                size_t index, struct nz_cutter *cutter)
{
	const struct table_rows *t = &d->tables[index];
	const size_t count = t->count > 0 ? t->count : (size_t)t->last;
	struct nz_json *records = t->count > 0 ? put_array(doc, item, "records") : NULL;
	struct nz_json *leaves = d->leaves ? put_array(doc, item, "leaves") : NULL;
	NZ_BUFFER(record);
	NZ_BUFFER(key);

	if (records == NULL) {
		struct nz_json *rule = put_object(doc, item, "generated");

		nz_json_set_int(doc, rule, "last", t->last);
		nz_json_set_str(doc, rule, "prefix", t->prefix);
		nz_json_set_int(doc, rule, "pad", t->pad);
	}
	for (size_t i = 0; i < count; i++) {
		NZ_TRY(record_at(t, i, &record));
		nz_buffer_reset(&key);
		NZ_TRY(nz_record_key(&schema->tables[index], nz_buffer_bytes(&record), &key));
		NZ_TRY(nz_cutter_add(cutter, index, nz_buffer_bytes(&record),
		                     nz_buffer_bytes(&key), NULL));
		if (records != NULL)
			nz_json_push(doc, records,
			             nz_json_make_string(doc, nz_buffer_bytes(&record)));
		if (leaves != NULL)
			NZ_TRY(put_leaf(doc, leaves, &record));
	}
	return nz_json_failed(doc);
}

static enum nz_status put_schema(struct nz_json_doc *doc, struct nz_json *item,
                                 const struct nz_schema *schema)
{
	struct nz_hash hash, leaf;

	nz_json_set(doc, item, "schema", nz_schema_to_json(schema, doc, true));
	NZ_TRY(nz_schema_hash(nz_crypto_default(), schema, &hash));
	NZ_TRY(nz_schema_leaf(nz_crypto_default(), schema, &leaf));
	put_hash(doc, item, "schema_sha256", &hash);
	put_hash(doc, item, "leaf_0", &leaf);
	return nz_json_failed(doc);
}

static enum nz_status put_dataset(struct nz_json_doc *doc, struct nz_json *item,
                                  const struct dataset *d)
{
	struct gathering g NZ_CLEANUP(gathering_clear) = {.doc = doc};
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	NZ_JSON_DOC(parsed);
	NZ_SCHEMA(schema);
	struct nz_hash root;

	NZ_TRY(nz_json_parse(nz_bytes_str(d->schema), NULL, &parsed, NULL));
	NZ_TRY(nz_schema_from_json(nz_json_root(parsed), &schema, NULL));
	nz_json_set_str(doc, item, "name", d->name);
	NZ_TRY(put_schema(doc, item, schema));
	struct nz_json *tables = put_array(doc, item, "tables");
	g.manifest = nz_json_make_array(doc);
	g.entry_leaves = nz_json_make_array(doc);
	NZ_TRY(nz_dataset_root_init(&g.root, nz_crypto_default(), schema));
	NZ_TRY(nz_cutter_new(nz_crypto_default(), schema, on_batch, &g, &cutter));
	for (size_t i = 0; i < d->table_count; i++) {
		struct nz_json *table = push_object(doc, tables);

		nz_json_set_str(doc, table, "name", schema->tables[i].name);
		NZ_TRY(put_table(doc, table, d, schema, i, cutter));
	}
	NZ_TRY(nz_cutter_finish(cutter, NULL));
	NZ_TRY(nz_dataset_root_get(&g.root, &root));
	nz_json_set(doc, item, "manifest", g.manifest);
	nz_json_set(doc, item, "entry_leaves", g.entry_leaves);
	nz_json_set_int(doc, item, "records", (int64_t)g.root.records);
	nz_json_set_int(doc, item, "batches", (int64_t)g.root.batches);
	nz_json_set_int(doc, item, "bytes", (int64_t)g.root.bytes);
	put_hash(doc, item, "merkle_root", &root);
	return nz_json_failed(doc);
}

/* ---- proofs ---- */

#define PROVED_LEAVES 7

static enum nz_status put_proofs(struct nz_json_doc *doc, struct nz_json *root)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_hash leaves[PROVED_LEAVES], copy[PROVED_LEAVES], proof[NZ_MERKLE_MAX_PROOF], top;
	struct nz_json *list = put_array(doc, root, "proofs");
	struct nz_hasher *hasher = NULL;
	struct nz_merkle tree;
	enum nz_status status = NZ_OK;

	NZ_TRY(crypto->hasher_new(&hasher));
	for (size_t size = 1; size <= PROVED_LEAVES && status == NZ_OK; size++) {
		const size_t index = size * 2 / 3;
		struct nz_json *item = push_object(doc, list);
		struct nz_json *hashes = put_array(doc, item, "proof");
		size_t len = 0;

		for (size_t i = 0; i < size; i++)
			memset(leaves[i].bytes, (int)i + 1, sizeof leaves[i].bytes);
		memcpy(copy, leaves, sizeof copy);
		nz_merkle_init(&tree, crypto, hasher);
		status = nz_merkle_append(&tree, copy, size);
		if (status == NZ_OK)
			status = nz_merkle_root(&tree, &top);
		if (status == NZ_OK)
			status = nz_merkle_prove_inclusion(crypto, hasher, leaves, size, index,
			                                   proof, &len);
		for (size_t i = 0; status == NZ_OK && i < len; i++) {
			char hex[2 * NZ_SHA256_BYTES + 1];

			nz_hex_encode(nz_bytes_of(proof[i].bytes, sizeof proof[i].bytes), hex);
			nz_json_push(doc, hashes, nz_json_make_string(doc, nz_bytes_str(hex)));
		}
		nz_json_set_int(doc, item, "size", (int64_t)size);
		nz_json_set_int(doc, item, "index", (int64_t)index);
		put_hash(doc, item, "root", &top);
	}
	crypto->hasher_free(&hasher);
	NZ_TRY(status);
	return nz_json_failed(doc);
}

enum nz_status published_batches(struct nz_json_doc *doc, struct nz_json **out)
{
	struct nz_json *root = nz_json_make_object(doc);
	struct nz_hash empty;

	nz_json_set_str(
		doc, root, "about",
		"Sections 5 and 6 of doc/protocol.md. A generated table has the records "
		"id TAB prefix id and `pad` times x, for ids from 1 to last: in `many` the limit of 10,000 "
		"records ends a batch, in `wide` that of 4 MiB. Proofs are over trees of `size` leaves, "
		"the first 32 times 01, the next 32 times 02, and so on.");
	NZ_TRY(nz_crypto_default()->sha256(nz_bytes_of("", 0), empty.bytes));
	put_hash(doc, root, "empty_root", &empty);
	NZ_TRY(put_ends(doc, root));
	struct nz_json *list = put_array(doc, root, "datasets");
	for (size_t i = 0; i < sizeof datasets / sizeof datasets[0]; i++)
		NZ_TRY(put_dataset(doc, push_object(doc, list), &datasets[i]));
	NZ_TRY(put_proofs(doc, root));
	*out = root;
	return nz_json_failed(doc);
}
