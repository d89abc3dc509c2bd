/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE /v2/sync/sessions/{id}: the session's keys are wiped at once. */
#include "server/handlers.h"

void nz_handle_close(struct nz_exchange *x)
{
	nz_session_end(x->session, "closed by the node");
	x->session = NULL;
	nz_exchange_answer(x, 200, nz_bytes_str("{\"closed\":true}"));
}
