/* SPDX-License-Identifier: Apache-2.0 */
/* The server's configuration file, and which value wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/config.h"

static char path[] = "/tmp/nz-config-XXXXXX";

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_file(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void a_file_says_what_it_says(void **state)
{
	struct nz_server_config config;
	struct nz_error err = {0};

	(void)state;
	write_file("state: /var/lib/nz\nlisten: [127.0.0.1:1, '[::1]:2']\nmax-sessions: 17\n");
	assert_int_equal(nz_server_config_read(path, &config, &err), NZ_OK);
	assert_string_equal(config.state, "/var/lib/nz");
	assert_int_equal(config.listen_count, 2);
	assert_string_equal(config.listen[1], "[::1]:2");
	assert_int_equal(config.settings.max_sessions, 17);
	assert_int_equal(config.settings.workers, -1);
	nz_server_config_clear(&config);
	write_file("");
	assert_int_equal(nz_server_config_read(path, &config, &err), NZ_OK);
	assert_null(config.state);
	nz_server_config_clear(&config);
}

static void refused(const char *text, enum nz_status expected, const char *in_message)
{
	struct nz_server_config config;
	struct nz_error err = {0};

	write_file(text);
	const enum nz_status status = nz_server_config_read(path, &config, &err);
	if (status != expected || strstr(err.message, in_message) == NULL)
		fail_msg("'%s': %s, %s", text, nz_status_name(status), err.message);
}

static void what_is_not_known_is_refused(void **state)
{
	(void)state;
	refused("max-sesions: 17\n", NZ_MALFORMED, "max-sesions");
	refused("max-sessions: many\n", NZ_MALFORMED, "");
	refused("max-sessions: 0\n", NZ_MALFORMED, "max-sessions");
	refused("max-sessions: 99999999999999999999\n", NZ_MALFORMED, "");
	refused("session-lifetime: 901\n", NZ_MALFORMED, "between 2 and 900");
	refused("- a\n- b\n", NZ_MALFORMED, "");
	refused("state: ''\n", NZ_MALFORMED, "");
	refused("listen: []\n", NZ_MALFORMED, "");
	refused("state: a\nstate: b\n: : :", NZ_MALFORMED, "");
	refused("state: [a\n", NZ_MALFORMED, "");

	struct nz_server_config config;
	assert_int_equal(nz_server_config_read("/nonexistent/file", &config, NULL), NZ_NOT_FOUND);
}

static void a_file_over_its_limit_is_refused(void **state)
{
	char *text = malloc(NZ_CONFIG_MAX_BYTES + 2);

	(void)state;
	assert_non_null(text);
	memset(text, '#', NZ_CONFIG_MAX_BYTES + 1);
	text[NZ_CONFIG_MAX_BYTES + 1] = '\0';
	refused(text, NZ_LIMIT, "over");
	free(text);
}

static void the_command_line_wins(void **state)
{
	struct nz_server_config given, file;
	struct nz_settings merged;
	struct nz_error err = {0};

	(void)state;
	nz_server_config_init(&given);
	nz_server_config_init(&file);
	assert_int_equal(nz_settings_merge(&given.settings, NULL, &merged, &err), NZ_OK);
	assert_memory_equal(&merged, &nz_default_settings, sizeof merged);
	file.settings.workers = 5;
	file.settings.indexers = 6;
	given.settings.indexers = 7;
	assert_int_equal(nz_settings_merge(&given.settings, &file.settings, &merged, &err), NZ_OK);
	assert_int_equal(merged.workers, 5);
	assert_int_equal(merged.indexers, 7);
	assert_int_equal(merged.max_sessions, nz_default_settings.max_sessions);
}

static void rekeying_comes_before_the_end(void **state)
{
	struct nz_server_config given;
	struct nz_settings merged;
	struct nz_error err = {0};

	(void)state;
	nz_server_config_init(&given);
	given.settings.session_lifetime_s = 10; /* below the default of rekey-before */
	assert_int_equal(nz_settings_merge(&given.settings, NULL, &merged, &err), NZ_OK);
	assert_int_equal(merged.rekey_before_s, 5);
	given.settings.rekey_before_s = 10;
	assert_int_equal(nz_settings_merge(&given.settings, NULL, &merged, &err), NZ_INVALID);
	given.settings.rekey_before_s = 9;
	assert_int_equal(nz_settings_merge(&given.settings, NULL, &merged, &err), NZ_OK);
	assert_int_equal(merged.rekey_before_s, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_says_what_it_says),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(a_file_over_its_limit_is_refused),
		cmocka_unit_test(the_command_line_wins),
		cmocka_unit_test(rekeying_comes_before_the_end),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
