/* SPDX-License-Identifier: Apache-2.0 */
#include "client/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#define EXAMPLE "such as https://host:8443/DATASET"

static bool host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

/* A host name, an IPv4 address, or an IPv6 address in brackets, off the front of *text. */
static enum nz_status take_host(const char **text, char *out, size_t room, struct nz_error *err)
{
	const char *at = *text;
	size_t len = 0;

	if (*at == '[') {
		char inside[INET6_ADDRSTRLEN];
		struct in6_addr address;
		const char *end = strchr(at, ']');

		if (end == NULL || (size_t)(end - at - 1) >= sizeof inside)
			return nz_fail(err, NZ_INVALID,
				       "the URL's IPv6 address does not end with ]");
		memcpy(inside, at + 1, (size_t)(end - at - 1));
		inside[end - at - 1] = '\0';
		if (inet_pton(AF_INET6, inside, &address) != 1)
			return nz_fail(err, NZ_INVALID, "'%s' is no IPv6 address", inside);
		len = (size_t)(end - at) + 1;
	} else {
		while (host_char(at[len]))
			len++;
	}
	if (len == 0 || len > NZ_URL_HOST_MAX_BYTES || len >= room)
		return nz_fail(err, NZ_INVALID, "the URL has no host: give one " EXAMPLE);
	memcpy(out, at, len);
	out[len] = '\0';
	*text = at + len;
	return NZ_OK;
}

static enum nz_status take_port(const char **text, uint16_t *out, struct nz_error *err)
{
	unsigned port = 0;
	const char *at = *text;

	if (*at != ':') {
		*out = NZ_URL_DEFAULT_PORT;
		return NZ_OK;
	}
	for (at++; *at >= '0' && *at <= '9' && port <= UINT16_MAX; at++)
		port = port * 10 + (unsigned)(*at - '0');
	if (port == 0 || port > UINT16_MAX)
		return nz_fail(err, NZ_INVALID, "the URL's port is not a number from 1 to 65535");
	*out = (uint16_t)port;
	*text = at;
	return NZ_OK;
}

static enum nz_status take_dataset(const char *text, char *out, struct nz_error *err)
{
	if (strpbrk(text, "?#") != NULL)
		return nz_fail(err, NZ_INVALID,
			       "the URL has a query or a fragment: give one " EXAMPLE);
	if (*text != '/' || text[1] == '\0')
		return nz_fail(err, NZ_INVALID, "the URL names no dataset: give one " EXAMPLE);
	text++;
	if (!nz_dataset_name_valid(nz_bytes_str(text)))
		return nz_fail(
		    err, NZ_INVALID,
		    "'%s' is no dataset's name (a-z, 0-9, and after the first also _ . -)", text);
	memcpy(out, text, strlen(text) + 1);
	return NZ_OK;
}

enum nz_status nz_url_parse(const char *text, struct nz_url *out, struct nz_error *err)
{
	static const char scheme[] = "https://";
	struct nz_url url = {.port = 0};
	const char *at = text + sizeof scheme - 1;

	if (strncasecmp(text, "http://", 7) == 0)
		return nz_fail(err, NZ_INVALID, "a platform is reached by https:// alone");
	if (strncasecmp(text, scheme, sizeof scheme - 1) != 0)
		return nz_fail(err, NZ_INVALID, "'%s' is no URL " EXAMPLE, text);
	if (memchr(at, '@', strcspn(at, "/?#")) != NULL)
		return nz_fail(
		    err, NZ_INVALID,
		    "the URL has a user name or password: nodes sign with --key instead");
	NZ_TRY(take_host(&at, url.host, sizeof url.host, err));
	NZ_TRY(take_port(&at, &url.port, err));
	NZ_TRY(take_dataset(at, url.dataset, err));
	const int len =
	    snprintf(url.origin, sizeof url.origin, "https://%s:%u", url.host, (unsigned)url.port);
	if (len < 0 || (size_t)len >= sizeof url.origin)
		return nz_fail(err, NZ_INVALID, "the URL is too long");
	*out = url;
	return NZ_OK;
}
