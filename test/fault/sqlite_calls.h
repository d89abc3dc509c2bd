/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's own memory (FAULT_SQLITE_MEMORY) and its file system (FAULT_SQLITE_FILE) made to fail:
 * reads, writes (as a full disk), syncs, truncations, opens, removals and looks, and the shared
 * memory of a WAL. A write that is due stores half of its bytes.
 */
#ifndef NZ_TEST_FAULT_SQLITE_CALLS_H
#define NZ_TEST_FAULT_SQLITE_CALLS_H

/* In main, before SQLite does anything. */
void sqlite_calls_install(void);

/* Copies the files of folder `from` over those of folder `to`, which then has no others. */
void sqlite_calls_copy(const char *from, const char *to);

#endif
