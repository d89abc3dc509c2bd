/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as text: integers, float8's form, plain decimals. Independent of the locale. Every parser
 * here takes one spelling only, the one that the printer gives, so that text and value match both ways.
 */
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <nz/number.h>

#include "record/internal.h"

/* Up to here integers and powers of ten are exact doubles, so one division rounds correctly. */
#define EXACT_INTEGER (UINT64_C(1) << 53)
#define EXACT_POWER 22

static const double powers[EXACT_POWER + 1] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

size_t int_print(int64_t value, char out[NUMBER_CHARS])
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
				    "34353637383940414243444546474849505152535455565758596061626364656667"
				    "6869707172737475767778798081828384858687888990919293949596979899";
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char text[20];
	size_t at = sizeof(text), sign = 0;

	while (rest >= 100) {
		at -= 2;
		memcpy(text + at, pairs + rest % 100 * 2, 2);
		rest /= 100;
	}
	if (rest >= 10) {
		at -= 2;
		memcpy(text + at, pairs + rest * 2, 2);
	} else {
		text[--at] = (char)('0' + rest);
	}
	if (value < 0)
		out[sign++] = '-';
	memcpy(out + sign, text + at, sizeof(text) - at);
	return sign + sizeof(text) - at;
}

bool int_parse(struct nz_bytes text, int64_t *out)
{
	const bool negative = text.len > 0 && text.ptr[0] == '-';
	const uint64_t max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	size_t i = negative ? 1 : 0;
	uint64_t value = 0;

	if (i == text.len || text.len - i > 19)
		return false;
	if (text.ptr[i] == '0' && (negative || text.len != 1))
		return false;
	for (; i < text.len; i++) {
		const unsigned digit = (unsigned)text.ptr[i] - '0';

		if (digit > 9)
			return false;
		value = value * 10 + digit; /* 19 digits stay below 2^64 */
	}
	if (value > max)
		return false;
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

static locale_t c_locale;

static void make_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* strtod under any locale. Without memory for a locale the caller's own is used: point or nothing. */
static double to_double(const char *text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, make_locale);
	return c_locale != (locale_t)0 ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

/* Prints with `scale` digits after the point, exactly; under any locale. */
static size_t print_fixed(double value, unsigned scale, char out[PLAIN_CHARS])
{
	const int len = snprintf(out, PLAIN_CHARS, "%.*f", (int)scale, value);

	if (len < 0 || len >= PLAIN_CHARS)
		return 0;
	if (scale > 0) {
		/* A locale's point may be some bytes long: everything between the digits is the point. */
		const size_t fraction = (size_t)len - scale;
		size_t whole = fraction;

		while (whole > 0 && (out[whole - 1] < '0' || out[whole - 1] > '9'))
			whole--;
		out[whole] = '.';
		memmove(out + whole + 1, out + fraction, scale);
		return whole + 1 + scale;
	}
	return (size_t)len;
}

size_t float8_print(double value, char out[NUMBER_CHARS])
{
	struct nz_digits digits;
	size_t n = 0;
	int exponent;

	if (signbit(value))
		out[n++] = '-';
	if (isinf(value)) {
		memcpy(out + n, "Infinity", 8);
		return n + 8;
	}
	if (value == 0) {
		out[n++] = '0';
		return n;
	}
	nz_double_digits(fabs(value), true, &digits);
	exponent = digits.point - 1;
	if (exponent < -4 || exponent >= 15) {
		const int size = abs(exponent);

		out[n++] = digits.digit[0];
		if (digits.count > 1) {
			out[n++] = '.';
			memcpy(out + n, digits.digit + 1, (size_t)digits.count - 1);
			n += (size_t)digits.count - 1;
		}
		out[n++] = 'e';
		out[n++] = exponent < 0 ? '-' : '+';
		if (size >= 100)
			out[n++] = (char)('0' + size / 100);
		out[n++] = (char)('0' + size / 10 % 10);
		out[n++] = (char)('0' + size % 10);
		return n;
	}
	if (digits.point <= 0) {
		out[n++] = '0';
		out[n++] = '.';
	}
	for (int i = digits.point < 0 ? digits.point : 0; i < digits.count || i < digits.point; i++) {
		if (i > 0 && i == digits.point)
			out[n++] = '.';
		out[n++] = i >= 0 && i < digits.count ? digits.digit[i] : '0';
	}
	return n;
}

enum nz_status nz_float8_append(double value, struct nz_buffer *out)
{
	char text[NUMBER_CHARS];

	if (isnan(value))
		return NZ_INVALID;
	return append_bytes(out, text, float8_print(value, text));
}

bool float8_parse(struct nz_bytes text, double *out)
{
	char copy[NUMBER_CHARS], again[NUMBER_CHARS];
	double value;

	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	if (strspn(copy, "0123456789.e+-") == text.len)
		value = plain_parse(text);
	else if (strcmp(copy, "Infinity") == 0)
		value = INFINITY;
	else if (strcmp(copy, "-Infinity") == 0)
		value = -INFINITY;
	else
		return false;
	if (isnan(value) || float8_print(value, again) != text.len ||
	    memcmp(again, copy, text.len) != 0)
		return false;
	*out = value;
	return true;
}

/* The short cut: at most 2^53 of digits and a power of ten that is exact. */
static bool plain_exact(struct nz_bytes text, double *out)
{
	uint64_t digits = 0;
	size_t i = 0, point = 0;
	bool negative = false, pointed = false;

	if (text.len > 0 && text.ptr[0] == '-') {
		negative = true;
		i = 1;
	}
	if (i == text.len || text.len - i > 18)
		return false;
	for (; i < text.len; i++) {
		const unsigned digit = (unsigned)text.ptr[i] - '0';

		if (digit <= 9) {
			digits = digits * 10 + digit;
			point += pointed ? 1 : 0;
		} else if (text.ptr[i] == '.' && !pointed) {
			pointed = true;
		} else {
			return false;
		}
	}
	if (digits > EXACT_INTEGER)
		return false;
	*out = (double)digits / powers[point];
	if (negative)
		*out = -*out;
	return true;
}

double plain_parse(struct nz_bytes text)
{
	char copy[PLAIN_CHARS];
	double value;

	if (plain_exact(text, &value))
		return value;
	if (text.len >= sizeof(copy))
		return NAN;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	return to_double(copy);
}

/* -?digits, or -?digits.digits with exactly `scale` of them after the point. */
static bool plain_shape(struct nz_bytes text, unsigned scale)
{
	size_t i = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
	const size_t tail = scale > 0 ? scale + 1 : 0;
	size_t whole;

	if (text.len <= i + tail)
		return false;
	whole = text.len - tail;
	if (text.ptr[i] == '0' && whole - i > 1)
		return false;
	if (scale > 0 && text.ptr[whole] != '.')
		return false;
	for (; i < text.len; i++)
		if ((text.ptr[i] < '0' || text.ptr[i] > '9') && i != whole)
			return false;
	return true;
}

/* True when what a reader takes from the text is this REAL and no INTEGER. */
static bool reads_real(struct nz_bytes text, size_t whole, double value)
{
	int64_t integer;
	bool fraction = false;

	for (size_t i = whole; i < text.len; i++)
		fraction = fraction || (text.ptr[i] != '0' && text.ptr[i] != '.');
	if (!fraction && int_parse(nz_bytes_of(text.ptr, whole), &integer))
		return false;
	if (!fraction && whole == 2 && text.ptr[0] == '-' && text.ptr[1] == '0')
		return false;
	return plain_parse(text) == value;
}

size_t decimal_print_real(double value, unsigned scale, char out[PLAIN_CHARS])
{
	const unsigned tail = scale > 0 ? scale + 1 : 0;
	size_t len;

	if (!isfinite(value))
		return 0;
	/*
	 * Below 10^15 the scaled value is off by less than 0.32 from the integer whose quotient is the
	 * value, so rounding finds that integer where there is one.
	 */
	if (scale <= 15 && fabs(value) * powers[scale] < 1e15) {
		const int64_t scaled = llrint(value * powers[scale]);
		const uint64_t size = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
		uint64_t fraction;

		if (scaled == 0 || (double)scaled / powers[scale] != value ||
		    size % (uint64_t)powers[scale] == 0)
			return 0;
		len = 0;
		if (scaled < 0)
			out[len++] = '-';
		len += int_print((int64_t)(size / (uint64_t)powers[scale]), out + len);
		out[len] = '.';
		fraction = size % (uint64_t)powers[scale];
		for (unsigned i = scale; i > 0; i--, fraction /= 10)
			out[len + i] = (char)('0' + fraction % 10);
		return len + 1 + scale;
	}
	len = print_fixed(value, scale, out);
	if (len <= tail || !reads_real(nz_bytes_of(out, len), len - tail, value))
		return 0;
	return len;
}

bool decimal_parse(struct nz_bytes text, unsigned scale, struct nz_value *out)
{
	const size_t tail = scale > 0 ? scale + 1 : 0;
	char again[PLAIN_CHARS];
	bool fraction = false;
	size_t whole;
	double value;

	if (text.len >= PLAIN_CHARS || !plain_shape(text, scale))
		return false;
	whole = text.len - tail;
	for (size_t i = whole; i < text.len; i++)
		fraction = fraction || (text.ptr[i] != '0' && text.ptr[i] != '.');
	if (!fraction && int_parse(nz_bytes_of(text.ptr, whole), &out->integer)) {
		out->class_ = NZ_VALUE_INTEGER;
		return true;
	}
	value = plain_parse(text);
	if (decimal_print_real(value, scale, again) != text.len ||
	    memcmp(again, text.ptr, text.len) != 0)
		return false;
	out->class_ = NZ_VALUE_REAL;
	out->real = value;
	return true;
}

size_t numeric_print_real(double value, char out[PLAIN_CHARS])
{
	struct nz_digits digits;
	size_t n = 0, whole = 0;

	if (!isfinite(value) || value == 0)
		return 0;
	nz_double_digits(fabs(value), true, &digits);
	if (value < 0)
		out[n++] = '-';
	if (digits.point <= 0) {
		out[n++] = '0';
		whole = n;
		out[n++] = '.';
	}
	for (int i = digits.point < 0 ? digits.point : 0; i < digits.count || i < digits.point; i++) {
		if (i > 0 && i == digits.point) {
			whole = n;
			out[n++] = '.';
		}
		out[n++] = i >= 0 && i < digits.count ? digits.digit[i] : '0';
	}
	return reads_real(nz_bytes_of(out, n), whole != 0 ? whole : n, value) ? n : 0;
}

bool numeric_parse(struct nz_bytes text, struct nz_value *out)
{
	char again[PLAIN_CHARS];
	double value;

	if (int_parse(text, &out->integer)) {
		out->class_ = NZ_VALUE_INTEGER;
		return true;
	}
	if (text.len == 0 || text.len >= PLAIN_CHARS)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((text.ptr[i] < '0' || text.ptr[i] > '9') && text.ptr[i] != '.' &&
		    text.ptr[i] != '-')
			return false;
	value = plain_parse(text);
	if (numeric_print_real(value, again) != text.len ||
	    memcmp(again, text.ptr, text.len) != 0)
		return false;
	out->class_ = NZ_VALUE_REAL;
	out->real = value;
	return true;
}

bool numeric_is_text(struct nz_bytes text)
{
	const uint8_t *point;
	const char *const words[] = {"NaN", "Infinity", "-Infinity"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (nz_bytes_equal(text, nz_bytes_str(words[i])))
			return true;
	point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
	if (point == NULL)
		return plain_shape(text, 0);
	if (point == text.ptr + text.len - 1)
		return false;
	return plain_shape(text, (unsigned)(text.ptr + text.len - 1 - point));
}
