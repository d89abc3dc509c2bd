/* SPDX-License-Identifier: Apache-2.0 */
#include "platform_keys.h"

#define HOST_MAX_BYTES 253

void nz_hosts_clear(struct nz_hosts *hosts)
{
	nz_buffer_clear(&hosts->text);
	*hosts = (struct nz_hosts){.count = 0};
}

/* The i-th line; NULL past the last. Lines end at LF, and are NUL-terminated only when split. */
static struct nz_bytes line_at(const struct nz_hosts *hosts, size_t *offset)
{
	const uint8_t *start = hosts->text.ptr + *offset;
	const size_t left = hosts->text.len - *offset;
	const uint8_t *end = left > 0 ? memchr(start, '\n', left) : NULL;

	if (end == NULL)
		return (struct nz_bytes){NULL, 0};
	*offset += (size_t)(end - start) + 1;
	return nz_bytes_of(start, (size_t)(end - start));
}

static bool has(const struct nz_hosts *hosts, const char *name)
{
	size_t offset = 0;

	for (;;) {
		const struct nz_bytes line = line_at(hosts, &offset);

		if (line.ptr == NULL)
			return false;
		if (nz_bytes_equal(line, nz_bytes_str(name)))
			return true;
	}
}

/* Enough to keep lines apart; whether a certificate can carry it is for whoever makes that. */
static bool is_host(const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len > HOST_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/@,;\"'\\", name[i]) != NULL)
			return false;
	return true;
}

enum nz_status nz_hosts_add(struct nz_hosts *hosts, const char *name, struct nz_error *err)
{
	if (!is_host(name))
		return nz_fail(err, NZ_INVALID, "'%.100s' is neither a host's name nor an address",
		               name);
	if (has(hosts, name))
		return NZ_OK;
	if (hosts->count == NZ_PLATFORM_MAX_HOSTS)
		return nz_fail(err, NZ_LIMIT, "over %d hosts", NZ_PLATFORM_MAX_HOSTS);
	NZ_TRY(nz_buffer_appendf(&hosts->text, "%s\n", name));
	hosts->count++;
	return NZ_OK;
}

/* The names as separate strings, in `storage`. */
static enum nz_status split(const struct nz_hosts *hosts, struct nz_buffer *storage,
                            const char *names[NZ_PLATFORM_MAX_HOSTS])
{
	size_t at = 0;

	NZ_TRY(nz_buffer_append(storage, hosts->text.ptr, hosts->text.len));
	for (size_t i = 0; i < hosts->count; i++) {
		names[i] = (const char *)storage->ptr + at;
		while (storage->ptr[at] != '\n')
			at++;
		storage->ptr[at++] = '\0';
	}
	return NZ_OK;
}

enum nz_status nz_platform_issue(struct nz_state *state, const struct nz_pki_pair *root,
                                 const struct nz_hosts *hosts, int64_t now, struct nz_error *err)
{
	struct nz_pki_pair tls NZ_CLEANUP(nz_pki_pair_clear) = {{0}};
	struct nz_pki_pair signing NZ_CLEANUP(nz_pki_pair_clear) = {{0}};
	const char *names[NZ_PLATFORM_MAX_HOSTS];
	NZ_BUFFER(storage);

	NZ_TRY(split(hosts, &storage, names));
	NZ_TRY(nz_pki_make_leaf(root, NZ_PKI_SIGNING, NULL, 0, now, NZ_PKI_LEAF_DAYS, &signing,
	                        err));
	NZ_TRY(nz_pki_make_leaf(root, NZ_PKI_TLS, names, hosts->count, now, NZ_PKI_LEAF_DAYS, &tls,
	                        err));
	const struct nz_state_value values[] = {
		{NZ_STATE_TLS_CERT, nz_buffer_bytes(&tls.certificate_pem)},
		{NZ_STATE_TLS_KEY, nz_buffer_bytes(&tls.key_pem)},
		{NZ_STATE_SIGN_CERT, nz_buffer_bytes(&signing.certificate_pem)},
		{NZ_STATE_SIGN_KEY, nz_buffer_bytes(&signing.key_pem)},
		{NZ_STATE_HOSTS, nz_buffer_bytes(&hosts->text)},
	};
	return state->ops->put_all(state, values, sizeof values / sizeof values[0], err);
}
