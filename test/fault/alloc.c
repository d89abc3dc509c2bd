/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static bool held;

void fault_hold(void)
{
	held = true;
}

void fault_go_on(void)
{
	held = false;
}

bool fault_due(enum fault_source source)
{
	if (!plan.active || held || plan.source != source || plan.left == 0)
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

void fault_folder(char out[FAULT_FOLDER_CHARS])
{
	(void)snprintf(out, FAULT_FOLDER_CHARS, "/dev/shm/nz-fault-XXXXXX");
	if (mkdtemp(out) != NULL)
		return;
	(void)snprintf(out, FAULT_FOLDER_CHARS, "/tmp/nz-fault-XXXXXX");
	assert_non_null(mkdtemp(out));
}

void fault_empty_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	(void)closedir(dir);
}

/* ---- the loop ---- */

/*
 * How often a fault in OpenSSL is repeated until it leaves nothing behind: the error queue keeps its
 * 16 texts, and caches fill. What leaks goes on to leak.
 */
#define OPENSSL_SETTLES 20

struct run {
	const char *name;
	fault_scenario scenario;
	enum fault_source source;
	unsigned others; /* statuses that pass, too: FAULT_BIT */
	unsigned number; /* of the call that fails; 0: none */
	bool lasting;
};

static bool tells_a_fault(const struct run *run, enum nz_status status)
{
	if ((run->others >> status & 1) != 0)
		return true;
	switch (run->source) {
	case FAULT_MALLOC:
		return status == NZ_NO_MEMORY;
	case FAULT_CRYPTO:
		return status == NZ_CRYPTO || status == NZ_NO_MEMORY;
	case FAULT_OPENSSL:
		return status == NZ_OK || status == NZ_NO_MEMORY || status == NZ_CRYPTO;
	case FAULT_FILE:
		return status == NZ_IO;
	case FAULT_SQLITE_MEMORY:
		return status == NZ_OK || status == NZ_NO_MEMORY;
	case FAULT_SQLITE_FILE:
		return status == NZ_OK || status == NZ_IO;
	default:
		return false;
	}
}

static void fail_run(const struct run *run, const char *what)
{
	static const char *const sources[] = {"malloc",      "OpenSSL",       "crypto call",
	                                      "system call", "SQLite malloc", "SQLite file"};

	fail_msg("%s: %s %u%s: %s", run->name, sources[run->source], run->number,
	         run->lasting ? " and all after it" : "", what);
}

/* One run; gives whether it met the fault. */
static bool run_once(const struct run *run)
{
	const size_t before = live_count;
	struct nz_error err = {.status = NZ_OK};
	char what[NZ_ERROR_MESSAGE_BYTES + 128];

	fault_off();
	plan.source = run->source;
	plan.left = run->number;
	plan.lasting = run->lasting;
	plan.met = 0;

	const enum nz_status status = run->scenario(&err);

	fault_off();
	plan.left = 0;
	(void)snprintf(what, sizeof(what), "%s, with the message %s: %s", nz_status_name(status),
	               nz_status_name(err.status), err.message);
	if (plan.met > 0 ? !tells_a_fault(run, status) : status != NZ_OK)
		fail_run(run, what);
	if (status != NZ_OK && err.status != NZ_OK && err.status != status)
		fail_run(run, what);
	if (live_count != before)
		fail_run(run, "leaks");
	return plan.met > 0;
}

static bool run_settled(const struct run *run)
{
	for (int i = 0; i < OPENSSL_SETTLES; i++) {
		const size_t before = openssl_count;
		const bool met = run_once(run);

		if (openssl_count <= before)
			return met;
	}
	fail_run(run, "leaks memory of OpenSSL");
	return false;
}

static unsigned thin_after = FAULTS_MAX;

void fault_thin_after(unsigned count)
{
	thin_after = count;
}

/* Every call, but of the many in OpenSSL or SQLite some: past the first ones, ever fewer. */
static unsigned step_after(const struct run *run)
{
	if (run->source == FAULT_OPENSSL && run->number >= 100)
		return run->number / 50;
	if (run->source == FAULT_SQLITE_MEMORY && run->number >= 20)
		return run->number / 10;
	if (run->source == FAULT_SQLITE_FILE && run->number >= 32)
		return run->number / 16;
	if (run->number >= thin_after)
		return 1 + run->number / thin_after;
	return 1;
}

void fault_each_named(enum fault_source source, fault_scenario scenario, unsigned others,
                      const char *name)
{
	struct run run = {name, scenario, source, others, 0, false};
	unsigned met = 0;

	(void)run_settled(&run);
	for (int lasting = 0; lasting < (source == FAULT_OPENSSL ? 1 : 2); lasting++) {
		run.lasting = lasting != 0;
		for (run.number = 1; run_settled(&run); run.number += step_after(&run), met++)
			if (run.number > FAULTS_MAX)
				fail_run(&run, "there is no end of faults");
	}
	if (met == 0)
		fail_run(&run, "nothing to fail");
	run.number = 0;
	(void)run_settled(&run);
	print_message("%s: %u faults\n", name, met);
}
