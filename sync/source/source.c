/* SPDX-License-Identifier: Apache-2.0 */
/* Sources by the scheme of their URI. */
#include "source/source.h"

static const struct nz_source_ops *const backends[] = {&nz_source_sqlite};

enum nz_status nz_source_open(const char *uri, const struct nz_source_options *options,
                              struct nz_source **out, struct nz_error *err)
{
	const char *colon = strchr(uri, ':');

	for (size_t i = 0; colon != NULL && i < sizeof(backends) / sizeof(backends[0]); i++) {
		const char *scheme = backends[i]->scheme;

		if (strlen(scheme) == (size_t)(colon - uri) &&
		    memcmp(scheme, uri, (size_t)(colon - uri)) == 0)
			return backends[i]->open(uri, options, out, err);
	}
	/* A URI of another kind may hold a password: only its scheme is said. */
	if (colon == NULL)
		return nz_fail(err, NZ_INVALID, "a source is sqlite:PATH");
	return nz_fail(err, NZ_INVALID, "unknown source \"%.*s:\"; a source is sqlite:PATH",
	               (int)(colon - uri > 40 ? 40 : colon - uri), uri);
}

void nz_source_close(struct nz_source **source)
{
	if (*source != NULL)
		(*source)->ops->close(source);
}
