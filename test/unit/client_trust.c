/* SPDX-License-Identifier: Apache-2.0 */
/* Which statement may follow which: rollback, equivocation with its evidence, lineage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/trust.h"

static struct nz_checkpoint held;
static struct nz_statement offered;
static char folder[64], uri[96];

static int set_up(void **state)
{
	(void)state;
	held = (struct nz_checkpoint){.statement = {.name = "shop",
						    .lineage = "00112233445566778899aabbccddeeff",
						    .encoding = NZ_ENCODING_TEXT,
						    .epoch = 5,
						    .issued_at = 1000,
						    .expires_at = 2000},
				      .certificate = (char *)"[\"Zmlyc3Q=\"]"};
	memset(held.statement.platform, 'a', 64);
	offered = held.statement;
	snprintf(folder, sizeof folder, "/tmp/nz-trust-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(uri, sizeof uri, "sqlite:%s/r.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/r.db.equivocation-5.json", folder);
	unlink(path);
	return rmdir(folder);
}

static enum nz_status judge(bool accept, struct nz_error *err)
{
	return nz_trust_statement(&held, &offered, "[\"c2Vjb25k\"]", accept, uri, err);
}

static void refused_for(const char *why)
{
	struct nz_error err = {0};

	assert_int_equal(judge(false, &err), NZ_REFUSED);
	assert_int_equal(err.code, 1001);
	assert_non_null(strstr(err.message, why));
}

static void what_may_follow(void **state)
{
	(void)state;
	assert_int_equal(nz_trust_statement(NULL, &offered, "[]", false, uri, NULL), NZ_OK);
	assert_int_equal(judge(false, NULL), NZ_OK);
	offered.epoch = 6;
	assert_int_equal(judge(false, NULL), NZ_OK);
	offered.merkle_root.bytes[0] ^= 1;
	assert_int_equal(judge(false, NULL), NZ_OK);
	offered.epoch = INT64_C(1) << 52;
	assert_int_equal(judge(false, NULL), NZ_OK);
}

static void rollback(void **state)
{
	(void)state;
	offered.epoch = 4;
	refused_for("rollback");
}

static void another_lineage(void **state)
{
	(void)state;
	offered.lineage[0] = 'f';
	offered.epoch = 1;
	refused_for("--accept-lineage");
	assert_int_equal(judge(true, NULL), NZ_OK);
	offered = held.statement;
	offered.platform[0] = 'b';
	refused_for("--accept-lineage");
	offered = held.statement;
	offered.name[0] = 'x';
	refused_for("--accept-lineage");
}

static void accepting_a_lineage_is_no_excuse(void **state)
{
	(void)state;
	offered.epoch = 4;
	assert_int_equal(judge(true, NULL), NZ_REFUSED);
}

static void read_file(const char *path, struct nz_buffer *out)
{
	FILE *file = fopen(path, "r");
	char piece[512];
	size_t got;

	assert_non_null(file);
	while ((got = fread(piece, 1, sizeof piece, file)) > 0)
		assert_int_equal(nz_buffer_append(out, piece, got), NZ_OK);
	fclose(file);
}

static void equivocation(void **state)
{
	char path[128];
	NZ_BUFFER(text);
	NZ_BUFFER(again);
	NZ_JSON_DOC(doc);

	(void)state;
	offered.merkle_root.bytes[0] ^= 1;
	refused_for("equivocation");
	snprintf(path, sizeof path, "%s/r.db.equivocation-5.json", folder);
	read_file(path, &text);
	assert_int_equal(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &doc, NULL),
			 NZ_OK);
	const struct nz_json *sides = nz_json_get(nz_json_root(doc), "statements");
	assert_int_equal(nz_json_count(sides), 2);
	for (size_t i = 0; i < 2; i++) {
		struct nz_statement kept;
		const struct nz_json *side = nz_json_at(sides, i);

		assert_int_equal(
		    nz_statement_from_json(nz_json_get(side, "statement"), &kept, NULL), NZ_OK);
		assert_memory_equal(&kept.merkle_root,
				    i == 0 ? &held.statement.merkle_root : &offered.merkle_root,
				    sizeof kept.merkle_root);
		assert_int_equal(nz_json_count(nz_json_get(side, "certificate")), 1);
	}
	/* Evidence is never overwritten. */
	offered.merkle_root.bytes[0] ^= 3;
	refused_for("equivocation");
	read_file(path, &again);
	assert_true(nz_bytes_equal(nz_buffer_bytes(&text), nz_buffer_bytes(&again)));
}

static void another_schema_is_equivocation_too(void **state)
{
	(void)state;
	offered.schema_sha256.bytes[31] ^= 1;
	refused_for("equivocation");
}

static void evidence_that_cannot_be_written_is_said(void **state)
{
	struct nz_error err = {0};

	(void)state;
	offered.merkle_root.bytes[0] ^= 1;
	assert_int_equal(
	    nz_trust_statement(&held, &offered, "[]", false, "sqlite:/nonexistent/r.db", &err),
	    NZ_REFUSED);
	assert_non_null(strstr(err.message, "could not be written"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    CASE(what_may_follow),
	    CASE(rollback),
	    CASE(another_lineage),
	    CASE(accepting_a_lineage_is_no_excuse),
	    CASE(equivocation),
	    CASE(another_schema_is_equivocation_too),
	    CASE(evidence_that_cannot_be_written_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
