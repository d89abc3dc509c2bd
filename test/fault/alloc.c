/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "alloc.h"

/* No scenario here is near so many; a loop that never ends is a bug of the test. */
#define FAULTS_MAX 200000

/* The linker's names for what --wrap took the place of. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What asprintf is called under _FORTIFY_SOURCE. */
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- which call fails ---- */

static struct {
	bool active;
	enum fault_source source;
	unsigned left; /* calls until the one that fails; 0: none does */
	bool lasting;  /* all after it fail, too */
	unsigned met;
} plan;

void fault_on(void)
{
	plan.active = true;
}

void fault_off(void)
{
	plan.active = false;
}

bool fault_due(enum fault_source source)
{
	if (!plan.active || plan.source != source || plan.left == 0)
		return false;
	if (plan.left > 1) {
		plan.left--;
		return false;
	}
	if (!plan.lasting)
		plan.left = 0;
	plan.met++;
	return true;
}

/* ---- what is allocated ---- */

/*
 * By address, for libc hands out memory that did not come from here (scandir's) and that is freed
 * here. Open addressing; an entry that goes moves those behind it up.
 */
#define LIVE_SLOTS ((size_t)1 << 16)
static void *live[LIVE_SLOTS];
static size_t live_count, openssl_count;

static size_t slot_of(const void *ptr)
{
	return (size_t)(((uint64_t)(uintptr_t)ptr >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 48) &
	       (LIVE_SLOTS - 1);
}

static void *note(void *ptr)
{
	size_t at = slot_of(ptr);

	if (ptr == NULL)
		return NULL;
	if (live_count >= LIVE_SLOTS / 2)
		abort();
	while (live[at] != NULL)
		at = (at + 1) & (LIVE_SLOTS - 1);
	live[at] = ptr;
	live_count++;
	return ptr;
}

static void forget(const void *ptr)
{
	size_t at = slot_of(ptr);

	while (live[at] != NULL && live[at] != ptr)
		at = (at + 1) & (LIVE_SLOTS - 1);
	if (ptr == NULL || live[at] == NULL)
		return;
	live[at] = NULL;
	live_count--;
	for (size_t next = (at + 1) & (LIVE_SLOTS - 1); live[next] != NULL;
	     next = (next + 1) & (LIVE_SLOTS - 1)) {
		void *moved = live[next];

		live[next] = NULL;
		live_count--;
		(void)note(moved);
	}
}

void *__wrap_malloc(size_t size)
{
	return fault_due(FAULT_MALLOC) ? NULL : note(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fault_due(FAULT_MALLOC) ? NULL : note(__real_calloc(count, size));
}

void *__wrap_realloc(void *ptr, size_t size)
{
	if (fault_due(FAULT_MALLOC))
		return NULL;
	forget(ptr);
	return note(__real_realloc(ptr, size));
}

void __wrap_free(void *ptr)
{
	forget(ptr);
	__real_free(ptr);
}

char *__wrap_strndup(const char *text, size_t len)
{
	const size_t kept = strnlen(text, len);
	char *copy = __wrap_malloc(kept + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, kept);
	copy[kept] = '\0';
	return copy;
}

char *__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

static int __attribute__((format(printf, 2, 0))) print(char **out, const char *format,
                                                       va_list args)
{
	char text[8192];
	const int len = vsnprintf(text, sizeof(text), format, args);

	if (len < 0 || (size_t)len >= sizeof(text))
		abort();
	*out = __wrap_strdup(text);
	return *out != NULL ? len : -1;
}

int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const int len = print(out, format, args);
	va_end(args);
	return len;
}

int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
	va_list args;

	(void)flag;
	va_start(args, format);
	const int len = print(out, format, args);
	va_end(args);
	return len;
}

/* ---- OpenSSL's memory ---- */

static void *openssl_malloc(size_t size, const char *file, int line)
{
	void *ptr;

	(void)file;
	(void)line;
	if (size == 0 || fault_due(FAULT_OPENSSL))
		return NULL;
	ptr = __real_malloc(size);
	openssl_count += ptr != NULL;
	return ptr;
}

static void openssl_free(void *ptr, const char *file, int line)
{
	(void)file;
	(void)line;
	openssl_count -= ptr != NULL;
	__real_free(ptr);
}

static void *openssl_realloc(void *ptr, size_t size, const char *file, int line)
{
	if (ptr == NULL)
		return openssl_malloc(size, file, line);
	if (size == 0) {
		openssl_free(ptr, file, line);
		return NULL;
	}
	return fault_due(FAULT_OPENSSL) ? NULL : __real_realloc(ptr, size);
}

void fault_install(void)
{
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
		(void)fputs("OpenSSL allocated before its allocator could be set\n", stderr);
		abort();
	}
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		abort();
}

/* ---- the loop ---- */

static bool tells_a_fault(enum fault_source source, enum nz_status status)
{
	switch (source) {
	case FAULT_MALLOC:
		return status == NZ_NO_MEMORY;
	case FAULT_CRYPTO:
		return status == NZ_CRYPTO;
	default:
		return status == NZ_NO_MEMORY || status == NZ_CRYPTO;
	}
}

/* One run; gives whether it met the fault. */
static bool run_once(enum fault_source source, fault_scenario scenario, const char *name,
                     unsigned number, bool lasting)
{
	const size_t before = live_count, openssl_before = openssl_count;
	struct nz_error err = {.status = NZ_OK};

	plan.active = false;
	plan.source = source;
	plan.left = number;
	plan.lasting = lasting;
	plan.met = 0;

	const enum nz_status status = scenario(&err);

	plan.active = false;
	plan.left = 0;
	if (plan.met == 0 ? status != NZ_OK
	                  : !(status == NZ_OK && source == FAULT_OPENSSL) &&
	                            !tells_a_fault(source, status))
		fail_msg("%s: source %d, fault %u%s: %s (%s)", name, (int)source, number,
		         lasting ? " and all after it" : "", nz_status_name(status), err.message);
	if (status != NZ_OK && err.status != NZ_OK && err.status != status)
		fail_msg("%s: source %d, fault %u: %s, but the message says %s (%s)", name,
		         (int)source, number, nz_status_name(status), nz_status_name(err.status),
		         err.message);
	if (live_count != before || (source != FAULT_OPENSSL && openssl_count != openssl_before))
		fail_msg("%s: source %d, fault %u%s: %zd left allocated, %zd of OpenSSL", name,
		         (int)source, number, lasting ? " and all after it" : "",
		         (ssize_t)(live_count - before), (ssize_t)(openssl_count - openssl_before));
	return plan.met > 0;
}

void fault_each_named(enum fault_source source, fault_scenario scenario, const char *name)
{
	unsigned met = 0;

	/* What OpenSSL keeps for the life of the process is taken here. */
	for (int i = 0; i < 2; i++)
		(void)scenario(NULL);
	for (int lasting = 0; lasting < 2; lasting++) {
		unsigned number = 1;

		while (run_once(source, scenario, name, number, lasting != 0)) {
			met++;
			if (++number > FAULTS_MAX)
				fail_msg("%s never gets over its faults", name);
		}
	}
	if (met == 0)
		fail_msg("%s: nothing to fail", name);
	print_message("%s: %u faults\n", name, met);
	(void)run_once(source, scenario, name, 0, false);
}
