/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: a table of commands, one option parser, one way to report a failure.
 * Results go to standard output, everything else to standard error.
 */
#ifndef NZ_CLI_H
#define NZ_CLI_H

#include <nz/bytes.h>
#include <nz/identity.h>

/* Exit codes (fixed: scripts rely on them). */
enum nz_exit {
	NZ_EXIT_OK = 0,
	NZ_EXIT_FAILED = 1,
	NZ_EXIT_USAGE = 2,
	NZ_EXIT_DIFFERS = 3,
	NZ_EXIT_REFUSED = 4,
	NZ_EXIT_TEMPORARY = 5,
	NZ_EXIT_BAD_INPUT = 6,
};

/* A command's options, parsed: long options only, repeatable where `many`. */
struct nz_option {
	const char *name;  /* without the dashes */
	const char *value; /* what the help calls its value; NULL for a flag */
	const char *help;
	bool many;
};
#define NZ_OPTION_VALUES 256
struct nz_args {
	const struct nz_option *options;
	const char *positional[16];
	size_t positional_count;
	struct {
		const struct nz_option *option;
		const char *value;
	} given[NZ_OPTION_VALUES];
	size_t given_count;
	bool json;
	bool help;
};
/*
 * Parses what follows a command's name: `--option value`, `--option=value`, flags, positional
 * words ("-" is one), and `--` before positional words that start with a dash. NZ_INVALID with a
 * message for the user (and the nearest option where one is near). out borrows from argv; on
 * failure only its json is set, so that the failure is told in the form that was asked for.
 */
enum nz_status nz_args_parse(const struct nz_option *options, size_t min_positional,
                             size_t max_positional, int argc, char *const argv[],
                             struct nz_args *out, struct nz_error *err) NZ_MUST_USE;
bool nz_args_flag(const struct nz_args *args, const char *name);
const char *nz_args_get(const struct nz_args *args, const char *name, const char *fallback);
/* The i-th value of a repeated option, NULL past the last. */
const char *nz_args_get_nth(const struct nz_args *args, const char *name, size_t i);
/* A decimal integer in [min, max]; NZ_INVALID with a message for the user. Absent: fallback. */
enum nz_status nz_args_int(const struct nz_args *args, const char *name, int64_t min, int64_t max,
                           int64_t fallback, int64_t *out, struct nz_error *err) NZ_MUST_USE;

struct nz_command {
	const char *group;   /* "keys", "packet", "platform", … or NULL for a plain verb such as sync */
	const char *verb;    /* NULL for a plain group */
	const char *synopsis; /* what follows the name in the usage line */
	const char *summary; /* one line */
	const char *example; /* shown by --help */
	const struct nz_option *options; /* ends with a NULL name; --json and --help are added to all */
	size_t min_positional, max_positional;
	int (*run)(const struct nz_args *args); /* an exit code */
};

/* One array for each cmd_*.c, NULL-verb-and-group terminated; commands.c lists them. */
extern const struct nz_command nz_commands_version[];
extern const struct nz_command nz_commands_keys[];
extern const struct nz_command nz_commands_packet[];
extern const struct nz_command nz_commands_platform[];
extern const struct nz_command nz_commands_dataset[];
extern const struct nz_command nz_commands_node[];
extern const struct nz_command nz_commands_serve[];
extern const struct nz_command nz_commands_sync[];
extern const struct nz_command nz_commands_verify[];
extern const struct nz_command nz_commands_status[];
/* All of them that are built in, NULL-terminated. */
extern const struct nz_command *const nz_command_arrays[];
/* Every --json and --help that all commands have; ends with a NULL name. */
extern const struct nz_option nz_common_options[];

/* The candidate nearest to word, or NULL where none is near enough to be what was meant. */
const char *nz_cli_suggest(const char *word, const char *const *candidates, size_t count);
/* Appends the help of one command, of a group, or of the whole program. */
enum nz_status nz_help_command(const struct nz_command *command, struct nz_buffer *out) NZ_MUST_USE;
enum nz_status nz_help_group(const char *group, struct nz_buffer *out) NZ_MUST_USE;
enum nz_status nz_help_program(struct nz_buffer *out) NZ_MUST_USE;

/*
 * Makes text fit for a terminal, in place: control characters (C0, DEL, and C1 in UTF-8) become '?'.
 * Names of tables and columns, keys and messages come from elsewhere, and may not steer it.
 */
void nz_cli_defang(char *text, size_t len);
/*
 * Says a failure on standard error ("nz: " and the message), or with --json as
 * {"error_code","error_message","retry_after"} (and "incident") on standard error, and returns exit_code.
 */
int nz_cli_fail(const struct nz_args *args, const struct nz_error *err, int exit_code);
/*
 * The API's error code (1001 to 3999) for a failure: err->code where that is one, else by status;
 * 3999 where the status says nothing to a peer.
 */
int nz_cli_error_code(const struct nz_error *err);
/*
 * The exit code for a failure of a command that talks to a platform: by API error code, else by
 * status. NZ_INVALID is a wrong use.
 */
int nz_cli_exit_code(const struct nz_error *err);
/* Appends a file, or standard input for NULL and "-", up to max bytes. NZ_NOT_FOUND, NZ_LIMIT, NZ_IO. */
enum nz_status nz_cli_read(const char *path, size_t max, struct nz_buffer *out,
                           struct nz_error *err) NZ_MUST_USE;
/* Writes all of it to standard output and flushes; a failure (a full disk, a closed pipe) is NZ_IO. */
enum nz_status nz_cli_print(struct nz_bytes text, struct nz_error *err) NZ_MUST_USE;
/* --key and --passphrase-file, for the option tables of commands that use the node's keys. */
#define NZ_CLI_DEFAULT_KEY "keys/node.json"
#define NZ_CLI_KEY_OPTIONS                                                                      \
	{.name = "key", .value = "F", .help = "the node's key file (default " NZ_CLI_DEFAULT_KEY ")"}, \
	{                                                                                       \
		.name = "passphrase-file", .value = "F",                                        \
		.help = "its first line is the key file's passphrase"                           \
	}
/* Loads the keys that those options name. Statuses: nz_node_keys_load. */
enum nz_status nz_cli_load_keys(const struct nz_args *args, struct nz_node_keys *out,
                                struct nz_error *err) NZ_MUST_USE;
/* Appends the passphrase of --passphrase-file; nothing without that option. NZ_MALFORMED when empty. */
enum nz_status nz_cli_passphrase(const struct nz_args *args, struct nz_buffer *out,
                                 struct nz_error *err) NZ_MUST_USE;
/* Set by SIGINT, SIGTERM and SIGHUP once nz_cli_catch_signals was called; long work polls it. */
void nz_cli_catch_signals(void);
bool nz_cli_stopped(void);

#endif
