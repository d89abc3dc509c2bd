/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings and numbers of a JSON text. The text is valid UTF-8 by now, so a string is looked at for
 * quotes, backslashes and control characters alone.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include <nz/number.h>

#include "internal.h"

static const char *fault_text(enum nz_json_fault fault)
{
	switch (fault) {
	case NZ_JSON_FAULT_NONE:
		break;
	case NZ_JSON_FAULT_SYNTAX:
		return "unexpected character";
	case NZ_JSON_FAULT_TRUNCATED:
		return "the text ends too early";
	case NZ_JSON_FAULT_UTF8:
		return "invalid UTF-8";
	case NZ_JSON_FAULT_BOM:
		return "byte order mark";
	case NZ_JSON_FAULT_ESCAPE:
		return "invalid escape";
	case NZ_JSON_FAULT_SURROGATE:
		return "lone surrogate";
	case NZ_JSON_FAULT_CONTROL:
		return "control character in a string";
	case NZ_JSON_FAULT_NUMBER_OVERFLOW:
		return "number too large for a double";
	case NZ_JSON_FAULT_NUMBER_INEXACT:
		return "integer that a double cannot hold exactly";
	case NZ_JSON_FAULT_DUPLICATE:
		return "member name used twice in one object";
	case NZ_JSON_FAULT_TRAILING:
		return "something after the value";
	case NZ_JSON_FAULT_BYTES_LIMIT:
		return "text too long";
	case NZ_JSON_FAULT_DEPTH_LIMIT:
		return "nested too deep";
	case NZ_JSON_FAULT_MEMBERS_LIMIT:
		return "object with too many members";
	}
	return "fault";
}

enum nz_status nz_json_fault_at(const struct nz_json_cursor *c, enum nz_json_fault fault,
                                const uint8_t *where)
{
	const bool limit = fault >= NZ_JSON_FAULT_BYTES_LIMIT;

	return nz_fail_code(c->err, limit ? NZ_LIMIT : NZ_MALFORMED, (int)fault,
	                    "JSON: %s at byte %zu", fault_text(fault), (size_t)(where - c->begin));
}

/* TRUNCATED at the end of the text, else fault here. */
static enum nz_status fail_here(const struct nz_json_cursor *c, enum nz_json_fault fault)
{
	return nz_json_fault_at(c, c->at == c->end ? NZ_JSON_FAULT_TRUNCATED : fault, c->at);
}

/*
 * Numbers. What a literal says is kept as its significant digits and a power of ten: value = digits
 * × 10^exponent. No more than 768 digits can decide how a decimal rounds to a double, so of those
 * after KEPT_DIGITS it only matters whether one is not zero.
 */
#define KEPT_DIGITS 800
#define EXPONENT_CAP INT64_C(1000000000000) /* far past what a text's digits can make up for */

struct decimal {
	char digit[KEPT_DIGITS + 1];
	size_t count;
	int64_t exponent;
	uint64_t small; /* digits as an integer, while count <= 19 */
};

static bool is_digit(const struct nz_json_cursor *c)
{
	return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

/* Takes in a run of digits, those after the point with `fraction`. At least one is required. */
static enum nz_status read_digits(struct nz_json_cursor *c, struct decimal *d, bool fraction)
{
	if (!is_digit(c))
		return fail_here(c, NZ_JSON_FAULT_SYNTAX);
	for (; is_digit(c); c->at++) {
		const uint8_t digit = *c->at;

		if (d->count < KEPT_DIGITS && (d->count > 0 || digit != '0')) {
			d->digit[d->count++] = (char)digit;
			if (d->count <= 19)
				d->small = d->small * 10 + (digit - '0');
		} else if (d->count == KEPT_DIGITS) {
			if (digit != '0')
				d->digit[KEPT_DIGITS - 1] = (char)(d->digit[KEPT_DIGITS - 1] | 1);
			d->exponent++;
		}
		if (fraction)
			d->exponent--;
	}
	return NZ_OK;
}

static enum nz_status read_exponent(struct nz_json_cursor *c, struct decimal *d)
{
	bool negative = false;
	int64_t exponent = 0;

	if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
		negative = *c->at++ == '-';
	if (!is_digit(c))
		return fail_here(c, NZ_JSON_FAULT_SYNTAX);
	for (; is_digit(c); c->at++) {
		if (exponent < EXPONENT_CAP)
			exponent = exponent * 10 + (*c->at - '0');
	}
	d->exponent += negative ? -exponent : exponent;
	return NZ_OK;
}

/*
 * The double nearest to d, ties to even; false on overflow. With at most 15 digits and a power of
 * ten that is exact, one IEEE operation rounds once and is right; strtod does the others, in the
 * C locale, where the decimal point is a point.
 */
static bool decimal_value(const struct decimal *d, double *out, enum nz_status *status)
{
	static const double pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
	                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	char text[KEPT_DIGITS + 32];
	int64_t exponent = d->exponent;
	locale_t c_locale;

	if (d->count == 0) {
		*out = 0;
		return true;
	}
	if (d->count <= 15 && exponent >= -22 && exponent <= 22) {
		*out = exponent < 0 ? (double)d->small / pow10[-exponent]
		                    : (double)d->small * pow10[exponent];
		return true;
	}
	/* Far outside the doubles, within what strtod reads. */
	exponent = exponent > 99999 ? 99999 : exponent < -99999 ? -99999 : exponent;
	(void)snprintf(text, sizeof(text), "%.*se%d", (int)d->count, d->digit, (int)exponent);
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c_locale == (locale_t)0) {
		*status = NZ_NO_MEMORY;
		return true;
	}
	*out = strtod_l(text, NULL, c_locale);
	freelocale(c_locale);
	return *out <= 0x1.fffffffffffffp1023;
}

/*
 * An integer literal against the double it gave. Every digit of a double above 2^53 can be told, so
 * it is compared with that. The canonical form of a double from 2^53 to 10^21 is an integer literal
 * too, with zeros after its shortest digits (2^64 is 18446744073709552000): that spelling counts,
 * or canonical JSON could not be read back.
 */
static bool integer_is_exact(const uint8_t *literal, size_t len, double value)
{
	char text[400];

	if (value < 0x1p53)
		return true;
	if ((size_t)snprintf(text, sizeof(text), "%.0f", value) == len &&
	    memcmp(text, literal, len) == 0)
		return true;
	return nz_double_print(value, text) == len && memcmp(text, literal, len) == 0;
}

enum nz_status nz_json_read_number(struct nz_json_cursor *c, double *out)
{
	const uint8_t *start = c->at, *first;
	struct decimal d;
	enum nz_status status = NZ_OK;
	bool integer = true, negative = *c->at == '-';
	double value = 0;

	d.count = 0;
	d.exponent = 0;
	d.small = 0;
	if (negative)
		c->at++;
	first = c->at;
	NZ_TRY(read_digits(c, &d, false));
	if (*first == '0' && c->at - first > 1)
		return nz_json_fault_at(c, NZ_JSON_FAULT_SYNTAX, first + 1);
	if (c->at < c->end && *c->at == '.') {
		integer = false;
		c->at++;
		NZ_TRY(read_digits(c, &d, true));
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
		integer = false;
		c->at++;
		NZ_TRY(read_exponent(c, &d));
	}
	if (!decimal_value(&d, &value, &status))
		return nz_json_fault_at(c, NZ_JSON_FAULT_NUMBER_OVERFLOW, start);
	if (status != NZ_OK)
		return nz_fail(c->err, status, "out of memory");
	if (integer && !integer_is_exact(first, (size_t)(c->at - first), value))
		return nz_json_fault_at(c, NZ_JSON_FAULT_NUMBER_INEXACT, start);
	*out = negative ? -value : value;
	return NZ_OK;
}

/* Four hex digits of a \u escape, the cursor before them. */
static enum nz_status read_hex4(struct nz_json_cursor *c, unsigned *out)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++, c->at++) {
		unsigned digit;

		if (c->at == c->end)
			return fail_here(c, NZ_JSON_FAULT_ESCAPE);
		if (*c->at >= '0' && *c->at <= '9')
			digit = *c->at - '0';
		else if ((*c->at | 32) >= 'a' && (*c->at | 32) <= 'f')
			digit = (*c->at | 32U) - 'a' + 10;
		else
			return fail_here(c, NZ_JSON_FAULT_ESCAPE);
		value = value << 4 | digit;
	}
	*out = value;
	return NZ_OK;
}

static uint8_t *put_utf8(uint8_t *to, unsigned code)
{
	if (code < 0x80) {
		*to++ = (uint8_t)code;
		return to;
	}
	if (code < 0x800) {
		*to++ = (uint8_t)(0xC0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*to++ = (uint8_t)(0xE0 | code >> 12);
		} else {
			*to++ = (uint8_t)(0xF0 | code >> 18);
			*to++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
		}
		*to++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
	}
	*to++ = (uint8_t)(0x80 | (code & 0x3F));
	return to;
}

/* After "\u": a code point, of one escape or a surrogate pair of two. `start` is the backslash. */
static enum nz_status read_unicode_escape(struct nz_json_cursor *c, const uint8_t *start,
                                          unsigned *out)
{
	unsigned high = 0, low = 0; /* set where read_hex4 succeeds, which -O3 cannot see */

	NZ_TRY(read_hex4(c, &high));
	if (high < 0xD800 || high > 0xDFFF) {
		*out = high;
		return NZ_OK;
	}
	if (high > 0xDBFF)
		return nz_json_fault_at(c, NZ_JSON_FAULT_SURROGATE, start);
	for (const char *expected = "\\u"; *expected != '\0'; expected++, c->at++) {
		if (c->at == c->end)
			return fail_here(c, NZ_JSON_FAULT_TRUNCATED);
		if (*c->at != (uint8_t)*expected)
			return nz_json_fault_at(c, NZ_JSON_FAULT_SURROGATE, start);
	}
	NZ_TRY(read_hex4(c, &low));
	if (low < 0xDC00 || low > 0xDFFF)
		return nz_json_fault_at(c, NZ_JSON_FAULT_SURROGATE, start);
	*out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
	return NZ_OK;
}

/* The cursor is at a backslash. */
static enum nz_status read_escape(struct nz_json_cursor *c, uint8_t **to)
{
	static const char letters[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
	const uint8_t *start = c->at++;
	const char *found;
	unsigned code = 0;

	if (c->at == c->end)
		return fail_here(c, NZ_JSON_FAULT_TRUNCATED);
	if (*c->at == 'u') {
		c->at++;
		NZ_TRY(read_unicode_escape(c, start, &code));
		*to = put_utf8(*to, code);
		return NZ_OK;
	}
	found = *c->at != '\0' ? strchr(letters, *c->at) : NULL;
	if (found == NULL)
		return nz_json_fault_at(c, NZ_JSON_FAULT_ESCAPE, start);
	*(*to)++ = (uint8_t)meaning[found - letters];
	c->at++;
	return NZ_OK;
}

/* Where the string that starts at `at` closes; the end where it does not. */
static const uint8_t *closing_quote(const uint8_t *at, const uint8_t *end)
{
	while ((at = nz_json_plain_run(at, end)) < end && *at != '"')
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	return at;
}

/* The rest of a string, `run` being what of it was found plain so far. */
static enum nz_status read_escaped(struct nz_json_cursor *c, struct nz_json_doc *doc,
                                   const uint8_t *run, const uint8_t **out, uint32_t *len)
{
	/* No escape is shorter than what it stands for. */
	uint8_t *start = nz_json_alloc(doc, (size_t)(closing_quote(run, c->end) - c->at));
	uint8_t *to = start;

	if (start == NULL)
		return nz_fail(c->err, NZ_NO_MEMORY, "out of memory");
	for (;; run = nz_json_plain_run(c->at, c->end)) {
		if (run > c->at)
			memcpy(to, c->at, (size_t)(run - c->at));
		to += run - c->at;
		c->at = run;
		if (run == c->end)
			return fail_here(c, NZ_JSON_FAULT_TRUNCATED);
		if (*run == '"')
			break;
		if (*run != '\\')
			return fail_here(c, NZ_JSON_FAULT_CONTROL);
		NZ_TRY(read_escape(c, &to));
	}
	c->at++;
	nz_json_trim(doc, start, (size_t)(to - start));
	*out = start;
	*len = (uint32_t)(to - start);
	return NZ_OK;
}

enum nz_status nz_json_read_string(struct nz_json_cursor *c, struct nz_json_doc *doc,
                                   const uint8_t **out, uint32_t *len)
{
	const uint8_t *run = nz_json_plain_run(c->at, c->end);
	const size_t plain = (size_t)(run - c->at);
	uint8_t *copy;

	if (run == c->end || *run != '"')
		return read_escaped(c, doc, run, out, len);
	copy = nz_json_alloc(doc, plain);
	if (copy == NULL)
		return nz_fail(c->err, NZ_NO_MEMORY, "out of memory");
	memcpy(copy, c->at, plain);
	c->at = run + 1;
	*out = copy;
	*len = (uint32_t)plain;
	return NZ_OK;
}
