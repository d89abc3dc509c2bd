/* SPDX-License-Identifier: Apache-2.0 */
/* From SQLite's declared type to the kind, as its own affinity rules read it: by substring. */
#include <strings.h>

#include "record/record.h"

#define DECIMAL_MAX_PRECISION 15 /* what a double holds exactly */

static bool has(const char *declared, const char *word)
{
	return strcasestr(declared, word) != NULL;
}

static const char *spaces(const char *at)
{
	while (*at == ' ' || (*at >= '\t' && *at <= '\r'))
		at++;
	return at;
}

/* Up to three digits, with the white space around them; NULL for anything else. */
static const char *number(const char *at, unsigned *out)
{
	const char *digit = spaces(at);
	unsigned value = 0;

	at = digit;
	while (*at >= '0' && *at <= '9' && at - digit < 3)
		value = value * 10 + (unsigned)(*at++ - '0');
	if (at == digit)
		return NULL;
	*out = value;
	return spaces(at);
}

/* Reads "(p)" or "(p,s)" after the word, when it is there and p is small enough. */
static bool decimal(const char *declared, const char *word, uint8_t *scale)
{
	const char *at = strcasestr(declared, word);
	unsigned p, s = 0;

	if (at == NULL)
		return false;
	at = spaces(at + strlen(word));
	if (*at != '(')
		return false;
	at = number(at + 1, &p);
	if (at != NULL && *at == ',')
		at = number(at + 1, &s);
	if (at == NULL || *at != ')' || p == 0 || p > DECIMAL_MAX_PRECISION || s > p)
		return false;
	*scale = (uint8_t)s;
	return true;
}

bool nz_type_is_numeric_text(const char *declared)
{
	return strcasecmp(declared, "NUMERIC_TEXT") == 0;
}

enum nz_kind nz_kind_of_sqlite_type(const char *declared, uint8_t *scale)
{
	*scale = 0;
	if (nz_type_is_numeric_text(declared))
		return NZ_KIND_NUMERIC;
	if (has(declared, "INT"))
		return NZ_KIND_INT;
	if (has(declared, "CHAR") || has(declared, "CLOB") || has(declared, "TEXT"))
		return NZ_KIND_TEXT;
	if (declared[0] == 0 || has(declared, "BLOB"))
		return NZ_KIND_BYTES;
	if (has(declared, "REAL") || has(declared, "FLOA") || has(declared, "DOUB"))
		return NZ_KIND_FLOAT8;
	if (has(declared, "BOOL"))
		return NZ_KIND_BOOL;
	if (has(declared, "DATE") || has(declared, "TIME"))
		return NZ_KIND_TEXT;
	if (decimal(declared, "NUMERIC", scale) || decimal(declared, "DECIMAL", scale))
		return NZ_KIND_DECIMAL;
	return NZ_KIND_NUMERIC;
}
