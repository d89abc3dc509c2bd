/* SPDX-License-Identifier: Apache-2.0 */
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const struct nz_option nz_state_options[] = {NZ_OPTION_STATE, {0}};

enum nz_status nz_platform_option(const struct nz_args *args, const char *name, const char **out,
                                  struct nz_error *err)
{
	const char *value = nz_args_get(args, name, NULL);

	if (value == NULL || value[0] == '\0')
		return nz_fail(err, NZ_INVALID, "--%s is needed", name);
	*out = value;
	return NZ_OK;
}

enum nz_status nz_platform_open(const struct nz_args *args, struct nz_state **out,
                                struct nz_error *err)
{
	const char *location = NULL;

	NZ_TRY(nz_platform_option(args, "state", &location, err));
	return nz_state_open(location, false, out, err);
}

static int exit_code(enum nz_status status)
{
	switch (status) {
	case NZ_INVALID:
		return NZ_EXIT_USAGE;
	case NZ_MALFORMED:
	case NZ_LIMIT:
	case NZ_UNSUPPORTED:
		return NZ_EXIT_BAD_INPUT;
	case NZ_BUSY:
		return NZ_EXIT_TEMPORARY;
	default:
		return NZ_EXIT_FAILED;
	}
}

int nz_platform_fail(const struct nz_args *args, const struct nz_error *err)
{
	return nz_cli_fail(args, err, exit_code(err->status));
}

int nz_platform_print(const struct nz_args *args, const struct nz_json *json,
                      const struct nz_buffer *text)
{
	struct nz_error err = {0};
	NZ_BUFFER(line);

	if (!args->json) {
		if (nz_cli_print(nz_buffer_bytes(text), &err) == NZ_OK)
			return NZ_EXIT_OK;
		return nz_cli_fail(args, &err, NZ_EXIT_FAILED);
	}
	enum nz_status status = nz_json_canonical(json, &line);
	if (status == NZ_OK)
		status = nz_buffer_append_byte(&line, '\n');
	if (status != NZ_OK)
		nz_fail(&err, status, "no memory for the result");
	else
		status = nz_cli_print(nz_buffer_bytes(&line), &err);
	return status == NZ_OK ? NZ_EXIT_OK : nz_cli_fail(args, &err, NZ_EXIT_FAILED);
}

static bool has_password(const char *uri)
{
	const char *authority = strstr(uri, "://");

	if (authority == NULL)
		return false;
	authority += 3;
	const size_t len = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', len);
	if (at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL)
		return true;
	return strcasestr(authority + len, "password=") != NULL;
}

enum nz_status nz_refuse_password(const char *uri, struct nz_error *err)
{
	if (strncmp(uri, "postgres", 8) != 0 || !has_password(uri))
		return NZ_OK;
	return nz_fail(
		err, NZ_INVALID,
		"a password does not belong on the command line, where others can see it: put "
		"it into the file that PGPASSFILE names (default ~/.pgpass) or into "
		"pg_service.conf, and leave it out of the URI");
}

enum nz_status nz_absolute_path(const char *path, struct nz_buffer *out, struct nz_error *err)
{
	if (path[0] == '/')
		return nz_buffer_append_str(out, path);

	char *here NZ_CLEANUP(nz_free_str) = getcwd(NULL, 0);

	if (here == NULL)
		return nz_fail_code(err, NZ_IO, errno, "cannot tell the current folder: %m");
	while (path[0] == '.' && path[1] == '/')
		for (path += 2; path[0] == '/'; path++)
			;
	if (strcmp(path, ".") == 0)
		return nz_buffer_append_str(out, here);
	return nz_buffer_appendf(out, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
}

enum nz_status nz_sync_folder(const char *path, struct nz_error *err)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", path);
	const int failed = fsync(fd);
	const int code = errno;
	close(fd);
	return failed == 0 ? NZ_OK
	                   : nz_fail_code(err, NZ_IO, code, "cannot write %s to disk: %s", path,
	                                  strerror(code));
}

static enum nz_status write_fd(int fd, const char *path, struct nz_bytes content,
                               struct nz_error *err)
{
	while (content.len > 0) {
		const ssize_t wrote = write(fd, content.ptr, content.len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot write %s: %m", path);
		content.ptr += wrote;
		content.len -= (size_t)wrote;
	}
	if (fsync(fd) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot write %s to disk: %m", path);
	return NZ_OK;
}

/* Fills the new file at `partial`, open as fd, and gives it its name. */
static enum nz_status fill_and_link(int fd, const char *partial, const char *path, unsigned mode,
                                    struct nz_bytes content, struct nz_error *err)
{
	NZ_TRY(write_fd(fd, path, content, err));
	if (fchmod(fd, mode) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot set the mode of %s: %m", path);
	if (link(partial, path) == 0)
		return NZ_OK;
	return errno == EEXIST ? nz_fail(err, NZ_EXISTS, "%s is there already", path)
	                       : nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", path);
}

enum nz_status nz_write_new_file(const char *path, unsigned mode, struct nz_bytes content,
                                 struct nz_error *err)
{
	char *partial NZ_CLEANUP(nz_free_str) = NULL;
	char *folder NZ_CLEANUP(nz_free_str) = strdup(path);

	if (folder == NULL || asprintf(&partial, "%s.tmp-XXXXXX", path) < 0) {
		partial = NULL;
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	}
	const int fd = mkostemp(partial, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", path);
	const enum nz_status status = fill_and_link(fd, partial, path, mode, content, err);
	unlink(partial);
	close(fd);
	NZ_TRY(status);
	return nz_sync_folder(dirname(folder), err);
}

void nz_time_text(int64_t at, char out[NZ_TIME_CHARS])
{
	const time_t seconds = (time_t)at;
	struct tm tm;

	if (at == 0 || gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, NZ_TIME_CHARS, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(out, "-", 2);
}

enum nz_status nz_size_text(int64_t bytes, struct nz_buffer *out)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000)
		return nz_buffer_appendf(out, "%lld B", (long long)bytes);
	while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
		value /= 1000;
		unit++;
	}
	return nz_buffer_appendf(out, "%.1f %s", value, units[unit]);
}

const char *nz_node_state_name(enum nz_node_state state)
{
	switch (state) {
	case NZ_NODE_ACTIVE:
		return "active";
	case NZ_NODE_OVERDUE:
		return "overdue";
	case NZ_NODE_REVOKED:
		return "revoked";
	}
	return "unknown";
}
