/*
 * The other side of our interoperability tests: a peer on libusrsctp's public API, SCTP in UDP (RFC 6951).
 *
 *   usrsctp_peer client|server                  N numbered messages each way, every byte checked
 *   usrsctp_peer daytime-client|daytime-server  the server sends two texts (streams 0 and 1) and shuts down
 *   usrsctp_peer messages                       prints the messages of the client's direction, no network
 *
 *   -p port  SCTP port (9260)        -s n  streams (10)              -d     this side starts the shutdown
 *   -E port  local UDP port (9899)   -n n  messages each way (1000)  -q ms  RTO.Min and RTO.Initial (250)
 *   -U port  peer's UDP port (9899)  -S n  seed (1)                  -T s   give up after (120)
 *
 *   -L ms    life time of every seventh message (3, 10, ...); then others only have to arrive
 *
 * A server prints "ready" once it listens.  The result is one line of JSON; the exit status is 0 only if all
 * is as it must be.  Between the two the peer waits for the end of its standard input, so that its stack can
 * still answer what a lossy network makes the other side repeat (a lost SHUTDOWN COMPLETE, RFC 9260 section
 * 8.4 (5)).
 *
 * Messages.  Both ends make them from the seed, only user data travels (our_messages.py is the twin):
 *   lcg(x)     = 1664525 x + 1013904223 mod 2^32
 *   pad        = the top bytes of PAD successive lcg values, from the direction's seed
 *   message i  goes on stream i mod s as the (i div s)-th of it, its payload protocol identifier is i
 *   a, b, c    = three successive lcg values, from seed + 2654435761 stream + 2246822519 number
 *   length     = min(1 + low (a >> 16) mod 18 bits of (b >> 8), 102400)
 *   bytes      = pad[o : o + length], o = (c >> 8) mod 65536
 * The client's direction has the seed given by -S, the server's that seed + 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <usrsctp.h>

#define LONGEST 102400
#define OFFSETS 65536
#define PAD (LONGEST + OFFSETS)
#define BUFFER (1 << 19)	/* socket buffers; also larger than any message */

static struct {
	unsigned port, local_udp, remote_udp, streams, messages, seed, rto, seconds;
	int starts_shutdown;
	unsigned lifetime;
} opt = { 9260, 9899, 9899, 10, 1000, 1, 250, 120, 0, 0 };

static int expires(unsigned i)
{
	return opt.lifetime != 0 && i % 7 == 3;
}

static unsigned reliable_messages(void)
{
	unsigned count = 0;
	for (unsigned i = 0; i < opt.messages; i++)
		count += !expires(i);
	return count;
}

static struct {
	unsigned long sent, received, bytes_sent, bytes_received, mismatches, send_errors;
	unsigned comm_up, comm_lost, restart, shutdown_comp, cant_str_assoc;
	unsigned shutdown_event, send_failed, other;
	char first_mismatch[120];
} seen;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---------------------------------------------------------------- messages */

struct direction {
	uint32_t seed;
	uint8_t pad[PAD];
};

struct message {
	uint32_t length;
	const uint8_t *bytes;
};

static uint32_t lcg(uint32_t x)
{
	return 1664525u * x + 1013904223u;
}

static void start_direction(struct direction *d, uint32_t seed)
{
	uint32_t x = d->seed = seed;
	for (unsigned i = 0; i < PAD; i++) {
		x = lcg(x);
		d->pad[i] = x >> 24;
	}
}

static struct message message_of(const struct direction *d, uint32_t stream, uint32_t number)
{
	uint32_t a = lcg(d->seed + 2654435761u * stream + 2246822519u * number), b = lcg(a), c = lcg(b);
	uint32_t length = 1 + ((b >> 8) & ((1u << (a >> 16) % 18) - 1));
	struct message m = { length < LONGEST ? length : LONGEST, d->pad + (c >> 8) % OFFSETS };
	return m;
}

/* ----------------------------------------------------------------- sockets */

static void set_option(struct socket *s, int level, int name, const void *value, socklen_t length,
		       const char *what)
{
	if (usrsctp_setsockopt(s, level, name, value, length) < 0)
		die(what);
}

static struct socket *open_socket(void)
{
	static const uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_SHUTDOWN_EVENT, SCTP_SEND_FAILED_EVENT };
	int size = BUFFER, on = 1;
	struct socket *s = usrsctp_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	struct sctp_initmsg init = { .sinit_num_ostreams = opt.streams, .sinit_max_instreams = opt.streams };
	struct sctp_rtoinfo rto = { .srto_initial = opt.rto, .srto_min = opt.rto, .srto_max = 60000 };
	struct sctp_udpencaps encapsulation;

	if (s == NULL)
		die("usrsctp_socket");
	set_option(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size), "SO_SNDBUF");
	set_option(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size), "SO_RCVBUF");
	set_option(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init), "SCTP_INITMSG");
	set_option(s, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof(rto), "SCTP_RTOINFO");
	set_option(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on), "SCTP_RECVRCVINFO");
	memset(&encapsulation, 0, sizeof(encapsulation));
	encapsulation.sue_address.ss_family = AF_INET;
	encapsulation.sue_port = htons(opt.remote_udp);
	set_option(s, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &encapsulation, sizeof(encapsulation),
		   "SCTP_REMOTE_UDP_ENCAPS_PORT");
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct sctp_event event = { .se_type = events[i], .se_on = 1 };
		set_option(s, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event), "SCTP_EVENT");
	}
	return s;
}

static struct socket *associate(int server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct socket *s = open_socket(), *accepted;

	address.sin_port = htons(server ? opt.port : 0);
	if (usrsctp_bind(s, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("usrsctp_bind");
	if (!server) {
		address.sin_port = htons(opt.port);
		if (usrsctp_connect(s, (struct sockaddr *)&address, sizeof(address)) < 0)
			die("usrsctp_connect");
		return s;
	}
	if (usrsctp_listen(s, 1) < 0)
		die("usrsctp_listen");
	puts("ready");
	fflush(stdout);
	accepted = usrsctp_accept(s, NULL, NULL);
	if (accepted == NULL)
		die("usrsctp_accept");
	return accepted;
}

static int send_on(struct socket *s, unsigned stream, uint32_t ppid, const void *bytes, size_t length)
{
	struct sctp_sendv_spa info = { .sendv_flags = SCTP_SEND_SNDINFO_VALID,
		.sendv_sndinfo = { .snd_sid = stream, .snd_ppid = htonl(ppid) } };

	if (expires(ppid)) {
		info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		info.sendv_prinfo.pr_policy = SCTP_PR_SCTP_TTL;
		info.sendv_prinfo.pr_value = opt.lifetime;
	}
	return usrsctp_sendv(s, bytes, length, NULL, 0, &info, sizeof(info), SCTP_SENDV_SPA, 0)
		== (ssize_t)length;
}

static void notified(const union sctp_notification *n)
{
	switch (n->sn_header.sn_type) {
	case SCTP_ASSOC_CHANGE:
		switch (n->sn_assoc_change.sac_state) {
		case SCTP_COMM_UP: seen.comm_up++; break;
		case SCTP_COMM_LOST: seen.comm_lost++; break;
		case SCTP_RESTART: seen.restart++; break;
		case SCTP_SHUTDOWN_COMP: seen.shutdown_comp++; break;
		case SCTP_CANT_STR_ASSOC: seen.cant_str_assoc++; break;
		default: seen.other++;
		}
		break;
	case SCTP_SHUTDOWN_EVENT: seen.shutdown_event++; break;
	case SCTP_SEND_FAILED_EVENT: seen.send_failed++; break;
	default: seen.other++;
	}
}

/* Read one user message; returns its length, 0 at the end of the association, -1 on error. */
static ssize_t receive(struct socket *s, uint8_t *buffer, struct sctp_rcvinfo *info)
{
	size_t have = 0;
	for (;;) {
		struct sctp_recvv_rn rn;
		struct sockaddr_in from;
		socklen_t from_length = sizeof(from), info_length = sizeof(rn);
		unsigned type = 0;
		int flags = 0;
		ssize_t n = usrsctp_recvv(s, buffer + have, BUFFER - have, (struct sockaddr *)&from,
					  &from_length, &rn, &info_length, &type, &flags);
		if (n <= 0)
			return n;
		if (flags & MSG_NOTIFICATION) {
			notified((const union sctp_notification *)(buffer + have));
			continue;
		}
		have += n;
		if (flags & MSG_EOR) {
			*info = rn.recvv_rcvinfo;
			return have;
		}
	}
}

/* ------------------------------------------------------------------- roles */

static struct direction outgoing, incoming;

static void *send_all(void *arg)
{
	for (unsigned i = 0; i < opt.messages; i++) {
		struct message m = message_of(&outgoing, i % opt.streams, i / opt.streams);
		if (!send_on(arg, i % opt.streams, i, m.bytes, m.length)) {
			fprintf(stderr, "usrsctp_sendv %u: %s\n", i, strerror(errno));
			seen.send_errors++;
			break;
		}
		seen.sent++;
		seen.bytes_sent += m.length;
	}
	return NULL;
}

static void check(const uint8_t *bytes, size_t length, const struct sctp_rcvinfo *info, unsigned *next)
{
	unsigned stream = info->rcv_sid;
	struct message m = { 0, NULL };
	const char *why = NULL;

	seen.received++;
	seen.bytes_received += length;
	if (stream >= opt.streams)
		why = "no such stream";
	else {
		unsigned number = next[stream];
		while (expires(number * opt.streams + stream) && number * opt.streams + stream < ntohl(info->rcv_ppid))
			number++;	/* it was skipped */
		next[stream] = number + 1;
		m = message_of(&incoming, stream, number);
		if (ntohl(info->rcv_ppid) != number * opt.streams + stream)
			why = "payload protocol identifier";
		else if (!opt.lifetime && info->rcv_ssn != (number & 0xffff))
			why = "stream sequence number";
		else if (length != m.length)
			why = "length";
		else if (memcmp(bytes, m.bytes, length) != 0)
			why = "bytes";
	}
	if (why != NULL && seen.mismatches++ == 0)
		snprintf(seen.first_mismatch, sizeof(seen.first_mismatch),
			 "%s: stream %u, ppid %u, %zu bytes, not %u", why, stream,
			 (unsigned)ntohl(info->rcv_ppid), length, m.length);
}

static int exchange(int server)
{
	static uint8_t buffer[BUFFER];
	unsigned *next = calloc(opt.streams, sizeof(*next));
	struct sctp_rcvinfo info;
	struct socket *s;
	pthread_t sender;
	ssize_t n;

	start_direction(&outgoing, opt.seed + (server ? 1 : 0));
	start_direction(&incoming, opt.seed + (server ? 0 : 1));
	s = associate(server);
	if (pthread_create(&sender, NULL, send_all, s) != 0)
		die("pthread_create");
	while (!(opt.starts_shutdown && seen.received == reliable_messages()) && (n = receive(s, buffer, &info)) > 0)
		check(buffer, n, &info, next);
	pthread_join(sender, NULL);
	if (opt.starts_shutdown) {
		usrsctp_shutdown(s, SHUT_WR);
		while ((n = receive(s, buffer, &info)) > 0)
			check(buffer, n, &info, next);
	}
	free(next);
	return seen.sent == opt.messages && seen.received == reliable_messages() && seen.mismatches == 0 &&
	       seen.comm_lost == 0 && (opt.lifetime || seen.send_failed == 0) &&
	       (opt.starts_shutdown ? seen.shutdown_comp == 1 : seen.shutdown_event == 1);
}

static int daytime(int server)
{
	static uint8_t buffer[BUFFER];
	struct sctp_rcvinfo info;
	struct socket *s = associate(server);
	ssize_t n;

	if (server) {
		time_t now = time(NULL);
		char text[64];
		strftime(text, sizeof(text), "%c local", localtime(&now));
		seen.sent += send_on(s, 0, 0, text, strlen(text));
		strftime(text, sizeof(text), "%c GMT", gmtime(&now));
		seen.sent += send_on(s, 1, 0, text, strlen(text));
		usrsctp_shutdown(s, SHUT_WR);
	}
	while ((n = receive(s, buffer, &info)) > 0) {
		printf("(stream %u) %.*s\n", info.rcv_sid, (int)n, (const char *)buffer);
		seen.received++;
	}
	return (server ? seen.sent : seen.received) == 2 && seen.comm_lost == 0;
}

static int print_messages(void)
{
	start_direction(&outgoing, opt.seed);
	for (unsigned i = 0; i < opt.messages; i++) {
		struct message m = message_of(&outgoing, i % opt.streams, i / opt.streams);
		printf("%u %u %u\n", i % opt.streams, i, m.length);
		fwrite(m.bytes, 1, m.length, stdout);
	}
	return fflush(stdout);
}

static void report(const char *role, int ok)
{
	printf("{\"peer\": \"usrsctp\", \"role\": \"%s\", \"ok\": %s, \"sent\": %lu, \"received\": %lu, "
	       "\"bytes_sent\": %lu, \"bytes_received\": %lu, \"mismatches\": %lu, \"first_mismatch\": \"%s\", "
	       "\"send_errors\": %lu, \"notifications\": {\"COMM_UP\": %u, \"COMM_LOST\": %u, \"RESTART\": %u, "
	       "\"SHUTDOWN_COMP\": %u, \"CANT_STR_ASSOC\": %u, \"SHUTDOWN_EVENT\": %u, \"SEND_FAILED\": %u, "
	       "\"other\": %u}}\n", role, ok ? "true" : "false", seen.sent, seen.received, seen.bytes_sent,
	       seen.bytes_received, seen.mismatches, seen.first_mismatch, seen.send_errors, seen.comm_up,
	       seen.comm_lost, seen.restart, seen.shutdown_comp, seen.cant_str_assoc, seen.shutdown_event,
	       seen.send_failed, seen.other);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	int is_daytime = strncmp(role, "daytime-", 8) == 0, server, c, ok;
	char byte;

	optind = 2;
	while ((c = getopt(argc, argv, "p:E:U:s:n:S:q:T:L:d")) != -1) {
		unsigned value = optarg ? strtoul(optarg, NULL, 10) : 0;
		switch (c) {
		case 'p': opt.port = value; break;
		case 'E': opt.local_udp = value; break;
		case 'U': opt.remote_udp = value; break;
		case 's': opt.streams = value; break;
		case 'n': opt.messages = value; break;
		case 'S': opt.seed = value; break;
		case 'q': opt.rto = value; break;
		case 'T': opt.seconds = value; break;
		case 'L': opt.lifetime = value; break;
		case 'd': opt.starts_shutdown = 1; break;
		default: return 2;
		}
	}
	if (strcmp(role, "messages") == 0)
		return print_messages();
	server = strcmp(role + (is_daytime ? 8 : 0), "server") == 0;
	if ((!server && strcmp(role + (is_daytime ? 8 : 0), "client") != 0) || opt.streams == 0) {
		fprintf(stderr, "usage: usrsctp_peer [daytime-]client|server|messages [options]\n");
		return 2;
	}
	alarm(opt.seconds);	/* SIGALRM ends a peer that nobody ends */
	usrsctp_init(opt.local_udp, NULL, NULL);
	usrsctp_sysctl_set_sctp_no_csum_on_loopback(0);
	ok = is_daytime ? daytime(server) : exchange(server);
	report(role, ok);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(ok ? 0 : 1);
}
