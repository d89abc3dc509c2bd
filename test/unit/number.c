/* SPDX-License-Identifier: Apache-2.0 */
/* Covers lib/base/number.c whole, against the C library's exact conversions. */
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <nz/number.h>

#include "../testdata.h"

static double from_bits(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint64_t to_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* SplitMix64: the same numbers in every run. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static void expect_print(double value, const char *expected)
{
	char text[NZ_NUMBER_CHARS];

	assert_int_equal(nz_double_print(value, text), strlen(expected));
	assert_string_equal(text, expected);
}

static void ecmascript_forms(void **state)
{
	(void)state;
	expect_print(0.0, "0");
	expect_print(-0.0, "0");
	expect_print(1, "1");
	expect_print(-1, "-1");
	expect_print(1700000000, "1700000000");
	expect_print(0.1, "0.1");
	expect_print(-12.5, "-12.5");
	expect_print(0.1 + 0.2, "0.30000000000000004");
	expect_print(1.0 / 3, "0.3333333333333333");
	expect_print(1e20, "100000000000000000000");
	expect_print(1e21, "1e+21");
	expect_print(123456789012345680000.0, "123456789012345680000");
	expect_print(1.5e21, "1.5e+21");
	expect_print(1e-6, "0.000001");
	expect_print(1.5e-6, "0.0000015");
	expect_print(1e-7, "1e-7");
	expect_print(-1.25e-7, "-1.25e-7");
	expect_print(1e23, "1e+23");
	expect_print(9.5e22, "9.5e+22");
	expect_print(1e100, "1e+100");
	expect_print(9007199254740991, "9007199254740991");
	expect_print(9007199254740992, "9007199254740992");
	expect_print(9007199254740994, "9007199254740994");
	expect_print(18446744073709551616.0, "18446744073709552000");
	expect_print(DBL_MAX, "1.7976931348623157e+308");
	expect_print(-DBL_MAX, "-1.7976931348623157e+308");
	expect_print(DBL_MIN, "2.2250738585072014e-308");
	expect_print(from_bits(1), "5e-324");
	expect_print(from_bits(2), "1e-323");
	expect_print(from_bits(3), "1.5e-323");
	expect_print(0x1p-44, "5.684341886080802e-14");
	expect_print(0x1p-1022 - 0x1p-1074, "2.225073858507201e-308");
	expect_print(2.0034855448587448e+16, "20034855448587450");
}

static void expect_digits(double value, bool strict, const char *digits, int point)
{
	struct nz_digits d;

	nz_double_digits(value, strict, &d);
	assert_string_equal(d.digit, digits);
	assert_int_equal(d.count, strlen(digits));
	assert_int_equal(d.point, point);
}

static void borders_count_unless_strict(void **state)
{
	(void)state;
	/* 20034855448587450 lies in the middle of two doubles; the even one is meant. */
	expect_digits(2.0034855448587448e+16, true, "20034855448587448", 17);
	expect_digits(2.0034855448587448e+16, false, "2003485544858745", 17);
	/* 2^55 + 132 is a border that has 15 digits. */
	expect_digits(36028797018964096.0, false, "360287970189641", 17);
	expect_digits(36028797018964096.0, true, "36028797018964096", 17);
	expect_digits(9007199254740992.0, true, "9007199254740992", 16);
	expect_digits(5e-324, true, "5", -323);
	expect_digits(1, true, "1", 1);
	expect_digits(1024, true, "1024", 4);
	expect_digits(1000, true, "1", 4);
	expect_digits(0.001, true, "1", -2);
}

/*
 * Shortness and closeness by trial. The candidates of a length are the correctly rounded decimal
 * and its neighbours (at a power of two only a neighbour may be inside).
 */
struct candidate {
	char digits[24];
	int point;
	long double distance;
};

/* digits × 10^(point - count) as text for strtod. */
static void candidate_text(const struct candidate *c, char out[64])
{
	(void)snprintf(out, 64, "%se%d", c->digits, c->point - (int)strlen(c->digits));
}

/* Whether the decimal is exactly the number: both to all their digits. */
static bool is_exactly(const struct candidate *c, long double number)
{
	static char exact[2000];
	size_t len;
	int point;

	(void)snprintf(exact, sizeof(exact), "%.1200Le", number);
	point = atoi(strchr(exact, 'e') + 1) + 1;
	*strchr(exact, 'e') = '\0';
	memmove(exact + 1, exact + 2, strlen(exact + 2) + 1);
	len = strlen(exact);
	while (len > 1 && exact[len - 1] == '0')
		exact[--len] = '\0';
	return point == c->point && strcmp(exact, c->digits) == 0;
}

static bool reads_back(const struct candidate *c, double value, bool strict)
{
	char text[64];
	const double below = from_bits(to_bits(value) - 1), above = from_bits(to_bits(value) + 1);

	candidate_text(c, text);
	if (strtod(text, NULL) != value)
		return false;
	if (!strict)
		return true;
	return !is_exactly(c, ((long double)value + below) / 2) &&
	       (above > DBL_MAX || !is_exactly(c, ((long double)value + above) / 2));
}

/* The decimal of `precision` digits nearest to value, moved by `step` in its last digit. */
static void make_candidate(double value, int precision, int step, struct candidate *out)
{
	char text[64];
	uint64_t digits;
	char *exponent;
	size_t len;

	(void)snprintf(text, sizeof(text), "%.*e", precision - 1, value);
	exponent = strchr(text, 'e');
	out->point = atoi(exponent + 1) + 1;
	*exponent = '\0';
	if (precision > 1)
		memmove(text + 1, text + 2, strlen(text + 2) + 1);
	digits = (uint64_t)((int64_t)strtoull(text, NULL, 10) + step);
	(void)snprintf(out->digits, sizeof(out->digits), "%0*" PRIu64, precision, digits);
	out->point += (int)strlen(out->digits) - precision;
	len = strlen(out->digits);
	while (len > 1 && out->digits[len - 1] == '0')
		out->digits[--len] = '\0';
	candidate_text(out, text);
	out->distance = strtold(text, NULL) - (long double)value;
	if (out->distance < 0)
		out->distance = -out->distance;
}

static void check_shortest(double value, bool strict)
{
	struct nz_digits d;

	nz_double_digits(value, strict, &d);
	for (int precision = 1; precision <= 17; precision++) {
		struct candidate best = {.distance = -1}, c;

		/* The rounded one first: it is also the even one of two that are as close. */
		for (int i = 0; i < 3; i++) {
			make_candidate(value, precision, i < 2 ? -i : 1, &c);
			if (reads_back(&c, value, strict) && c.digits[0] != '0' &&
			    (best.distance < 0 || c.distance < best.distance))
				best = c;
		}
		if (best.distance < 0)
			continue;
		if (strcmp(best.digits, d.digit) != 0 || best.point != d.point)
			fail_msg("%a%s: %s point %d, not %s point %d", value,
			         strict ? " strict" : "", best.digits, best.point, d.digit,
			         d.point);
		return;
	}
	fail_msg("%a: nothing reads back", value);
}

static void check_both(double value)
{
	if (!(value > 0 && value <= DBL_MAX))
		return;
	check_shortest(value, false);
	check_shortest(value, true);
}

static void powers_of_two_and_neighbours(void **state)
{
	(void)state;
	if (LDBL_MANT_DIG < 64)
		skip(); /* the trial needs midpoints of doubles to be exact */
	for (uint64_t exponent = 0; exponent < 2047; exponent++) {
		const uint64_t bits = exponent << 52;

		check_both(from_bits(bits));
		check_both(from_bits(bits + 1));
		if (bits > 0)
			check_both(from_bits(bits - 1));
	}
	for (int i = 0; i < 52; i++)
		check_both(from_bits(UINT64_C(1) << i));
}

static void powers_of_ten_and_neighbours(void **state)
{
	(void)state;
	if (LDBL_MANT_DIG < 64)
		skip();
	for (int i = -323; i <= 308; i++) {
		char text[16];
		uint64_t bits;

		(void)snprintf(text, sizeof(text), "1e%d", i);
		bits = to_bits(strtod(text, NULL));
		for (uint64_t step = 0; step < 3; step++)
			check_both(from_bits(bits - 1 + step));
	}
}

static void random_doubles(void **state)
{
	uint64_t seed = 1;

	(void)state;
	if (LDBL_MANT_DIG < 64)
		skip();
	for (int i = 0; i < 4000; i++) {
		/* Any bits; integers around 2^53 to 2^63, where borders are short; decimals. */
		check_both(from_bits(next_random(&seed) >> 1));
		check_both((double)(next_random(&seed) >> (1 + i % 12)));
		check_both((double)(next_random(&seed) % 100000000) / 1000);
		check_both(from_bits(next_random(&seed) % 4096));
	}
}

static void digits_read_back(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		const double value = from_bits(next_random(&seed));
		char text[NZ_NUMBER_CHARS];
		size_t len;

		if (!(value >= -DBL_MAX && value <= DBL_MAX))
			continue;
		len = nz_double_print(value, text);
		assert_int_equal(len, strlen(text));
		assert_true(strtod(text, NULL) == value);
	}
}

static void locale_does_not_matter(void **state)
{
	static const char *const comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "pl_PL.UTF-8"};
	bool found = false;

	(void)state;
	for (size_t i = 0; i < sizeof(comma) / sizeof(comma[0]) && !found; i++)
		found = setlocale(LC_NUMERIC, comma[i]) != NULL;
	if (!found) {
		print_message("skipped: no locale with a decimal comma\n");
		skip();
	}
	expect_print(1234567.891, "1234567.891");
	expect_print(2.5e-30, "2.5e-30");
	(void)setlocale(LC_NUMERIC, "C");
}

/* The first lines of the sequence that RFC 8785 appendix B publishes. */
static void published_sequence(void **state)
{
	NZ_BUFFER(file);
	char *line, *rest = NULL;
	size_t lines = 0;

	(void)state;
	testdata_read("jcs/es6-numbers-1000.txt", &file);
	assert_non_null(nz_buffer_cstr(&file));
	for (line = strtok_r((char *)file.ptr, "\r\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		char *comma = NULL;
		const uint64_t bits = strtoull(line, &comma, 16);

		assert_true(*comma == ',');
		expect_print(from_bits(bits), comma + 1);
		lines++;
	}
	assert_int_equal(lines, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecmascript_forms),
		cmocka_unit_test(borders_count_unless_strict),
		cmocka_unit_test(powers_of_two_and_neighbours),
		cmocka_unit_test(powers_of_ten_and_neighbours),
		cmocka_unit_test(random_doubles),
		cmocka_unit_test(digits_read_back),
		cmocka_unit_test(locale_does_not_matter),
		cmocka_unit_test(published_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
