/* SPDX-License-Identifier: Apache-2.0 */
#include "server/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void nz_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') /* an abstract name begins with NUL */
		to.sun_path[0] = '\0';
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	const socklen_t to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	const ssize_t sent =
		sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, to_len);

	(void)sent; /* the manager's time-out tells */
	close(fd);
}
