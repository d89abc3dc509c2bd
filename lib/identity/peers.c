/* SPDX-License-Identifier: Apache-2.0 */
/* Peers from static configuration, kept sorted by id. */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEERS_MAX ((size_t)100000)

struct nz_peers {
	struct nz_node *nodes;
	size_t count;
	size_t cap;
};

enum nz_status nz_peers_new(struct nz_peers **out)
{
	struct nz_peers *peers = calloc(1, sizeof *peers);

	if (peers == NULL)
		return NZ_NO_MEMORY;
	*out = peers;
	return NZ_OK;
}

void nz_peers_free(struct nz_peers **peers)
{
	if (*peers == NULL)
		return;
	free((*peers)->nodes);
	free(*peers);
	*peers = NULL;
}

/* Where id is, or where it would go. */
static size_t position(const struct nz_peers *peers, struct nz_bytes id, bool *found)
{
	size_t low = 0;
	size_t high = peers->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = nz_bytes_compare(nz_bytes_str(peers->nodes[middle].node_id), id);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = false;
	return low;
}

static enum nz_status make_room(struct nz_peers *peers, struct nz_error *err)
{
	if (peers->count < peers->cap)
		return NZ_OK;
	if (peers->count >= PEERS_MAX)
		return nz_fail(err, NZ_LIMIT, "more than %zu peers", PEERS_MAX);

	const size_t cap = peers->cap > 0 ? 2 * peers->cap : 8;
	struct nz_node *nodes = realloc(peers->nodes, cap * sizeof *nodes);
	if (nodes == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	peers->nodes = nodes;
	peers->cap = cap;
	return NZ_OK;
}

enum nz_status nz_peers_add(struct nz_peers *peers, const struct nz_crypto *crypto,
                            const struct nz_node *node, struct nz_error *err)
{
	bool found;
	const size_t at = position(peers, nz_bytes_str(node->node_id), &found);

	if (!nz_node_id_is_acceptable(nz_bytes_str(node->node_id)))
		return nz_fail(err, NZ_MALFORMED, "a peer's node_id is not acceptable");
	const enum nz_status status = nz_ed25519_key_check(crypto, node->ed25519);
	if (status != NZ_OK)
		return nz_fail(err, status == NZ_UNVERIFIED ? NZ_MALFORMED : status,
		               "the Ed25519 key of %s is no good key", node->node_id);
	if (found) {
		const struct nz_node *old = &peers->nodes[at];

		if (memcmp(old->ed25519, node->ed25519, sizeof old->ed25519) != 0 ||
		    memcmp(old->x25519, node->x25519, sizeof old->x25519) != 0)
			return nz_fail(err, NZ_MALFORMED, "%s is given twice with different keys",
			               node->node_id);
		return NZ_OK;
	}
	NZ_TRY(make_room(peers, err));
	memmove(peers->nodes + at + 1, peers->nodes + at,
	        (peers->count - at) * sizeof *peers->nodes);
	peers->nodes[at] = *node;
	peers->count++;
	return NZ_OK;
}

/* {node_id, ed25519public, x25519public}, believed as it stands. */
static enum nz_status read_plain(const struct nz_json *entry, struct nz_node *out,
                                 struct nz_error *err)
{
	static const char *const names[] = {"node_id",        "ed25519public", "x25519public",
	                                    "ed25519_public", "x25519_public", NULL};
	struct nz_node node = {{0}};
	struct nz_bytes id;

	NZ_TRY(nz_json_only_members(entry, names, err));
	NZ_TRY(nz_json_get_string(entry, "node_id", &id, err));
	NZ_TRY(nz_node_id_copy(id, node.node_id, err));
	enum nz_status status = nz_key_member_public(entry, "ed25519public", "ed25519_public",
	                                             "ed25519", node.ed25519, err);
	if (status == NZ_NOT_FOUND)
		return nz_fail(err, NZ_MALFORMED, "ed25519public is missing");
	NZ_TRY(status);
	status = nz_key_member_public(entry, "x25519public", "x25519_public", "x25519",
	                              node.x25519, err);
	if (status != NZ_OK && status != NZ_NOT_FOUND)
		return status;
	*out = node;
	return NZ_OK;
}

static enum nz_status add_entry(struct nz_peers *peers, const struct nz_crypto *crypto,
                                const struct nz_json *entry, bool plain_allowed,
                                struct nz_error *err)
{
	struct nz_node node;

	if (!nz_json_is(entry, NZ_JSON_OBJECT))
		return nz_fail(err, NZ_MALFORMED, "a peer is a JSON object");
	if (nz_json_get(entry, "ed25519private") != NULL ||
	    nz_json_get(entry, "ed25519_private") != NULL || nz_json_get(entry, "encrypted") != NULL)
		return nz_fail(err, NZ_MALFORMED,
		               "this is a key file: 'nz keys show' gives the document for peers");
	if (nz_json_get(entry, "signature") != NULL)
		NZ_TRY(nz_node_document_check(crypto, entry, &node, err));
	else if (plain_allowed)
		NZ_TRY(read_plain(entry, &node, err));
	else
		return nz_fail(err, NZ_MALFORMED,
		               "a node document has a signature; plain entries go into an array");
	return nz_peers_add(peers, crypto, &node, err);
}

static enum nz_status add_text(struct nz_peers *peers, const struct nz_crypto *crypto,
                               struct nz_bytes text, struct nz_error *err)
{
	NZ_JSON_DOC(doc);
	NZ_TRY(nz_json_parse(text, &nz_json_packet_limits, &doc, err));
	const struct nz_json *root = nz_json_root(doc);

	if (!nz_json_is(root, NZ_JSON_ARRAY))
		return add_entry(peers, crypto, root, false, err);
	for (size_t i = 0; i < nz_json_count(root); i++) {
		const enum nz_status status =
			add_entry(peers, crypto, nz_json_at(root, i), true, err);
		if (status != NZ_OK)
			return nz_error_prefix(err, status, "entry %zu", i + 1);
	}
	return NZ_OK;
}

static enum nz_status add_file(struct nz_peers *peers, const struct nz_crypto *crypto, int fd,
                               const char *path, struct nz_error *err)
{
	NZ_BUFFER(text);
	enum nz_status status = nz_identity_read_fd(fd, path, &text, err);

	if (status != NZ_OK)
		return status;
	status = add_text(peers, crypto, nz_buffer_bytes(&text), err);
	return status == NZ_OK ? NZ_OK : nz_error_prefix(err, status, "%s", path);
}

static bool is_json_name(const char *name)
{
	const size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".json") == 0;
}

static int json_filter(const struct dirent *entry)
{
	return is_json_name(entry->d_name);
}

static enum nz_status add_folder_entry(struct nz_peers *peers, const struct nz_crypto *crypto,
                                       int folder, const char *name, struct nz_error *err)
{
	const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", name);
	const enum nz_status status = add_file(peers, crypto, fd, name, err);
	close(fd);
	return status;
}

static enum nz_status add_folder(struct nz_peers *peers, const struct nz_crypto *crypto, int folder,
                                 const char *path, struct nz_error *err)
{
	struct dirent **names = NULL;
	const int count = scandirat(folder, ".", &names, json_filter, alphasort);
	enum nz_status status = NZ_OK;

	if (count < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot list %s: %m", path);
	for (int i = 0; i < count; i++) {
		if (status == NZ_OK)
			status = add_folder_entry(peers, crypto, folder, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return status == NZ_OK ? NZ_OK : nz_error_prefix(err, status, "%s", path);
}

enum nz_status nz_peers_add_path(struct nz_peers *peers, const struct nz_crypto *crypto,
                                 const char *path, struct nz_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum nz_status status;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return nz_fail_code(err, NZ_NOT_FOUND, errno, "%s: no such file or folder", path);
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", path);
	if (fstat(fd, &st) != 0)
		status = nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", path);
	else if (S_ISDIR(st.st_mode))
		status = add_folder(peers, crypto, fd, path, err);
	else
		status = add_file(peers, crypto, fd, path, err);
	close(fd);
	return status;
}

static enum nz_status resolve(void *context, struct nz_bytes node_id, struct nz_node *out,
                              struct nz_error *err)
{
	const struct nz_peers *peers = context;
	bool found;
	const size_t at = position(peers, node_id, &found);

	if (!found)
		return nz_fail(err, NZ_UNKNOWN, "the sender is not among the known peers");
	*out = peers->nodes[at];
	return NZ_OK;
}

struct nz_resolver nz_peers_resolver(const struct nz_peers *peers)
{
	/* The context is not const for resolvers that learn; this one only reads it. */
	return (struct nz_resolver){.context = (void *)(uintptr_t)peers, .resolve = resolve};
}
