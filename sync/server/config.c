/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct nz_settings nz_default_settings = {
#define X(field, name, value, min, max, fallback, help) .field = (fallback),
#include "server/settings.def"
#undef X
};

/* The file as libcyaml fills it: absent numbers stay NULL. */
struct file {
	char *state;
	char **listen;
	uint64_t listen_count;
#define X(field, name, value, min, max, fallback, help) int64_t *field;
#include "server/settings.def"
#undef X
};

static const cyaml_schema_value_t listen_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, 255),
};

static const cyaml_schema_field_t file_fields[] = {
	CYAML_FIELD_STRING_PTR("state", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, state, 1,
                               4096),
	CYAML_FIELD_SEQUENCE_COUNT("listen", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file,
                                   listen, listen_count, &listen_schema, 1, NZ_SERVER_MAX_LISTEN),
#define X(field, name, value, min, max, fallback, help) \
	CYAML_FIELD_INT_PTR(name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, field),
#include "server/settings.def"
#undef X
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

/* Keeps the first line that libcyaml says: it names the key and the place. */
struct complaint {
	char text[200];
};
__attribute__((format(printf, 3, 0))) static void
keep_complaint(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
	struct complaint *complaint = ctx;

	(void)level;
	if (complaint->text[0] != '\0')
		return;
	vsnprintf(complaint->text, sizeof complaint->text, format, args);
	complaint->text[strcspn(complaint->text, "\n")] = '\0';
}

void nz_server_config_init(struct nz_server_config *config)
{
	*config = (struct nz_server_config){0};
#define X(field, name, value, min, max, fallback, help) config->settings.field = -1;
#include "server/settings.def"
#undef X
}

void nz_server_config_clear(struct nz_server_config *config)
{
	nz_free_str(&config->state);
	for (size_t i = 0; i < config->listen_count; i++)
		nz_free_str(&config->listen[i]);
	nz_server_config_init(config);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static enum nz_status read_file(const char *path, struct nz_buffer *out, struct nz_error *err)
{
	int fd NZ_CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return nz_fail_code(err, errno == ENOENT ? NZ_NOT_FOUND : NZ_IO, errno,
		                    "cannot open %s: %s", path, strerror(errno));
	for (;;) {
		NZ_TRY(nz_buffer_reserve(out, 4096));
		const ssize_t n = read(fd, out->ptr + out->len, out->cap - out->len);

		if (n < 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot read %s: %s", path,
			                    strerror(errno));
		if (n == 0)
			return NZ_OK;
		out->len += (size_t)n;
		if (out->len > NZ_CONFIG_MAX_BYTES)
			return nz_fail(err, NZ_LIMIT, "%s is over %zu bytes", path,
			               NZ_CONFIG_MAX_BYTES);
	}
}

static enum nz_status take_number(const char *name, const int64_t *given, int64_t min, int64_t max,
                                  int64_t *out, struct nz_error *err)
{
	if (given == NULL)
		return NZ_OK;
	if (*given < min || *given > max)
		return nz_fail(err, NZ_MALFORMED, "%s must be between %lld and %lld", name,
		               (long long)min, (long long)max);
	*out = *given;
	return NZ_OK;
}

static enum nz_status take_file(const struct file *file, struct nz_server_config *out,
                                struct nz_error *err)
{
#define X(field, name, value, min, max, fallback, help) \
	NZ_TRY(take_number(name, file->field, min, max, &out->settings.field, err));
#include "server/settings.def"
#undef X
	if (file->state != NULL && (out->state = strdup(file->state)) == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < file->listen_count; i++) {
		out->listen[i] = strdup(file->listen[i]);
		if (out->listen[i] == NULL)
			return NZ_NO_MEMORY;
		out->listen_count = i + 1;
	}
	return NZ_OK;
}

enum nz_status nz_server_config_read(const char *path, struct nz_server_config *out,
                                     struct nz_error *err)
{
	NZ_BUFFER(text);
	struct complaint complaint = {{0}};
	const cyaml_config_t config = {
		.log_fn = keep_complaint,
		.log_ctx = &complaint,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
	};
	struct nz_server_config read;
	cyaml_data_t *data = NULL;

	NZ_TRY(read_file(path, &text, err));
	nz_server_config_init(&read);
	const cyaml_err_t failed =
		cyaml_load_data(text.ptr, text.len, &config, &file_schema, &data, NULL);
	if (failed != CYAML_OK)
		return nz_fail(err, NZ_MALFORMED, "%s: %s%s%s", path, cyaml_strerror(failed),
		               complaint.text[0] != '\0' ? ": " : "", complaint.text);
	enum nz_status status = NZ_OK;

	if (data != NULL)
		status = take_file(data, &read, err);
	cyaml_free(&config, &file_schema, data, 0);
	if (status != NZ_OK) {
		nz_server_config_clear(&read);
		return nz_error_prefix(err, status, "%s", path);
	}
	*out = read;
	return NZ_OK;
}

enum nz_status nz_settings_merge(const struct nz_settings *given, const struct nz_settings *file,
                                 struct nz_settings *out, struct nz_error *err)
{
	struct nz_settings merged = nz_default_settings;

#define X(field, name, value, min, max, fallback, help) \
	if (given->field >= 0)                          \
		merged.field = given->field;            \
	else if (file != NULL && file->field >= 0)      \
		merged.field = file->field;
#include "server/settings.def"
#undef X
	if (merged.rekey_before_s >= merged.session_lifetime_s) {
		if (given->rekey_before_s >= 0 || (file != NULL && file->rekey_before_s >= 0))
			return nz_fail(err, NZ_INVALID,
			               "rekey-before must be below session-lifetime");
		merged.rekey_before_s = merged.session_lifetime_s / 2;
	}
	*out = merged;
	return NZ_OK;
}
