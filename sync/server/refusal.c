/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request is not served: what the peer gets, what the log gets. */
#include "server/refusal.h"

#include <stdio.h>

void nz_refuse(struct nz_refusal *refusal, int code, const char *format, ...)
{
	va_list args;

	refusal->code = code;
	refusal->retry_after_s = 0;
	refusal->why = (struct nz_error){0};
	va_start(args, format);
	vsnprintf(refusal->why.message, sizeof refusal->why.message, format, args);
	va_end(args);
}

void nz_refuse_fault(struct nz_refusal *refusal, enum nz_status status, const struct nz_error *err,
                     bool source)
{
	if (status == NZ_BUSY || status == NZ_CANCELLED) {
		nz_refuse(refusal, NZ_API_BUSY, "%s", nz_status_name(status));
		refusal->retry_after_s = 1;
	} else if (source && status != NZ_NO_MEMORY && status != NZ_CRYPTO) {
		nz_refuse(refusal, NZ_API_SOURCE, "%s", nz_status_name(status));
		refusal->retry_after_s = 2;
	} else {
		nz_refuse(refusal, NZ_API_INTERNAL, "%s", nz_status_name(status));
		refusal->retry_after_s = 2;
	}
	if (err != NULL && err->message[0] != '\0')
		refusal->why = *err;
}

enum nz_status nz_incident_make(const struct nz_crypto *crypto, char out[NZ_INCIDENT_CHARS + 1])
{
	uint8_t random[NZ_INCIDENT_CHARS / 2];

	NZ_TRY(crypto->random(random, sizeof random));
	nz_hex_encode(nz_bytes_of(random, sizeof random), out);
	return NZ_OK;
}
