/* SPDX-License-Identifier: Apache-2.0 */
/* nz: finds the command in the tables, parses its options, runs it. */
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <nz/version.h>

#define MAX_NAMES 128

static int run_version(const struct nz_args *args)
{
	struct nz_error err = {0};
	NZ_BUFFER(text);

	enum nz_status status = nz_buffer_appendf(
		&text, args->json ? "{\"version\":\"%s\"}\n" : "nz %s\n", nz_version());

	if (status == NZ_OK)
		status = nz_cli_print(nz_buffer_bytes(&text), &err);
	if (status != NZ_OK) {
		err.status = status;
		return nz_cli_fail(args, &err, NZ_EXIT_FAILED);
	}
	return NZ_EXIT_OK;
}

const struct nz_command nz_commands_version[] = {
	{.verb = "version",
	 .summary = "print the version of this program",
	 .example = "nz version",
	 .run = run_version},
	{0},
};

static const char *first_word(const struct nz_command *command)
{
	return command->group != NULL ? command->group : command->verb;
}

/*
 * The command that argv starts with, and in *words how many words its name has. NULL: unknown, or
 * only the group was named, and *group is then that group or NULL.
 */
static const struct nz_command *find_command(int argc, char *const argv[], int *words,
                                             const char **group)
{
	*group = NULL;
	for (const struct nz_command *const *list = nz_command_arrays; *list != NULL; list++) {
		for (const struct nz_command *c = *list; first_word(c) != NULL; c++) {
			if (strcmp(first_word(c), argv[0]) != 0)
				continue;
			*words = c->group != NULL && c->verb != NULL ? 2 : 1;
			if (*words == 1)
				return c;
			*group = c->group;
			if (argc > 1 && strcmp(c->verb, argv[1]) == 0)
				return c;
		}
	}
	return NULL;
}

/* Says that word is no command (of group, or at all), with the nearest one. */
static int unknown_command(const char *group, const char *word, bool json)
{
	const struct nz_args args = {.json = json};
	struct nz_error err = {0};
	const char *names[MAX_NAMES];
	size_t count = 0;

	for (const struct nz_command *const *list = nz_command_arrays; *list != NULL; list++) {
		for (const struct nz_command *c = *list; first_word(c) != NULL; c++) {
			const bool ours = group == NULL || (c->group != NULL && c->verb != NULL &&
			                                    strcmp(c->group, group) == 0);
			if (ours && count < MAX_NAMES)
				names[count++] = group == NULL ? first_word(c) : c->verb;
		}
	}
	const char *near = nz_cli_suggest(word, names, count);
	const char *prefix = group != NULL ? group : "";
	const char *space = group != NULL ? " " : "";
	if (near != NULL)
		nz_fail(&err, NZ_INVALID, "unknown command 'nz %s%s%s': did you mean 'nz %s%s%s'?",
		        prefix, space, word, prefix, space, near);
	else
		nz_fail(&err, NZ_INVALID, "unknown command 'nz %s%s%s': see 'nz help'", prefix,
		        space, word);
	return nz_cli_fail(&args, &err, NZ_EXIT_USAGE);
}

/* Help on standard output when it was asked for, on standard error when the use was wrong. */
static int show_help(const struct nz_command *command, const char *group, bool asked)
{
	NZ_BUFFER(text);
	struct nz_error err = {0};
	const enum nz_status status = command != NULL ? nz_help_command(command, &text)
	                              : group != NULL ? nz_help_group(group, &text)
	                                              : nz_help_program(&text);

	if (status != NZ_OK)
		return NZ_EXIT_FAILED;
	if (!asked) {
		fprintf(stderr, "%.*s", (int)text.len, (const char *)text.ptr);
		return NZ_EXIT_USAGE;
	}
	if (nz_cli_print(nz_buffer_bytes(&text), &err) != NZ_OK)
		return nz_cli_fail(NULL, &err, NZ_EXIT_FAILED);
	return NZ_EXIT_OK;
}

static bool has_json(int argc, char *const argv[])
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static bool asks_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* argv without the program's name. */
static int dispatch(int argc, char *const argv[])
{
	const struct nz_command *command;
	struct nz_args args = {0};
	struct nz_error err = {0};
	const char *group;
	int words;

	if (argc == 0)
		return show_help(NULL, NULL, false);
	if (strcmp(argv[0], "--version") == 0)
		return run_version(&args);
	if (asks_help(argv[0])) { /* nz help packet sign */
		if (argc == 1)
			return show_help(NULL, NULL, true);
		command = find_command(argc - 1, argv + 1, &words, &group);
		if (command == NULL && (group == NULL || argc > 2))
			return unknown_command(group, argv[group != NULL ? 2 : 1], false);
		return show_help(command, group, true);
	}
	command = find_command(argc, argv, &words, &group);
	if (command == NULL && group != NULL && (argc == 1 || asks_help(argv[1])))
		return show_help(NULL, group, argc > 1);
	if (command == NULL)
		return unknown_command(group, argv[group != NULL ? 1 : 0], has_json(argc, argv));
	if (nz_args_parse(command->options, command->min_positional, command->max_positional,
	                  argc - words, argv + words, &args, &err) != NZ_OK) {
		nz_cli_fail(&args, &err, NZ_EXIT_USAGE);
		if (!args.json)
			fprintf(stderr, "nz: see 'nz %s%s%s --help'\n", argv[0], words == 2 ? " " : "",
			        words == 2 ? argv[1] : "");
		return NZ_EXIT_USAGE;
	}
	return args.help ? show_help(command, NULL, true) : command->run(&args);
}

/*
 * A file opened later must not take the number of a closed standard stream, or a diagnosis would be
 * written into it. Opened for reading only, so that printing still fails as it should.
 */
static void fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char *argv[])
{
	const struct rlimit no_core = {0};

	fill_standard_streams();
	signal(SIGPIPE, SIG_IGN);         /* a closed pipe is an error to report, not a death */
	setrlimit(RLIMIT_CORE, &no_core); /* private keys are in this memory */
	return dispatch(argc > 0 ? argc - 1 : 0, argv + 1);
}
