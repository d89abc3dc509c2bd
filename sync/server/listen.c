/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/address.h"

#define BACKLOG 1024

/* Takes "HOST:PORT" apart. */
static enum nz_status split(const char *address, char host[256], char port[8],
                            struct nz_error *err)
{
	const char *colon = strrchr(address, ':');
	const char *from = address;
	size_t len = colon != NULL ? (size_t)(colon - address) : 0;

	if (colon != NULL && address[0] == '[' && len >= 2 && address[len - 1] == ']') {
		from++;
		len -= 2;
	} else if (memchr(address, ':', len) != NULL) {
		len = 0; /* a bare IPv6 address */
	}
	const size_t port_len = colon != NULL ? strlen(colon + 1) : 0;

	if (len == 0 || len > 255 || port_len < 1 || port_len > 5 ||
	    strspn(colon + 1, "0123456789") != port_len)
		return nz_fail(err, NZ_INVALID,
		               "cannot listen on '%.200s': ADDRESS:PORT or [ADDRESS]:PORT is meant",
		               address);
	memcpy(host, from, len);
	host[len] = '\0';
	memcpy(port, colon + 1, port_len + 1);
	return NZ_OK;
}

static enum nz_status name_socket(int fd, char text[NZ_LISTEN_TEXT_BYTES])
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	struct nz_address address;
	char host[NZ_ADDRESS_TEXT_BYTES];
	unsigned port;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return NZ_IO;
	NZ_TRY(nz_address_from_socket((struct sockaddr *)&sa, &address, &port));
	nz_address_text(&address, host);
	snprintf(text, NZ_LISTEN_TEXT_BYTES, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
	         port);
	return NZ_OK;
}

static int open_socket(const struct addrinfo *info)
{
	const int on = 1;
	const int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Accepted sockets inherit TCP_NODELAY: blocks leave when they are made. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	const int failed = errno;

	close(fd);
	errno = failed;
	return -1;
}

enum nz_status nz_listen(const char *address, int *out, char text[NZ_LISTEN_TEXT_BYTES],
                         struct nz_error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *info = NULL;
	char host[256], port[8];

	NZ_TRY(split(address, host, port, err));
	const int failed = getaddrinfo(host, port, &hints, &info);

	if (failed != 0)
		return nz_fail(err, NZ_INVALID, "cannot listen on %s: %s", address,
		               gai_strerror(failed));
	const int fd = open_socket(info);

	freeaddrinfo(info);
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot listen on %s: %s", address,
		                    strerror(errno));
	if (name_socket(fd, text) != NZ_OK) {
		close(fd);
		return nz_fail(err, NZ_IO, "cannot listen on %s", address);
	}
	*out = fd;
	return NZ_OK;
}
