/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest digits of a double, by free-format generation in exact integer arithmetic (Steele and
 * White 1990; Burger and Dybvig 1996), with a short cut for the numbers that people write. No
 * printf and no strtod, hence nothing of the locale, and no floating-point rounding to reason
 * about outside the short cut.
 *
 * value = r / s, and every decimal strictly between (r - low) / s and (r + high) / s reads back as
 * value. Digits are taken off r / s, the rest and the margins multiplied by ten each time, until
 * what is left is smaller than a margin: no shorter decimal lies in the interval, and of the two
 * of that length around value the closer is taken.
 */
#include <stdint.h>
#include <string.h>

#include <nz/number.h>

#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1075 /* of the mantissa as an integer */

/* 10^324 × 2^54 for the smallest doubles, 2^1024 × 2 for the largest, times ten, with a shift. */
#define LIMBS 40

/* A natural number, least limb first, without leading zero limbs. */
struct big {
	uint32_t limb[LIMBS];
	int len;
};

static void big_set(struct big *b, uint64_t value)
{
	b->len = 0;
	for (; value != 0; value >>= 32)
		b->limb[b->len++] = (uint32_t)value;
}

static void big_multiply(struct big *b, uint32_t factor)
{
	uint64_t carry = 0;

	for (int i = 0; i < b->len; i++) {
		carry += (uint64_t)b->limb[i] * factor;
		b->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0)
		b->limb[b->len++] = (uint32_t)carry;
}

static void big_multiply_pow10(struct big *b, int exponent)
{
	for (; exponent >= 9; exponent -= 9)
		big_multiply(b, 1000000000);
	for (; exponent > 0; exponent--)
		big_multiply(b, 10);
}

static void big_shift(struct big *b, int bits)
{
	const int limbs = bits / 32;

	if (b->len == 0)
		return;
	if (bits % 32 != 0)
		big_multiply(b, UINT32_C(1) << (bits % 32));
	if (limbs > 0) {
		memmove(b->limb + limbs, b->limb, (size_t)b->len * sizeof(b->limb[0]));
		memset(b->limb, 0, (size_t)limbs * sizeof(b->limb[0]));
		b->len += limbs;
	}
}

static int big_compare(const struct big *a, const struct big *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	for (int i = a->len - 1; i >= 0; i--) {
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	}
	return 0;
}

/* a + b against c. */
static int big_compare_sum(const struct big *a, const struct big *b, const struct big *c)
{
	const int len = a->len >= b->len ? a->len : b->len;
	struct big sum;
	uint64_t carry = 0;

	if (len < c->len - 1)
		return -1;
	for (sum.len = 0; sum.len < len; sum.len++) {
		carry += (uint64_t)(sum.len < a->len ? a->limb[sum.len] : 0) +
		         (sum.len < b->len ? b->limb[sum.len] : 0);
		sum.limb[sum.len] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0)
		sum.limb[sum.len++] = (uint32_t)carry;
	return big_compare(&sum, c);
}

/* a -= factor × b, which is not above a. */
static void big_subtract(struct big *a, const struct big *b, uint32_t factor)
{
	uint64_t carry = 0;

	for (int i = 0; i < b->len || carry != 0; i++) {
		uint64_t taken = carry + (i < b->len ? (uint64_t)b->limb[i] * factor : 0);

		carry = taken >> 32;
		if (a->limb[i] < (uint32_t)taken)
			carry++;
		a->limb[i] -= (uint32_t)taken;
	}
	while (a->len > 0 && a->limb[a->len - 1] == 0)
		a->len--;
}

/*
 * Takes floor(r / s) off r; r < 10 s. The top limb of s is between 2^24 and 2^28, so r has no more
 * limbs than s, and the estimate from the top limbs is the digit or one less.
 */
static int take_digit(struct big *r, const struct big *s)
{
	uint32_t digit;

	if (r->len < s->len)
		return 0;
	digit = r->limb[r->len - 1] / (s->limb[s->len - 1] + 1);
	if (digit > 0)
		big_subtract(r, s, digit);
	if (big_compare(r, s) >= 0) {
		big_subtract(r, s, 1);
		digit++;
	}
	return (int)digit;
}

struct state {
	struct big r, s, low, high;
	bool half_gap; /* high is twice low; else high is not used, being low */
	bool border;   /* the ends of the interval belong to it */
	int point;
};

/* value = mantissa × 2^exponent. The gap below a power of two is half of the one above. */
static void state_set(struct state *st, uint64_t mantissa, int exponent)
{
	const int doubling = st->half_gap ? 2 : 1;
	int log2 = exponent - 1;

	for (uint64_t m = mantissa; m != 0; m >>= 1)
		log2++;
	/* log10(value) rounded down, or a little less; 78913 / 2^18 is just under log10(2). */
	st->point = log2 >= 0 ? log2 * 78913 / (1 << 18)
	                      : -((-log2 * 78913 + (1 << 18) - 1) / (1 << 18));
	big_set(&st->r, mantissa);
	big_set(&st->s, 1);
	big_set(&st->low, 1);
	if (st->point >= 0) {
		big_multiply_pow10(&st->s, st->point);
	} else {
		big_multiply_pow10(&st->r, -st->point);
		big_multiply_pow10(&st->low, -st->point);
	}
	/* Twice (or four times) over, so that the margins are whole numbers. */
	big_shift(&st->r, doubling + (exponent > 0 ? exponent : 0));
	big_shift(&st->s, doubling + (exponent < 0 ? -exponent : 0));
	big_shift(&st->low, exponent > 0 ? exponent : 0);
	if (st->half_gap) {
		st->high = st->low;
		big_shift(&st->high, 1);
	}
}

/* Whether the end of the interval above value is at or past 1, in the scale of s. */
static bool reaches(const struct state *st)
{
	const int order = big_compare_sum(&st->r, st->half_gap ? &st->high : &st->low, &st->s);

	return st->border ? order >= 0 : order > 0;
}

/* Makes the interval lie below 1, and s fit for take_digit. */
static void state_scale(struct state *st)
{
	uint32_t top;
	int shift = 0;

	while (reaches(st)) {
		big_multiply(&st->s, 10);
		st->point++;
	}
	top = st->s.limb[st->s.len - 1];
	for (; top >= UINT32_C(1) << 28; top >>= 1)
		shift--;
	for (; top < UINT32_C(1) << 24; top <<= 1)
		shift++;
	if (shift < 0)
		shift += 32;
	big_shift(&st->r, shift);
	big_shift(&st->s, shift);
	big_shift(&st->low, shift);
	if (st->half_gap)
		big_shift(&st->high, shift);
}

/* With neither end in reach the digit stays; with both, the closer side, and the even of two. */
static bool rounds_up(struct state *st, bool low, bool high, int digit)
{
	int order;

	if (low != high)
		return high;
	order = big_compare_sum(&st->r, &st->r, &st->s);
	return order > 0 || (order == 0 && digit % 2 != 0);
}

static void exact_digits(struct state *st, uint64_t mantissa, int exponent, struct nz_digits *out)
{
	bool low, high;
	int digit, order, count = 0;

	state_set(st, mantissa, exponent);
	state_scale(st);
	for (;;) {
		big_multiply(&st->r, 10);
		big_multiply(&st->low, 10);
		if (st->half_gap)
			big_multiply(&st->high, 10);
		digit = take_digit(&st->r, &st->s);
		order = big_compare(&st->r, &st->low);
		low = st->border ? order <= 0 : order < 0;
		high = reaches(st);
		if (low || high)
			break;
		out->digit[count++] = (char)('0' + digit);
	}
	/* Never ten: the interval would have reached past the digit before. */
	digit += rounds_up(st, low, high, digit) ? 1 : 0;
	out->digit[count++] = (char)('0' + digit);
	out->digit[count] = '\0';
	out->count = count;
	out->point = st->point;
}

/* digits × 10^exponent, digits above 0. */
static void set_digits(uint64_t digits, int exponent, struct nz_digits *out)
{
	char reversed[20];
	int count = 0;

	for (; digits % 10 == 0; digits /= 10)
		exponent++;
	for (; digits > 0; digits /= 10)
		reversed[count++] = (char)('0' + digits % 10);
	for (int i = 0; i < count; i++)
		out->digit[i] = reversed[count - 1 - i];
	out->digit[count] = '\0';
	out->count = count;
	out->point = count + exponent;
}

/*
 * Whole numbers below 2^53, and decimals of up to 15 digits: those are all far enough apart that no
 * two read back as one double, so the one that does is the shortest. That it does is certain when
 * dividing two exact doubles, which IEEE 754 rounds correctly, gives value. It is strictly inside
 * the interval too: below 2^53 the border of an interval is an odd number above 2^53 over a power
 * of two, which takes 16 digits at least.
 */
static bool easy_digits(double value, struct nz_digits *out)
{
	static const double pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
	                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

	if (value < 0x1p53 && value >= 1 && (double)(uint64_t)value == value) {
		set_digits((uint64_t)value, 0, out);
		return true;
	}
	for (int k = 1; k < (int)(sizeof(pow10) / sizeof(pow10[0])); k++) {
		const double scaled = value * pow10[k] + 0.5;
		uint64_t digits;

		if (!(scaled < 1e15))
			return false;
		digits = (uint64_t)scaled;
		if (digits > 0 && (double)digits / pow10[k] == value) {
			set_digits(digits, -k, out);
			return true;
		}
	}
	return false;
}

void nz_double_digits(double value, bool strict, struct nz_digits *out)
{
	struct state st;
	uint64_t bits, mantissa;
	int exponent;

	if (easy_digits(value, out))
		return;
	memcpy(&bits, &value, sizeof(bits));
	mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
	exponent = (int)(bits >> MANTISSA_BITS & 0x7FF);
	/* The smallest normal number has a subnormal below it, at the same distance. */
	st.half_gap = mantissa == 0 && exponent > 1;
	if (exponent > 0)
		mantissa |= UINT64_C(1) << MANTISSA_BITS;
	else
		exponent = 1;
	/* A tie goes to the even mantissa (IEEE 754 section 4.3.1). */
	st.border = !strict && mantissa % 2 == 0;
	exact_digits(&st, mantissa, exponent - EXPONENT_BIAS, out);
}

static size_t print_exponent(const struct nz_digits *d, char *out)
{
	int exponent = d->point - 1;
	size_t len = 0;

	out[len++] = d->digit[0];
	if (d->count > 1) {
		out[len++] = '.';
		memcpy(out + len, d->digit + 1, (size_t)d->count - 1);
		len += (size_t)d->count - 1;
	}
	out[len++] = 'e';
	out[len++] = exponent < 0 ? '-' : '+';
	exponent = exponent < 0 ? -exponent : exponent;
	if (exponent >= 100)
		out[len++] = (char)('0' + exponent / 100);
	if (exponent >= 10)
		out[len++] = (char)('0' + exponent / 10 % 10);
	out[len++] = (char)('0' + exponent % 10);
	return len;
}

/* ECMA-262 Number::toString, steps 6 to 12; n is point there, k is count. */
static size_t print_positive(const struct nz_digits *d, char *out)
{
	const size_t count = (size_t)d->count;
	size_t point, len = 0;

	if (d->point < -5 || d->point > 21)
		return print_exponent(d, out);
	if (d->point <= 0) {
		out[len++] = '0';
		out[len++] = '.';
		memset(out + len, '0', (size_t)-d->point);
		len += (size_t)-d->point;
		memcpy(out + len, d->digit, count);
		return len + count;
	}
	point = (size_t)d->point;
	if (point >= count) {
		memcpy(out, d->digit, count);
		memset(out + count, '0', point - count);
		return point;
	}
	memcpy(out, d->digit, point);
	out[point] = '.';
	memcpy(out + point + 1, d->digit + point, count - point);
	return count + 1;
}

size_t nz_double_print(double value, char out[NZ_NUMBER_CHARS])
{
	struct nz_digits digits;
	size_t len = 0;

	if (value == 0) {
		memcpy(out, "0", 2);
		return 1;
	}
	if (value < 0)
		out[len++] = '-';
	nz_double_digits(value < 0 ? -value : value, false, &digits);
	len += print_positive(&digits, out + len);
	out[len] = '\0';
	return len;
}
