/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser: long options alone, and a suggestion for each one that is mistyped. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>

#define SUGGEST_MAX_CHARS 32
#define SUGGEST_MAX_OPTIONS 64

const struct nz_option nz_common_options[] = {
	{.name = "json", .help = "results and errors as JSON, for machines"},
	{.name = "help", .help = "this text"},
	{0},
};

/* Edits (insert, delete, replace, swap neighbours) from a to b; SUGGEST_MAX_CHARS for long ones. */
static size_t edit_distance(const char *a, const char *b)
{
	const size_t a_len = strlen(a);
	const size_t b_len = strlen(b);
	size_t rows[3][SUGGEST_MAX_CHARS + 1]; /* two before, one before, this one */

	if (a_len > SUGGEST_MAX_CHARS || b_len > SUGGEST_MAX_CHARS)
		return SUGGEST_MAX_CHARS;
	for (size_t j = 0; j <= b_len; j++)
		rows[1][j] = j;
	memcpy(rows[0], rows[1], sizeof rows[0][0] * (b_len + 1));
	for (size_t i = 1; i <= a_len; i++) {
		rows[2][0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = rows[1][j - 1] + (a[i - 1] != b[j - 1]);

			if (rows[1][j] + 1 < best)
				best = rows[1][j] + 1;
			if (rows[2][j - 1] + 1 < best)
				best = rows[2][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    rows[0][j - 2] + 1 < best)
				best = rows[0][j - 2] + 1;
			rows[2][j] = best;
		}
		memmove(rows[0], rows[1], 2 * sizeof rows[0]);
	}
	return rows[1][b_len];
}

const char *nz_cli_suggest(const char *word, const char *const *candidates, size_t count)
{
	const size_t len = strlen(word);
	const char *best = NULL;
	size_t best_distance = len < 4 ? 2 : 3; /* one past what still counts as near */

	for (size_t i = 0; i < count; i++) {
		const size_t distance = edit_distance(word, candidates[i]);

		if (distance < best_distance) {
			best_distance = distance;
			best = candidates[i];
		}
	}
	/* An abbreviation is not accepted, yet says what is meant. */
	for (size_t i = 0; best == NULL && len >= 2 && i < count; i++)
		if (strncmp(candidates[i], word, len) == 0)
			best = candidates[i];
	return best;
}

static const struct nz_option *find_option(const struct nz_option *options, const char *name,
                                           size_t len)
{
	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
			return options;
	return NULL;
}

static enum nz_status unknown_option(const struct nz_option *options, const char *word,
                                     struct nz_error *err)
{
	const struct nz_option *const lists[] = {options, nz_common_options};
	const char *names[SUGGEST_MAX_OPTIONS];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++)
		for (const struct nz_option *o = lists[i];
		     o != NULL && o->name != NULL && count < SUGGEST_MAX_OPTIONS; o++)
			names[count++] = o->name;

	char typed[SUGGEST_MAX_CHARS + 1] = "";
	const char *start = word + (word[1] == '-' ? 2 : 1);
	const size_t len = strcspn(start, "=");
	memcpy(typed, start, len < SUGGEST_MAX_CHARS ? len : SUGGEST_MAX_CHARS);
	const char *near = nz_cli_suggest(typed, names, count);

	if (near != NULL)
		return nz_fail(err, NZ_INVALID, "unknown option %s: did you mean --%s?", word, near);
	return nz_fail(err, NZ_INVALID, "unknown option %s", word);
}

/* One word that starts with a dash; *used is how many words it took. */
static enum nz_status parse_option(struct nz_args *args, int argc, char *const argv[], int at,
                                   int *used, struct nz_error *err)
{
	const char *word = argv[at];

	*used = 1;
	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
		args->help = true;
		return NZ_OK;
	}
	if (strcmp(word, "--json") == 0) {
		args->json = true;
		return NZ_OK;
	}
	if (word[1] != '-')
		return unknown_option(args->options, word, err);

	const size_t len = strcspn(word + 2, "=");
	const char *inline_value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
	const struct nz_option *option = find_option(args->options, word + 2, len);
	const char *value = inline_value;

	if (option == NULL)
		return find_option(nz_common_options, word + 2, len) != NULL
		               ? nz_fail(err, NZ_INVALID, "--%.*s takes no value", (int)len, word + 2)
		               : unknown_option(args->options, word, err);
	if (option->value == NULL && inline_value != NULL)
		return nz_fail(err, NZ_INVALID, "--%s takes no value", option->name);
	if (option->value != NULL && inline_value == NULL) {
		if (at + 1 >= argc)
			return nz_fail(err, NZ_INVALID, "--%s needs a value: --%s %s", option->name,
			               option->name, option->value);
		value = argv[at + 1];
		*used = 2;
	}
	for (size_t i = 0; !option->many && i < args->given_count; i++)
		if (args->given[i].option == option)
			return nz_fail(err, NZ_INVALID, "--%s is given twice", option->name);
	if (args->given_count == NZ_OPTION_VALUES)
		return nz_fail(err, NZ_INVALID, "more than %d options", NZ_OPTION_VALUES);
	args->given[args->given_count].option = option;
	args->given[args->given_count++].value = value;
	return NZ_OK;
}

static enum nz_status parse_words(struct nz_args *args, size_t max_positional, int argc,
                                  char *const argv[], struct nz_error *err)
{
	const size_t room = sizeof args->positional / sizeof args->positional[0];
	bool only_positional = false;

	for (int i = 0; i < argc;) {
		const char *word = argv[i];

		if (!only_positional && strcmp(word, "--") == 0) {
			only_positional = true;
			i++;
		} else if (!only_positional && word[0] == '-' && word[1] != '\0') {
			int used;

			NZ_TRY(parse_option(args, argc, argv, i, &used, err));
			i += used;
		} else if (args->positional_count >= max_positional || args->positional_count == room) {
			return nz_fail(err, NZ_INVALID, "unexpected argument '%s'", word);
		} else {
			args->positional[args->positional_count++] = word;
			i++;
		}
	}
	return NZ_OK;
}

enum nz_status nz_args_parse(const struct nz_option *options, size_t min_positional,
                             size_t max_positional, int argc, char *const argv[],
                             struct nz_args *out, struct nz_error *err)
{
	struct nz_args args = {.options = options};

	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			out->json = true;
	NZ_TRY(parse_words(&args, max_positional, argc, argv, err));
	if (!args.help && args.positional_count < min_positional)
		return nz_fail(err, NZ_INVALID, "%zu more argument%s needed",
		               min_positional - args.positional_count,
		               min_positional - args.positional_count == 1 ? " is" : "s are");
	*out = args;
	return NZ_OK;
}

const char *nz_args_get_nth(const struct nz_args *args, const char *name, size_t i)
{
	for (size_t at = 0; at < args->given_count; at++)
		if (strcmp(args->given[at].option->name, name) == 0 && i-- == 0)
			return args->given[at].value;
	return NULL;
}

const char *nz_args_get(const struct nz_args *args, const char *name, const char *fallback)
{
	const char *value = nz_args_get_nth(args, name, 0);

	return value != NULL ? value : fallback;
}

bool nz_args_flag(const struct nz_args *args, const char *name)
{
	for (size_t at = 0; at < args->given_count; at++)
		if (strcmp(args->given[at].option->name, name) == 0)
			return true;
	return false;
}

enum nz_status nz_args_int(const struct nz_args *args, const char *name, int64_t min, int64_t max,
                           int64_t fallback, int64_t *out, struct nz_error *err)
{
	const char *text = nz_args_get(args, name, NULL);
	char *end = NULL;

	if (text == NULL) {
		*out = fallback;
		return NZ_OK;
	}
	errno = 0;
	const long long value = strtoll(text, &end, 10);
	const bool starts = (text[0] >= '0' && text[0] <= '9') ||
	                    (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
	if (!starts || *end != '\0' || errno != 0 || value < min || value > max)
		return nz_fail(err, NZ_INVALID, "--%s: '%s' is not a whole number from %lld to %lld",
		               name, text, (long long)min, (long long)max);
	*out = value;
	return NZ_OK;
}
