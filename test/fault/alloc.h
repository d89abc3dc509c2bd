/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes what a scenario stands on fail: its 1st allocation, its 2nd, and so on until it runs through
 * without meeting the fault. After each failure the status must be one that names a fault, nothing
 * may be left allocated, and the scenario itself checks that its outputs are as they were.
 *
 * A program that uses this is linked with fault_link_args (see meson.build): the allocations of the
 * static libraries in it come here by --wrap, those of OpenSSL by its own hook. What other shared
 * libraries allocate is neither failed nor counted. Single-threaded. Include after <cmocka.h>.
 */
#ifndef NZ_TEST_FAULT_ALLOC_H
#define NZ_TEST_FAULT_ALLOC_H

#include <nz/crypto.h>

enum fault_source {
	FAULT_MALLOC,  /* malloc and its kin, asked for by libnz and the layers on it */
	FAULT_OPENSSL, /* OpenSSL's own allocations */
	FAULT_CRYPTO,  /* calls of the adapter that fault_crypto() gives */
	FAULT_SOURCES,
	FAULT_FILE = FAULT_SOURCES, /* system calls that change files: file_calls.c */
	FAULT_SQLITE_MEMORY,        /* SQLite's own allocations: sqlite_calls.c */
	FAULT_SQLITE_FILE,          /* its reads, writes, syncs and opens, likewise */
};

/* The first thing in main: OpenSSL takes an allocator only before it has allocated anything. */
void fault_install(void);

/*
 * The default adapter, with calls that can be made to fail. Its scrypt is one HMAC: key stretching
 * costs a tenth of a second a run and has nothing to show here.
 */
const struct nz_crypto *fault_crypto(void);

/*
 * What is run again and again. It calls what it tests inside FAULTY(), frees all that it got, and
 * asserts that outputs are right after NZ_OK and untouched otherwise.
 */
typedef enum nz_status (*fault_scenario)(struct nz_error *err);

/*
 * Runs the scenario with its Nth use of `source` failing, for every N, first that one alone, then it
 * and all after it; and once more without a fault. Of the many calls in OpenSSL and SQLite not each
 * fails past the first ones; and in OpenSSL one alone each time.
 *
 * A fault that is met must be told by its status: NZ_NO_MEMORY, NZ_CRYPTO from what OpenSSL did,
 * NZ_IO from files. Only OpenSSL and SQLite may get over one and succeed.
 */
void fault_each_named(enum fault_source source, fault_scenario scenario, unsigned others,
                      const char *name);
#define FAULT_EACH(source, scenario) fault_each_named(source, scenario, 0, #scenario)
/*
 * With other statuses that are right, too: a sum of FAULT_BIT(status). For what refuses when OpenSSL
 * or SQLite do not say why they failed (a tag or signature that could not be checked for want of
 * memory), and for what succeeds although its cleaning up failed.
 */
#define FAULT_BIT(status) (1u << (status))
#define FAULT_EACH_OR(source, scenario, others) \
	fault_each_named(source, scenario, others, #scenario)

/* For scenarios that take long: past so many of its own allocations not each fails. */
void fault_thin_after(unsigned count);

/* Faults happen between these two alone, so that a scenario can prepare and check in peace. */
void fault_on(void);
void fault_off(void);

/* Inside FAULTY(), around what only checks; nothing where faults were off already. */
void fault_hold(void);
void fault_go_on(void);

static inline enum nz_status fault_off_with(enum nz_status status)
{
	fault_off();
	return status;
}
#define FAULTY(call) (fault_on(), fault_off_with(call))

/* A folder of the test's own, in memory where there is room: a thousand fsyncs cost nothing there. */
#define FAULT_FOLDER_CHARS 32
void fault_folder(char out[FAULT_FOLDER_CHARS]);
/* Removes the files in it, whatever their names. */
void fault_empty_folder(const char *folder);

/* Whether the call about to be made has to fail; for sources outside this file. */
bool fault_due(enum fault_source source);

#endif
