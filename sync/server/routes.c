/* SPDX-License-Identifier: Apache-2.0 */
/* Every path of the API. */
#include "server/handlers.h"
#include "server/routes.h"

const struct nz_route nz_routes[] = {
	{NZ_METHOD_POST, "/v2/sync/sessions", NZ_HTTP_BODY_MAX, false, nz_handle_open},
	{NZ_METHOD_POST, "/v2/sync/sessions/{id}/blocks", NZ_HTTP_SESSION_BODY_MAX, true,
         nz_handle_blocks},
	{NZ_METHOD_GET, "/v2/sync/sessions/{id}/proof", 0, true, nz_handle_proof},
	{NZ_METHOD_POST, "/v2/sync/sessions/{id}/receipt", 4096, true, nz_handle_receipt},
	{NZ_METHOD_DELETE, "/v2/sync/sessions/{id}", 0, true, nz_handle_close},
	{NZ_METHOD_POST, "/v2/sync/failures", NZ_HTTP_BODY_MAX, false, nz_handle_failure},
	{NZ_METHOD_GET, "/healthz", 0, false, nz_handle_health},
};
const size_t nz_route_count = sizeof nz_routes / sizeof nz_routes[0];
