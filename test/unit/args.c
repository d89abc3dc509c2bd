/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's option parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../cli/cli.h"

static const struct nz_option options[] = {
	{.name = "key", .value = "F", .help = ""},
	{.name = "peers", .value = "P", .help = "", .many = true},
	{.name = "skew", .value = "S", .help = ""},
	{.name = "strict", .help = ""},
	{0},
};

#define WORDS_MAX (NZ_OPTION_VALUES + 1)

/* The words after max, up to a NULL. */
static enum nz_status parse_list(struct nz_args *args, struct nz_error *err, size_t min, size_t max,
                                 const char *const words[])
{
	char *argv[WORDS_MAX];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc]; /* as main has them; none is written */
	return nz_args_parse(options, min, max, argc, argv, args, err);
}
#define PARSE(args, err, max, ...) \
	parse_list(args, err, 0, max, (const char *const[]){__VA_ARGS__, NULL})

static void values_come_both_ways(void **state)
{
	(void)state;
	struct nz_args args = {0};

	assert_int_equal(PARSE(&args, NULL, 1, "--key", "a", "--skew=5", "--strict", "file"), NZ_OK);
	assert_string_equal(nz_args_get(&args, "key", "x"), "a");
	assert_string_equal(nz_args_get(&args, "skew", "x"), "5");
	assert_true(nz_args_flag(&args, "strict"));
	assert_int_equal(args.positional_count, 1);
	assert_string_equal(args.positional[0], "file");
	assert_string_equal(nz_args_get(&args, "peers", "none"), "none");
	assert_false(nz_args_flag(&args, "peers"));
	assert_false(args.json);

	args = (struct nz_args){0};
	assert_int_equal(PARSE(&args, NULL, 0, "--key=", "--skew=a=b"), NZ_OK);
	assert_string_equal(nz_args_get(&args, "key", "x"), "");
	assert_string_equal(nz_args_get(&args, "skew", "x"), "a=b");
}

static void only_some_options_repeat(void **state)
{
	(void)state;
	struct nz_args args = {0};
	struct nz_error err;

	assert_int_equal(PARSE(&args, NULL, 0, "--peers", "a", "--peers=b"), NZ_OK);
	assert_string_equal(nz_args_get_nth(&args, "peers", 0), "a");
	assert_string_equal(nz_args_get_nth(&args, "peers", 1), "b");
	assert_null(nz_args_get_nth(&args, "peers", 2));
	assert_int_equal(PARSE(&args, &err, 0, "--key", "a", "--key", "b"), NZ_INVALID);
	assert_non_null(strstr(err.message, "twice"));
}

static void a_dash_is_a_word_and_two_end_the_options(void **state)
{
	(void)state;
	struct nz_args args = {0};

	assert_int_equal(PARSE(&args, NULL, 3, "-", "--", "--strict", "--"), NZ_OK);
	assert_int_equal(args.positional_count, 3);
	assert_string_equal(args.positional[0], "-");
	assert_string_equal(args.positional[1], "--strict");
	assert_string_equal(args.positional[2], "--");
	assert_false(nz_args_flag(&args, "strict"));
}

static void refused(const char *expected, enum nz_status status, const struct nz_error *err)
{
	assert_int_equal(status, NZ_INVALID);
	if (strstr(err->message, expected) == NULL)
		fail_msg("'%s' is not in '%s'", expected, err->message);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	struct nz_args args = {0};
	struct nz_error err;

	refused("did you mean --strict?", PARSE(&args, &err, 0, "--stirct"), &err);
	refused("did you mean --peers?", PARSE(&args, &err, 0, "--peer", "x"), &err);
	refused("did you mean --json?", PARSE(&args, &err, 0, "--jsn"), &err);
	refused("unknown option --zzzzzz", PARSE(&args, &err, 0, "--zzzzzz"), &err);
	assert_null(strstr(err.message, "did you mean"));
	refused("unknown option -k", PARSE(&args, &err, 0, "-k"), &err);
	refused("--key needs a value", PARSE(&args, &err, 0, "--key"), &err);
	refused("--strict takes no value", PARSE(&args, &err, 0, "--strict=1"), &err);
	refused("--json takes no value", PARSE(&args, &err, 0, "--json=1"), &err);
	refused("unexpected argument 'b'", PARSE(&args, &err, 1, "a", "b"), &err);
	assert_int_equal(args.positional_count, 0);
	refused("1 more argument is needed",
	        parse_list(&args, &err, 1, 1, (const char *const[]){NULL}), &err);
}

static void json_and_help_belong_to_all(void **state)
{
	(void)state;
	struct nz_args args = {0};

	assert_int_equal(parse_list(&args, NULL, 2, 2,
	                            (const char *const[]){"--help", "--json", NULL}),
	                 NZ_OK);
	assert_true(args.help);
	assert_true(args.json);
	/* Asked for before the mistake or after it. */
	args = (struct nz_args){0};
	assert_int_equal(PARSE(&args, NULL, 0, "--nope", "--json"), NZ_INVALID);
	assert_true(args.json);
	args = (struct nz_args){0};
	assert_int_equal(PARSE(&args, NULL, 0, "--nope", "--", "--json"), NZ_INVALID);
	assert_false(args.json);
}

static void too_many_options_are_refused(void **state)
{
	(void)state;
	const char *words[NZ_OPTION_VALUES + 2] = {NULL};
	struct nz_args args = {0};

	for (size_t i = 0; i < NZ_OPTION_VALUES; i++)
		words[i] = "--peers=x";
	assert_int_equal(parse_list(&args, NULL, 0, 0, words), NZ_OK);
	words[NZ_OPTION_VALUES] = "--peers=x";
	assert_int_equal(parse_list(&args, NULL, 0, 0, words), NZ_INVALID);
}

static void integers_have_a_range(void **state)
{
	(void)state;
	static const char *const bad[] = {"--skew=",    "--skew=x",  "--skew=5x", "--skew= 5",
	                            "--skew=+5",  "--skew=11", "--skew=-3", "--skew=0x5",
	                            "--skew=5.0", "--skew=99999999999999999999"};
	struct nz_args args = {0};
	struct nz_error err;
	int64_t value = 77;

	assert_int_equal(PARSE(&args, NULL, 0, "--strict"), NZ_OK);
	assert_int_equal(nz_args_int(&args, "skew", -2, 10, 3, &value, NULL), NZ_OK);
	assert_int_equal(value, 3);
	assert_int_equal(PARSE(&args, NULL, 0, "--skew=-2"), NZ_OK);
	assert_int_equal(nz_args_int(&args, "skew", -2, 10, 3, &value, NULL), NZ_OK);
	assert_int_equal(value, -2);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(PARSE(&args, NULL, 0, bad[i]), NZ_OK);
		assert_int_equal(nz_args_int(&args, "skew", -2, 10, 3, &value, &err), NZ_INVALID);
		assert_int_equal(value, -2);
	}
}

static void suggestions_are_near(void **state)
{
	(void)state;
	static const char *const names[] = {"sign", "verify", "seal", "open"};

	assert_string_equal(nz_cli_suggest("sgin", names, 4), "sign");
	assert_string_equal(nz_cli_suggest("verfy", names, 4), "verify");
	assert_string_equal(nz_cli_suggest("ver", names, 4), "verify");
	assert_null(nz_cli_suggest("x", names, 4));
	assert_null(nz_cli_suggest("publish", names, 4));
	assert_null(nz_cli_suggest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", names, 4));
	assert_null(nz_cli_suggest("", names, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_both_ways),
		cmocka_unit_test(only_some_options_repeat),
		cmocka_unit_test(a_dash_is_a_word_and_two_end_the_options),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(json_and_help_belong_to_all),
		cmocka_unit_test(too_many_options_are_refused),
		cmocka_unit_test(integers_have_a_range),
		cmocka_unit_test(suggestions_are_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
