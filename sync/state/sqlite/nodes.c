/* SPDX-License-Identifier: Apache-2.0 */
/* The pin list. A key that was ever pinned is never pinned again, nor the id of a removed node. */
#include "state/sqlite/nodes.h"

#include <stdlib.h>

#include "state/sqlite/rows.h"

static enum nz_status refuse_used(struct state_sqlite *s, const struct nz_node *node,
                                  struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT p.node_id = ?1, EXISTS (SELECT 1 FROM node n"
	                         " WHERE n.node_id = p.node_id) FROM pinned_key p"
	                         " WHERE p.node_id = ?1 OR p.ed25519 = ?2 LIMIT 1",
	                         &stmt, err));
	state_bind_text(stmt, 1, node->node_id);
	state_bind_bytes(stmt, 2, node->ed25519, sizeof node->ed25519);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return NZ_OK;
	NZ_TRY(status);
	const bool id = sqlite3_column_int(stmt, 0) != 0;
	if (sqlite3_column_int(stmt, 1) != 0)
		return nz_fail(err, NZ_EXISTS, "%s is pinned already",
		               id ? node->node_id : "this key, by another node,");
	return nz_fail(err, NZ_EXISTS, "%s was pinned once and is not pinned again: make new keys",
	               id ? node->node_id : "this key");
}

static enum nz_status insert_node(struct state_sqlite *s, const struct nz_pin *pin,
                                  struct nz_error *err)
{
	NZ_STMT(node);
	NZ_STMT(key);

	NZ_TRY(
		nz_sqlite_prepare(s->db,
	                      "INSERT INTO node (node_id, ed25519, x25519, seq, state, pinned_at)"
	                      " VALUES (?, ?, ?, ?, ?, ?)",
	                      &node, err));
	state_bind_text(node, 1, pin->node.node_id);
	state_bind_bytes(node, 2, pin->node.ed25519, sizeof pin->node.ed25519);
	state_bind_bytes(node, 3, pin->node.x25519, sizeof pin->node.x25519);
	sqlite3_bind_int64(node, 4, pin->node.seq);
	sqlite3_bind_int(node, 5, (int)pin->state);
	sqlite3_bind_int64(node, 6, pin->pinned_at);
	NZ_TRY(nz_sqlite_run(s->db, node, err));
	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO pinned_key (ed25519, node_id, at) VALUES (?, ?, ?)",
	                         &key, err));
	state_bind_bytes(key, 1, pin->node.ed25519, sizeof pin->node.ed25519);
	state_bind_text(key, 2, pin->node.node_id);
	sqlite3_bind_int64(key, 3, pin->pinned_at);
	return nz_sqlite_run(s->db, key, err);
}

static enum nz_status insert_grants(struct state_sqlite *s, const struct nz_pin *pin,
                                    struct nz_error *err)
{
	NZ_STMT(dataset);
	NZ_STMT(network);
	int64_t id;

	NZ_TRY(nz_sqlite_prepare(
		s->db, "INSERT OR IGNORE INTO node_dataset (node_id, dataset) VALUES (?, ?)", &dataset,
		err));
	for (size_t i = 0; i < pin->dataset_count; i++) {
		NZ_TRY(state_dataset_id(s, pin->datasets[i], &id, err));
		state_bind_text(dataset, 1, pin->node.node_id);
		state_bind_text(dataset, 2, pin->datasets[i]);
		NZ_TRY(nz_sqlite_run(s->db, dataset, err));
	}
	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO node_network (node_id, ordinal, network)"
	                         " VALUES (?, ?, ?)",
	                         &network, err));
	for (size_t i = 0; i < pin->network_count; i++) {
		state_bind_text(network, 1, pin->node.node_id);
		sqlite3_bind_int64(network, 2, (int64_t)i);
		state_bind_text(network, 3, pin->networks[i]);
		NZ_TRY(nz_sqlite_run(s->db, network, err));
	}
	return NZ_OK;
}

static enum nz_status add(struct state_sqlite *s, const struct nz_pin *pin, struct nz_error *err)
{
	NZ_TRY(refuse_used(s, &pin->node, err));
	NZ_TRY(insert_node(s, pin, err));
	return insert_grants(s, pin, err);
}

enum nz_status state_node_add(struct nz_state *state, const struct nz_pin *pin,
                              struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);

	if (pin->network_count > NZ_STATE_MAX_NETWORKS)
		return nz_fail(err, NZ_LIMIT, "%zu networks are over the limit of %d",
		               pin->network_count, NZ_STATE_MAX_NETWORKS);
	NZ_TRY(state_begin(s, err));
	return state_end(s, add(s, pin, err), err);
}

static enum nz_status get_list(struct state_sqlite *s, const char *sql, const char *node_id,
                               char ***list, size_t *count, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, sql, &stmt, err));
	state_bind_text(stmt, 1, node_id);
	return state_list(s, stmt, list, count, err);
}

static enum nz_status get(struct state_sqlite *s, const char *node_id, struct nz_pin *pin,
                          struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "SELECT node_id, ed25519, x25519, seq, state, pinned_at FROM node"
	                         " WHERE node_id = ?",
	                         &stmt, err));
	state_bind_text(stmt, 1, node_id);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "no node '%s'", node_id);
	NZ_TRY(status);
	NZ_TRY(state_column_text(stmt, 0, pin->node.node_id, sizeof pin->node.node_id, err));
	NZ_TRY(state_column_exact(stmt, 1, pin->node.ed25519, sizeof pin->node.ed25519, err));
	NZ_TRY(state_column_exact(stmt, 2, pin->node.x25519, sizeof pin->node.x25519, err));
	pin->node.seq = sqlite3_column_int64(stmt, 3);
	pin->state = (enum nz_node_state)sqlite3_column_int(stmt, 4);
	pin->pinned_at = sqlite3_column_int64(stmt, 5);
	NZ_TRY(get_list(s, "SELECT dataset FROM node_dataset WHERE node_id = ? ORDER BY dataset",
	                node_id, &pin->datasets, &pin->dataset_count, err));
	return get_list(s, "SELECT network FROM node_network WHERE node_id = ? ORDER BY ordinal",
	                node_id, &pin->networks, &pin->network_count, err);
}

enum nz_status state_node_get(struct nz_state *state, const char *node_id, struct nz_pin *out,
                              struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	struct nz_pin pin NZ_CLEANUP(nz_pin_clear) = {{{0}}};

	NZ_TRY(state_begin_read(s, err));
	NZ_TRY(state_end(s, get(s, node_id, &pin, err), err));
	*out = pin;
	pin = (struct nz_pin){{{0}}};
	return NZ_OK;
}

enum nz_status state_node_list(struct nz_state *state, nz_pin_visit visit, void *context,
                               struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	struct nz_pin ids NZ_CLEANUP(nz_pin_clear) = {{{0}}}; /* in its list of datasets */
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "SELECT node_id FROM node ORDER BY node_id", &stmt, err));
	NZ_TRY(state_list(s, stmt, &ids.datasets, &ids.dataset_count, err));
	for (size_t i = 0; i < ids.dataset_count; i++) {
		struct nz_pin pin NZ_CLEANUP(nz_pin_clear) = {{{0}}};
		const enum nz_status status = state_node_get(state, ids.datasets[i], &pin, err);

		if (status == NZ_NOT_FOUND) /* removed meanwhile */
			continue;
		NZ_TRY(status);
		NZ_TRY(visit(context, &pin));
	}
	return NZ_OK;
}

enum nz_status state_node_remove(struct nz_state *state, const char *node_id,
                                 struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "DELETE FROM node WHERE node_id = ?", &stmt, err));
	state_bind_text(stmt, 1, node_id);
	NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	if (sqlite3_changes(s->db) == 0)
		return nz_fail(err, NZ_NOT_FOUND, "no node '%s'", node_id);
	return NZ_OK;
}
