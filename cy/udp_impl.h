/* UDP sockets for udp.pyx: opening one, batches of messages with their ancillary data, the error queue.
 *
 * RFC 6951 carries SCTP packets in these datagrams.  Everything that only some systems have is chosen here:
 * recvmmsg and sendmmsg, segmentation (UDP_SEGMENT) and receive (UDP_GRO) offload, the error queue, the
 * options that tell and choose the local address.  IP addresses are 16 bytes, IPv4 in its mapped form, as in
 * address.pxd.  Functions return a negative errno if they fail.
 */
#ifndef PYSCTPSOCK_UDP_IMPL_H
#define PYSCTPSOCK_UDP_IMPL_H

#ifdef __APPLE__
#define __APPLE_USE_RFC_3542 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/errqueue.h>
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#define UDP_LEVEL 17
#endif

enum {
    UDP_SEND_BATCH = 64,         /* messages in one sendmmsg */
    UDP_RECEIVE_BATCH = 8,       /* messages in one recvmmsg */
    UDP_BUFFER = 65536,          /* no datagram, coalesced or not, is longer */
    UDP_CONTROL = 192
};

#ifdef __linux__
typedef struct mmsghdr udp_message;
#else
typedef struct { struct msghdr msg_hdr; unsigned int msg_len; } udp_message;
#endif

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} udp_name;

typedef union {
    struct cmsghdr first;        /* for the alignment */
    uint8_t bytes[UDP_CONTROL];
} udp_control;

/* Room for the messages of one system call. */
typedef struct {
    udp_message messages[UDP_SEND_BATCH];
    struct iovec pieces[UDP_SEND_BATCH];
    udp_name names[UDP_SEND_BATCH];
    udp_control controls[UDP_SEND_BATCH];
} udp_batch;

/* What came in one message: a datagram, several coalesced ones, or an ICMP error with what it quotes. */
typedef struct {
    const uint8_t *data;
    uint32_t length;
    uint32_t segment;            /* length of each coalesced datagram but the last */
    uint8_t remote[16];          /* of an error: where the datagram was sent to */
    uint8_t local[16];
    uint32_t remote_scope, local_scope;
    uint16_t remote_port;
    int icmp_version;            /* of an error: 4 or 6; 0: not from ICMP */
    uint8_t icmp_type, icmp_code;
    uint32_t icmp_mtu;           /* of the next hop, where a datagram was too big */
} udp_arrival;

/* --- addresses */

static const uint8_t udp_mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static inline void udp_map(uint8_t *ip, const struct in_addr *v4)
{
    memcpy(ip, udp_mapped_prefix, 12);
    memcpy(ip + 12, v4, 4);
}

static inline socklen_t udp_put_name(udp_name *name, int ipv6, const uint8_t *ip, uint32_t scope, uint16_t port)
{
    memset(name, 0, sizeof(*name));
    if (!ipv6 && memcmp(ip, udp_mapped_prefix, 12) == 0) {
        name->v4.sin_family = AF_INET;
        name->v4.sin_port = htons(port);
        memcpy(&name->v4.sin_addr, ip + 12, 4);
        return sizeof(name->v4);
    }
    name->v6.sin6_family = AF_INET6;     /* an IPv4 socket refuses it */
    name->v6.sin6_port = htons(port);
    name->v6.sin6_scope_id = scope;
    memcpy(&name->v6.sin6_addr, ip, 16);
    return sizeof(name->v6);
}

static inline void udp_get_name(const udp_name *name, uint8_t *ip, uint32_t *scope, uint16_t *port)
{
    if (name->any.sa_family == AF_INET) {
        udp_map(ip, &name->v4.sin_addr);
        *scope = 0;
        *port = ntohs(name->v4.sin_port);
    } else {
        memcpy(ip, &name->v6.sin6_addr, 16);
        *scope = name->v6.sin6_scope_id;
        *port = ntohs(name->v6.sin6_port);
    }
}

/* --- opening */

static inline int udp_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Make a socket buffer as large as the system allows, up to `wanted`; its size as the system counts it. */
static inline int udp_enlarge(int fd, int name, int force_name, int wanted)
{
    int size = 0;
    socklen_t length = sizeof(size);
    if (force_name < 0 || udp_set(fd, SOL_SOCKET, force_name, wanted) < 0)
        while (udp_set(fd, SOL_SOCKET, name, wanted) < 0 && wanted > 65536)
            wanted /= 2;         /* systems that refuse instead of giving less */
    getsockopt(fd, SOL_SOCKET, name, &size, &length);
    return size;
}

static inline int udp_set_gro(int fd, int on)
{
#ifdef __linux__
    return udp_set(fd, UDP_LEVEL, UDP_GRO, on);
#else
    return on ? -ENOPROTOOPT : 0;
#endif
}

/* A kernel that does not know UDP_SEGMENT ignores it as ancillary data, so it is asked beforehand. */
static inline int udp_knows_gso(int fd)
{
#ifdef __linux__
    int size = 0;
    socklen_t length = sizeof(size);
    return getsockopt(fd, UDP_LEVEL, UDP_SEGMENT, &size, &length) == 0;
#else
    return 0;
#endif
}

/* Whether IPv4 routers may cut datagrams (RFC 791: DF), or say by ICMP that they are too big. */
static inline int udp_set_pmtu_discovery(int fd, int ipv6, int on)
{
#if defined(IP_MTU_DISCOVER) && defined(IPV6_MTU_DISCOVER)
    return ipv6 ? udp_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, on ? IPV6_PMTUDISC_WANT : IPV6_PMTUDISC_DONT)
                : udp_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, on ? IP_PMTUDISC_WANT : IP_PMTUDISC_DONT);
#else
    (void)fd; (void)ipv6;
    return on ? -ENOPROTOOPT : 0;
#endif
}

/* What a carrier's socket needs beyond being open; only asking for the local address can fail it. */
static inline int udp_set_options(int fd, int ipv6)
{
    int result = 0;
    if (ipv6) {
        udp_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        result = udp_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
#ifdef IPV6_RECVERR
        udp_set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
#endif
    } else {
#if defined(IP_RECVPKTINFO)
        result = udp_set(fd, IPPROTO_IP, IP_RECVPKTINFO, 1);
#elif defined(IP_PKTINFO)
        result = udp_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
#elif defined(IP_RECVDSTADDR)
        result = udp_set(fd, IPPROTO_IP, IP_RECVDSTADDR, 1);
#endif
#ifdef IP_RECVERR
        udp_set(fd, IPPROTO_IP, IP_RECVERR, 1);
#endif
    }
    udp_set_pmtu_discovery(fd, ipv6, 0);
    return result;
}

/* A bound, non-blocking, close-on-exec socket with all options set. */
static inline int udp_open(int ipv6, const uint8_t *ip, uint32_t scope, uint16_t port)
{
    udp_name name;
    socklen_t length = udp_put_name(&name, ipv6, ip, scope, port);
    int family = ipv6 ? AF_INET6 : AF_INET, result;
#ifdef SOCK_CLOEXEC
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
#else
    int fd = socket(family, SOCK_DGRAM, IPPROTO_UDP);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        result = -errno;
        close(fd);
        return result;
    }
#endif
    if (fd < 0)
        return -errno;
    result = udp_set_options(fd, ipv6);
    if (result == 0 && bind(fd, &name.any, length) < 0)
        result = -errno;
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

static inline int udp_local_name(int fd, uint8_t *ip, uint32_t *scope, uint16_t *port)
{
    udp_name name;
    socklen_t length = sizeof(name);
    if (getsockname(fd, &name.any, &length) < 0)
        return -errno;
    udp_get_name(&name, ip, scope, port);
    return 0;
}

static inline int udp_enlarge_buffers(int fd, int wanted, int *receive_buffer, int *send_buffer)
{
#ifdef __linux__
    *receive_buffer = udp_enlarge(fd, SO_RCVBUF, SO_RCVBUFFORCE, wanted);
    *send_buffer = udp_enlarge(fd, SO_SNDBUF, SO_SNDBUFFORCE, wanted);
#else
    *receive_buffer = udp_enlarge(fd, SO_RCVBUF, -1, wanted);
    *send_buffer = udp_enlarge(fd, SO_SNDBUF, -1, wanted);
#endif
    return 0;
}

/* --- sending */

static inline void *udp_add_control(struct msghdr *header, int level, int type, const void *value, size_t length)
{
    struct cmsghdr *item = (struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(item), value, length);
    header->msg_controllen += CMSG_SPACE(length);
    return CMSG_DATA(item);
}

/* The local address goes along unless it is all zero (the system chooses), or an IPv4 one that is. */
static inline void udp_add_source(struct msghdr *header, const uint8_t *ip, uint32_t scope)
{
    static const uint8_t none[16];
    if (memcmp(ip, none, 16) == 0)
        return;
    if (memcmp(ip, udp_mapped_prefix, 12) == 0) {
        if (memcmp(ip + 12, none, 4) == 0)
            return;
#if defined(IP_PKTINFO)
        struct in_pktinfo info;
        memset(&info, 0, sizeof(info));
        memcpy(&info.ipi_spec_dst, ip + 12, 4);
        udp_add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
#elif defined(IP_SENDSRCADDR)
        udp_add_control(header, IPPROTO_IP, IP_SENDSRCADDR, ip + 12, 4);
#endif
    } else {
        struct in6_pktinfo info;
        memcpy(&info.ipi6_addr, ip, 16);
        info.ipi6_ifindex = scope;
        udp_add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
}

/* Make message i of the batch; a `segment` other than 0 lets the system cut it into datagrams of that size. */
static inline void udp_put(udp_batch *batch, int i, int ipv6, const uint8_t *data, uint32_t length, uint32_t segment,
                           const uint8_t *remote, uint32_t remote_scope, uint16_t remote_port,
                           const uint8_t *local, uint32_t local_scope, uint8_t dscp)
{
    struct msghdr *header = &batch->messages[i].msg_hdr;
    memset(header, 0, sizeof(*header));
    batch->pieces[i].iov_base = (void *)data;
    batch->pieces[i].iov_len = length;
    header->msg_iov = &batch->pieces[i];
    header->msg_iovlen = 1;
    header->msg_name = &batch->names[i];
    header->msg_namelen = udp_put_name(&batch->names[i], ipv6, remote, remote_scope, remote_port);
    header->msg_control = batch->controls[i].bytes;
    udp_add_source(header, local, local_scope);
    if (dscp) {
        int traffic_class = dscp;
        udp_add_control(header, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_TCLASS : IP_TOS,
                        &traffic_class, sizeof(traffic_class));
    }
#ifdef __linux__
    if (segment) {
        uint16_t size = (uint16_t)segment;
        udp_add_control(header, UDP_LEVEL, UDP_SEGMENT, &size, sizeof(size));
    }
#else
    (void)segment;
#endif
    if (header->msg_controllen == 0)
        header->msg_control = NULL;
}

/* Send the first `count` messages; how many went. */
static inline int udp_send(int fd, udp_batch *batch, int count, int use_mmsg)
{
    int sent;
#ifdef __linux__
    if (use_mmsg && count > 1) {
        sent = sendmmsg(fd, batch->messages, count, MSG_DONTWAIT);
        return sent < 0 ? -errno : sent;
    }
#else
    (void)use_mmsg;
#endif
    for (sent = 0; sent < count; sent++)
        if (sendmsg(fd, &batch->messages[sent].msg_hdr, MSG_DONTWAIT) < 0)
            return sent ? sent : -errno;
    return sent;
}

/* --- receiving */

static inline void udp_make_room(udp_batch *batch, int i, uint8_t *buffer)
{
    struct msghdr *header = &batch->messages[i].msg_hdr;
    memset(header, 0, sizeof(*header));
    batch->pieces[i].iov_base = buffer;
    batch->pieces[i].iov_len = UDP_BUFFER;
    header->msg_iov = &batch->pieces[i];
    header->msg_iovlen = 1;
    header->msg_name = &batch->names[i];
    header->msg_namelen = sizeof(batch->names[i]);
    header->msg_control = batch->controls[i].bytes;
    header->msg_controllen = sizeof(batch->controls[i].bytes);
}

/* Read up to UDP_RECEIVE_BATCH messages into `buffers`; how many came. */
static inline int udp_receive(int fd, udp_batch *batch, uint8_t *buffers, int use_mmsg)
{
    int i, came;
#ifdef __linux__
    if (use_mmsg) {
        for (i = 0; i < UDP_RECEIVE_BATCH; i++)
            udp_make_room(batch, i, buffers + (size_t)i * UDP_BUFFER);
        came = recvmmsg(fd, batch->messages, UDP_RECEIVE_BATCH, MSG_DONTWAIT, NULL);
        return came < 0 ? -errno : came;
    }
#else
    (void)use_mmsg;
#endif
    for (i = 0; i < UDP_RECEIVE_BATCH; i++) {
        udp_make_room(batch, i, buffers + (size_t)i * UDP_BUFFER);
        came = (int)recvmsg(fd, &batch->messages[i].msg_hdr, MSG_DONTWAIT);
        if (came < 0)
            return i ? i : -errno;
        batch->messages[i].msg_len = (unsigned int)came;
    }
    return i;
}

static inline int udp_is_link_local(const uint8_t *ip)
{
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static inline void udp_take_control(struct cmsghdr *item, udp_arrival *out)
{
    const void *value = CMSG_DATA(item);
#if defined(IP_PKTINFO)
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, value, sizeof(info));
        udp_map(out->local, &info.ipi_addr);
    }
#elif defined(IP_RECVDSTADDR)
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVDSTADDR)
        udp_map(out->local, (const struct in_addr *)value);
#endif
    if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, value, sizeof(info));
        memcpy(out->local, &info.ipi6_addr, 16);
        out->local_scope = udp_is_link_local(out->local) ? info.ipi6_ifindex : 0;
    }
#ifdef __linux__
    if (item->cmsg_level == UDP_LEVEL && item->cmsg_type == UDP_GRO) {
        int segment;
        memcpy(&segment, value, sizeof(segment));
        if (segment > 0)
            out->segment = (uint32_t)segment;
    }
    if ((item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR)
            || (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR)) {
        struct sock_extended_err error;
        memcpy(&error, value, sizeof(error));
        if (error.ee_origin == SO_EE_ORIGIN_ICMP)
            out->icmp_version = 4;
        else if (error.ee_origin == SO_EE_ORIGIN_ICMP6)
            out->icmp_version = 6;
        out->icmp_type = error.ee_type;
        out->icmp_code = error.ee_code;
        out->icmp_mtu = error.ee_info;
    }
#endif
}

static inline void udp_take(struct msghdr *header, uint32_t length, udp_arrival *out)
{
    struct cmsghdr *item;
    memset(out, 0, sizeof(*out));
    out->data = (const uint8_t *)header->msg_iov[0].iov_base;
    out->length = length;
    out->segment = length;
    if (header->msg_namelen >= sizeof(struct sockaddr_in))
        udp_get_name((const udp_name *)header->msg_name, out->remote, &out->remote_scope, &out->remote_port);
    for (item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item))
        udp_take_control(item, out);
}

static inline void udp_take_message(udp_batch *batch, int i, udp_arrival *out)
{
    udp_take(&batch->messages[i].msg_hdr, batch->messages[i].msg_len, out);
}

/* The oldest error of the socket's error queue, read into message 0 of the batch and `buffer`; 0: none is left. */
static inline int udp_receive_error(int fd, udp_batch *batch, uint8_t *buffer, udp_arrival *out)
{
#ifdef __linux__
    ssize_t length;
    udp_make_room(batch, 0, buffer);
    length = recvmsg(fd, &batch->messages[0].msg_hdr, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0)
        return 0;
    udp_take(&batch->messages[0].msg_hdr, (uint32_t)length, out);
    return 1;
#else
    (void)fd; (void)batch; (void)buffer; (void)out;
    return 0;
#endif
}

#endif
