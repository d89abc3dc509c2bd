/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nz platform: the table, init and renew.
 *
 * A new platform is made in a folder beside the one that it becomes, and renamed when it is whole.
 * The root's key is written just before that: an attempt that is cut short leaves at most a key and
 * a folder that nobody uses, never a platform whose key is lost.
 */
#include "platform_folder.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nz/clock.h>

#include "platform_keys.h"

#define ROOT_NAME "nz platform root"
#define PEM_MAX_BYTES ((size_t)64 << 10)

static const char *const default_hosts[] = {"localhost", "127.0.0.1", "::1"};

/* ---- init ---- */

/* Says on standard error which folders earlier attempts left behind. */
static void name_leftovers(const struct nz_paths *p)
{
	char *copy NZ_CLEANUP(nz_free_str) = strdup(p->state);
	char *copy2 NZ_CLEANUP(nz_free_str) = strdup(p->state);
	const struct dirent *entry;

	if (copy == NULL || copy2 == NULL)
		return;
	const char *parent = dirname(copy), *name = basename(copy2);
	const size_t len = strlen(name);
	DIR *dir = opendir(parent);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, name, len) == 0 &&
		    strncmp(entry->d_name + len, ".tmp-", 5) == 0)
			fprintf(stderr,
			        "nz: %s/%s was left by an attempt that was cut short; remove it\n",
			        parent, entry->d_name);
	closedir(dir);
}

/* Nothing is overwritten: neither a folder with something in it nor a key. */
static enum nz_status check_free(const struct nz_paths *p, struct nz_error *err)
{
	char *db NZ_CLEANUP(nz_free_str) = NULL;
	struct stat st;

	if (asprintf(&db, "%s/state.db", p->state) < 0) {
		db = NULL;
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	}
	if (lstat(db, &st) == 0)
		return nz_fail(err, NZ_EXISTS, "%s holds a platform already", p->state);
	if (lstat(p->state, &st) == 0 && !nz_folder_is_empty(p->state))
		return nz_fail(err, NZ_EXISTS, "%s is there already and not an empty folder",
		               p->state);
	if (strncmp(p->key, p->state, strlen(p->state)) == 0 && p->key[strlen(p->state)] == '/')
		return nz_fail(err, NZ_INVALID,
		               "--root-key %s: the root's key stays out of the state's folder",
		               p->key);
	if (lstat(p->key, &st) == 0)
		return nz_fail(
			err, NZ_EXISTS,
			"%s is there already: if an attempt to make this very platform was cut "
			"short, remove it and try again",
			p->key);
	return NZ_OK;
}

static enum nz_status collect_hosts(const struct nz_args *args, struct nz_hosts *hosts,
                                    struct nz_error *err)
{
	const char *name;

	for (size_t i = 0; i < sizeof default_hosts / sizeof default_hosts[0]; i++)
		NZ_TRY(nz_hosts_add(hosts, default_hosts[i], err));
	for (size_t i = 0; (name = nz_args_get_nth(args, "host", i)) != NULL; i++)
		NZ_TRY(nz_hosts_add(hosts, name, err));
	return NZ_OK;
}

/* The whole platform but for its root's key, in the empty folder `folder`. */
static enum nz_status fill_folder(const char *folder, const struct nz_pki_pair *root,
                                  const struct nz_hosts *hosts, struct nz_error *err)
{
	char *pem NZ_CLEANUP(nz_free_str) = NULL;
	NZ_STATE(state);

	if (asprintf(&pem, "%s/root.pem", folder) < 0) {
		pem = NULL;
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	}
	NZ_TRY(nz_state_open(folder, true, &state, err));
	NZ_TRY(state->ops->put(state, NZ_STATE_ROOT_PEM, nz_buffer_bytes(&root->certificate_pem),
	                       err));
	NZ_TRY(nz_platform_issue(state, root, hosts, nz_clock_unix(), err));
	return nz_write_new_file(pem, 0644, nz_buffer_bytes(&root->certificate_pem), err);
}

/* Writes the root's key, whose folder is made, for its owner alone, where it is missing. */
static enum nz_status write_key(const struct nz_paths *p, const struct nz_pki_pair *root,
                                struct nz_error *err)
{
	char *copy NZ_CLEANUP(nz_free_str) = strdup(p->key);

	if (copy == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	const char *folder = dirname(copy);
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", folder);
	return nz_write_new_file(p->key, 0600, nz_buffer_bytes(&root->key_pem), err);
}

static enum nz_status init(const struct nz_args *args, struct nz_paths *p, char platform[65],
                           struct nz_error *err)
{
	struct nz_hosts hosts NZ_CLEANUP(nz_hosts_clear) = {.count = 0};
	struct nz_pki_pair root NZ_CLEANUP(nz_pki_pair_clear) = {{0}};
	char *folder NZ_CLEANUP(nz_folder_remove) = NULL;

	NZ_TRY(nz_paths_find(args, p, err));
	NZ_TRY(collect_hosts(args, &hosts, err));
	name_leftovers(p);
	NZ_TRY(check_free(p, err));
	NZ_TRY(nz_pki_make_root(ROOT_NAME, nz_clock_unix(), NZ_PKI_ROOT_DAYS, &root, err));
	NZ_TRY(nz_pki_platform_id(nz_buffer_bytes(&root.certificate_pem), platform, err));
	NZ_TRY(nz_folder_make_beside(p, &folder, err));
	NZ_TRY(fill_folder(folder, &root, &hosts, err));
	if (nz_cli_stopped())
		return nz_fail(err, NZ_CANCELLED, "stopped by a signal; nothing was made");
	NZ_TRY(write_key(p, &root, err));
	const enum nz_status status = nz_folder_put_in_place(&folder, p, err);
	if (status != NZ_OK && folder != NULL)
		(void)unlink(p->key); /* of a platform that there is not */
	return status;
}

static int run_init(const struct nz_args *args)
{
	NZ_PATHS(paths);
	struct nz_error err = {0};
	char platform[65];
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	nz_cli_catch_signals();
	enum nz_status status = init(args, &paths, platform, &err);
	if (status == NZ_OK)
		status = nz_json_new(&doc);
	if (status != NZ_OK)
		return nz_platform_fail(args, &err);

	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_str(doc, json, "platform", platform);
	nz_json_set_str(doc, json, "state", paths.state);
	nz_json_set_str(doc, json, "root_key", paths.key);
	nz_json_set_str(doc, json, "root", paths.root);
	status = nz_json_failed(doc);
	if (status == NZ_OK)
		status =
			nz_buffer_appendf(&text,
		                      "platform %s\n"
		                      "the root's private key (keep it off this machine):\n%s\n"
		                      "the root certificate, for every client:\n%s\n",
		                      platform, paths.key, paths.root);
	if (status != NZ_OK) {
		nz_fail(&err, status, "made %s, but there is no memory to say so", paths.state);
		return nz_platform_fail(args, &err);
	}
	return nz_platform_print(args, json, &text);
}

/* ---- renew ---- */

/* The hosts of the state, or the ones given now. */
static enum nz_status renewed_hosts(const struct nz_args *args, struct nz_state *state,
                                    struct nz_hosts *hosts, struct nz_error *err)
{
	NZ_BUFFER(stored);

	if (nz_args_get(args, "host", NULL) != NULL)
		return collect_hosts(args, hosts, err);
	const enum nz_status status = state->ops->get(state, NZ_STATE_HOSTS, &stored, err);
	if (status == NZ_NOT_FOUND)
		return collect_hosts(args, hosts, err);
	NZ_TRY(status);
	for (size_t i = 0, start = 0; i < stored.len; i++) {
		if (stored.ptr[i] != '\n')
			continue;
		stored.ptr[i] = '\0';
		NZ_TRY(nz_hosts_add(hosts, (const char *)stored.ptr + start, err));
		start = i + 1;
	}
	return NZ_OK;
}

static enum nz_status renew(const struct nz_args *args, struct nz_error *err)
{
	struct nz_hosts hosts NZ_CLEANUP(nz_hosts_clear) = {.count = 0};
	struct nz_pki_pair root NZ_CLEANUP(nz_pki_pair_clear) = {{0}};
	NZ_PATHS(paths);
	NZ_STATE(state);

	NZ_TRY(nz_paths_find(args, &paths, err));
	NZ_TRY(nz_state_open(paths.state, false, &state, err));
	NZ_TRY(state->ops->get(state, NZ_STATE_ROOT_PEM, &root.certificate_pem, err));
	NZ_TRY(nz_cli_read(paths.key, PEM_MAX_BYTES, &root.key_pem, err));
	if (nz_buffer_cstr(&root.key_pem) == NULL || nz_buffer_cstr(&root.certificate_pem) == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a key");
	NZ_TRY(renewed_hosts(args, state, &hosts, err));
	return nz_platform_issue(state, &root, &hosts, nz_clock_unix(), err);
}

static int run_renew(const struct nz_args *args)
{
	struct nz_error err = {0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	nz_cli_catch_signals();
	if (renew(args, &err) != NZ_OK || nz_json_new(&doc) != NZ_OK ||
	    nz_buffer_appendf(&text,
	                      "renewed: the certificates are good for %d days; tell a running "
	                      "'nz serve' with SIGHUP\n",
	                      NZ_PKI_LEAF_DAYS) != NZ_OK)
		return nz_platform_fail(args, &err);
	struct nz_json *json = nz_json_make_object(doc);
	nz_json_set_int(doc, json, "days", NZ_PKI_LEAF_DAYS);
	return nz_platform_print(args, json, &text);
}

/* ---- the table ---- */

static const struct nz_option init_options[] = {
	NZ_OPTION_STATE,
	{.name = "host",
	 .value = "NAME",
	 .help = "a name or address that clients use, besides localhost",
	 .many = true},
	{.name = "root-key",
	 .value = "FILE",
	 .help = "where the root's private key goes (default DIR-root/root.key)"},
	{0},
};
static const struct nz_option renew_options[] = {
	NZ_OPTION_STATE,
	{.name = "root-key",
	 .value = "FILE",
	 .help = "the root's private key (default DIR-root/root.key)"},
	{.name = "host",
	 .value = "NAME",
	 .help = "new names instead of those at init, besides localhost",
	 .many = true},
	{0},
};

const struct nz_command nz_commands_platform[] = {
	{.group = "platform",
	 .verb = "init",
	 .synopsis = "--state DIR [--host NAME]... [--root-key FILE]",
	 .summary = "make a platform: its root and its certificates",
	 .example = "nz platform init --state platform --host db.example.org",
	 .options = init_options,
	 .run = run_init},
	{.group = "platform",
	 .verb = "renew",
	 .synopsis = "--state DIR [--root-key FILE] [--host NAME]...",
	 .summary = "make new certificates under the root, before they expire",
	 .example = "nz platform renew --state platform --root-key /media/usb/root.key",
	 .options = renew_options,
	 .run = run_renew},
	{.group = "platform",
	 .verb = "status",
	 .synopsis = "--state DIR",
	 .summary = "show certificates, datasets and nodes",
	 .example = "nz platform status --state platform",
	 .options = nz_state_options,
	 .run = nz_run_platform_status},
	{.group = "platform",
	 .verb = "backup",
	 .synopsis = "FILE --state DIR",
	 .summary = "copy the whole state into a file (it holds private keys)",
	 .example = "nz platform backup platform.backup --state platform",
	 .options = nz_state_options,
	 .min_positional = 1,
	 .max_positional = 1,
	 .run = nz_run_platform_backup},
	{.group = "platform",
	 .verb = "restore",
	 .synopsis = "FILE --state DIR",
	 .summary = "make a state again from a backup",
	 .example = "nz platform restore platform.backup --state platform",
	 .options = nz_state_options,
	 .min_positional = 1,
	 .max_positional = 1,
	 .run = nz_run_platform_restore},
	{0},
};
