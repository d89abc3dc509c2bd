/* SPDX-License-Identifier: Apache-2.0 */
/* GET /healthz: the server runs. */
#include "server/handlers.h"

void nz_handle_health(struct nz_exchange *x)
{
	static const char healthy[] = "{\"status\":\"ok\"}";

	nz_exchange_answer(x, 200, nz_bytes_str(healthy));
}
