/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as JSON both ways, their hashes, and what from_json refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "record/schema.h"

#define COLUMN_ID "{\"kind\":\"int\",\"name\":\"id\",\"nullable\":false,\"type\":\"INTEGER\"}"
#define COLUMN_X "{\"kind\":\"decimal\",\"name\":\"x\",\"nullable\":true,\"type\":\"DECIMAL(10,2)\"}"
#define TABLE(name, key)                                                                        \
	"{\"columns\":[" COLUMN_ID "," COLUMN_X "],\"ddl\":[\"CREATE TABLE " name "\",\"CREATE INDEX " \
	name "\"],\"key\":[" key "],\"name\":\"" name "\"}"
#define WITHOUT_SEQUENCES                                                                       \
	"{\"ddl\":[\"CREATE VIEW v\"],\"engine\":\"sqlite\",\"order\":[2,0,4,3,1],"                 \
	"\"tables\":[" TABLE("a", "\"id\"") "," TABLE("b", "") "]}"
#define WITH_SEQUENCES                                                                          \
	"{\"ddl\":[\"CREATE VIEW v\"],\"engine\":\"sqlite\",\"order\":[2,0,4,3,1],"                 \
	"\"sequences\":[{\"name\":\"a\",\"value\":\"9223372036854775807\"}],"                       \
	"\"tables\":[" TABLE("a", "\"id\"") "," TABLE("b", "") "]}"

static enum nz_status read_schema(const char *text, struct nz_schema **out, struct nz_error *err)
{
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_parse(nz_bytes_str(text), &nz_json_packet_limits, &doc, err), NZ_OK);
	return nz_schema_from_json(nz_json_root(doc), out, err);
}

static void check_json(const struct nz_schema *schema, bool sequences, const char *expected)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	assert_int_equal(nz_json_canonical(nz_schema_to_json(schema, doc, sequences), &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), expected);
}

static void round_trip(void **state)
{
	struct nz_error err;
	NZ_SCHEMA(schema);

	(void)state;
	assert_int_equal(read_schema(WITH_SEQUENCES, &schema, &err), NZ_OK);
	check_json(schema, true, WITH_SEQUENCES);
	check_json(schema, false, WITHOUT_SEQUENCES);
	assert_int_equal(schema->tables[0].columns[1].kind, NZ_KIND_DECIMAL);
	assert_int_equal(schema->tables[0].columns[1].scale, 2);
	assert_int_equal(schema->tables[0].key_count, 1);
	assert_int_equal(schema->tables[1].key_count, 0);
	assert_ptr_equal(nz_schema_find(schema, nz_bytes_str("b")), &schema->tables[1]);
	assert_null(nz_schema_find(schema, nz_bytes_str("c")));
	assert_null(nz_schema_find(schema, nz_bytes_str("")));
}

static void smallest(void **state)
{
	static const char text[] = "{\"engine\":\"postgresql\",\"tables\":[]}";
	struct nz_error err;
	NZ_SCHEMA(schema);

	(void)state;
	assert_int_equal(read_schema(text, &schema, &err), NZ_OK);
	check_json(schema, false, text);
}

/* SHA-256 of the text above, and leaf 0: by an independent program. */
static void hashes(void **state)
{
	struct nz_hash hash;
	struct nz_error err;
	NZ_SCHEMA(schema);
	char hex[65];

	(void)state;
	assert_int_equal(read_schema(WITH_SEQUENCES, &schema, &err), NZ_OK);
	assert_int_equal(nz_schema_hash(nz_crypto_default(), schema, &hash), NZ_OK);
	nz_hex_encode(nz_bytes_of(hash.bytes, 32), hex);
	assert_string_equal(hex, "41adf5621f9380e5932a0f4b4cb548abbbe3c7d299254792e86591c7d340a7bf");
	assert_int_equal(nz_schema_leaf(nz_crypto_default(), schema, &hash), NZ_OK);
	nz_hex_encode(nz_bytes_of(hash.bytes, 32), hex);
	assert_string_equal(hex, "4f6499f26d350b0d6e1099df831a0869b2378b073a6caaa92c27a97ca7174eb9");
}

#define ONE(columns, key, ddl)                                                                  \
	"{\"engine\":\"sqlite\",\"tables\":[{\"columns\":[" columns "],\"ddl\":" ddl ",\"key\":[" key \
	"],\"name\":\"a\"}]}"

static void refused(void **state)
{
	static const char *const cases[] = {
		"[]",
		"{}",
		"{\"engine\":\"sqlite\"}",
		"{\"engine\":\"sqlite\",\"tables\":{}}",
		"{\"engine\":\"sqlite\",\"tables\":[1]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"x\":1}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[1]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\\u0000b\"]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\"],\"order\":[0]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\",\"b\"],\"order\":[0,0]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\",\"b\"],\"order\":[1,2]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\",\"b\"],\"order\":[1,0.5]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\",\"b\"],\"order\":[1,-1]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\",\"b\"],\"order\":[1]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"ddl\":[\"a\",\"b\"],\"order\":[1,\"0\"]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"sequences\":[{\"name\":\"a\",\"value\":7}]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"sequences\":[{\"name\":\"a\",\"value\":\"x\"}]}",
		"{\"engine\":\"sqlite\",\"tables\":[],\"sequences\":[{\"name\":\"a\",\"value\":\"-\"}]}",
		"{\"engine\":\"sqlite\",\"tables\":[" TABLE("a", "") "," TABLE("a", "") "]}",
		"{\"engine\":\"sqlite\",\"tables\":[" TABLE("b", "") "," TABLE("a", "") "]}",
		"{\"engine\":\"sqlite\",\"tables\":[" TABLE("a", "\"x\"") "]}",
		"{\"engine\":\"sqlite\",\"tables\":[" TABLE("a", "\"y\"") "]}",
		"{\"engine\":\"sqlite\",\"tables\":[" TABLE("a", "\"id\",\"id\"") "]}",
		"{\"engine\":\"sqlite\",\"tables\":[" TABLE("a", "1") "]}",
		ONE("", "", "[]"),
		ONE("1", "", "[]"),
		ONE(COLUMN_ID "," COLUMN_ID, "", "[]"),
		ONE(COLUMN_ID, "", "{}"),
		ONE(COLUMN_ID, "\"id\",\"x\"", "[]"),
		ONE("{\"kind\":\"text\",\"name\":\"id\",\"nullable\":false,\"type\":\"INTEGER\"}", "", "[]"),
		ONE("{\"kind\":\"decimal\",\"name\":\"x\",\"nullable\":true,\"type\":\"DECIMAL(19,2)\"}", "",
		    "[]"),
		ONE("{\"kind\":\"money\",\"name\":\"x\",\"nullable\":true,\"type\":\"x\"}", "", "[]"),
		ONE("{\"kind\":\"decimal(2)\",\"name\":\"x\",\"nullable\":true,\"type\":\"x\"}", "", "[]"),
		ONE("{\"kind\":\"int\",\"name\":\"x\",\"nullable\":1,\"type\":\"INT\"}", "", "[]"),
		ONE("{\"kind\":\"int\",\"name\":\"x\",\"type\":\"INT\"}", "", "[]"),
		ONE("{\"kind\":\"int\",\"name\":\"x\",\"nullable\":true,\"type\":\"INT\",\"y\":1}", "", "[]"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nz_error err = {0};
		NZ_SCHEMA(schema);

		if (read_schema(cases[i], &schema, &err) != NZ_MALFORMED)
			fail_msg("took %s", cases[i]);
		assert_null(schema);
		assert_true(err.message[0] != 0);
	}
}

static void unknown_engine(void **state)
{
	struct nz_error err;
	NZ_SCHEMA(schema);

	(void)state;
	assert_int_equal(read_schema("{\"engine\":\"oracle\",\"tables\":[]}", &schema, &err),
	                 NZ_UNSUPPORTED);
}

static void limits(void **state)
{
	NZ_JSON_DOC(doc);
	struct nz_json *json, *tables, *columns, *table;
	struct nz_error err;
	NZ_SCHEMA(schema);

	(void)state;
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	json = nz_json_make_object(doc);
	tables = nz_json_make_array(doc);
	columns = nz_json_make_array(doc);
	table = nz_json_make_object(doc);
	for (int i = 0; i < NZ_SCHEMA_MAX_COLUMNS + 1; i++)
		nz_json_push(doc, columns, nz_json_make_null(doc));
	nz_json_set_str(doc, table, "name", "a");
	nz_json_set(doc, table, "columns", columns);
	nz_json_set(doc, table, "key", nz_json_make_array(doc));
	nz_json_set(doc, table, "ddl", nz_json_make_array(doc));
	nz_json_push(doc, tables, table);
	nz_json_set_str(doc, json, "engine", "sqlite");
	nz_json_set(doc, json, "tables", tables);
	assert_int_equal(nz_schema_from_json(json, &schema, &err), NZ_LIMIT);
	for (int i = 0; i < NZ_SCHEMA_MAX_TABLES; i++)
		nz_json_push(doc, tables, nz_json_make_null(doc));
	assert_int_equal(nz_json_failed(doc), NZ_OK);
	assert_int_equal(nz_schema_from_json(json, &schema, &err), NZ_LIMIT);
	assert_null(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(smallest),
		cmocka_unit_test(hashes),
		cmocka_unit_test(refused),
		cmocka_unit_test(unknown_engine),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
