/* SPDX-License-Identifier: Apache-2.0 */
/* Node keys, their file, node documents, rotations and peers while memory or crypto calls fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <nz/identity.h>

#include "alloc.h"

#define NOW INT64_C(1738249200)
#define PASSPHRASE "correct horse"
#define KEPT "kept"

static struct nz_node_keys alice; /* with two rotations behind her */
static struct nz_buffer document;
static char folder[FAULT_FOLDER_CHARS];
static char key_path[64], locked_path[64], new_path[64], peers_path[64], list_path[96],
	document_path[96];

static void check_same_keys(const struct nz_node_keys *keys)
{
	assert_string_equal(keys->node_id, alice.node_id);
	assert_memory_equal(&keys->ed25519_private, &alice.ed25519_private,
	                    sizeof(alice.ed25519_private));
	assert_memory_equal(&keys->x25519_private, &alice.x25519_private,
	                    sizeof(alice.x25519_private));
	assert_int_equal(keys->rotation_count, alice.rotation_count);
}

/* What a failed call leaves: nothing, not even half a secret. */
static void check_empty(const struct nz_node_keys *keys)
{
	static const struct nz_node_keys empty;

	assert_memory_equal(keys, &empty, sizeof(empty));
}

static enum nz_status make(struct nz_error *err)
{
	NZ_NODE_KEYS(keys);
	const enum nz_status status = FAULTY(nz_node_keys_make(fault_crypto(), NOW, &keys, err));

	if (status != NZ_OK)
		check_empty(&keys);
	return status;
}

static enum nz_status rotate(struct nz_error *err)
{
	NZ_NODE_KEYS(next);
	const enum nz_status status =
		FAULTY(nz_rotation_make(fault_crypto(), &alice, NOW, &next, err));

	if (status != NZ_OK)
		check_empty(&next);
	else
		assert_int_equal(next.rotation_count, alice.rotation_count + 1);
	return status;
}

static enum nz_status load_from(const char *path, const char *passphrase, struct nz_error *err)
{
	NZ_NODE_KEYS(keys);
	const enum nz_status status = FAULTY(nz_node_keys_load(
		fault_crypto(), path, nz_bytes_str(passphrase), &keys, err));

	if (status == NZ_OK)
		check_same_keys(&keys);
	else
		check_empty(&keys);
	return status;
}

static enum nz_status load(struct nz_error *err)
{
	return load_from(key_path, "", err);
}

static enum nz_status load_locked(struct nz_error *err)
{
	return load_from(locked_path, PASSPHRASE, err);
}

/* The file is there and whole, or it is not there. */
static enum nz_status save_with(const char *passphrase, struct nz_error *err)
{
	NZ_NODE_KEYS(back);

	(void)unlink(new_path);

	const enum nz_status status = FAULTY(nz_node_keys_save(
		fault_crypto(), new_path, false, nz_bytes_str(passphrase), &alice, err));
	const enum nz_status loaded = nz_node_keys_load(
		fault_crypto(), new_path, nz_bytes_str(passphrase), &back, NULL);

	assert_int_equal(loaded, status == NZ_OK ? NZ_OK : NZ_NOT_FOUND);
	return status;
}

static enum nz_status save(struct nz_error *err)
{
	return save_with("", err);
}

static enum nz_status save_locked(struct nz_error *err)
{
	return save_with(PASSPHRASE, err);
}

static enum nz_status document_make(struct nz_error *err)
{
	NZ_BUFFER(out);

	assert_int_equal(nz_buffer_append_str(&out, KEPT), NZ_OK);

	const enum nz_status status =
		FAULTY(nz_node_document_make(fault_crypto(), &alice, &out, err));

	assert_true(status == NZ_OK ? out.len > sizeof(KEPT) : out.len == sizeof(KEPT) - 1);
	assert_memory_equal(out.ptr, KEPT, sizeof(KEPT) - 1);
	return status;
}

static enum nz_status document_check(struct nz_error *err)
{
	struct nz_node node = {.node_id = KEPT};
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_parse(nz_buffer_bytes(&document), NULL, &doc, err), NZ_OK);

	const enum nz_status status =
		FAULTY(nz_node_document_check(fault_crypto(), nz_json_root(doc), &node, err));

	assert_string_equal(node.node_id, status == NZ_OK ? alice.node_id : KEPT);
	return status;
}

static enum nz_status link_both_ways(struct nz_error *err)
{
	const struct nz_rotation_link *link = &alice.rotations[0];
	struct nz_rotation_link back;
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	fault_on();
	const struct nz_json *json = nz_rotation_link_write(doc, link);
	fault_off();
	if (json == NULL)
		return nz_json_failed(doc);
	NZ_TRY(FAULTY(nz_rotation_link_read(json, &back, err)));
	assert_memory_equal(back.signature_new, link->signature_new, sizeof(back.signature_new));
	return FAULTY(nz_rotation_link_check(fault_crypto(), alice.node_id, &back, err));
}

/* Peers that were there before stay; those of a failed path may be there in part. */
static enum nz_status peers_from(const char *path, struct nz_error *err)
{
	struct nz_node known = {.node_id = "discovery.1"}, found;
	struct nz_peers *peers = NULL;
	enum nz_status status = FAULTY(nz_peers_new(&peers));

	if (status != NZ_OK) {
		assert_null(peers);
		return status;
	}
	memcpy(known.ed25519, alice.first_key, sizeof(known.ed25519));
	status = FAULTY(nz_peers_add(peers, fault_crypto(), &known, err));
	if (status == NZ_OK) {
		status = FAULTY(nz_peers_add_path(peers, fault_crypto(), path, err));

		const struct nz_resolver resolver = nz_peers_resolver(peers);

		assert_int_equal(resolver.resolve(resolver.context, nz_bytes_str("discovery.1"),
		                                  &found, NULL),
		                 NZ_OK);
		if (status == NZ_OK)
			assert_int_equal(resolver.resolve(resolver.context,
			                                  nz_bytes_str(alice.node_id), &found,
			                                  NULL),
			                 NZ_OK);
	}
	nz_peers_free(&peers);
	return status;
}

static enum nz_status peers_folder(struct nz_error *err)
{
	return peers_from(peers_path, err);
}

static enum nz_status peers_list(struct nz_error *err)
{
	return peers_from(list_path, err);
}

static void keys(void **state)
{
	(void)state;
	for (enum fault_source source = 0; source < FAULT_SOURCES; source++) {
		FAULT_EACH(source, make);
		FAULT_EACH(source, rotate);
		FAULT_EACH_OR(source, load, FAULT_BIT(NZ_MALFORMED));
		FAULT_EACH_OR(source, load_locked, FAULT_BIT(NZ_MALFORMED));
		FAULT_EACH(source, save_locked);
	}
	/* Nothing of OpenSSL's that allocates has a part in writing plain keys. */
	FAULT_EACH(FAULT_MALLOC, save);
	FAULT_EACH(FAULT_CRYPTO, save);
}

static void documents(void **state)
{
	(void)state;
	for (enum fault_source source = 0; source < FAULT_SOURCES; source++) {
		FAULT_EACH(source, document_make);
		FAULT_EACH_OR(source, document_check, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH_OR(source, link_both_ways, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH_OR(source, peers_folder, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH_OR(source, peers_list, FAULT_BIT(NZ_UNVERIFIED));
	}
}

static void write_file(const char *path, struct nz_bytes text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

static void make_files(void)
{
	const struct nz_crypto *crypto = fault_crypto();
	NZ_BUFFER(list);
	char key[NZ_BASE64_CHARS(NZ_ED25519_PUBLIC_BYTES) + 1];

	fault_folder(folder);
	(void)snprintf(key_path, sizeof(key_path), "%s/node.json", folder);
	(void)snprintf(locked_path, sizeof(locked_path), "%s/locked.json", folder);
	(void)snprintf(new_path, sizeof(new_path), "%s/new.json", folder);
	(void)snprintf(peers_path, sizeof(peers_path), "%s/peers", folder);
	(void)snprintf(list_path, sizeof(list_path), "%s/list.json", peers_path);
	(void)snprintf(document_path, sizeof(document_path), "%s/node.json", peers_path);
	assert_int_equal(nz_node_keys_save(crypto, key_path, false, nz_bytes_str(""), &alice, NULL),
	                 NZ_OK);
	assert_int_equal(nz_node_keys_save(crypto, locked_path, false, nz_bytes_str(PASSPHRASE),
	                                   &alice, NULL),
	                 NZ_OK);
	assert_int_equal(mkdir(peers_path, 0700), 0);
	write_file(document_path, nz_buffer_bytes(&document));
	nz_base64_encode(nz_bytes_of(alice.ed25519_public, sizeof(alice.ed25519_public)), key);
	assert_int_equal(nz_buffer_append_byte(&list, '['), NZ_OK);
	assert_int_equal(nz_buffer_append(&list, document.ptr, document.len), NZ_OK);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(nz_buffer_appendf(&list,
		                                   ",{\"node_id\":\"plain.%u\","
		                                   "\"ed25519public\":\"%s\"}",
		                                   i, key),
		                 NZ_OK);
	assert_int_equal(nz_buffer_append_byte(&list, ']'), NZ_OK);
	write_file(list_path, nz_buffer_bytes(&list));
}

static int start(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	NZ_NODE_KEYS(first);
	NZ_NODE_KEYS(second);

	(void)state;
	assert_int_equal(nz_node_keys_make(crypto, NOW, &first, NULL), NZ_OK);
	assert_int_equal(nz_rotation_make(crypto, &first, NOW + 1, &second, NULL), NZ_OK);
	assert_int_equal(nz_rotation_make(crypto, &second, NOW + 2, &alice, NULL), NZ_OK);
	assert_int_equal(nz_node_document_make(crypto, &alice, &document, NULL), NZ_OK);
	make_files();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nz_node_keys_clear(&alice);
	nz_buffer_clear(&document);
	(void)unlink(key_path);
	(void)unlink(locked_path);
	(void)unlink(new_path);
	(void)unlink(list_path);
	(void)unlink(document_path);
	(void)rmdir(peers_path);
	/* Nothing else may be left there: no temporary file of a save that failed. */
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(documents),
	};

	fault_install();
	return cmocka_run_group_tests(tests, start, stop);
}
