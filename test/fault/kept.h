/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs that hold something already: a result goes after it, and a failure leaves it as it was. */
#ifndef NZ_TEST_FAULT_KEPT_H
#define NZ_TEST_FAULT_KEPT_H

#include <nz/bytes.h>

#define KEPT "kept"

static inline struct nz_buffer kept(void)
{
	struct nz_buffer out = {0};

	assert_int_equal(nz_buffer_append_str(&out, KEPT), NZ_OK);
	return out;
}

static inline void check_kept(const struct nz_buffer *out, enum nz_status status)
{
	assert_memory_equal(out->ptr, KEPT, sizeof(KEPT) - 1);
	assert_true(status == NZ_OK ? out->len > sizeof(KEPT) : out->len == sizeof(KEPT) - 1);
}

/* What went after it; borrowed. */
static inline struct nz_bytes after_kept(const struct nz_buffer *out)
{
	return nz_bytes_of(out->ptr + sizeof(KEPT) - 1, out->len - sizeof(KEPT) + 1);
}

#endif
