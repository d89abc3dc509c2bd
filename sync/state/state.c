/* SPDX-License-Identifier: Apache-2.0 */
#include "state/state.h"

#include <stdlib.h>

static void clear_list(char ***list, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*count = 0;
}

void nz_pin_clear(struct nz_pin *pin)
{
	clear_list(&pin->datasets, &pin->dataset_count);
	clear_list(&pin->networks, &pin->network_count);
	*pin = (struct nz_pin){0};
}

void nz_dataset_clear(struct nz_dataset *dataset)
{
	clear_list(&dataset->tables, &dataset->table_count);
	clear_list(&dataset->exclude, &dataset->exclude_count);
	free(dataset->source);
	free(dataset->schema_json);
	*dataset = (struct nz_dataset){0};
}

enum nz_status nz_state_open(const char *location, bool create, struct nz_state **out,
                             struct nz_error *err)
{
	if (strncmp(location, "postgresql:", 11) == 0 || strncmp(location, "postgres:", 9) == 0)
		return nz_fail(err, NZ_UNSUPPORTED,
		               "a state in PostgreSQL is not part of this build: give a folder");
	return nz_state_sqlite.open(location, create, out, err);
}

void nz_state_close(struct nz_state **state)
{
	if (*state != NULL)
		(*state)->ops->close(state);
}
