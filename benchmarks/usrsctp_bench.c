/*
 * libusrsctp's side of the benchmarks (see run.py), SCTP in UDP on 127.0.0.1 (RFC 6951), checksums on.
 *
 *   usrsctp_bench sink      receive; a report for each association that brought data
 *   usrsctp_bench echo      send every message back
 *   usrsctp_bench accept    accept, read to the end, close; one association after the other
 *   usrsctp_bench source    send messages of -l bytes for -T seconds
 *   usrsctp_bench pingpong  one message of -l bytes outstanding for -T seconds
 *   usrsctp_bench setup     connect and close, one after the other, for -T seconds
 *
 * Servers print {"role": "ready"}, run until their standard input ends and then report the CPU seconds of
 * their life.  The first two receive by libusrsctp's callback, in its receiving thread, which measures
 * faster than a thread of our own that reads.  One line of JSON a report.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <usrsctp.h>

#define HEADERS (20 + 8 + 12)	/* IPv4, UDP, SCTP: usrsctp's spp_pathmtu is without them */
#define LARGEST (1 << 18)	/* bytes read at once */

static struct {
	int port, local_udp, remote_udp, length, buffer, mtu, nodelay, echo;
	double seconds;
} opt = { 9260, 9899, 9899, 1400, 0, 1500, 0, 0, 2.0 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* ----------------------------------------------------------------- sockets */

static void set_option(struct socket *s, int level, int name, const void *value, socklen_t length)
{
	if (usrsctp_setsockopt(s, level, name, value, length) < 0)
		die("usrsctp_setsockopt");
}

static void set_options(struct socket *s)
{
	struct sctp_paddrparams path = { .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = opt.mtu - HEADERS };
	struct sctp_udpencaps encapsulation = { .sue_port = htons(opt.remote_udp) };
	uint32_t nodelay = opt.nodelay;

	if (opt.buffer) {
		set_option(s, SOL_SOCKET, SO_SNDBUF, &opt.buffer, sizeof(opt.buffer));
		set_option(s, SOL_SOCKET, SO_RCVBUF, &opt.buffer, sizeof(opt.buffer));
	}
	set_option(s, IPPROTO_SCTP, SCTP_NODELAY, &nodelay, sizeof(nodelay));
	path.spp_address.ss_family = AF_INET;
	set_option(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
	encapsulation.sue_address.ss_family = AF_INET;
	set_option(s, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &encapsulation, sizeof(encapsulation));
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static struct socket *dial(void)
{
	struct sockaddr_in a = loopback(opt.port);
	struct socket *s = usrsctp_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);

	if (s == NULL)
		die("usrsctp_socket");
	set_options(s);
	if (usrsctp_connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("usrsctp_connect");
	return s;
}

static ssize_t receive(struct socket *s, void *buffer, size_t size)
{
	struct sctp_rcvinfo info;
	socklen_t length = sizeof(info), from_length = 0;
	unsigned type = 0;
	int flags = 0;
	return usrsctp_recvv(s, buffer, size, NULL, &from_length, &info, &length, &type, &flags);
}

static void send_message(struct socket *s, const void *bytes, size_t length)
{
	if (usrsctp_sendv(s, bytes, length, NULL, 0, NULL, 0, SCTP_SENDV_NOINFO, 0) < 0)
		die("usrsctp_sendv");
}

/* ----------------------------------------------------------------- servers */

static struct {
	unsigned long long bytes, messages;
	double first, last, cpu;
} sink;

static void report_sink(void)
{
	if (sink.messages < 2)
		return;
	printf("{\"role\": \"sink\", \"messages\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu\": %.6f}\n",
	       sink.messages, sink.bytes, sink.last - sink.first, cpu_seconds() - sink.cpu);
	fflush(stdout);
	memset(&sink, 0, sizeof(sink));
}

static int on_receive(struct socket *s, union sctp_sockstore from, void *data, size_t length,
		      struct sctp_rcvinfo info, int flags, void *argument)
{
	(void)from; (void)info; (void)argument;
	if (data == NULL) {	/* the association has ended */
		report_sink();
		usrsctp_close(s);
		return 1;
	}
	if (opt.echo) {
		send_message(s, data, length);
	} else {
		if (sink.bytes == 0) {
			sink.first = now();
			sink.cpu = cpu_seconds();
		}
		sink.bytes += length;
		if (flags & MSG_EOR) {
			sink.messages++;
			sink.last = now();
		}
	}
	free(data);
	return 1;
}

static int by_callback = 1;

static void *accept_all(void *listener)
{
	struct socket *s;
	char rest[256];

	while ((s = usrsctp_accept(listener, NULL, NULL)) != NULL) {
		if (by_callback)
			continue;	/* on_receive closes it */
		while (receive(s, rest, sizeof(rest)) > 0)
			;
		usrsctp_close(s);
	}
	return NULL;
}

static void serve(void)
{
	struct sockaddr_in a = loopback(opt.port);
	struct socket *s = usrsctp_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP, by_callback ? on_receive : NULL,
					  NULL, 0, NULL);
	pthread_t acceptor;
	double cpu;
	char byte;

	if (s == NULL)
		die("usrsctp_socket");
	set_options(s);
	if (usrsctp_bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || usrsctp_listen(s, 128) < 0)
		die("usrsctp_listen");
	if (pthread_create(&acceptor, NULL, accept_all, s) != 0)
		die("pthread_create");
	puts("{\"role\": \"ready\"}");
	fflush(stdout);
	cpu = cpu_seconds();
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	printf("{\"role\": \"server\", \"cpu\": %.6f}\n", cpu_seconds() - cpu);
}

/* ----------------------------------------------------------------- clients */

static void source(void)
{
	struct socket *s = dial();
	struct sctp_status status;
	socklen_t length = sizeof(status);
	char *message = calloc(1, opt.length), rest[256];
	unsigned long long messages = 0;
	double start = now(), cpu = cpu_seconds();

	do {
		for (int i = 0; i < 16; i++)
			send_message(s, message, opt.length);
		messages += 16;
	} while (now() - start < opt.seconds);
	memset(&status, 0, sizeof(status));
	usrsctp_getsockopt(s, IPPROTO_SCTP, SCTP_STATUS, &status, &length);
	usrsctp_shutdown(s, SHUT_WR);
	while (receive(s, rest, sizeof(rest)) > 0)	/* until the peer has everything */
		;
	printf("{\"role\": \"source\", \"messages\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, "
	       "\"fragmentation_point\": %u}\n", messages, messages * opt.length, now() - start,
	       cpu_seconds() - cpu, status.sstat_fragmentation_point);
	usrsctp_close(s);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void pingpong(void)
{
	struct socket *s = dial();
	size_t capacity = 1 << 22, n = 0;
	double *latency = malloc(capacity * sizeof(double)), before, after;
	double start = now(), cpu = cpu_seconds();
	char *message = calloc(1, LARGEST);

	do {
		before = now();
		send_message(s, message, opt.length);
		for (ssize_t got = 0, r; got < opt.length; got += r)
			if ((r = receive(s, message, LARGEST)) <= 0)
				die("usrsctp_recvv");
		after = now();
		latency[n++] = after - before;
	} while (after - start < opt.seconds && n < capacity);
	cpu = cpu_seconds() - cpu;
	qsort(latency, n, sizeof(double), compare);
	printf("{\"role\": \"pingpong\", \"count\": %zu, \"seconds\": %.6f, \"cpu\": %.6f, \"p50_us\": %.2f, "
	       "\"p99_us\": %.2f}\n", n, after - start, cpu, latency[n / 2] * 1e6, latency[n * 99 / 100] * 1e6);
	usrsctp_close(s);
}

static void setup(void)
{
	double start = now(), cpu = cpu_seconds();
	unsigned long n = 0;

	do {
		usrsctp_close(dial());
		n++;
	} while (now() - start < opt.seconds);
	printf("{\"role\": \"setup\", \"count\": %lu, \"seconds\": %.6f, \"cpu\": %.6f}\n", n, now() - start,
	       cpu_seconds() - cpu);
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	int c;

	optind = 2;
	while ((c = getopt(argc, argv, "p:E:U:l:T:B:M:N")) != -1) {
		switch (c) {
		case 'p': opt.port = atoi(optarg); break;		/* SCTP port */
		case 'E': opt.local_udp = atoi(optarg); break;
		case 'U': opt.remote_udp = atoi(optarg); break;
		case 'l': opt.length = atoi(optarg); break;		/* bytes a message */
		case 'T': opt.seconds = atof(optarg); break;
		case 'B': opt.buffer = atoi(optarg); break;		/* SO_SNDBUF = SO_RCVBUF */
		case 'M': opt.mtu = atoi(optarg); break;		/* path MTU: largest IP packet */
		case 'N': opt.nodelay = 1; break;			/* SCTP_NODELAY */
		default: return 2;
		}
	}
	alarm(120);	/* ends a process that nobody ends */
	usrsctp_init(opt.local_udp, NULL, NULL);
	usrsctp_sysctl_set_sctp_no_csum_on_loopback(0);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	opt.echo = strcmp(role, "echo") == 0;
	by_callback = strcmp(role, "accept") != 0;
	if (opt.echo || !by_callback || strcmp(role, "sink") == 0)
		serve();
	else if (strcmp(role, "source") == 0)
		source();
	else if (strcmp(role, "pingpong") == 0)
		pingpong();
	else if (strcmp(role, "setup") == 0)
		setup();
	else {
		fprintf(stderr, "usage: usrsctp_bench sink|echo|accept|source|pingpong|setup [options]\n");
		return 2;
	}
	fflush(stdout);
	usleep(100000);	/* what the stack still has to answer */
	_exit(0);
}
