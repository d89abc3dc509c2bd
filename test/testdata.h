/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published vectors are read where they are: in NZ_TESTDATA, by default ../shared/testdata beside
 * the source. Include after <cmocka.h>.
 */
#ifndef NZ_TEST_TESTDATA_H
#define NZ_TEST_TESTDATA_H

#include <stdio.h>
#include <stdlib.h>

#include <nz/bytes.h>

static inline void testdata_path(const char *name, char *out, size_t size)
{
	const char *root = getenv("NZ_SOURCE_ROOT"), *data = getenv("NZ_TESTDATA");

	if (data != NULL)
		(void)snprintf(out, size, "%s/%s", data, name);
	else
		(void)snprintf(out, size, "%s/../shared/testdata/%s", root != NULL ? root : ".", name);
}

/* The whole file, at most 16 MiB, appended to out. Skips the test where there is none. */
static inline void testdata_read(const char *name, struct nz_buffer *out)
{
	char path[4096];
	FILE *file;
	size_t got;

	testdata_path(name, path, sizeof(path));
	file = fopen(path, "rb");
	if (file == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	out->max = (size_t)16 << 20;
	do {
		assert_int_equal(nz_buffer_reserve(out, 65536), NZ_OK);
		got = fread(out->ptr + out->len, 1, 65536, file);
		out->len += got;
	} while (got > 0);
	assert_int_equal(ferror(file), 0);
	(void)fclose(file);
}

#endif
