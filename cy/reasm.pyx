"""From DATA chunks to whole messages in stream order.

RFC 9260 sections 3.3.1 (DATA), 6.5 (streams), 6.6 (ordering) and 6.9 (fragmentation).

The fragments of a message have consecutive TSNs, so neighbours by TSN are joined into runs.  A run
is found by the TSN next to it: the one that ends at the Cumulative TSN Ack Point is `tail` (each
fragment that arrives in order goes there), runs above are in two hash tables, by first and by last
TSN.  The tables are sized by what is held, not by how far ahead it is: a single fragment 65535
TSNs up costs no more than one nearby.

A run's payload lies in pieces: bytes objects not yet shown to anyone, with room to spare.  The last
piece takes what arrives in order; where runs meet, their pieces are linked.  A message that ends in
one piece, as it normally does, is that piece cut to size: each byte was copied once.  No piece is
large compared with what the peer has really sent.

Messages that wait for an earlier one of their stream are in a hash table by (stream, ssn).

Still to come: FORWARD TSN (RFC 3758 section 3.6) discards the runs that begin at or below the new
ack point, moves `next_ssn` and delivers what is held up to the listed ssn; since a table is no
larger than what is held, one pass over it does for a whole chunk.  It must then also forgive a
fragment whose beginning was skipped.  Partial delivery (section 6.9) pushes the pieces of `tail`
with end = 0 and goes on with an empty one.
"""
cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .chunks cimport DataView
from .proto cimport DATA_B, DATA_E, DATA_U
from .recvq cimport Received, ReceiveQueue
from .serial cimport ssn_lt, ssn_t, tsn_le, tsn_t

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t length) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *data) noexcept nogil
    Py_ssize_t bytes_length "PyBytes_GET_SIZE"(PyObject *data) noexcept nogil
    int _PyBytes_Resize(PyObject **data, Py_ssize_t length) except -1
    void Py_DECREF(PyObject *data)

cdef enum:
    FIRST_PIECE_FACTOR = 4               # a first piece has room for so many fragments like its first
    LARGEST_HINTED = 0x10000             # bytes that a hint alone may allocate
    HINT_SHARE = 4                       # a larger hint counts once one part in so many of it is there
    LARGEST_MESSAGE = 0x7FFFFFFF
    FIRST_WIDTH = 16                     # of hash tables, and of next_ssn
    WIDEST_KEPT = 256                    # a wider table is freed when it runs empty


cdef struct Piece:
    Piece *next
    PyObject *data                       # owned; as long as the piece has room
    uint32_t used


cdef struct Run:                         # fragments of one message with consecutive TSNs
    Run *next_by_first                   # in the chains of the two tables
    Run *next_by_last
    Piece *first_piece
    Piece *last_piece
    tsn_t first_tsn
    tsn_t last_tsn
    uint32_t length
    uint32_t fragments
    uint32_t ppid
    uint16_t stream_id
    ssn_t ssn
    bint unordered
    bint has_first                       # begins with the B fragment
    bint has_last                        # ends with the E fragment


cdef struct HeldMessage:                 # whole, ordered and early
    HeldMessage *next                    # in its bucket
    PyObject *data                       # owned
    tsn_t tsn
    uint32_t ppid
    uint16_t stream_id
    ssn_t ssn


# A peer chooses the streams and ssns it sends; that it cannot choose them to fall into one bucket,
# the hash multiplies with a number that differs from process to process (universal hashing).
cdef uint64_t HASH_MULTIPLIER = <uint64_t><Py_hash_t>hash("messages held for order") | 1


@cython.final
cdef class Reassembly:
    """The incoming messages of one association that are not yet ready to be read."""

    def __dealloc__(self):
        self.reset()

    cdef void set_streams(self, uint16_t inbound_streams) noexcept:
        self.inbound_streams = inbound_streams

    cdef int add(self, const DataView *chunk, ReceiveQueue queue, object association,
                 tsn_t cumulative_tsn) except -1:
        # A TSN that was new and now lies at or below the ack point was the next one due.
        cdef bint in_sequence = tsn_le(chunk.tsn, cumulative_tsn)
        if (chunk.flags & (DATA_B | DATA_E) == (DATA_B | DATA_E) and self.runs_above == 0
                and (self.tail == NULL or not in_sequence)):
            return self.accept(new_bytes(<const char *>chunk.data, chunk.length), chunk.tsn, chunk.stream_id,
                               chunk.ssn, chunk.ppid, chunk.flags & DATA_U, in_sequence,
                               queue, association, cumulative_tsn)
        return self.add_fragment(chunk, queue, association, cumulative_tsn, in_sequence)

    # --- fragments ---

    cdef int add_fragment(self, const DataView *chunk, ReceiveQueue queue, object association,
                          tsn_t cumulative_tsn, bint in_sequence) except -1:
        """A chunk that is, or has beside it, a fragment."""
        cdef Run *before = self.run_before(chunk.tsn, in_sequence)
        cdef Run *after = self.run_by_first(chunk.tsn + 1)
        cdef Run *run
        cdef int result = REASSEMBLY_OK
        cdef int passed
        cdef PyObject *data
        if not follows(before, chunk, in_sequence) or not precedes(after, chunk):
            return REASSEMBLY_VIOLATION
        if chunk.flags & DATA_B:
            before = NULL                                # another message's
        if chunk.flags & DATA_E:
            after = NULL
        run = self.join(before, chunk, after, in_sequence)
        if run == NULL:
            return REASSEMBLY_VIOLATION

        if run.has_first and run.has_last:
            if run.fragments > 1:
                self.learn_size(run.length)
            data = self.finish(run)
            try:
                result = self.accept(data, run.first_tsn, run.stream_id, run.ssn, run.ppid, run.unordered,
                                     in_sequence, queue, association, cumulative_tsn)
                if in_sequence and result >= 0:
                    passed = self.pass_runs(run.last_tsn + 1, cumulative_tsn)
                    result = passed if passed < 0 else result
            finally:
                PyMem_Free(run)
            return result
        if in_sequence:
            self.tail = run
            # The message is not whole and yet the TSN after it has arrived: as another message.
            return REASSEMBLY_OK if run.last_tsn == cumulative_tsn else REASSEMBLY_VIOLATION
        self.link(run)
        return REASSEMBLY_OK

    cdef Run *run_before(self, tsn_t tsn, bint in_sequence) noexcept:
        """The run that ends just below `tsn`, or NULL."""
        if in_sequence and self.tail != NULL and self.tail.last_tsn == tsn - 1:
            return self.tail
        return self.run_by_last(tsn - 1)

    cdef Run *join(self, Run *before, const DataView *chunk, Run *after, bint in_sequence) except? NULL:
        """One run, in no table, of the chunk and the runs beside it; NULL (no exception): too long."""
        cdef uint64_t length = <uint64_t>chunk.length
        cdef Run *run = before
        length += before.length if before != NULL else 0
        length += after.length if after != NULL else 0
        if length > LARGEST_MESSAGE:                     # far beyond any receive window
            return NULL
        if run == NULL:
            run = new_run(chunk)
        else:
            if run == self.tail:
                self.tail = NULL
            else:
                self.unlink(run)
            run.last_tsn = chunk.tsn
            run.has_last = (chunk.flags & DATA_E) != 0
        try:
            self.append(run, chunk, after != NULL, in_sequence)
        except MemoryError:
            self.free_run(run)
            raise
        if after != NULL:
            self.unlink(after)
            run.last_tsn = after.last_tsn
            run.has_last = after.has_last
            run.length += after.length
            run.fragments += after.fragments
            run.last_piece.next = after.first_piece
            run.last_piece = after.last_piece
            PyMem_Free(after)
        return run

    cdef int append(self, Run *run, const DataView *chunk, bint fills_gap, bint in_sequence) except -1:
        """Copy the chunk's data behind the run's."""
        cdef Piece *piece = run.last_piece
        cdef uint32_t capacity = chunk.length
        if piece == NULL or <uint32_t>bytes_length(piece.data) - piece.used < chunk.length:
            if not fills_gap and not chunk.flags & DATA_E:               # else nothing will be appended
                capacity = self.capacity_for(run, chunk.length, in_sequence)
            if piece == NULL:
                piece = run.first_piece = run.last_piece = new_piece(capacity)
            elif fills_gap:                                              # pieces there will be anyway
                piece = run.last_piece.next = new_piece(capacity)
                run.last_piece = piece
            else:    # doubles: amortised, and large blocks are moved by the memory manager without copying
                _PyBytes_Resize(&piece.data, <Py_ssize_t>piece.used + capacity)
        memcpy(bytes_start(piece.data) + piece.used, chunk.data, chunk.length)
        piece.used += chunk.length
        run.length += chunk.length
        run.fragments += 1
        self.bytes_held += chunk.length
        self.fragments_held += 1
        return 0

    cdef uint32_t capacity_for(self, const Run *run, uint32_t length, bint in_sequence) noexcept:
        """How much room to make for a fragment of this length and those that will follow.

        A peer can start many runs above the ack point with a byte each, so there it is a small
        multiple of what has come.  Only one run at a time is at the ack point: it may trust the hint.
        """
        cdef uint32_t hint = self.size_hint
        cdef uint32_t room = run.length                  # doubles what there is
        if run.length == 0:
            room = FIRST_PIECE_FACTOR * length
            if in_sequence and length <= hint:
                room = min(hint, <uint32_t>LARGEST_HINTED)
        elif run.length < hint and run.length >= hint // HINT_SHARE:
            room = hint - run.length
        return max(room, length)

    cdef void learn_size(self, uint32_t length) noexcept:
        """Up at once, down by an eighth of the difference: too much room costs less than too little."""
        if length > self.size_hint:
            self.size_hint = length
        else:
            self.size_hint -= (self.size_hint - length) // 8

    cdef PyObject *finish(self, Run *run) except NULL:
        """The bytes of a complete run, which loses its pieces and is no longer counted."""
        cdef Piece *piece = run.first_piece
        cdef PyObject *data = NULL
        self.bytes_held -= run.length
        self.fragments_held -= run.fragments
        run.first_piece = run.last_piece = NULL
        try:
            if piece.next == NULL:
                data = piece.data
                piece.data = NULL
                if <uint32_t>bytes_length(data) != piece.used:
                    _PyBytes_Resize(&data, piece.used)
            else:
                data = new_bytes(NULL, run.length)
                copy_pieces(bytes_start(data), piece)
        except MemoryError:
            PyMem_Free(run)
            raise
        finally:
            free_pieces(piece)
        return data

    # --- the runs above the ack point ---

    cdef int pass_runs(self, tsn_t first, tsn_t last) except -1:
        """The ack point has moved over first..last, which had arrived before; find the new tail.

        Only a message's beginning at the very end of the range can still become whole.  Any other
        run there shows that fragments were sent as parts of no message.  (Of whole messages no
        TSNs are kept, so that is seen here and not when the second of the two arrived.)  Looks at
        each TSN once in its life, and only while there are runs.
        """
        cdef Run *run
        while self.runs_above and tsn_le(first, last):
            run = self.run_by_first(first)
            if run == NULL:
                first += 1
                continue
            if run.last_tsn != last or not run.has_first:
                return REASSEMBLY_VIOLATION
            self.unlink(run)
            self.tail = run
            break
        return REASSEMBLY_OK

    # Held runs have different TSNs within 65535 of the ack point, so a chain has at most
    # 65536 / width of them, and not more than there are runs: 256 whatever the peer sends.

    cdef Run *run_by_first(self, tsn_t tsn) noexcept:
        if self.runs_above == 0:
            return NULL
        cdef Run *run = self.ends[tsn & (self.ends_width - 1)]
        while run != NULL and run.first_tsn != tsn:
            run = run.next_by_first
        return run

    cdef Run *run_by_last(self, tsn_t tsn) noexcept:
        if self.runs_above == 0:
            return NULL
        cdef Run *run = self.ends[self.ends_width + (tsn & (self.ends_width - 1))]
        while run != NULL and run.last_tsn != tsn:
            run = run.next_by_last
        return run

    cdef int link(self, Run *run) except -1:
        """Put the run in both tables; it is freed if there is no memory for that."""
        if self.runs_above == self.ends_width:
            try:
                self.widen_ends()
            except MemoryError:
                self.free_run(run)
                raise
        put_in_tables(self.ends, self.ends_width, run)
        self.runs_above += 1
        return 0

    cdef void unlink(self, Run *run) noexcept:
        cdef Run **place = &self.ends[run.first_tsn & (self.ends_width - 1)]
        while place[0] != run:
            place = &place[0].next_by_first
        place[0] = run.next_by_first
        place = &self.ends[self.ends_width + (run.last_tsn & (self.ends_width - 1))]
        while place[0] != run:
            place = &place[0].next_by_last
        place[0] = run.next_by_last
        self.runs_above -= 1
        if self.runs_above == 0 and self.ends_width > WIDEST_KEPT:
            PyMem_Free(self.ends)
            self.ends = NULL
            self.ends_width = 0

    cdef int widen_ends(self) except -1:
        """Double both tables."""
        cdef uint32_t width = self.ends_width * 2 if self.ends_width else FIRST_WIDTH
        cdef Run **ends = <Run **>PyMem_Calloc(2 * <size_t>width, sizeof(Run *))
        cdef Run *run
        cdef Run *following
        cdef uint32_t i
        if ends == NULL:
            raise MemoryError()
        for i in range(self.ends_width):
            run = self.ends[i]
            while run != NULL:
                following = run.next_by_first
                put_in_tables(ends, width, run)
                run = following
        PyMem_Free(self.ends)
        self.ends = ends
        self.ends_width = width
        return 0

    # --- whole messages ---

    cdef int accept(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid,
                    bint unordered, bint in_sequence, ReceiveQueue queue, object association,
                    tsn_t cumulative_tsn) except -1:
        """A whole message, `data` is given away: deliver it, or hold it until its turn (6.6)."""
        cdef ssn_t due
        cdef HeldMessage *message
        if unordered:                                    # its ssn means nothing (3.3.1)
            deliver(data, tsn, stream_id, ssn, ppid, True, queue, association, cumulative_tsn)
            return REASSEMBLY_DELIVERED
        if stream_id >= self.streams_used:
            try:
                self.use_stream(stream_id)
            except MemoryError:
                Py_DECREF(data)
                raise
        due = self.next_ssn[stream_id]
        if ssn != due:
            # All before it has arrived, so it is no early one: its ssn was used before.  Otherwise
            # up to 65535 ahead is right (6.1), and then old and early ssns look alike: both are held.
            if in_sequence and ssn_lt(ssn, due):
                Py_DECREF(data)
                return REASSEMBLY_VIOLATION
            return self.hold(data, tsn, stream_id, ssn, ppid)
        deliver(data, tsn, stream_id, ssn, ppid, False, queue, association, cumulative_tsn)
        self.next_ssn[stream_id] = due = <ssn_t>(due + 1)
        while self.messages_held:
            message = self.take_held(stream_id, due)
            if message == NULL:
                break
            data = message.data
            tsn = message.tsn
            ppid = message.ppid
            PyMem_Free(message)
            deliver(data, tsn, stream_id, due, ppid, False, queue, association, cumulative_tsn)
            self.next_ssn[stream_id] = due = <ssn_t>(due + 1)
        return REASSEMBLY_DELIVERED

    cdef int use_stream(self, uint16_t stream_id) except -1:
        """Room in next_ssn for this stream; the first message of a stream has ssn 0 (6.5)."""
        cdef uint32_t count = max(self.streams_used, <uint32_t>FIRST_WIDTH)
        cdef ssn_t *next_ssn
        while count <= stream_id:
            count *= 2
        next_ssn = <ssn_t *>PyMem_Realloc(self.next_ssn, count * sizeof(ssn_t))
        if next_ssn == NULL:
            raise MemoryError()
        memset(next_ssn + self.streams_used, 0, (count - self.streams_used) * sizeof(ssn_t))
        self.next_ssn = next_ssn
        self.streams_used = count
        return 0

    cdef int hold(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid) except -1:
        """Keep an early message; a second one with its ssn is a violation."""
        cdef HeldMessage *message
        cdef HeldMessage **place
        if self.messages_held == self.held_width:
            try:
                self.widen_held()
            except MemoryError:
                Py_DECREF(data)
                raise
        place = self.find_held(stream_id, ssn)
        if place[0] != NULL:
            Py_DECREF(data)
            return REASSEMBLY_VIOLATION
        message = <HeldMessage *>PyMem_Malloc(sizeof(HeldMessage))
        if message == NULL:
            Py_DECREF(data)
            raise MemoryError()
        message.next = NULL
        message.data = data
        message.tsn = tsn
        message.ppid = ppid
        message.stream_id = stream_id
        message.ssn = ssn
        place[0] = message
        self.messages_held += 1
        self.bytes_held += bytes_length(data)
        return REASSEMBLY_OK

    cdef HeldMessage *take_held(self, uint16_t stream_id, ssn_t ssn) noexcept:
        """The held message of that ssn, taken out of the table, or NULL."""
        cdef HeldMessage **place = self.find_held(stream_id, ssn)
        cdef HeldMessage *message = place[0]
        if message == NULL:
            return NULL
        place[0] = message.next
        self.messages_held -= 1
        self.bytes_held -= bytes_length(message.data)
        if self.messages_held == 0 and self.held_width > WIDEST_KEPT:
            PyMem_Free(self.held)
            self.held = NULL
            self.held_width = 0
        return message

    cdef HeldMessage **find_held(self, uint16_t stream_id, ssn_t ssn) noexcept:
        """Where the pointer to the message of that ssn is, or would be.  There must be a table."""
        cdef HeldMessage **place = &self.held[bucket(stream_id, ssn, self.held_width)]
        while place[0] != NULL and not (place[0].stream_id == stream_id and place[0].ssn == ssn):
            place = &place[0].next
        return place

    cdef int widen_held(self) except -1:
        """Double the table."""
        cdef uint32_t width = self.held_width * 2 if self.held_width else FIRST_WIDTH
        cdef HeldMessage **held = <HeldMessage **>PyMem_Calloc(width, sizeof(HeldMessage *))
        cdef HeldMessage *message
        cdef HeldMessage *following
        cdef uint32_t i, new
        if held == NULL:
            raise MemoryError()
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                following = message.next
                new = bucket(message.stream_id, message.ssn, width)
                message.next = held[new]
                held[new] = message
                message = following
        PyMem_Free(self.held)
        self.held = held
        self.held_width = width
        return 0

    # --- the end ---

    cdef int reset(self) except -1:
        cdef Run *run
        cdef Run *following
        cdef HeldMessage *message
        cdef HeldMessage *following_message
        cdef uint32_t i
        if self.tail != NULL:
            self.free_run(self.tail)
            self.tail = NULL
        for i in range(self.ends_width):
            run = self.ends[i]
            while run != NULL:
                following = run.next_by_first
                self.free_run(run)
                run = following
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                following_message = message.next
                self.bytes_held -= bytes_length(message.data)
                self.messages_held -= 1
                Py_DECREF(message.data)
                PyMem_Free(message)
                message = following_message
        PyMem_Free(self.ends)
        PyMem_Free(self.held)
        PyMem_Free(self.next_ssn)
        self.ends = NULL
        self.held = NULL
        self.next_ssn = NULL
        self.ends_width = self.held_width = self.streams_used = self.runs_above = self.size_hint = 0
        return 0

    cdef void free_run(self, Run *run) noexcept:
        self.bytes_held -= run.length
        self.fragments_held -= run.fragments
        free_pieces(run.first_piece)
        PyMem_Free(run)

    def snapshot(self) -> dict:
        cdef list runs = []
        cdef Run *run
        cdef uint32_t i
        if self.tail != NULL:
            runs.append((self.tail.first_tsn, self.tail.last_tsn))
        for i in range(self.ends_width):
            run = self.ends[i]
            while run != NULL:
                runs.append((run.first_tsn, run.last_tsn))
                run = run.next_by_first
        return {
            "bytes_held": self.bytes_held,
            "fragments_held": self.fragments_held,
            "messages_held": self.messages_held,
            "inbound_streams": self.inbound_streams,
            "next_ssn": {i: self.next_ssn[i] for i in range(self.streams_used) if self.next_ssn[i]},
            "runs": runs,
            "bytes_allocated": self.allocated(),
        }

    # Python face, for tests and tools.

    def allocated(self) -> int:
        """Bytes of tables and of payload buffers in runs (unused room included)."""
        cdef uint64_t total = (2 * self.ends_width * sizeof(Run *) + self.held_width * sizeof(HeldMessage *)
                               + self.streams_used * sizeof(ssn_t))
        cdef Run *run
        cdef uint32_t i
        if self.tail != NULL:
            total += run_room(self.tail)
        for i in range(self.ends_width):
            run = self.ends[i]
            while run != NULL:
                total += run_room(run)
                run = run.next_by_first
        return total

    def recount(self) -> tuple:
        """(bytes, fragments, messages) held, counted from what is held."""
        cdef uint64_t total = 0
        cdef uint32_t i, fragments = 0, messages = 0
        cdef Run *run = self.tail
        cdef HeldMessage *message
        if run != NULL:
            total += run.length
            fragments += run.fragments
        for i in range(self.ends_width):
            run = self.ends[i]
            while run != NULL:
                total += run.length
                fragments += run.fragments
                run = run.next_by_first
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                total += bytes_length(message.data)
                messages += 1
                message = message.next
        return total, fragments, messages

    def longest_chain(self) -> int:
        """The most runs or held messages that one look-up can have to step over."""
        cdef uint32_t longest = 0
        cdef uint32_t i, n
        cdef Run *run
        cdef HeldMessage *message
        for i in range(2 * self.ends_width):
            run = self.ends[i]
            n = 0
            while run != NULL:
                n += 1
                run = run.next_by_first if i < self.ends_width else run.next_by_last
            longest = max(longest, n)
        for i in range(self.held_width):
            message = self.held[i]
            n = 0
            while message != NULL:
                n += 1
                message = message.next
            longest = max(longest, n)
        return longest

    def add_chunk(self, tsn_t tsn, uint16_t stream, ssn_t ssn, uint32_t ppid, uint8_t flags, bytes data,
                  ReceiveQueue queue not None, object owner, tsn_t cumulative_tsn) -> int:
        """A DATA chunk: 0 kept, 1 something was delivered, -2 protocol violation."""
        cdef DataView chunk
        chunk.tsn = tsn
        chunk.stream_id = stream
        chunk.ssn = ssn
        chunk.ppid = ppid
        chunk.flags = flags
        chunk.data = data
        chunk.length = <uint32_t>len(data)
        return self.add(&chunk, queue, owner, cumulative_tsn)

    def forget(self) -> None:
        """Forget everything: the association has ended or restarted."""
        self.reset()


cdef bint follows(const Run *before, const DataView *chunk, bint in_sequence) noexcept:
    """Does the chunk fit what ends just below it (3.3.1)?"""
    if before == NULL:                   # if all below it has come, that was a whole message
        return chunk.flags & DATA_B or not in_sequence
    if before.has_last:
        return (chunk.flags & DATA_B) != 0
    return not chunk.flags & DATA_B and same_message(before, chunk)


cdef bint precedes(const Run *after, const DataView *chunk) noexcept:
    """Does the chunk fit what begins just above it?"""
    if after == NULL:
        return True
    if after.has_first:
        return (chunk.flags & DATA_E) != 0
    return not chunk.flags & DATA_E and same_message(after, chunk)


cdef bint same_message(const Run *run, const DataView *chunk) noexcept:
    """All fragments of a message carry the same values (3.3.1); the ssn of unordered ones is ignored."""
    cdef bint unordered = (chunk.flags & DATA_U) != 0
    return (run.stream_id == chunk.stream_id and run.unordered == unordered and run.ppid == chunk.ppid
            and (unordered or run.ssn == chunk.ssn))


cdef int deliver(PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid, bint unordered,
                 ReceiveQueue queue, object association, tsn_t cumulative_tsn) except -1:
    """Hand a whole message to the user; `data` is given away."""
    cdef Received *record
    try:
        record = queue.push(<uint32_t>bytes_length(data))
    except MemoryError:
        Py_DECREF(data)
        raise
    Py_INCREF(association)
    record.data = data
    record.association = <PyObject *>association
    record.stream_id = stream_id
    record.ssn = ssn
    record.unordered = unordered
    record.end = 1
    record.ppid = ppid
    record.tsn = tsn
    record.cumulative_tsn = cumulative_tsn
    return 0


cdef inline uint32_t bucket(uint16_t stream_id, ssn_t ssn, uint32_t width) noexcept:
    """The high half of the product is well mixed; width is a power of two, at most 2^32."""
    return <uint32_t>(((<uint64_t>stream_id << 16 | ssn) * HASH_MULTIPLIER) >> 32) & (width - 1)


cdef void put_in_tables(Run **ends, uint32_t width, Run *run) noexcept:
    cdef uint32_t i = run.first_tsn & (width - 1)
    run.next_by_first = ends[i]
    ends[i] = run
    i = width + (run.last_tsn & (width - 1))
    run.next_by_last = ends[i]
    ends[i] = run


cdef Run *new_run(const DataView *chunk) except NULL:
    cdef Run *run = <Run *>PyMem_Calloc(1, sizeof(Run))
    if run == NULL:
        raise MemoryError()
    run.first_tsn = run.last_tsn = chunk.tsn
    run.stream_id = chunk.stream_id
    run.ssn = chunk.ssn
    run.ppid = chunk.ppid
    run.unordered = (chunk.flags & DATA_U) != 0
    run.has_first = (chunk.flags & DATA_B) != 0
    run.has_last = (chunk.flags & DATA_E) != 0
    return run


cdef Piece *new_piece(uint32_t capacity) except NULL:
    cdef Piece *piece = <Piece *>PyMem_Malloc(sizeof(Piece))
    if piece == NULL:
        raise MemoryError()
    piece.next = NULL
    piece.used = 0
    try:
        piece.data = new_bytes(NULL, capacity)
    except MemoryError:
        PyMem_Free(piece)
        raise
    return piece


cdef void copy_pieces(char *p, const Piece *piece) noexcept:
    while piece != NULL:
        memcpy(p, bytes_start(piece.data), piece.used)
        p += piece.used
        piece = piece.next


cdef void free_pieces(Piece *piece) noexcept:
    cdef Piece *following
    while piece != NULL:
        following = piece.next
        if piece.data != NULL:
            Py_DECREF(piece.data)
        PyMem_Free(piece)
        piece = following


cdef uint64_t run_room(const Run *run) noexcept:
    cdef const Piece *piece = run.first_piece
    cdef uint64_t total = 0
    while piece != NULL:
        total += bytes_length(<PyObject *>piece.data)
        piece = piece.next
    return total
