/* SPDX-License-Identifier: Apache-2.0 */
/* Which libnz this is: the one compiled against, and the one that runs. */
#ifndef NZ_VERSION_H
#define NZ_VERSION_H

#define NZ_VERSION_STRING "0.1.0"

/* The NZ_VERSION_STRING of the library that is linked. */
const char *nz_version(void);

#endif
