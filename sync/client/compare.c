/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compare.h"

#include <stdlib.h>

#include "client/proof.h"
#include "proto/error.h"

/* Keys one after the other, found by number. */
struct key_list {
	struct nz_buffer bytes;
	size_t *ends;
	size_t count, cap;
};

static void key_list_clear(struct key_list *list)
{
	nz_buffer_clear(&list->bytes);
	free(list->ends);
}

static enum nz_status key_list_add(struct key_list *list, struct nz_bytes key)
{
	if (list->count == list->cap) {
		const size_t cap = list->cap > 0 ? 2 * list->cap : 64;
		size_t *ends = reallocarray(list->ends, cap, sizeof *ends);

		if (ends == NULL)
			return NZ_NO_MEMORY;
		list->ends = ends;
		list->cap = cap;
	}
	NZ_TRY(nz_buffer_append(&list->bytes, key.ptr, key.len));
	list->ends[list->count++] = list->bytes.len;
	return NZ_OK;
}

static struct nz_bytes key_list_at(const struct key_list *list, size_t i)
{
	const size_t start = i > 0 ? list->ends[i - 1] : 0;

	return nz_bytes_of(list->bytes.ptr + start, list->ends[i] - start);
}

struct comparison {
	struct check *check;
	const struct check_difference *difference;
	const struct nz_table *table;
	const struct check_repair *repair;
	struct nz_hash *leaves; /* the platform's, in order */
	uint32_t *by_leaf;	/* their indexes, ordered by leaf */
	bool *matched;		/* by index: the replica has it */
	struct key_list ours;	/* keys of the replica's rows that match nothing, ascending */
	struct key_list theirs; /* keys of the platform's records that match nothing, ascending */
};

static void comparison_clear(struct comparison *c)
{
	free(c->leaves);
	free(c->by_leaf);
	free(c->matched);
	key_list_clear(&c->ours);
	key_list_clear(&c->theirs);
}

static int compare_leaves(const void *a, const void *b, void *leaves)
{
	const struct nz_hash *hashes = leaves;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const int order = memcmp(&hashes[x], &hashes[y], sizeof *hashes);

	return order != 0 ? order : (x > y) - (x < y);
}

static enum nz_status sort_leaves(struct comparison *c, struct nz_error *err)
{
	const uint32_t count = c->difference->entry.count;

	c->by_leaf = calloc(count > 0 ? count : 1, sizeof *c->by_leaf);
	c->matched = calloc(count > 0 ? count : 1, sizeof *c->matched);
	if (c->by_leaf == NULL || c->matched == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for the leaves of a batch");
	for (uint32_t i = 0; i < count; i++)
		c->by_leaf[i] = i;
	if (count > 0)
		qsort_r(c->by_leaf, count, sizeof *c->by_leaf, compare_leaves, c->leaves);
	return NZ_OK;
}

/* Takes the platform's first leaf that equals this one and is not taken yet. */
static bool take_leaf(struct comparison *c, const struct nz_hash *leaf)
{
	const uint32_t count = c->difference->entry.count;
	uint32_t low = 0, high = count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (memcmp(&c->leaves[c->by_leaf[middle]], leaf, sizeof *leaf) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count; low++) {
		const uint32_t index = c->by_leaf[low];

		if (memcmp(&c->leaves[index], leaf, sizeof *leaf) != 0)
			return false;
		if (!c->matched[index]) {
			c->matched[index] = true;
			return true;
		}
	}
	return false;
}

enum nz_status compare_too_many(struct nz_error *err)
{
	return nz_fail_code(err, NZ_LIMIT, NZ_API_ROOT_MISMATCH,
			    "more than %d rows differ: run 'nz sync', which replaces whole batches",
			    NZ_CHECK_MAX_ROWS);
}

/* ---- the replica's side ---- */

static enum nz_status match_row(struct comparison *c, struct nz_hasher *hasher,
				const struct nz_row *row, struct nz_error *err)
{
	struct check *check = c->check;
	struct nz_hash leaf;

	NZ_TRY(check->crypto->hash_many(hasher, 0x00, &row->record, 1, &leaf));
	if (take_leaf(c, &leaf))
		return NZ_OK;
	if (check->result.differing + c->ours.count >= NZ_CHECK_MAX_ROWS)
		return compare_too_many(err);
	NZ_TRY(key_list_add(&c->ours, row->key));
	if (c->repair->removals == NULL)
		return NZ_OK;
	const struct check_row_head head = {c->difference->entry.table, row->rowid};
	return nz_spool_add(c->repair->removals, &head, sizeof head, row->record, err);
}

static enum nz_status match_rows(struct comparison *c, struct nz_error *err)
{
	struct check *check = c->check;
	const struct nz_replica_ops *ops = check->replica->ops;
	const struct nz_batch *entry = &c->difference->entry;
	struct nz_ranges ranges NZ_CLEANUP(nz_ranges_clear) = {.crypto = NULL};
	const struct nz_scan_from from = {
	    .key = c->difference->found.ordinal > 0 ? entry->first_key : (struct nz_bytes){0},
	    .ordinal = c->difference->found.ordinal};
	struct nz_row row;

	NZ_TRY(check_ranges(check, &ranges)); /* for its hasher and the end of its scan */
	NZ_TRY(ops->scan(check->replica, check->schema, entry->table, &from, &ranges.scan, err));
	for (uint64_t i = 0; i < c->difference->found.count; i++) {
		const enum nz_status status = ops->scan_ops.next(ranges.scan, &row, err);

		if (status == NZ_END)
			return nz_fail(err, NZ_DATABASE, "table %s ended early", c->table->name);
		NZ_TRY(status);
		if (i % 1024 == 0 && check->stopped != NULL &&
		    check->stopped(check->stopped_context))
			return nz_fail(err, NZ_CANCELLED, "stopped");
		NZ_TRY(match_row(c, ranges.hasher, &row, err));
	}
	return NZ_OK;
}

/* ---- the platform's side ---- */

static enum nz_status on_record(void *context, uint32_t index, struct nz_bytes record,
				struct nz_error *err)
{
	struct comparison *c = context;
	NZ_BUFFER(key);

	(void)index;
	NZ_TRY(nz_record_key(c->table, record, &key));
	NZ_TRY(key_list_add(&c->theirs, nz_buffer_bytes(&key)));
	if (c->repair->puts == NULL)
		return NZ_OK;
	const struct check_row_head head = {c->difference->entry.table, 0};
	return nz_spool_add(c->repair->puts, &head, sizeof head, record, err);
}

static enum nz_status fetch_missing(struct comparison *c, struct nz_client_session *session,
				    struct nz_error *err)
{
	const struct nz_batch *entry = &c->difference->entry;
	struct nz_proof_request request = {.batch = entry->position};

	for (uint32_t i = 0; i < entry->count; i++) {
		if (!c->matched[i])
			request.records[request.count++] = i;
		if (request.count == NZ_PROOF_MAX_RECORDS ||
		    (i + 1 == entry->count && request.count > 0)) {
			if (c->check->result.differing + c->theirs.count + request.count >
			    NZ_CHECK_MAX_ROWS)
				return compare_too_many(err);
			NZ_TRY(nz_client_proof_records(session, c->check->schema, entry, c->leaves,
						       &request, on_record, c, err));
			request.count = 0;
		}
	}
	return NZ_OK;
}

/* ---- both ---- */

static enum nz_status tell(struct comparison *c, struct nz_bytes key, enum nz_row_state state,
			   struct nz_error *err)
{
	const struct nz_check_options *options = c->check->options;
	NZ_BUFFER(words);

	c->check->result.differing++;
	if (options->row == NULL)
		return NZ_OK;
	const enum nz_status status = nz_record_key_describe(c->table, key, &words);
	if (status == NZ_MALFORMED)
		NZ_TRY(nz_buffer_append_str(&words, "?"));
	else
		NZ_TRY(status);
	if (nz_buffer_cstr(&words) == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a key in words");
	const struct nz_check_row row = {c->table->name, (const char *)words.ptr, state};
	options->row(options->context, &row);
	return NZ_OK;
}

/* Both lists ascend: a key in both is a row that was changed. */
static enum nz_status tell_all(struct comparison *c, struct nz_error *err)
{
	size_t i = 0, j = 0;

	while (i < c->ours.count || j < c->theirs.count) {
		const struct nz_bytes ours =
		    i < c->ours.count ? key_list_at(&c->ours, i) : (struct nz_bytes){0};
		const struct nz_bytes theirs =
		    j < c->theirs.count ? key_list_at(&c->theirs, j) : (struct nz_bytes){0};
		const int order = i == c->ours.count	 ? 1
				  : j == c->theirs.count ? -1
							 : nz_bytes_compare(ours, theirs);

		if (order == 0)
			NZ_TRY(tell(c, ours, NZ_ROW_CHANGED, err));
		else if (order < 0)
			NZ_TRY(tell(c, ours, NZ_ROW_EXTRA, err));
		else
			NZ_TRY(tell(c, theirs, NZ_ROW_MISSING, err));
		i += order <= 0;
		j += order >= 0;
	}
	return NZ_OK;
}

enum nz_status compare_batch(struct check *check, struct nz_client_session *session,
			     const struct check_difference *difference,
			     const struct check_repair *repair, struct nz_error *err)
{
	struct comparison c NZ_CLEANUP(comparison_clear) = {
	    .check = check,
	    .difference = difference,
	    .table = &check->schema->tables[difference->entry.table],
	    .repair = repair};

	if (difference->found.count > (uint64_t)difference->entry.count + NZ_CHECK_MAX_ROWS)
		return compare_too_many(err);
	NZ_TRY(nz_client_proof_leaves(session, &difference->entry, &c.leaves, err));
	NZ_TRY(sort_leaves(&c, err));
	NZ_TRY(match_rows(&c, err));
	NZ_TRY(fetch_missing(&c, session, err));
	return tell_all(&c, err);
}
