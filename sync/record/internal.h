/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: fields, escapes, numbers. */
#ifndef NZ_RECORD_INTERNAL_H
#define NZ_RECORD_INTERNAL_H

#include "record/record.h"

/* Room for an integer, or for a double in float8's form, with a NUL. */
#define NUMBER_CHARS 32
/* Room for any finite double without an exponent, with up to 255 digits after the point. */
#define PLAIN_CHARS 704

/* nz_buffer_append, without the call where there is room. */
static inline enum nz_status append_bytes(struct nz_buffer *out, const void *ptr, size_t len)
{
	if (out->cap - out->len < len)
		return nz_buffer_append(out, ptr, len);
	if (len > 0)
		memcpy(out->ptr + out->len, ptr, len);
	out->len += len;
	return NZ_OK;
}

/* A kind by the name that it has in the schema's JSON. */
bool kind_parse(struct nz_bytes text, enum nz_kind *out);

/* What a run of text holds. */
struct text_class {
	bool nul;     /* a NUL byte */
	bool high;    /* a byte above 0x7f */
	size_t escape_count; /* bytes that COPY escapes */
};
void text_classify(struct nz_bytes text, struct text_class *out);
/* True for bytes that COPY writes as a backslash and a letter; *letter is that letter. */
bool escape_of(uint8_t byte, char *letter);

/* Appends text with COPY's escapes. */
enum nz_status escape_append(struct nz_buffer *out, struct nz_bytes text);
/* Writes the unescaped field to `to` (field.len bytes of room). False for what COPY would not write. */
bool unescape(struct nz_bytes field, uint8_t *to, size_t *len);
/* True when a field has neither a backslash nor a byte that ought to be escaped. */
bool escape_free(struct nz_bytes field, bool *high, bool *nul);

enum nz_status hex_append(struct nz_buffer *out, struct nz_bytes bytes);

/* Decimal digits, no NUL; returns the length, at most 20. */
size_t int_print(int64_t value, char out[NUMBER_CHARS]);
/* One spelling only: no plus, no leading zeros, no -0; 64 bits. */
bool int_parse(struct nz_bytes text, int64_t *out);

/* A double in float8's form, no NUL; returns the length. Not for NaN. */
size_t float8_print(double value, char out[NUMBER_CHARS]);
bool float8_parse(struct nz_bytes text, double *out);
/* Reads a plain decimal number (sign, digits, point, digits), rounded to nearest even. */
double plain_parse(struct nz_bytes text);

/* The unmarked form of a REAL in a decimal(scale) or numeric column; 0 where it has none. */
size_t decimal_print_real(double value, unsigned scale, char out[PLAIN_CHARS]);
size_t numeric_print_real(double value, char out[PLAIN_CHARS]);
/* And back: an INTEGER or a REAL. False for what encode would not write. */
bool decimal_parse(struct nz_bytes text, unsigned scale, struct nz_value *out);
bool numeric_parse(struct nz_bytes text, struct nz_value *out);
/* True for a number as PostgreSQL's numeric prints it. */
bool numeric_is_text(struct nz_bytes text);

/* Appends one field. */
enum nz_status field_encode(const struct nz_column *column, const struct nz_value *value,
                            struct nz_buffer *out);
/* Takes one field apart. `scratch` has room for field.len bytes at its end; it never grows here. */
bool field_decode(const struct nz_column *column, struct nz_bytes field, struct nz_buffer *scratch,
                  struct nz_value *out);
/* Splits off the field before the next tab, or the rest; false when nothing is left. */
bool field_next(struct nz_bytes *rest, bool *more, struct nz_bytes *field);

#endif
