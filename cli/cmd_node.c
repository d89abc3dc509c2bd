/* SPDX-License-Identifier: Apache-2.0 */
/* nz node: pin nodes, list them, remove them. */
#include "platform.h"

#include <stdio.h>
#include <stdlib.h>

#include <nz/clock.h>
#include <nz/identity.h>

#include "network.h"

#define DOCUMENT_MAX_BYTES ((size_t)1 << 20)
#define DATASETS_MAX 256

static enum nz_status read_document(const char *path, struct nz_node *out, struct nz_error *err)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_cli_read(path, DOCUMENT_MAX_BYTES, &text, err));
	enum nz_status status =
		nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &doc, err);
	if (status == NZ_OK)
		status = nz_node_document_check(crypto, nz_json_root(doc), out, err);
	if (status != NZ_OK)
		return nz_error_prefix(err, status, "%s", path);
	if (!nz_ed25519_key_acceptable(crypto, out->ed25519))
		return nz_fail(err, NZ_MALFORMED, "%s: the Ed25519 key is not fit to be pinned",
		               path);
	return NZ_OK;
}

static enum nz_status copy_text(char ***list, size_t *count, const char *text,
                                struct nz_error *err)
{
	(*list)[*count] = strdup(text);
	if ((*list)[*count] == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a list");
	(*count)++;
	return NZ_OK;
}

static bool holds(char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

static enum nz_status collect_datasets(const struct nz_args *args, struct nz_pin *pin,
                                       struct nz_error *err)
{
	const char *name;

	pin->datasets = calloc(DATASETS_MAX, sizeof *pin->datasets);
	if (pin->datasets == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a list");
	for (size_t i = 0; (name = nz_args_get_nth(args, "dataset", i)) != NULL; i++) {
		if (pin->dataset_count == DATASETS_MAX)
			return nz_fail(err, NZ_INVALID, "more than %d datasets", DATASETS_MAX);
		if (!holds(pin->datasets, pin->dataset_count, name))
			NZ_TRY(copy_text(&pin->datasets, &pin->dataset_count, name, err));
	}
	if (pin->dataset_count == 0)
		return nz_fail(err, NZ_INVALID, "--dataset is needed: what may the node read?");
	return NZ_OK;
}

static enum nz_status collect_networks(const struct nz_args *args, struct nz_pin *pin,
                                       struct nz_error *err)
{
	char network[NZ_NETWORK_CHARS];
	const char *text;

	pin->networks = calloc(NZ_STATE_MAX_NETWORKS, sizeof *pin->networks);
	if (pin->networks == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a list");
	for (size_t i = 0; (text = nz_args_get_nth(args, "allow", i)) != NULL; i++) {
		NZ_TRY(nz_network_normalise(text, network, err));
		if (pin->network_count == NZ_STATE_MAX_NETWORKS)
			return nz_fail(err, NZ_INVALID, "more than %d networks",
			               NZ_STATE_MAX_NETWORKS);
		if (!holds(pin->networks, pin->network_count, network))
			NZ_TRY(copy_text(&pin->networks, &pin->network_count, network, err));
	}
	return NZ_OK;
}

/* ---- telling ---- */

static struct nz_json *texts_json(struct nz_json_doc *doc, char *const *texts, size_t count)
{
	struct nz_json *array = nz_json_make_array(doc);

	for (size_t i = 0; i < count; i++)
		nz_json_push(doc, array, nz_json_make_string(doc, nz_bytes_str(texts[i])));
	return array;
}

static struct nz_json *pin_json(struct nz_json_doc *doc, const struct nz_pin *pin)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_str(doc, json, "node_id", pin->node.node_id);
	nz_json_set_base64(doc, json, "ed25519public",
	                   nz_bytes_of(pin->node.ed25519, sizeof pin->node.ed25519));
	nz_json_set_base64(doc, json, "x25519public",
	                   nz_bytes_of(pin->node.x25519, sizeof pin->node.x25519));
	nz_json_set_int(doc, json, "seq", pin->node.seq);
	nz_json_set_str(doc, json, "state", nz_node_state_name(pin->state));
	nz_json_set_int(doc, json, "pinned_at", pin->pinned_at);
	nz_json_set(doc, json, "datasets", texts_json(doc, pin->datasets, pin->dataset_count));
	nz_json_set(doc, json, "networks", texts_json(doc, pin->networks, pin->network_count));
	return json;
}

static enum nz_status append_texts(struct nz_buffer *out, char *const *texts, size_t count)
{
	if (count == 0)
		return nz_buffer_append_str(out, "none");
	for (size_t i = 0; i < count; i++)
		NZ_TRY(nz_buffer_appendf(out, "%s%s", i > 0 ? ", " : "", texts[i]));
	return NZ_OK;
}

static enum nz_status append_pin(struct nz_buffer *out, const struct nz_pin *pin)
{
	char when[NZ_TIME_CHARS];
	char key[NZ_BASE64_CHARS(NZ_ED25519_PUBLIC_BYTES) + 1];

	nz_time_text(pin->pinned_at, when);
	nz_base64_encode(nz_bytes_of(pin->node.ed25519, sizeof pin->node.ed25519), key);
	NZ_TRY(nz_buffer_appendf(out,
	                         "%s\n  state     %s, pinned %s\n  key       %s (rotation %lld)\n",
	                         pin->node.node_id, nz_node_state_name(pin->state), when, key,
	                         (long long)pin->node.seq));
	NZ_TRY(nz_buffer_append_str(out, "  datasets  "));
	NZ_TRY(append_texts(out, pin->datasets, pin->dataset_count));
	NZ_TRY(nz_buffer_append_str(out, "\n  networks  "));
	NZ_TRY(append_texts(out, pin->networks, pin->network_count));
	return nz_buffer_append_byte(out, '\n');
}

/* ---- the commands ---- */

static enum nz_status add(const struct nz_args *args, struct nz_pin *pin, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(collect_datasets(args, pin, err));
	NZ_TRY(collect_networks(args, pin, err));
	NZ_TRY(read_document(args->positional[0], &pin->node, err));
	pin->state = NZ_NODE_ACTIVE;
	pin->pinned_at = nz_clock_unix();
	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->node_add(state, pin, err);
}

static int run_add(const struct nz_args *args)
{
	struct nz_pin pin NZ_CLEANUP(nz_pin_clear) = {{{0}}};
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	if (add(args, &pin, &err) != NZ_OK)
		return nz_platform_fail(args, &err);
	if (pin.network_count == 0)
		fprintf(stderr, "nz: no --allow: the node may connect from no address\n");
	if (nz_json_new(&doc) != NZ_OK || append_pin(&text, &pin) != NZ_OK) {
		nz_fail(&err, NZ_NO_MEMORY, "pinned %s, but there is no memory to say so",
		        pin.node.node_id);
		return nz_platform_fail(args, &err);
	}
	return nz_platform_print(args, pin_json(doc, &pin), &text);
}

struct listing {
	struct nz_json_doc *doc;
	struct nz_json *array;
	struct nz_buffer text;
};

static void listing_clear(struct listing *listing)
{
	nz_json_free(&listing->doc);
	nz_buffer_clear(&listing->text);
}

static enum nz_status visit(void *context, const struct nz_pin *pin)
{
	struct listing *l = context;

	nz_json_push(l->doc, l->array, pin_json(l->doc, pin));
	NZ_TRY(nz_json_failed(l->doc));
	NZ_TRY(nz_buffer_appendf(&l->text, "%s %s ", pin->node.node_id,
	                         nz_node_state_name(pin->state)));
	NZ_TRY(append_texts(&l->text, pin->datasets, pin->dataset_count));
	NZ_TRY(nz_buffer_append_str(&l->text, " from "));
	NZ_TRY(append_texts(&l->text, pin->networks, pin->network_count));
	return nz_buffer_append_byte(&l->text, '\n');
}

static enum nz_status list(const struct nz_args *args, struct listing *l, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_json_new(&l->doc));
	l->array = nz_json_make_array(l->doc);
	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->node_list(state, visit, l, err);
}

static int run_list(const struct nz_args *args)
{
	struct listing l NZ_CLEANUP(listing_clear) = {.doc = NULL};
	struct nz_error err = {0};

	if (list(args, &l, &err) != NZ_OK)
		return nz_platform_fail(args, &err);
	return nz_platform_print(args, l.array, &l.text);
}

static enum nz_status show(const struct nz_args *args, struct nz_pin *pin, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->node_get(state, args->positional[0], pin, err);
}

static int run_show(const struct nz_args *args)
{
	struct nz_pin pin NZ_CLEANUP(nz_pin_clear) = {{{0}}};
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	if (show(args, &pin, &err) != NZ_OK || nz_json_new(&doc) != NZ_OK ||
	    append_pin(&text, &pin) != NZ_OK)
		return nz_platform_fail(args, &err);
	return nz_platform_print(args, pin_json(doc, &pin), &text);
}

static enum nz_status remove_node(const struct nz_args *args, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_platform_open(args, &state, err));
	return state->ops->node_remove(state, args->positional[0], err);
}

static int run_remove(const struct nz_args *args)
{
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	if (remove_node(args, &err) != NZ_OK || nz_json_new(&doc) != NZ_OK ||
	    nz_buffer_appendf(&text,
	                      "removed %s; its id and key are not pinned again\n",
	                      args->positional[0]) != NZ_OK)
		return nz_platform_fail(args, &err);
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_str(doc, json, "node_id", args->positional[0]);
	return nz_platform_print(args, json, &text);
}

static const struct nz_option add_options[] = {
    NZ_OPTION_STATE,
    {.name = "dataset", .value = "NAME", .help = "a dataset that the node may read", .many = true},
    {.name = "allow",
     .value = "CIDR",
     .help = "a network that it may connect from; none: no address",
     .many = true},
    {0},
};

const struct nz_command nz_commands_node[] = {
	NZ_STATE_COMMAND("node", "add", 1, add_options, run_add,
	                 "NODE.json --state DIR --dataset NAME... --allow CIDR...",
	                 "pin a node by its document (from 'nz keys show')",
	                 "nz node add edge7.json --state platform --dataset shop --allow 192.0.2.0/24"),
	NZ_STATE_COMMAND("node", "list", 0, nz_state_options, run_list,
	                 "--state DIR",
	                 "list the pinned nodes",
	                 "nz node list --state platform"),
	NZ_STATE_COMMAND("node", "show", 1, nz_state_options, run_show,
	                 "ID --state DIR",
	                 "show one pinned node",
	                 "nz node show nzid:node:0123456789abcdef0123456789abcdef --state platform"),
	NZ_STATE_COMMAND("node", "remove", 1, nz_state_options, run_remove,
	                 "ID --state DIR",
	                 "remove a node; its id and key are never pinned again",
	                 "nz node remove nzid:node:0123456789abcdef0123456789abcdef --state platform"),
	{0},
};
