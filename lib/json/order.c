/* SPDX-License-Identifier: Apache-2.0 */
/* Members by name, in the order of the canonical form: for duplicates, look-up and printing. */
#include "internal.h"

/*
 * A byte's place in the order of UTF-16. UTF-8 sorts by code point, and UTF-16 differs from that
 * in one thing: what takes a surrogate pair (lead bytes F0 to F4) comes before U+E000 to U+FFFF
 * (lead bytes EE and EF). None of these seven values occurs past the first byte of a character.
 */
static int utf16_rank(uint8_t byte)
{
	if (byte < 0xEE)
		return byte;
	return byte < 0xF0 ? byte + 16 : byte;
}

int nz_json_name_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	const size_t common = a_len < b_len ? a_len : b_len;

	for (size_t i = 0; i < common; i++) {
		if (a[i] != b[i])
			return utf16_rank(a[i]) - utf16_rank(b[i]);
	}
	return (a_len > b_len) - (a_len < b_len);
}

static bool in_order(const struct nz_json_member *a, const struct nz_json_member *b)
{
	return nz_json_name_compare(a->name, a->name_len, b->name, b->name_len) <= 0;
}

static void insertion_sort(struct nz_json_member **m, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct nz_json_member *const moved = m[i];
		size_t j = i;

		for (; j > 0 && !in_order(m[j - 1], moved); j--)
			m[j] = m[j - 1];
		m[j] = moved;
	}
}

/* The two sorted halves of m, with `middle` in the first, into one. */
static void merge(struct nz_json_member **m, struct nz_json_member **scratch, size_t middle,
                  size_t count)
{
	size_t left = 0, right = middle, to = 0;

	if (in_order(m[middle - 1], m[middle]))
		return;
	memcpy(scratch, m, middle * sizeof(struct nz_json_member *));
	while (left < middle) {
		if (right == count || in_order(scratch[left], m[right]))
			m[to++] = scratch[left++];
		else
			m[to++] = m[right++];
	}
}

void nz_json_sort_members(struct nz_json_member **members, struct nz_json_member **scratch,
                          size_t count)
{
	const size_t run = 8;

	for (size_t i = 0; i < count; i += run)
		insertion_sort(members + i, count - i < run ? count - i : run);
	for (size_t width = run; width < count; width *= 2) {
		for (size_t i = 0; i + width < count; i += 2 * width) {
			const size_t left = count - i;

			merge(members + i, scratch, width, left < 2 * width ? left : 2 * width);
		}
	}
}

size_t nz_json_find(const struct nz_json *object, struct nz_bytes name, bool *found)
{
	size_t low = 0, high = object->count;

	*found = false;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct nz_json_member *m = object->u.members->sorted[middle];
		const int order = nz_json_name_compare(m->name, m->name_len, name.ptr, name.len);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
