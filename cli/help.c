/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts, made from the command tables, so that none can go stale. */
#include "cli.h"

#include <stdio.h>

static enum nz_status append_name(const struct nz_command *command, struct nz_buffer *out)
{
	return nz_buffer_appendf(out, "nz %s%s%s", command->group != NULL ? command->group : "",
	                         command->group != NULL && command->verb != NULL ? " " : "",
	                         command->verb != NULL ? command->verb : "");
}

static int label_width(const struct nz_option *option)
{
	return (int)(strlen(option->name) +
	             (option->value != NULL ? strlen(option->value) + 1 : 0));
}

static enum nz_status append_options(const struct nz_option *options, int width,
                                     struct nz_buffer *out)
{
	for (const struct nz_option *o = options; o != NULL && o->name != NULL; o++) {
		NZ_TRY(nz_buffer_appendf(out, "  --%s%s%s%*s  %s%s\n", o->name,
		                         o->value != NULL ? " " : "",
		                         o->value != NULL ? o->value : "", width - label_width(o),
		                         "", o->help, o->many ? " (may be repeated)" : ""));
	}
	return NZ_OK;
}

enum nz_status nz_help_command(const struct nz_command *command, struct nz_buffer *out)
{
	int width = 4;

	for (const struct nz_option *o = command->options; o != NULL && o->name != NULL; o++)
		if (label_width(o) > width)
			width = label_width(o);
	NZ_TRY(nz_buffer_append_str(out, "usage: "));
	NZ_TRY(append_name(command, out));
	NZ_TRY(nz_buffer_appendf(out, "%s%s\n\n%s\n\noptions:\n",
	                         command->synopsis != NULL && command->synopsis[0] != '\0' ? " " : "",
	                         command->synopsis != NULL ? command->synopsis : "",
	                         command->summary));
	NZ_TRY(append_options(command->options, width, out));
	NZ_TRY(append_options(nz_common_options, width, out));
	if (command->example != NULL)
		NZ_TRY(nz_buffer_appendf(out, "\nexample:\n  %s\n", command->example));
	return NZ_OK;
}

/* The commands of one group, or all where group is NULL. */
static enum nz_status append_commands(const char *group, struct nz_buffer *out)
{
	for (const struct nz_command *const *list = nz_command_arrays; *list != NULL; list++) {
		for (const struct nz_command *c = *list; c->group != NULL || c->verb != NULL; c++) {
			const size_t before = out->len;

			if (group != NULL && (c->group == NULL || strcmp(c->group, group) != 0))
				continue;
			NZ_TRY(nz_buffer_append_str(out, "  "));
			NZ_TRY(append_name(c, out));
			const int used = (int)(out->len - before);
			NZ_TRY(nz_buffer_appendf(out, "%*s%s\n", used < 24 ? 24 - used : 1, "",
			                         c->summary));
		}
	}
	return NZ_OK;
}

enum nz_status nz_help_group(const char *group, struct nz_buffer *out)
{
	NZ_TRY(nz_buffer_appendf(out, "usage: nz %s COMMAND [OPTION]... [ARGUMENT]...\n\n", group));
	NZ_TRY(append_commands(group, out));
	return nz_buffer_appendf(out, "\n'nz %s COMMAND --help' shows its options and an example.\n",
	                         group);
}

enum nz_status nz_help_program(struct nz_buffer *out)
{
	NZ_TRY(nz_buffer_append_str(
		out, "usage: nz COMMAND [OPTION]... [ARGUMENT]...\n\n"
		     "Signed and sealed packets, and verified copies of databases.\n\n"));
	NZ_TRY(append_commands(NULL, out));
	return nz_buffer_append_str(
		out, "  nz help               this text\n"
		     "\n'nz COMMAND --help' shows a command's options and an example. Exit status: 0 done\n"
		     "and verified, 1 failed, 2 wrong use, 3 roots or rows differ, 4 refused by the\n"
		     "platform, 5 temporary failure, 6 bad input.\n");
}
