/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For number_node.sh: prints doubles as nz does, one a line. The doubles are COUNT random ones
 * (SplitMix64, the same in every run) after the corner cases: every power of two and ten,
 * the subnormals of one bit, the largest, and the neighbours of each.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nz/number.h>

static void print_bits(uint64_t bits)
{
	char text[NZ_NUMBER_CHARS];
	double value;

	/* Infinities and NaNs have no digits. */
	if ((bits >> 52 & 0x7FF) == 0x7FF)
		return;
	memcpy(&value, &bits, sizeof(value));
	(void)nz_double_print(value, text);
	(void)printf("%016" PRIx64 " %s\n", bits, text);
}

static void print_around(uint64_t bits)
{
	print_bits(bits - 1);
	print_bits(bits);
	print_bits(bits + 1);
	print_bits(bits | UINT64_C(1) << 63);
}

int main(int argc, char **argv)
{
	const long count = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	uint64_t seed = 3;

	if (count <= 0) {
		(void)fprintf(stderr, "usage: number_print COUNT\n");
		return 2;
	}
	for (uint64_t exponent = 1; exponent < 2047; exponent++)
		print_around(exponent << 52);
	for (int i = 0; i < 52; i++)
		print_around(UINT64_C(1) << i);
	print_around(UINT64_C(0x7FEFFFFFFFFFFFFF));
	print_bits(0);
	for (int i = -323; i <= 308; i++) {
		char text[16];
		double value;
		uint64_t bits;

		(void)snprintf(text, sizeof(text), "1e%d", i);
		value = strtod(text, NULL);
		memcpy(&bits, &value, sizeof(bits));
		print_around(bits);
	}
	for (long i = 0; i < count; i++) {
		uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);

		z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
		z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
		z ^= z >> 31;
		/* Half of them with exponents near zero, as numbers in documents have. */
		if (i % 2 != 0)
			z = (z & ~(UINT64_C(0x7FF) << 52)) | (UINT64_C(983) + (z >> 52 & 127)) << 52;
		print_bits(z);
	}
	return ferror(stdout) != 0 || fflush(stdout) != 0;
}
