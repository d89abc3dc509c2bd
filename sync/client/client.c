/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <stdio.h>

#include <nz/pki.h>

enum nz_status nz_client_init(struct nz_client *client, const char *url, struct nz_bytes root_pem,
			      struct nz_error *err)
{
	struct nz_url parsed;
	char platform[sizeof client->platform];

	NZ_TRY(nz_url_parse(url, &parsed, err));
	const enum nz_status status = nz_pki_platform_id(root_pem, platform, err);
	if (status != NZ_OK)
		return nz_error_prefix(err, status, "the root certificate");
	client->url = parsed;
	client->root_pem = root_pem;
	memcpy(client->platform, platform, sizeof platform);
	return NZ_OK;
}

bool nz_client_stopped(const struct nz_client *client)
{
	return client->stopped != NULL && client->stopped(client->context);
}

void nz_client_note(const struct nz_client *client, const char *format, ...)
{
	char message[NZ_ERROR_MESSAGE_BYTES] = "";
	va_list args;

	if (client->note == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf(message, sizeof message, format, args);
	va_end(args);
	client->note(client->context, message);
}
