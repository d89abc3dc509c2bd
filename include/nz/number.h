/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles as shortest decimal digits. Independent of the locale. */
#ifndef NZ_NUMBER_H
#define NZ_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Decimal digits of a finite double above 0: value = 0.d1d2d3… × 10^point. */
struct nz_digits {
	char digit[18]; /* ASCII, no leading or trailing zero, NUL after the last */
	int count;      /* 1 to 17 */
	int point;      /* the decimal point stands before digit[point] */
};

/*
 * The shortest digits that read back as value, the closest of them to it. With `strict` a number
 * that lies exactly on the border of the rounding interval does not count (as PostgreSQL's
 * float8out does it); without, it counts where round-to-even takes it (as ECMAScript does).
 * value must be finite and above 0.
 */
void nz_double_digits(double value, bool strict, struct nz_digits *out);

#define NZ_NUMBER_CHARS 32
/* ECMAScript Number::toString (RFC 8785 section 3.2.2.3) with NUL; returns the length. Finite. */
size_t nz_double_print(double value, char out[NZ_NUMBER_CHARS]);

#endif
