/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of bytes. Keys pass through here, so a character is computed from its bits (and back)
 * by arithmetic: no table whose cache lines would tell, no branch on content but whether all of
 * it was well formed.
 */
#include <nz/bytes.h>

/* All ones where x < limit, else zero; both below 2^31. */
static unsigned below(unsigned x, unsigned limit)
{
	return 0u - ((x - limit) >> 31);
}

/* All ones where low <= x <= high. */
static unsigned between(unsigned x, unsigned low, unsigned high)
{
	return ~below(x, low) & below(x, high + 1);
}

static char hex_digit(unsigned nibble)
{
	return (char)('0' + nibble + (~below(nibble, 10) & ('a' - '0' - 10)));
}

void nz_hex_encode(struct nz_bytes in, char *out)
{
	for (size_t i = 0; i < in.len; i++) {
		out[2 * i] = hex_digit(in.ptr[i] >> 4);
		out[2 * i + 1] = hex_digit(in.ptr[i] & 15);
	}
	out[2 * in.len] = '\0';
}

/* The value of a hex digit; *bad gets ones where it is none. */
static unsigned hex_value(unsigned c, unsigned *bad)
{
	const unsigned digit = between(c, '0', '9'), letter = between(c, 'a', 'f');

	*bad |= ~(digit | letter);
	return (digit & (c - '0')) | (letter & (c - 'a' + 10));
}

enum nz_status nz_hex_decode(struct nz_bytes text, uint8_t *out, size_t len)
{
	unsigned bad = 0;

	if (text.len % 2 != 0 || text.len / 2 != len)
		return NZ_MALFORMED;
	/* Looked at first, written after: out stays untouched on failure. */
	for (size_t i = 0; i < text.len; i++)
		(void)hex_value(text.ptr[i], &bad);
	if (bad != 0)
		return NZ_MALFORMED;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_value(text.ptr[2 * i], &bad) << 4 |
		                   hex_value(text.ptr[2 * i + 1], &bad));
	return NZ_OK;
}

static char base64_char(unsigned v)
{
	unsigned c = v + 'A';

	c += ~below(v, 26) & ('a' - 'A' - 26);
	c -= ~below(v, 52) & ('a' - '0' + 26);
	c -= ~below(v, 62) & ('0' + 10 - '+');
	c += ~below(v, 63) & ('/' - '+' - 1);
	return (char)c;
}

void nz_base64_encode(struct nz_bytes in, char *out)
{
	size_t i = 0;

	for (; in.len - i >= 3; i += 3, out += 4) {
		const unsigned v = (unsigned)in.ptr[i] << 16 | (unsigned)in.ptr[i + 1] << 8 |
		                   in.ptr[i + 2];

		out[0] = base64_char(v >> 18);
		out[1] = base64_char(v >> 12 & 63);
		out[2] = base64_char(v >> 6 & 63);
		out[3] = base64_char(v & 63);
	}
	if (i < in.len) {
		const bool two = in.len - i == 2;
		const unsigned v = (unsigned)in.ptr[i] << 16 |
		                   (two ? (unsigned)in.ptr[i + 1] << 8 : 0);

		out[0] = base64_char(v >> 18);
		out[1] = base64_char(v >> 12 & 63);
		out[2] = two ? base64_char(v >> 6 & 63) : '=';
		out[3] = '=';
		out += 4;
	}
	*out = '\0';
}

enum nz_status nz_base64_append(struct nz_buffer *out, struct nz_bytes in)
{
	if (in.len > SIZE_MAX / 4)
		return NZ_LIMIT;
	NZ_TRY(nz_buffer_reserve(out, NZ_BASE64_CHARS(in.len)));
	out->len += NZ_BASE64_CHARS(in.len);
	/* Room for the NUL, which is not content. */
	if (nz_buffer_cstr(out) == NULL) {
		out->len -= NZ_BASE64_CHARS(in.len);
		return NZ_NO_MEMORY;
	}
	nz_base64_encode(in, (char *)out->ptr + out->len - NZ_BASE64_CHARS(in.len));
	return NZ_OK;
}

static unsigned base64_value(unsigned c, unsigned *bad)
{
	const unsigned upper = between(c, 'A', 'Z'), lower = between(c, 'a', 'z');
	const unsigned digit = between(c, '0', '9');
	const unsigned plus = between(c, '+', '+'), slash = between(c, '/', '/');

	*bad |= ~(upper | lower | digit | plus | slash);
	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (plus & 62) | (slash & 63);
}

/* The number of bytes that text stands for, or SIZE_MAX where it is not the one spelling. */
static size_t base64_length(struct nz_bytes text)
{
	unsigned bad = 0, last = 0;
	size_t padding = 0;

	if (text.len % 4 != 0)
		return SIZE_MAX;
	if (text.len == 0)
		return 0;
	if (text.ptr[text.len - 1] == '=')
		padding = text.ptr[text.len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < text.len - padding; i++)
		last = base64_value(text.ptr[i], &bad);
	/* The bits of the last character that no byte takes up must be zero. */
	bad |= padding == 1 ? last & 3 : padding == 2 ? last & 15 : 0;
	return bad == 0 ? text.len / 4 * 3 - padding : SIZE_MAX;
}

/* text is well formed and stands for len bytes. */
static void base64_write(struct nz_bytes text, uint8_t *out, size_t len)
{
	unsigned ignored = 0;
	size_t done = 0;

	for (size_t i = 0; i < text.len; i += 4) {
		unsigned v = 0;

		for (size_t j = 0; j < 4; j++)
			v = v << 6 | base64_value(text.ptr[i + j], &ignored);
		for (int shift = 16; shift >= 0 && done < len; shift -= 8)
			out[done++] = (uint8_t)(v >> shift);
	}
}

enum nz_status nz_base64_decode(struct nz_bytes text, struct nz_buffer *out)
{
	const size_t len = base64_length(text);

	if (len == SIZE_MAX)
		return NZ_MALFORMED;
	NZ_TRY(nz_buffer_reserve(out, len));
	if (len > 0)
		base64_write(text, out->ptr + out->len, len);
	out->len += len;
	return NZ_OK;
}

enum nz_status nz_base64_decode_exact(struct nz_bytes text, uint8_t *out, size_t len)
{
	if (len == SIZE_MAX || base64_length(text) != len)
		return NZ_MALFORMED;
	base64_write(text, out, len);
	return NZ_OK;
}

/* Length of the sequence at the start of p, which has `left` bytes; 0 where it is not valid. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	const uint8_t lead = p[0];
	size_t len;
	uint8_t low = 0x80, high = 0xBF; /* of the second byte: Unicode table 3-7 */

	if (lead < 0x80)
		return 1;
	if (lead < 0xC2 || lead > 0xF4)
		return 0;
	len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
	if (lead == 0xE0)
		low = 0xA0;
	else if (lead == 0xED)
		high = 0x9F;
	else if (lead == 0xF0)
		low = 0x90;
	else if (lead == 0xF4)
		high = 0x8F;
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	}
	return len;
}

size_t nz_utf8_prefix(struct nz_bytes text)
{
	size_t at = 0;

	while (at < text.len) {
		uint64_t eight;
		size_t len;

		if (text.len - at >= sizeof(eight)) {
			memcpy(&eight, text.ptr + at, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof(eight);
				continue;
			}
		}
		len = utf8_sequence(text.ptr + at, text.len - at);
		if (len == 0)
			break;
		at += len;
	}
	return at;
}

bool nz_utf8_valid(struct nz_bytes text)
{
	return nz_utf8_prefix(text) == text.len;
}
