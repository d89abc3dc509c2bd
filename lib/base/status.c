/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <nz/status.h>

/* By way of a copy, so that a message may be among its own arguments. */
static enum nz_status fill(struct nz_error *err, enum nz_status status, int code,
                           const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));

static enum nz_status fill(struct nz_error *err, enum nz_status status, int code,
                           const char *format, va_list args)
{
	char message[NZ_ERROR_MESSAGE_BYTES] = "";

	(void)vsnprintf(message, sizeof(message), format, args);
	err->status = status;
	err->code = code;
	err->retry_after_s = 0;
	memset(err->incident, 0, sizeof(err->incident));
	memcpy(err->message, message, sizeof(message));
	return status;
}

enum nz_status nz_fail(struct nz_error *err, enum nz_status status, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return status;
	va_start(args, format);
	(void)fill(err, status, 0, format, args);
	va_end(args);
	return status;
}

enum nz_status nz_fail_code(struct nz_error *err, enum nz_status status, int code,
                            const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return status;
	va_start(args, format);
	(void)fill(err, status, code, format, args);
	va_end(args);
	return status;
}

enum nz_status nz_error_prefix(struct nz_error *err, enum nz_status status, const char *format,
                               ...)
{
	char message[NZ_ERROR_MESSAGE_BYTES] = "";
	const char *rest;
	size_t used, room, len;
	va_list args;

	if (err == NULL)
		return status;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* A failure that was told without a message still has a name. */
	rest = err->message[0] != '\0' ? err->message : nz_status_name(status);
	used = strlen(message);
	room = sizeof(message) - 1 - used;
	if (room > 2) {
		memcpy(message + used, ": ", 2);
		len = strlen(rest);
		len = len < room - 2 ? len : room - 2;
		memcpy(message + used + 2, rest, len);
		message[used + 2 + len] = '\0';
	}
	err->status = status;
	memcpy(err->message, message, sizeof(message));
	return status;
}

const char *nz_status_name(enum nz_status status)
{
	switch (status) {
	case NZ_OK:
		return "ok";
	case NZ_END:
		return "end";
	case NZ_NOT_FOUND:
		return "not found";
	case NZ_EXISTS:
		return "exists";
	case NZ_MALFORMED:
		return "malformed";
	case NZ_LIMIT:
		return "over a limit";
	case NZ_UNSUPPORTED:
		return "unsupported";
	case NZ_UNVERIFIED:
		return "unverified";
	case NZ_UNKNOWN:
		return "unknown";
	case NZ_REPLAYED:
		return "replayed";
	case NZ_EXPIRED:
		return "expired";
	case NZ_MISMATCH:
		return "mismatch";
	case NZ_REFUSED:
		return "refused";
	case NZ_BUSY:
		return "busy";
	case NZ_CANCELLED:
		return "cancelled";
	case NZ_NO_MEMORY:
		return "out of memory";
	case NZ_IO:
		return "input or output failed";
	case NZ_DATABASE:
		return "database failed";
	case NZ_NETWORK:
		return "network failed";
	case NZ_CRYPTO:
		return "cryptography failed";
	case NZ_INVALID:
		return "invalid use";
	}
	return "unknown status";
}
