/* SPDX-License-Identifier: Apache-2.0 */
/* A node's keys, and a folder with one file for what is told of a node. After <cmocka.h>. */
#ifndef NZ_TEST_IDENTITY_HELP_H
#define NZ_TEST_IDENTITY_HELP_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nz/identity.h>
#include <nz/labelled.h>

#define NOW INT64_C(1738249200)

static const struct nz_crypto *crypto;
static struct nz_node_keys keys;
static char folder[] = "/tmp/nz-identity-XXXXXX";
static char path[96];

static const struct nz_bytes no_passphrase;

static inline void write_file(const char *name, const char *text, mode_t mode)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline void save(void)
{
	assert_int_equal(nz_node_keys_save(crypto, path, true, no_passphrase, &keys, NULL), NZ_OK);
}

/* keys, rotated `times` times. */
static inline void rotate(int times, struct nz_node_keys *out)
{
	NZ_NODE_KEYS(current);

	assert_int_equal(nz_rotation_make(crypto, &keys, NOW, &current, NULL), NZ_OK);
	for (int i = 1; i < times; i++) {
		struct nz_node_keys next;

		assert_int_equal(nz_rotation_make(crypto, &current, NOW + i, &next, NULL), NZ_OK);
		nz_node_keys_clear(&current);
		nz_node_keys_move(&next, &current);
	}
	nz_node_keys_move(&current, out);
}

/* Before each test: no file. */
static inline int start(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static inline int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/node.json", folder);
	return nz_node_keys_make(crypto, NOW, &keys, NULL) == NZ_OK ? 0 : -1;
}

static inline int tear_down(void **state)
{
	nz_node_keys_clear(&keys);
	(void)start(state);
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

#endif
