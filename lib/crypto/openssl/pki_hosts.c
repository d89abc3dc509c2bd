/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a TLS certificate. Built as values, not as configuration text: nothing to inject. */
#include "internal.h"
#include "pki_internal.h"

#include <arpa/inet.h>

#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63

/* Letters, digits and hyphens in labels of 1 to 63; the first label may be `*`. */
static bool is_dns_name(const char *name)
{
	const size_t len = strlen(name);
	size_t label = 0;

	if (len == 0 || len > DNS_NAME_MAX)
		return false;
	for (size_t i = strncmp(name, "*.", 2) == 0 ? 2 : 0; i <= len; i++) {
		const char c = name[i];

		if (c == '.' || c == '\0') {
			if (label == 0 || label > DNS_LABEL_MAX || name[i - 1] == '-')
				return false;
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		           (c >= '0' && c <= '9') || (c == '-' && label > 0)) {
			label++;
		} else {
			return false;
		}
	}
	return true;
}

/* One name of a subjectAltName. NZ_INVALID where host is neither a DNS name nor an address. */
static enum nz_status host_name(const char *host, GENERAL_NAME **out)
{
	uint8_t address[16];
	int type = GEN_IPADD, len = 0;
	const void *bytes = address;

	if (inet_pton(AF_INET, host, address) == 1) {
		len = 4;
	} else if (inet_pton(AF_INET6, host, address) == 1) {
		len = 16;
	} else if (is_dns_name(host)) {
		type = GEN_DNS;
		bytes = host;
		len = (int)strlen(host);
	} else {
		return NZ_INVALID;
	}

	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value =
		ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);

	if (name == NULL || value == NULL || ASN1_STRING_set(value, bytes, len) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return NZ_NO_MEMORY;
	}
	GENERAL_NAME_set0_value(name, type, value);
	*out = name;
	return NZ_OK;
}

static void free_names(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

enum nz_status nz_pki_add_hosts(X509 *cert, const char *const *hosts, size_t count,
                                struct nz_error *err)
{
	GENERAL_NAMES *names NZ_CLEANUP(free_names) = GENERAL_NAMES_new();

	for (size_t i = 0; names != NULL && i < count; i++) {
		GENERAL_NAME *name = NULL;
		const enum nz_status status = host_name(hosts[i], &name);

		if (status == NZ_INVALID)
			return nz_fail(err, status, "not a DNS name or address: \"%s\"", hosts[i]);
		if (status != NZ_OK)
			return nz_fail(err, nz_openssl_failed(status), "no memory for names");
		if (sk_GENERAL_NAME_push(names, name) == 0) {
			GENERAL_NAME_free(name);
			return nz_fail(err, nz_openssl_failed(NZ_NO_MEMORY), "no memory for names");
		}
	}
	if (names == NULL || X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) != 1)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "host names cannot be added");
	return NZ_OK;
}
