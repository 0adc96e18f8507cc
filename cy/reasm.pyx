"""From DATA chunks to whole messages, which StreamOrder then puts in order.

RFC 9260 sections 3.3.1 (DATA) and 6.9 (fragmentation); RFC 3758 section 3.6 (FORWARD TSN).

The fragments of a message have consecutive TSNs, so neighbours by TSN are joined into runs.  A run
is found by the TSN next to it: the one that ends at the Cumulative TSN Ack Point is `tail` (each
fragment that arrives in order goes there), runs above are in two hash tables, by first and by last
TSN.  The tables are sized by what is held, not by how far ahead it is: a single fragment 65535
TSNs up costs no more than one nearby.

A run's payload lies in pieces: bytes objects not yet shown to anyone, with room to spare.  The last
piece takes what arrives in order; where runs meet, their pieces are linked.  A message that ends in
one piece, as it normally does, is that piece cut to size: each byte was copied once.  No piece is
large compared with what the peer has really sent.

With partial reliability (RFC 3758) the sender may give up a message that it has begun.  FORWARD TSN
discards the runs that can no longer become whole; since a table is no larger than what is held, one
pass over it does for a whole chunk.  What would else be a violation may then be the rest of a
message that was given up: an end without a beginning, a beginning without an end, an ssn that was
skipped.  It is discarded.

A message that the receive buffer cannot hold is handed out before it is whole (partial delivery, section
6.9; delivery.pyx says when).  It is `tail`, which gives away what it has and goes on empty.
"""
cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from .chunks cimport DataView, ForwardTsnView
from .proto cimport DATA_B, DATA_E, DATA_U
from .ordering cimport REASSEMBLY_GIVES_UP, REASSEMBLY_OK, REASSEMBLY_VIOLATION, StreamOrder
from .recvq cimport ReceiveQueue
from .serial cimport ssn_t, tsn_le, tsn_t

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
    FIRST_WIDTH = 16                     # of hash tables
    WIDEST_KEPT = 256                    # a wider table is freed when it runs empty


@cython.final
cdef class Reassembly(StreamOrder):
    """The incoming messages of one association that are not yet ready to be read."""

    def __dealloc__(self):
        self.reset()

    cdef int add(self, const DataView *chunk, ReceiveQueue queue, object association,
                 tsn_t cumulative_tsn) except -1:
        # A TSN that was new and now lies at or below the ack point was the next one due.
        cdef bint in_sequence = tsn_le(chunk.tsn, cumulative_tsn)
        if (chunk.flags & (DATA_B | DATA_E) == (DATA_B | DATA_E) and self.runs_above == 0
                and ((self.tail == NULL and not self.begun) or not in_sequence)):
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
        cdef tsn_t last = chunk.tsn
        cdef bint ends = chunk.flags & DATA_E
        cdef PyObject *data
        if not (follows(before, chunk, in_sequence, self.messages_may_end)
                and precedes(after, chunk, self.messages_may_end)):
            return REASSEMBLY_VIOLATION
        if chunk.flags & DATA_E or (after != NULL and after.has_first):
            after = NULL
        if after != NULL:
            last = after.last_tsn
            ends = after.has_last
        if self.begun and in_sequence and (chunk.flags & DATA_B or not (ends or last == cumulative_tsn)):
            return REASSEMBLY_GIVES_UP                   # another message begins here, or right behind
        if chunk.flags & DATA_B:
            if in_sequence and self.tail != NULL:        # a message that was given up
                self.free_run(self.tail)
                self.tail = NULL
            before = NULL                                # another message's
        run = self.join(before, chunk, after, in_sequence)
        if run == NULL:
            return REASSEMBLY_VIOLATION

        if run.has_first and run.has_last:
            if run.fragments > 1:
                self.learn_size(run.length)
            data = self.finish(run)
            try:
                if self.begun and in_sequence:
                    result = self.accept_piece(data, run.ppid, True, queue, association, cumulative_tsn)
                else:
                    result = self.accept(data, run.first_tsn, run.stream_id, run.ssn, run.ppid, run.unordered,
                                         in_sequence, queue, association, cumulative_tsn)
                if in_sequence and result >= 0:
                    passed = self.pass_runs(run.last_tsn + 1, cumulative_tsn)
                    result = passed if passed < 0 else result
            finally:
                PyMem_Free(run)
            return result
        if not in_sequence:
            self.link(run)
            return REASSEMBLY_OK
        if run.last_tsn == cumulative_tsn and run.has_first:
            self.tail = run
            return REASSEMBLY_OK
        # Its beginning will never come, or, as the TSN after it has arrived as another message, its end.
        self.free_run(run)
        return self.pass_runs(last + 1, cumulative_tsn) if self.messages_may_end else REASSEMBLY_VIOLATION

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

    # --- partial delivery ---

    cdef int hand_out(self, ReceiveQueue queue, object association, tsn_t cumulative_tsn) except -1:
        cdef Run *run = self.tail
        cdef PyObject *data
        if run == NULL or run.length == 0:
            return REASSEMBLY_OK
        if not self.begun:
            if not self.may_begin(run.stream_id, run.ssn, run.unordered):
                return REASSEMBLY_OK
            self.begin(run.first_tsn, run.stream_id, run.ssn, run.unordered, queue, association)
        self.learn_size(run.length)
        self.tail = NULL                                 # without memory that piece and the rest are lost
        data = self.finish(run)
        self.tail = run
        run.length = run.fragments = 0
        return self.accept_piece(data, run.ppid, False, queue, association, cumulative_tsn)

    cdef int forget_pieces(self, ReceiveQueue queue, object association) except -1:
        if self.tail != NULL:
            self.free_run(self.tail)
            self.tail = NULL
        return self.end_pieces(queue, association)

    # --- the runs above the ack point ---

    cdef int pass_over(self, tsn_t tsn, tsn_t cumulative_tsn) except -1:
        """A DATA chunk of a stream that there is not (6.5): no message goes on across it."""
        if not tsn_le(tsn, cumulative_tsn):
            return REASSEMBLY_OK                         # the chunk before it will look
        if self.tail != NULL:
            self.free_run(self.tail)
            self.tail = NULL
            if not self.messages_may_end:
                return REASSEMBLY_VIOLATION
        return self.pass_runs(tsn + 1, cumulative_tsn)

    cdef int pass_runs(self, tsn_t first, tsn_t last) except -1:
        """The ack point has moved over first..last, which had arrived before; find the new tail.

        Only a message's beginning at the very end of the range can still become whole.  Any other
        run there shows that fragments were sent as parts of no message, or of one that was given up.
        (Of whole messages no TSNs are kept, so that is seen here and not when the second of the two
        arrived.)  Looks at each TSN once in its life, and only while there are runs.
        """
        cdef Run *run
        while self.runs_above and tsn_le(first, last):
            run = self.run_by_first(first)
            if run == NULL:
                first += 1
                continue
            self.unlink(run)
            if run.last_tsn == last and run.has_first:
                self.tail = run
                break
            first = run.last_tsn + 1
            self.free_run(run)
            if not self.messages_may_end:
                return REASSEMBLY_VIOLATION
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

    # --- FORWARD TSN ---

    cdef int skip(self, const ForwardTsnView *skipped, ReceiveQueue queue, object association,
                  tsn_t cumulative_tsn) except -1:
        self.discard_passed(cumulative_tsn)
        return self.skip_ssns(skipped, queue, association, cumulative_tsn)

    cdef void discard_passed(self, tsn_t cumulative_tsn) noexcept:
        """Free the runs that can no longer become whole: all that the ack point has reached, but for a
        message's beginning that ends there."""
        cdef Run *run
        cdef Run *following
        cdef Run *beginning = NULL
        cdef uint32_t i
        if self.tail != NULL:
            self.free_run(self.tail)
            self.tail = NULL
        for i in range(self.ends_width):
            run = self.ends[i] if self.runs_above else NULL
            while run != NULL:
                following = run.next_by_first
                if tsn_le(run.first_tsn, cumulative_tsn):
                    self.unlink(run)
                    if run.has_first and run.last_tsn == cumulative_tsn:
                        beginning = run
                    else:
                        self.free_run(run)
                run = following
        self.tail = beginning

    # --- the end ---

    cdef int reset(self) except -1:
        cdef Run *run
        cdef Run *following
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
        PyMem_Free(self.ends)
        self.ends = NULL
        self.ends_width = self.runs_above = self.size_hint = 0
        return self.forget_order()

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
            "messages_behind": self.messages_behind,
            "begun": (self.stream_begun, self.ssn_begun, self.tsn_begun) if self.begun else None,
            "inbound_streams": self.inbound_streams,
            "next_ssn": {i: self.next_ssn[i] for i in range(self.streams_used) if self.next_ssn[i]},
            "runs": runs,
            "bytes_allocated": self.allocated(),
        }

    # Python face, for tests and tools.

    def allocated(self) -> int:
        """Bytes of tables and of payload buffers in runs (unused room included)."""
        cdef uint64_t total = 2 * self.ends_width * sizeof(Run *) + self.order_allocated()
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
        cdef uint64_t total
        cdef uint32_t i, fragments = 0, messages
        cdef Run *run = self.tail
        total, messages = self.recount_held()
        if run != NULL:
            total += run.length
            fragments += run.fragments
        for i in range(self.ends_width):
            run = self.ends[i]
            while run != NULL:
                total += run.length
                fragments += run.fragments
                run = run.next_by_first
        return total, fragments, messages

    def longest_chain(self) -> int:
        """The most runs or held messages that one look-up can have to step over."""
        cdef uint32_t longest = self.longest_held_chain()
        cdef uint32_t i, n
        cdef Run *run
        for i in range(2 * self.ends_width):
            run = self.ends[i]
            n = 0
            while run != NULL:
                n += 1
                run = run.next_by_first if i < self.ends_width else run.next_by_last
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

    def give_out(self, ReceiveQueue queue not None, object owner, tsn_t cumulative_tsn) -> int:
        """What there is of the message at the ack point: 1 if something was handed out."""
        return self.hand_out(queue, owner, cumulative_tsn)

    def give_up(self, ReceiveQueue queue not None, object owner) -> None:
        """The message that was handed out in pieces will not be finished."""
        queue.withdraw(<PyObject *>owner, self.tsn_begun)
        self.forget_pieces(queue, owner)

    def forget(self) -> None:
        """Forget everything: the association has ended or restarted."""
        self.reset()


cdef bint follows(const Run *before, const DataView *chunk, bint in_sequence, bint messages_may_end) noexcept:
    """Does the chunk fit what ends just below it (3.3.1)?"""
    if before == NULL:                   # if all below it has come, that was a whole message, or given up
        return chunk.flags & DATA_B or not in_sequence or messages_may_end
    if before.has_last:
        return (chunk.flags & DATA_B) != 0
    if chunk.flags & DATA_B:
        return messages_may_end
    return same_message(before, chunk)


cdef bint precedes(const Run *after, const DataView *chunk, bint messages_may_end) noexcept:
    """Does the chunk fit what begins just above it?"""
    if after == NULL:
        return True
    if after.has_first:
        return chunk.flags & DATA_E or messages_may_end
    return not chunk.flags & DATA_E and same_message(after, chunk)


cdef bint same_message(const Run *run, const DataView *chunk) noexcept:
    """All fragments of a message carry the same values (3.3.1).

    The ssn of unordered ones is ignored, and the ppid of all but the first: it is the user's affair.
    """
    cdef bint unordered = (chunk.flags & DATA_U) != 0
    return (run.stream_id == chunk.stream_id and run.unordered == unordered
            and (unordered or run.ssn == chunk.ssn))


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
