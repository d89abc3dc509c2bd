/* SPDX-License-Identifier: Apache-2.0 */
#include "platform_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void nz_paths_clear(struct nz_paths *paths)
{
	nz_buffer_clear(&paths->state_text);
	nz_buffer_clear(&paths->key_text);
	nz_buffer_clear(&paths->root_text);
}

enum nz_status nz_paths_find(const struct nz_args *args, struct nz_paths *p, struct nz_error *err)
{
	const char *state, *key = nz_args_get(args, "root-key", NULL);

	NZ_TRY(nz_platform_option(args, "state", &state, err));
	if (strstr(state, "://") != NULL)
		return nz_fail(err, NZ_UNSUPPORTED, "--state %s: a folder is needed here", state);
	NZ_TRY(nz_absolute_path(state, &p->state_text, err));
	while (p->state_text.len > 1 && p->state_text.ptr[p->state_text.len - 1] == '/')
		p->state_text.len--;
	if (key != NULL)
		NZ_TRY(nz_absolute_path(key, &p->key_text, err));
	else
		NZ_TRY(nz_buffer_appendf(&p->key_text, "%.*s-root/root.key",
		                         (int)p->state_text.len,
		                         (const char *)p->state_text.ptr));
	NZ_TRY(nz_buffer_appendf(&p->root_text, "%.*s/root.pem", (int)p->state_text.len,
	                         (const char *)p->state_text.ptr));
	p->state = nz_buffer_cstr(&p->state_text);
	p->key = nz_buffer_cstr(&p->key_text);
	p->root = nz_buffer_cstr(&p->root_text);
	return p->state != NULL && p->key != NULL && p->root != NULL
	               ? NZ_OK
	               : nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
}

bool nz_folder_is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	closedir(dir);
	return count == 0;
}

enum nz_status nz_folder_put_in_place(char **folder, const struct nz_paths *p, struct nz_error *err)
{
	char *parent NZ_CLEANUP(nz_free_str) = strdup(p->state);

	if (parent == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	NZ_TRY(nz_sync_folder(*folder, err));
	if (rename(*folder, p->state) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", p->state);
	nz_free_str(folder);
	return nz_sync_folder(dirname(parent), err);
}

void nz_folder_remove(char **folder)
{
	DIR *dir = *folder != NULL ? opendir(*folder) : NULL;
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0); /* not . and .., which it refuses */
	if (dir != NULL)
		closedir(dir);
	if (*folder != NULL)
		(void)rmdir(*folder);
	nz_free_str(folder);
}

enum nz_status nz_folder_make_beside(const struct nz_paths *p, char **out, struct nz_error *err)
{
	char *folder = NULL;

	if (asprintf(&folder, "%s.tmp-XXXXXX", p->state) < 0)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	if (mkdtemp(folder) == NULL) {
		const int code = errno;

		free(folder);
		return nz_fail_code(err, NZ_IO, code, "cannot make a folder beside %s: %s",
		                    p->state, strerror(code));
	}
	*out = folder;
	return NZ_OK;
}
