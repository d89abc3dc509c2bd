/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "replica/replica.h"

void nz_checkpoint_clear(struct nz_checkpoint *checkpoint)
{
	nz_free_str(&checkpoint->certificate);
	*checkpoint = (struct nz_checkpoint){0};
}

static bool has_scheme(const char *uri, const char *scheme)
{
	const size_t len = strlen(scheme);

	return strncmp(uri, scheme, len) == 0 && uri[len] == ':';
}

enum nz_status nz_replica_open(const char *uri, const struct nz_replica_options *options,
                               struct nz_replica **out, struct nz_error *err)
{
	static const struct nz_replica_ops *const backends[] = {&nz_replica_sqlite};

	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		if (has_scheme(uri, backends[i]->scheme))
			return backends[i]->open(uri, options, out, err);
	}
	/* The URI itself is not repeated: it might hold a password. */
	return nz_fail(err, NZ_INVALID, "unknown kind of replica: give it as sqlite:PATH");
}

void nz_replica_close(struct nz_replica **replica)
{
	if (*replica != NULL)
		(*replica)->ops->close(replica);
}
