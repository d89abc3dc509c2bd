/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that change files, made to fail (FAULT_FILE): with file_link_args they come here. A
 * write that is due stores half of its bytes and fails, as a disk does that fills up. When all calls
 * after one fail, cleaning up too, the disk holds what it holds after a crash at that point.
 */
#ifndef NZ_TEST_FAULT_FILE_CALLS_H
#define NZ_TEST_FAULT_FILE_CALLS_H

#include <stdbool.h>

/* While true, renameat2 is a call that the file system does not know. */
extern bool file_calls_old_system;
/* True from a rename to the next sync of a folder: a power cut may undo it. */
extern bool file_calls_rename_pending;

#endif
