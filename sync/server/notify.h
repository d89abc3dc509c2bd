/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager how we are: sd_notify's protocol, a datagram to NOTIFY_SOCKET. */
#ifndef NZ_SERVER_NOTIFY_H
#define NZ_SERVER_NOTIFY_H

/* Sends "READY=1" and the like; does nothing where nobody listens. */
void nz_notify(const char *text);

#endif
