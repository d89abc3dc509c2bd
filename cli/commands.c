/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of the program: one line for each cmd_*.c, in the order in which help lists them. */
#include "cli.h"

const struct nz_command *const nz_command_arrays[] = {
	nz_commands_keys,
	nz_commands_packet,
	nz_commands_version,
	nz_commands_platform,
	nz_commands_dataset,
	nz_commands_node,
	nz_commands_serve,
	nz_commands_sync,
	nz_commands_verify,
	nz_commands_status,
	NULL,
};
