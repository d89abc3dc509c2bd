/* SPDX-License-Identifier: Apache-2.0 */
/* COPY's escapes, eight bytes at a time: most text needs none, and is copied as it is looked at. */
#include "record/internal.h"

#define EACH UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)
/* The greatest byte with an escape is 0x0d, but for the backslash. */
#define FIRST_PLAIN 0x0e

static const char letters[FIRST_PLAIN] = {[8] = 'b', [9] = 't', [10] = 'n', [11] = 'v',
                                          [12] = 'f', [13] = 'r'};

static inline uint64_t load(const uint8_t *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

/* Not 0 when a byte of the word is below 0x0e or a backslash: it may need an escape or be a NUL. */
static inline uint64_t suspects(uint64_t word)
{
	const uint64_t backslash = word ^ (EACH * '\\');

	return (((word - EACH * FIRST_PLAIN) & ~word) | ((backslash - EACH) & ~backslash)) & HIGH;
}

bool escape_of(uint8_t byte, char *letter)
{
	if (byte >= FIRST_PLAIN) {
		*letter = '\\';
		return byte == '\\';
	}
	*letter = letters[byte];
	return letters[byte] != 0;
}

void text_classify(struct nz_bytes text, struct text_class *out)
{
	struct text_class found = {0};
	uint64_t high = 0;
	size_t i = 0;
	char letter;

	while (i < text.len) {
		if (text.len - i >= 8) {
			const uint64_t word = load(text.ptr + i);

			high |= word;
			if (suspects(word) == 0) {
				i += 8;
				continue;
			}
		}
		/* The tail lies in the last eight bytes, most of which were seen already. */
		if (text.len - i < 8 && text.len >= 8) {
			const uint64_t word = load(text.ptr + text.len - 8);

			high |= word;
			if (suspects(word) == 0)
				break;
		}
		const size_t end = text.len - i >= 8 ? i + 8 : text.len;

		for (; i < end; i++) {
			high |= text.ptr[i];
			found.nul = found.nul || text.ptr[i] == 0;
			if (escape_of(text.ptr[i], &letter))
				found.escape_count++;
		}
	}
	found.high = (high & HIGH) != 0;
	*out = found;
}

bool escape_free(struct nz_bytes field, bool *high, bool *nul)
{
	struct text_class found;

	text_classify(field, &found);
	*high = found.high;
	*nul = found.nul;
	return found.escape_count == 0;
}

enum nz_status escape_append(struct nz_buffer *out, struct nz_bytes text)
{
	struct text_class found;
	uint8_t *to;
	char letter;

	text_classify(text, &found);
	NZ_TRY(nz_buffer_reserve(out, text.len + found.escape_count));
	to = out->ptr + out->len;
	if (found.escape_count == 0) {
		if (text.len > 0)
			memcpy(to, text.ptr, text.len);
		out->len += text.len;
		return NZ_OK;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (escape_of(text.ptr[i], &letter)) {
			*to++ = '\\';
			*to++ = (uint8_t)letter;
		} else {
			*to++ = text.ptr[i];
		}
	}
	out->len += text.len + found.escape_count;
	return NZ_OK;
}

bool unescape(struct nz_bytes field, uint8_t *to, size_t *len)
{
	static const uint8_t bytes[256] = {['b'] = 8, ['t'] = 9, ['n'] = 10, ['v'] = 11,
	                                   ['f'] = 12, ['r'] = 13, ['\\'] = '\\'};
	size_t n = 0;
	char letter;

	for (size_t i = 0; i < field.len; i++) {
		uint8_t byte = field.ptr[i];

		if (byte == '\\') {
			if (++i == field.len)
				return false;
			byte = bytes[field.ptr[i]];
			if (byte == 0)
				return false;
		} else if (escape_of(byte, &letter)) {
			return false;
		}
		to[n++] = byte;
	}
	*len = n;
	return true;
}

enum nz_status hex_append(struct nz_buffer *out, struct nz_bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *to;

	if (bytes.len > SIZE_MAX / 4)
		return NZ_LIMIT;
	if (out->cap - out->len < bytes.len * 2)
		NZ_TRY(nz_buffer_reserve(out, bytes.len * 2));
	to = out->ptr + out->len;
	for (size_t i = 0; i < bytes.len; i++) {
		to[2 * i] = (uint8_t)digits[bytes.ptr[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[bytes.ptr[i] & 15];
	}
	out->len += bytes.len * 2;
	return NZ_OK;
}
