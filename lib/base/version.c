/* SPDX-License-Identifier: Apache-2.0 */
#include <nz/version.h>

const char *nz_version(void)
{
	return NZ_VERSION_STRING;
}
