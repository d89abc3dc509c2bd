/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target where there is no libFuzzer: on every file of the folders named, on every cut
 * of it, and on ROUNDS copies with a few bytes changed, which are the same in every run.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX_BYTES 65536
#define CUTS_MAX 4096
#define ROUNDS 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = 1;

static size_t next_random(size_t below)
{
	uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return (size_t)((z ^ z >> 31) % below);
}

/* From memory of exactly that size, so that a sanitizer sees what is read past it. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);

	if (exact == NULL)
		abort();
	if (size > 0)
		memcpy(exact, data, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

/* Overwrites, flips, or moves a few bytes. */
static void change(uint8_t *data, size_t size)
{
	for (size_t left = 1 + next_random(4); left > 0; left--) {
		const size_t at = next_random(size), from = next_random(size);
		const size_t room = size - (at > from ? at : from);

		switch (next_random(3)) {
		case 0:
			data[at] = (uint8_t)next_random(256);
			break;
		case 1:
			data[at] = (uint8_t)(data[at] ^ 1U << next_random(8));
			break;
		default:
			memmove(data + at, data + from, 1 + next_random(room));
			break;
		}
	}
}

static void run_seed(const uint8_t *data, size_t size)
{
	static uint8_t changed[SEED_MAX_BYTES];

	for (size_t len = 0; len <= size && len <= CUTS_MAX; len++)
		run(data, len);
	run(data, size);
	for (int i = 0; i < ROUNDS && size > 0; i++) {
		memcpy(changed, data, size);
		change(changed, size);
		run(changed, size);
	}
}

static int run_file(const char *folder, const char *name)
{
	static uint8_t data[SEED_MAX_BYTES];
	char path[4096];
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, sizeof(data), file);
	if (ferror(file) != 0 || size == sizeof(data)) {
		(void)fprintf(stderr, "%s: cannot be read, or too long\n", path);
		(void)fclose(file);
		return 1;
	}
	(void)fclose(file);
	run_seed(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	size_t files = 0;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		const struct dirent *entry;

		if (folder == NULL) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(folder)) != NULL) {
			if (entry->d_name[0] == '.')
				continue;
			failed |= run_file(argv[i], entry->d_name);
			files++;
		}
		(void)closedir(folder);
	}
	if (files == 0)
		(void)fprintf(stderr, "no seeds\n");
	return failed != 0 || files == 0;
}
