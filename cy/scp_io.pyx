"""SCP from and to a descriptor, without a copy of bulk data: one system call for a batch of segments.

Full segments leave from where the program has put them, and arrive where their reader gets them.  (TLS takes
ScpConnection.pending() and receive() instead.)
"""
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.exc cimport PyErr_SetFromErrno
from libc.errno cimport EAGAIN, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from .scp_connection cimport ScpConnection
from .scp_output cimport MOST_RUNS, ScpOutput
from .scp_wire cimport SCP_HEADER

cdef extern from "<sys/uio.h>":
    struct iovec:
        void *iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>":
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    ssize_t sendmsg(int fd, const msghdr *message, int flags) nogil
    ssize_t recvmsg(int fd, msghdr *message, int flags) nogil

cdef enum:
    BULK = 4096                      # bytes of a segment from which on they are put in their place
    LONGEST_PIECE = 65536            # bytes that a reader gets as one piece
    MOST_FORESEEN = 15               # segments behind the one that is arriving
    LEAST_BUFFER = LONGEST_PIECE + (MOST_FORESEEN + 1) * SCP_HEADER
    MOST_READ = 1 << 19              # bytes; then others have their turn
    NOTHING = -1                     # is there to be read: what recvmsg(2) gives then


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


def receive_pending(ScpConnection connection not None, int fd, bytearray buffer not None,
                    int64_t now) -> bool:
    """Take in what has come to a descriptor that does not wait; whether there may be more.

    OSError: what recvmsg(2) says, but for a lack of bytes.  ValueError: a buffer below LEAST_BUFFER bytes.
    """
    cdef size_t wanted, total = 0
    cdef ssize_t count
    if PyByteArray_GET_SIZE(buffer) < LEAST_BUFFER:
        raise ValueError("the buffer is too small")
    while total < MOST_READ:
        if connection.stopped or connection.reason or connection.input_ended:
            return False
        if connection.bulk() >= BULK:
            count = receive_bulk(connection, fd, buffer, &wanted, now)
        else:
            count = receive_any(connection, fd, buffer, &wanted, now)
        if count == 0:
            connection.eof()
        if count <= 0 or <size_t>count < wanted:
            return False
        total += count
    return True


cdef ssize_t receive_any(ScpConnection connection, int fd, bytearray buffer, size_t *wanted,
                         int64_t now) except -2:
    """Read whatever it is: how many bytes, 0 at the end, or NOTHING.  `wanted`: for so many was room."""
    cdef iovec vector = iovec(PyByteArray_AS_STRING(buffer), PyByteArray_GET_SIZE(buffer))
    cdef ssize_t count = read_vectors(fd, &vector, 1)
    wanted[0] = vector.iov_len
    if count > 0:
        connection.take_in(<const uint8_t *>vector.iov_base, count, now)
    return count


cdef ssize_t receive_bulk(ScpConnection connection, int fd, bytearray buffer, size_t *wanted,
                          int64_t now) except -2:
    """The same, while a large segment is arriving: its rest goes to where its reader gets it.

    So do, on the guess that others like it follow, those behind it.  What comes otherwise is moved to the
    buffer and taken in from there.
    """
    cdef uint8_t[(MOST_FORESEEN + 1) * SCP_HEADER] headers
    cdef iovec[2 * MOST_FORESEEN + 3] vectors        # data, header, data, header
    cdef uint32_t room = min(connection.bulk(), <uint32_t>LONGEST_PIECE), length = 0, more = 0, index, used
    cdef bint whole = room == connection.segment_left
    cdef uint8_t *place
    cdef size_t left
    cdef ssize_t count
    if whole:
        length = connection.foreseen()
        if length >= BULK:
            more = min((LONGEST_PIECE - room) // length, <uint32_t>MOST_FORESEEN)
    place = connection.place(room + more * length)
    vectors[0] = iovec(place, room)
    for index in range(more + 1):
        vectors[2 * index + 1] = iovec(<void *>(headers + index * SCP_HEADER), SCP_HEADER)
        vectors[2 * index + 2] = iovec(place + room + index * length, length)
    wanted[0] = room + more * length + (more + 1) * SCP_HEADER if whole else room
    try:
        count = read_vectors(fd, vectors, 2 * more + 2 if whole else 1)
    except:
        connection.placed(0, now)
        raise
    if count <= 0:
        connection.placed(0, now)
        return count

    used = <uint32_t>min(<size_t>count, room)
    left = count - used
    connection.segment_left -= used
    index = 1
    while left >= SCP_HEADER and index <= 2 * more and connection.goes_on(
            <const uint8_t *>vectors[index].iov_base):
        length = <uint32_t>min(left - SCP_HEADER, vectors[index + 1].iov_len)
        connection.segment_left -= length
        used += length
        left -= SCP_HEADER + length
        index += 2
    # first, for placed() lets go of unused room
    gather(&vectors[index], left, <uint8_t *>PyByteArray_AS_STRING(buffer))
    connection.placed(used, now)
    if left:
        connection.take_in(<const uint8_t *>PyByteArray_AS_STRING(buffer), left, now)
    return count


cdef ssize_t read_vectors(int fd, iovec *vectors, size_t count) except -2:
    """How many bytes came, 0 at the end, or NOTHING."""
    cdef msghdr message
    cdef ssize_t found
    memset(&message, 0, sizeof(message))
    message.msg_iov = vectors
    message.msg_iovlen = count
    found = recvmsg(fd, &message, 0)
    if found < 0 and errno != EAGAIN:
        PyErr_SetFromErrno(OSError)
    return found


cdef void gather(const iovec *vectors, size_t left, uint8_t *target) noexcept:
    """The next bytes of the vectors side by side."""
    cdef size_t part
    while left:
        part = min(left, vectors[0].iov_len)
        memcpy(target, vectors[0].iov_base, part)
        target += part
        left -= part
        vectors += 1
