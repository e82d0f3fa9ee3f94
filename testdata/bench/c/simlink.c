/* simlink: lets programs that speak generic netlink reach a simulated kernel. Loaded before the C library
 * (LD_PRELOAD), it puts connections to the Unix socket in P4DEV_SIM_SOCKET in the place of netlink sockets:
 *
 *	gcc -shared -fPIC -o simlink.so simlink.c
 *	LD_PRELOAD=./simlink.so P4DEV_SIM_SOCKET=/run/p4dev/sim.sock devlink dev info
 *
 * Every packet of the socket is a netlink datagram; joining a group is a packet of its own (package devlink/sim, Serve).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FD 1024
static unsigned char simulated[MAX_FD]; /* by file descriptor */

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int is_simulated(int fd)
{
	return fd >= 0 && fd < MAX_FD && simulated[fd];
}

/* The kernel's address: all zeros, so that libmnl does not compare port numbers. */
static void kernel_address(void *to)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };

	memcpy(to, &nl, sizeof(nl));
}

int socket(int domain, int type, int protocol)
{
	NEXT(socket);
	const char *path = getenv("P4DEV_SIM_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (domain != AF_NETLINK || protocol != NETLINK_GENERIC || !path)
		return next(domain, type, protocol);
	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(to.sun_path, path);
	fd = next(AF_UNIX, SOCK_SEQPACKET | (type & SOCK_CLOEXEC), 0);
	if (fd < 0)
		return -1;
	if (fd >= MAX_FD || connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	simulated[fd] = 1;
	return fd;
}

int close(int fd)
{
	NEXT(close);

	if (is_simulated(fd))
		simulated[fd] = 0;
	return next(fd);
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	NEXT(bind);

	return is_simulated(fd) ? 0 : next(fd, addr, len);
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	NEXT(getsockname);

	if (!is_simulated(fd))
		return next(fd, addr, len);
	kernel_address(addr);
	*len = sizeof(struct sockaddr_nl);
	return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	NEXT(setsockopt);

	if (!is_simulated(fd))
		return next(fd, level, name, value, len);
	if (level == SOL_NETLINK && name == NETLINK_ADD_MEMBERSHIP) {
		uint32_t join[3] = { 0xffffffff, 1, *(const uint32_t *)value };

		return send(fd, join, sizeof(join), 0) < 0 ? -1 : 0;
	}
	return 0;
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t addr_len)
{
	NEXT(sendto);

	return is_simulated(fd) ? send(fd, buf, len, flags) : next(fd, buf, len, flags, addr, addr_len);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	NEXT(recvmsg);
	void *name = msg->msg_name;
	ssize_t n = next(fd, msg, flags);

	if (is_simulated(fd) && n >= 0 && name) {
		kernel_address(name);
		msg->msg_name = name;
		msg->msg_namelen = sizeof(struct sockaddr_nl);
	}
	return n;
}
