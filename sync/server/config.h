/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `nz serve` can be told: settings.def has every number with its limits. The configuration file
 * is YAML; a key that is not known is an error, and so is a value out of its limits.
 */
#ifndef NZ_SERVER_CONFIG_H
#define NZ_SERVER_CONFIG_H

#include <nz/bytes.h>

#define NZ_SERVER_MAX_LISTEN 16
#define NZ_CONFIG_MAX_BYTES ((size_t)64 << 10)

struct nz_settings {
#define X(field, name, value, min, max, fallback, help) int64_t field;
#include "server/settings.def"
#undef X
};
extern const struct nz_settings nz_default_settings;

/* What is given: by file, by command line. Unset: NULL, 0 and -1. */
struct nz_server_config {
	char *state;
	char *listen[NZ_SERVER_MAX_LISTEN];
	size_t listen_count;
	struct nz_settings settings;
};
void nz_server_config_init(struct nz_server_config *config);
void nz_server_config_clear(struct nz_server_config *config);

/* Reads a file over a fresh config. NZ_NOT_FOUND, NZ_IO, NZ_LIMIT; NZ_MALFORMED with the reason. */
enum nz_status nz_server_config_read(const char *path, struct nz_server_config *out,
                                     struct nz_error *err) NZ_MUST_USE;
/* The settings in force: the command line's, else the file's, else the defaults. NZ_INVALID where
   they contradict each other. file may be NULL. */
enum nz_status nz_settings_merge(const struct nz_settings *given, const struct nz_settings *file,
                                 struct nz_settings *out, struct nz_error *err) NZ_MUST_USE;

#endif
