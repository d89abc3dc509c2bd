/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A staged batch in the work file: its records one after the other in one blob, each behind its
 * length (4 bytes, big endian), written and read in pieces so that no copy of a batch is in memory.
 */
#include <string.h>

#include "replica/sqlite/sql.h"
#include "replica/sqlite/staged.h"

#define LENGTH_BYTES 4
#define WINDOW_BYTES ((size_t)64 << 10)

static void store_length(uint8_t out[LENGTH_BYTES], size_t len)
{
	for (size_t i = 0; i < LENGTH_BYTES; i++)
		out[i] = (uint8_t)(len >> (8 * (LENGTH_BYTES - 1 - i)));
}

static size_t load_length(const uint8_t in[LENGTH_BYTES])
{
	size_t len = 0;

	for (size_t i = 0; i < LENGTH_BYTES; i++)
		len = len << 8 | in[i];
	return len;
}

static void close_blob(sqlite3_blob **blob)
{
	(void)sqlite3_blob_close(*blob);
	*blob = NULL;
}

/* Small records gather in a window; large ones go straight from the caller's memory. */
static enum nz_status write_records(sqlite3 *work, sqlite3_blob *blob, const struct nz_bytes *records,
                                    size_t count, struct nz_error *err)
{
	NZ_BUFFER(window);
	int at = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t length[LENGTH_BYTES];
		const bool large = records[i].len >= WINDOW_BYTES;

		store_length(length, records[i].len);
		NZ_TRY(nz_buffer_append(&window, length, sizeof(length)));
		if (!large)
			NZ_TRY(nz_buffer_append(&window, records[i].ptr, records[i].len));
		if (large || window.len >= WINDOW_BYTES || i + 1 == count) {
			if (sqlite3_blob_write(blob, window.ptr, (int)window.len, at) != SQLITE_OK)
				return nz_sqlite_fail(work, err, "staging a batch");
			at += (int)window.len;
			nz_buffer_reset(&window);
		}
		if (large) {
			if (sqlite3_blob_write(blob, records[i].ptr, (int)records[i].len, at) !=
			    SQLITE_OK)
				return nz_sqlite_fail(work, err, "staging a batch");
			at += (int)records[i].len;
		}
	}
	return NZ_OK;
}

static enum nz_status put_rows(sqlite3 *work, int64_t id, const struct nz_bytes *records,
                               size_t count, uint64_t size, struct nz_error *err)
{
	sqlite3_blob *blob NZ_CLEANUP(close_blob) = NULL;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(work, "INSERT INTO staged_rows(id, records) VALUES (?1, ?2)", &stmt,
	                         err));
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_zeroblob64(stmt, 2, size);
	NZ_TRY(nz_sqlite_run(work, stmt, err));
	if (size == 0)
		return NZ_OK;
	if (sqlite3_blob_open(work, "main", "staged_rows", "records", id, 1, &blob) != SQLITE_OK)
		return nz_sqlite_fail(work, err, "staging a batch");
	return write_records(work, blob, records, count, err);
}

enum nz_status nz_sqr_staged_put(struct nz_sqr *r, const struct nz_batch *batch,
                                 const struct nz_bytes *records, size_t count, int64_t *id,
                                 struct nz_error *err)
{
	uint64_t size = 0;
	NZ_STMT(stmt);

	for (size_t i = 0; i < count; i++)
		size += LENGTH_BYTES + records[i].len;
	if (size > (uint64_t)sqlite3_limit(r->work, SQLITE_LIMIT_LENGTH, -1))
		return nz_fail(err, NZ_LIMIT, "a batch of %llu bytes is too large to be staged",
		               (unsigned long long)size);
	NZ_TRY(nz_sqlite_prepare(r->work, "INSERT INTO staged(tab, count, root, first_key)"
	                                  " VALUES (?1, ?2, ?3, ?4)", &stmt, err));
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)batch->table);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)count);
	nz_sqr_bind_bytes(stmt, 3, nz_bytes_of(batch->root.bytes, sizeof(batch->root.bytes)));
	nz_sqr_bind_bytes(stmt, 4, batch->first_key);
	NZ_TRY(nz_sqlite_run(r->work, stmt, err));
	const int64_t row = sqlite3_last_insert_rowid(r->work);
	NZ_TRY(put_rows(r->work, row, records, count, size, err));
	*id = row;
	return NZ_OK;
}

enum nz_status nz_sqr_staged_open(struct nz_sqr_staged *s, struct nz_sqr *r, int64_t id,
                                  struct nz_error *err)
{
	int code;

	s->work = r->work;
	code = s->blob != NULL ? sqlite3_blob_reopen(s->blob, id)
			       : sqlite3_blob_open(r->work, "main", "staged_rows", "records", id, 0,
	                                           &s->blob);
	if (code != SQLITE_OK)
		return nz_sqlite_fail(r->work, err, "reading a staged batch");
	s->size = sqlite3_blob_bytes(s->blob);
	s->offset = 0;
	s->used = 0;
	nz_buffer_reset(&s->window);
	return NZ_OK;
}

/* Makes at least `need` unread bytes stand in the window. */
static enum nz_status fill(struct nz_sqr_staged *s, size_t need, struct nz_error *err)
{
	const size_t have = s->window.len - s->used;
	const size_t rest = (size_t)(s->size - s->offset);

	if (have >= need)
		return NZ_OK;
	if (need - have > rest)
		return nz_fail(err, NZ_DATABASE, "a staged batch is damaged");
	if (s->used > 0) {
		memmove(s->window.ptr, s->window.ptr + s->used, have);
		s->window.len = have;
		s->used = 0;
	}
	size_t want = need > WINDOW_BYTES ? need : WINDOW_BYTES;
	want = want - have < rest ? want - have : rest;
	NZ_TRY(nz_buffer_reserve(&s->window, want));
	if (sqlite3_blob_read(s->blob, s->window.ptr + have, (int)want, s->offset) != SQLITE_OK)
		return nz_sqlite_fail(s->work, err, "reading a staged batch");
	s->window.len = have + want;
	s->offset += (int)want;
	return NZ_OK;
}

enum nz_status nz_sqr_staged_next(struct nz_sqr_staged *s, size_t record_max_bytes,
                                  struct nz_bytes *record, struct nz_error *err)
{
	if (s->used == s->window.len && s->offset == s->size)
		return NZ_END;
	NZ_TRY(fill(s, LENGTH_BYTES, err));
	const size_t len = load_length(s->window.ptr + s->used);
	if (len > record_max_bytes)
		return nz_fail(err, NZ_LIMIT, "a staged record is over %zu bytes", record_max_bytes);
	NZ_TRY(fill(s, LENGTH_BYTES + len, err));
	*record = nz_bytes_of(s->window.ptr + s->used + LENGTH_BYTES, len);
	s->used += LENGTH_BYTES + len;
	return NZ_OK;
}

void nz_sqr_staged_clear(struct nz_sqr_staged *s)
{
	close_blob(&s->blob);
	nz_buffer_clear(&s->window);
	*s = (struct nz_sqr_staged){0};
}
