/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its route's handler. */
#ifndef NZ_SERVER_HTTP_H
#define NZ_SERVER_HTTP_H

struct evhttp_request;

/* For evhttp_set_gencb; arg is the server. */
void nz_http_dispatch(struct evhttp_request *req, void *arg);

#endif
