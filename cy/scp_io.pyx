"""Sending for SCP without a copy: the batch of a connection goes to its descriptor in one system call.

Full segments leave from where the program has put them.  (TLS takes ScpConnection.pending() instead.)
"""
from cpython.exc cimport PyErr_SetFromErrno
from libc.errno cimport EAGAIN, errno
from libc.stdint cimport uint32_t
from libc.string cimport memset

from .scp_connection cimport ScpConnection
from .scp_output cimport MOST_RUNS, ScpOutput

cdef extern from "<sys/uio.h>":
    struct iovec:
        void *iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>":
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    ssize_t sendmsg(int fd, const msghdr *message, int flags) nogil


def send_pending(ScpConnection connection not None, int fd) -> bool:
    """Send what is ready to a descriptor that does not wait; whether all of it could go.

    OSError: what sendmsg(2) says, but for a lack of room.
    """
    cdef ScpOutput output = connection.output
    cdef iovec[MOST_RUNS] vectors
    cdef msghdr message
    cdef uint32_t index, count
    cdef size_t skipped
    cdef ssize_t taken
    memset(&message, 0, sizeof(message))
    message.msg_iov = vectors
    while connection.prepare():
        count, skipped = 0, output.start
        for index in range(output.run_count):
            if skipped >= output.runs[index].length:
                skipped -= output.runs[index].length
                continue
            vectors[count].iov_base = <void *>(output.runs[index].start + skipped)
            vectors[count].iov_len = output.runs[index].length - skipped
            skipped = 0
            count += 1
        message.msg_iovlen = count
        taken = sendmsg(fd, &message, 0)
        if taken < 0:
            if errno == EAGAIN:
                return False
            PyErr_SetFromErrno(OSError)
        connection.sent(taken)
    return True
