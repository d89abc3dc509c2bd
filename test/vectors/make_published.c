/* SPDX-License-Identifier: Apache-2.0 */
/* make_published FOLDER: writes the files of doc/vectors. Look at the difference before you keep it. */
#include <stdio.h>

#include "published.h"

/* Indented by a space a level, so that a difference is seen by line. */
static void print(FILE *to, const struct nz_json *value, int level)
{
	const bool object = nz_json_is(value, NZ_JSON_OBJECT);
	const size_t count = nz_json_count(value);
	NZ_BUFFER(text);

	if ((!object && !nz_json_is(value, NZ_JSON_ARRAY)) || count == 0) {
		if (nz_json_canonical(value, &text) == NZ_OK)
			fwrite(text.ptr, 1, text.len, to);
		return;
	}
	fputc(object ? '{' : '[', to);
	for (size_t i = 0; i < count; i++) {
		fprintf(to, "%s\n%*s", i > 0 ? "," : "", level + 1, "");
		if (object) {
			const struct nz_bytes name = nz_json_name_at(value, i);

			fprintf(to, "\"%.*s\": ", (int)name.len, (const char *)name.ptr);
		}
		print(to, nz_json_at(value, i), level + 1);
	}
	fprintf(to, "\n%*s%c", level, "", object ? '}' : ']');
}

static enum nz_status write_file(const char *folder, const struct published *published)
{
	char path[4096];
	struct nz_json *root = NULL;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_json_new(&doc));
	NZ_TRY(published->make(doc, &root));
	snprintf(path, sizeof path, "%s/%s", folder, published->file);
	FILE *to = fopen(path, "w");
	if (to == NULL)
		return NZ_IO;
	print(to, root, 0);
	fputc('\n', to);
	return fclose(to) == 0 ? NZ_OK : NZ_IO;
}

int main(int argc, char *argv[])
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_published FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < PUBLISHED_COUNT; i++) {
		const enum nz_status status = write_file(argv[1], &published_files[i]);

		if (status != NZ_OK) {
			fprintf(stderr, "%s: %s\n", published_files[i].file, nz_status_name(status));
			return 1;
		}
	}
	return 0;
}
