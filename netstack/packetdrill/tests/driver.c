/* Drives every entry of the library's table through a whole connection, as packetdrill would: packets
 * are played on one thread, calls that block are made on another. The first thing that is not as it
 * should be ends it with the line that says so.
 *
 * usage: driver LIBRARY
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

/* The table, by its documented order: a pointer, then 32 functions that take it first. */
struct table {
	void *self;
	void (*free)(void *);
	int (*socket)(void *, int, int, int);
	int (*bind)(void *, int, const struct sockaddr *, socklen_t);
	int (*listen)(void *, int, int);
	int (*accept)(void *, int, struct sockaddr *, socklen_t *);
	int (*connect)(void *, int, const struct sockaddr *, socklen_t);
	ssize_t (*read)(void *, int, void *, size_t);
	ssize_t (*readv)(void *, int, const struct iovec *, int);
	ssize_t (*recv)(void *, int, void *, size_t, int);
	ssize_t (*recvfrom)(void *, int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(void *, int, struct msghdr *, int);
	ssize_t (*write)(void *, int, const void *, size_t);
	ssize_t (*writev)(void *, int, const struct iovec *, int);
	ssize_t (*send)(void *, int, const void *, size_t, int);
	ssize_t (*sendto)(void *, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(void *, int, const struct msghdr *, int);
	int (*fcntl)(void *, int, int, ...);
	int (*ioctl)(void *, int, unsigned long, ...);
	int (*close)(void *, int);
	int (*shutdown)(void *, int, int);
	int (*getsockopt)(void *, int, int, int, void *, socklen_t *);
	int (*setsockopt)(void *, int, int, int, const void *, socklen_t);
	int (*poll)(void *, struct pollfd *, nfds_t, int);
	int (*netdev_send)(void *, const void *, size_t);
	int (*netdev_receive)(void *, void *, size_t *, long long *);
	int (*usleep)(void *, useconds_t);
	int (*gettimeofday)(void *, struct timeval *, struct timezone *);
	int (*epoll_create)(void *, int);
	int (*epoll_ctl)(void *, int, int, int, struct epoll_event *);
	int (*epoll_wait)(void *, int, struct epoll_event *, int, int);
	int (*pipe)(void *, int[2]);
	int (*splice)(void *, int, loff_t *, int, loff_t *, size_t, unsigned int);
};

static struct table t;

#define CHECK(holds)                                                                      \
	do {                                                                              \
		if (!(holds)) {                                                           \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__,     \
				#holds, errno);                                           \
			exit(1);                                                          \
		}                                                                         \
	} while (0)
#define FAILS(call, error) CHECK((call) == -1 && errno == (error))

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct segment {
	uint32_t seq, ack;
	int flags;
	uint16_t source, destination, window;
	char payload[2000];
	int len;
	long long at_us;
};

static uint32_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;
	for (size_t i = 0; i < len; i++)
		total += i % 2 ? bytes[i] : bytes[i] << 8;
	return total;
}

static uint16_t folded(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons(~total & 0xffff);
}

static void put16(uint8_t *at, uint16_t value)
{
	value = htons(value);
	memcpy(at, &value, 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, 4);
}

static uint32_t get(const uint8_t *at, int len)
{
	uint32_t value = 0;
	for (int i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

/* A segment from 192.0.2.1 to 192.168.0.1. */
static void arrives(uint16_t from, uint16_t to, int flags, uint32_t seq, uint32_t ack,
		    const char *payload)
{
	uint8_t packet[2100] = {0x45};
	uint8_t *tcp = packet + 20;
	size_t len = strlen(payload), whole = 40 + len;

	put16(packet + 2, whole);
	packet[8] = 64;
	packet[9] = IPPROTO_TCP;
	put32(packet + 12, 0xc0000201);
	put32(packet + 16, 0xc0a80001);
	uint16_t check = folded(sum(packet, 20));
	memcpy(packet + 10, &check, 2);
	put16(tcp, from);
	put16(tcp + 2, to);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 30000);
	memcpy(tcp + 20, payload, len);
	check = folded(sum(packet + 12, 8) + IPPROTO_TCP + 20 + len + sum(tcp, 20 + len));
	memcpy(tcp + 16, &check, 2);
	CHECK(t.netdev_send(t.self, packet, whole) == 0);
}

/* The next segment that leaves. */
static struct segment leaves(void)
{
	uint8_t packet[2100];
	struct segment found;

	for (;;) {
		size_t len = sizeof packet;
		if (t.netdev_receive(t.self, packet, &len, &found.at_us) != 0)
			continue;
		CHECK(len >= 40 && packet[0] == 0x45 && packet[9] == IPPROTO_TCP);
		CHECK(folded(sum(packet, 20)) == 0);
		const uint8_t *tcp = packet + 20;
		size_t tcp_len = len - 20, header = (tcp[12] >> 4) * 4;
		CHECK(folded(sum(packet + 12, 8) + IPPROTO_TCP + tcp_len + sum(tcp, tcp_len)) == 0);
		found.source = get(tcp, 2);
		found.destination = get(tcp + 2, 2);
		found.seq = get(tcp + 4, 4);
		found.ack = get(tcp + 8, 4);
		found.flags = tcp[13];
		found.window = get(tcp + 14, 2);
		found.len = tcp_len - header;
		memcpy(found.payload, tcp + header, found.len);
		found.payload[found.len] = 0;
		return found;
	}
}

static long long now_us(void)
{
	struct timeval tv;
	CHECK(t.gettimeofday(t.self, &tv, NULL) == 0);
	return tv.tv_sec * 1000000LL + tv.tv_usec;
}

static int blocked_fd;
static _Atomic long long blocked_until_us;

static void *blocked_accept(void *unused)
{
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	int fd = t.accept(t.self, blocked_fd, (struct sockaddr *)&from, &len);
	blocked_until_us = now_us();
	CHECK(fd >= 0 && len == sizeof from && from.sin_family == AF_INET);
	CHECK(from.sin_addr.s_addr == htonl(0xc0000201) && from.sin_port == htons(5000));
	return (void *)(intptr_t)fd;
}

static void *blocked_read(void *buffer)
{
	ssize_t count = t.read(t.self, blocked_fd, buffer, 100);
	blocked_until_us = now_us();
	return (void *)(intptr_t)count;
}

static void *blocked_connect(void *address)
{
	return (void *)(intptr_t)t.connect(t.self, blocked_fd, address, sizeof(struct sockaddr_in));
}

static struct sockaddr_in address(uint32_t ip, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	at.sin_addr.s_addr = htonl(ip);
	return at;
}

static intptr_t joined(pthread_t thread)
{
	void *result;
	CHECK(pthread_join(thread, &result) == 0);
	return (intptr_t)result;
}

static _Atomic pid_t thread_id;

struct body {
	void *(*function)(void *);
	void *argument;
};

static void *named(void *body)
{
	struct body mine = *(struct body *)body;
	thread_id = gettid();
	return mine.function(mine.argument);
}

/* A thread that has begun to wait in its call. */
static pthread_t started(void *(*function)(void *), void *argument)
{
	static struct body body;
	pthread_t thread;
	char path[64], line[512] = "", *state;

	body = (struct body){function, argument};
	thread_id = 0;
	CHECK(pthread_create(&thread, NULL, named, &body) == 0);
	do {
		snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread_id);
		FILE *stat = thread_id ? fopen(path, "r") : NULL;
		if (stat) {
			CHECK(fgets(line, sizeof line, stat));
			fclose(stat);
		}
		state = strrchr(line, ')');
		sched_yield();
	} while (!state || state[2] != 'S');
	return thread;
}

static void clock_moves(void)
{
	long long before = now_us();
	CHECK(now_us() > before);
	CHECK(t.usleep(t.self, 250000) == 0);
	CHECK(now_us() >= before + 250000 && now_us() < before + 251000);
}

static int passive_open(uint32_t *isn)
{
	int on = 1;
	struct sockaddr_in here = address(0xc0a80001, 8080);
	struct sockaddr_in elsewhere = address(0x01020304, 8080);

	FAILS(t.socket(t.self, AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(t.socket(t.self, AF_INET, SOCK_DGRAM, 0), EPROTONOSUPPORT);
	int fd = t.socket(t.self, AF_INET, SOCK_STREAM, IPPROTO_TCP);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) >= 0); /* a real descriptor */
	CHECK(t.setsockopt(t.self, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
	FAILS(t.bind(t.self, fd, (struct sockaddr *)&elsewhere, sizeof elsewhere), EADDRNOTAVAIL);
	FAILS(t.listen(t.self, fd, 5), EINVAL);
	CHECK(t.bind(t.self, fd, (struct sockaddr *)&here, sizeof here) == 0);
	CHECK(t.listen(t.self, fd, 5) == 0);
	FAILS(t.listen(t.self, fd + 1000, 5), EBADF);

	CHECK(t.fcntl(t.self, fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK(t.fcntl(t.self, fd, F_GETFL) == (O_RDWR | O_NONBLOCK));
	FAILS(t.accept(t.self, fd, NULL, NULL), EAGAIN);
	CHECK(t.fcntl(t.self, fd, F_SETFL, O_RDWR) == 0);

	blocked_fd = fd;
	pthread_t thread = started(blocked_accept, NULL);
	arrives(5000, 8080, SYN, 100, 0, "");
	struct segment found = leaves();
	CHECK(found.flags == (SYN | ACK) && found.ack == 101 && found.source == 8080);
	*isn = found.seq;
	arrives(5000, 8080, ACK, 101, *isn + 1, "");
	int accepted = joined(thread);
	CHECK(accepted != fd);
	CHECK(t.close(t.self, fd) == 0 && fcntl(fd, F_GETFD) == -1);
	FAILS(t.close(t.self, fd), EBADF);
	return accepted;
}

static void reads(int fd, uint32_t isn)
{
	char buffer[100] = "", other[100] = "";
	struct iovec parts[] = {{buffer, 2}, {other, 50}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	struct pollfd poll = {.fd = fd, .events = POLLIN};
	int unread = -1;

	blocked_fd = fd;
	pthread_t thread = started(blocked_read, buffer);
	long long before = now_us();
	arrives(5000, 8080, ACK | PSH, 101, isn + 1, "hello");
	CHECK(joined(thread) == 5 && memcmp(buffer, "hello", 5) == 0);
	CHECK(blocked_until_us < before + 1000);
	CHECK(leaves().ack == 106);

	FAILS(t.recv(t.self, fd, buffer, 100, MSG_DONTWAIT), EAGAIN);
	CHECK(t.poll(t.self, &poll, 1, 0) == 0 && poll.revents == 0);
	arrives(5000, 8080, ACK | PSH, 106, isn + 1, "onetwothreefour");
	CHECK(leaves().ack == 121);
	CHECK(t.poll(t.self, &poll, 1, -1) == 1 && poll.revents == POLLIN);
	CHECK(t.ioctl(t.self, fd, FIONREAD, &unread) == 0 && unread == 15);
	CHECK(t.recv(t.self, fd, buffer, 3, 0) == 3 && memcmp(buffer, "one", 3) == 0);
	CHECK(t.recvfrom(t.self, fd, buffer, 3, 0, (struct sockaddr *)&from, &len) == 3);
	CHECK(memcmp(buffer, "two", 3) == 0 && from.sin_port == htons(5000));
	parts[1].iov_len = 3;
	CHECK(t.readv(t.self, fd, parts, 2) == 5);
	CHECK(memcmp(buffer, "th", 2) == 0 && memcmp(other, "ree", 3) == 0);
	CHECK(t.recvmsg(t.self, fd, &message, 0) == 4);
	CHECK(memcmp(buffer, "fo", 2) == 0 && memcmp(other, "ur", 2) == 0);
}

static void writes(int fd, uint32_t isn)
{
	char a[] = "ab", b[] = "cd";
	struct iovec parts[] = {{a, 2}, {b, 2}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	const char *expected[] = {"write", "abcd", "send", "sendto", "abcd"};
	uint32_t seq = isn + 1;
	int queued = -1;

	CHECK(t.write(t.self, fd, "write", 5) == 5);
	CHECK(t.writev(t.self, fd, parts, 2) == 4);
	CHECK(t.send(t.self, fd, "send", 4, MSG_NOSIGNAL) == 4);
	CHECK(t.sendto(t.self, fd, "sendto", 6, 0, NULL, 0) == 6);
	CHECK(t.sendmsg(t.self, fd, &message, 0) == 4);
	CHECK(t.ioctl(t.self, fd, TIOCOUTQ, &queued) == 0 && queued == 23);
	for (int i = 0; i < 5; i++) {
		struct segment found = leaves();
		CHECK(found.seq == seq && strcmp(found.payload, expected[i]) == 0);
		seq += found.len;
	}
	/* Nobody acknowledges: the first comes again after the timeout, in virtual time. */
	long long before = now_us();
	struct segment again = leaves();
	CHECK(again.seq == isn + 1 && again.len > 0);
	CHECK(again.at_us >= before + 190000 && again.at_us < before + 2000000);
	arrives(5000, 8080, ACK, 121, seq, "");
}

static void options(int fd)
{
	struct tcp_info info;
	struct linger linger = {1, 5}, found = {0, 0};
	socklen_t len = sizeof info;
	int value = -1;

	memset(&info, 0xff, sizeof info);
	CHECK(t.getsockopt(t.self, fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	CHECK(info.tcpi_state == TCP_ESTABLISHED && info.tcpi_snd_mss == 536);
	CHECK(info.tcpi_total_retrans >= 1 && info.tcpi_unacked == 0);
	len = sizeof value;
	CHECK(t.getsockopt(t.self, fd, SOL_SOCKET, SO_ERROR, &value, &len) == 0 && value == 0);
	CHECK(t.getsockopt(t.self, fd, IPPROTO_TCP, TCP_NODELAY, &value, &len) == 0 && value == 1);
	value = 0; /* the flags say that Nagle's algorithm is off, for all */
	FAILS(t.setsockopt(t.self, fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value), EOPNOTSUPP);
	FAILS(t.setsockopt(t.self, fd, IPPROTO_TCP, 9999, &value, sizeof value), ENOPROTOOPT);
	CHECK(t.setsockopt(t.self, fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	len = sizeof found;
	CHECK(t.getsockopt(t.self, fd, SOL_SOCKET, SO_LINGER, &found, &len) == 0);
	CHECK(found.l_onoff == 1 && found.l_linger == 5);
}

static void ends(int fd, uint32_t isn)
{
	char buffer[10];
	struct pollfd poll = {.fd = fd, .events = POLLIN};
	uint32_t end = isn + 24;

	CHECK(t.shutdown(t.self, fd, SHUT_WR) == 0);
	struct segment found = leaves();
	CHECK(found.flags == (FIN | ACK) && found.seq == end);
	FAILS(t.write(t.self, fd, "x", 1), EPIPE);
	arrives(5000, 8080, ACK, 121, end + 1, "");
	arrives(5000, 8080, FIN | ACK, 121, end + 1, "");
	found = leaves();
	CHECK(found.flags == ACK && found.ack == 122);
	CHECK(t.poll(t.self, &poll, 1, 1000) == 1 && (poll.revents & POLLIN));
	CHECK(t.read(t.self, fd, buffer, 10) == 0);
	CHECK(t.close(t.self, fd) == 0);
}

static void active_open(void)
{
	struct sockaddr_in there = address(0xc0000201, 80);
	char buffer[10];

	blocked_fd = t.socket(t.self, AF_INET, SOCK_STREAM, 0);
	pthread_t thread = started(blocked_connect, &there);
	struct segment syn = leaves();
	CHECK(syn.flags == SYN && syn.destination == 80);
	arrives(80, syn.source, SYN | ACK, 7, syn.seq + 1, "");
	CHECK(joined(thread) == 0);
	CHECK(leaves().flags == ACK);
	arrives(80, syn.source, RST, 8, 0, "");
	FAILS(t.read(t.self, blocked_fd, buffer, 10), ECONNRESET);
	CHECK(t.close(t.self, blocked_fd) == 0);

	int fd = t.socket(t.self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	FAILS(t.connect(t.self, fd, (struct sockaddr *)&there, sizeof there), EINPROGRESS);
	FAILS(t.connect(t.self, fd, (struct sockaddr *)&there, sizeof there), EALREADY);
	CHECK(t.close(t.self, fd) == 0);
}

static void missing(void)
{
	struct epoll_event event = {0};
	int ends[2];

	FAILS(t.epoll_create(t.self, 1), ENOSYS);
	FAILS(t.epoll_ctl(t.self, 3, EPOLL_CTL_ADD, 4, &event), ENOSYS);
	FAILS(t.epoll_wait(t.self, 3, &event, 1, 0), ENOSYS);
	FAILS(t.pipe(t.self, ends), ENOSYS);
	FAILS(t.splice(t.self, 3, NULL, 4, NULL, 1, 0), ENOSYS);
}

int main(int argc, char **argv)
{
	uint32_t isn;

	CHECK(argc == 2);
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	void (*init)(const char *, struct table *) =
		(void (*)(const char *, struct table *))dlsym(library, "packetdrill_interface_init");
	CHECK(init);
	/* Two of them live beside each other. */
	struct table other;
	init(NULL, &other);
	init("ecn=off, nagle=off", &t);
	other.free(other.self);
	clock_moves();
	int fd = passive_open(&isn);
	reads(fd, isn);
	writes(fd, isn);
	options(fd);
	ends(fd, isn);
	active_open();
	missing();
	t.free(t.self);
	puts("every entry was driven");
	return 0;
}
