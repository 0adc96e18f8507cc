"""Session ids of one SCP connection (see scp_ids.pxd)."""
from libc.stdlib cimport calloc, free

from .scp_wire cimport FIRST_SESSION_ID, LAST_SESSION_ID

cdef enum:
    PAGE_SHIFT = 15                  # 4 KB of bits
    PAGES = (LAST_SESSION_ID + 1) >> PAGE_SHIFT
    PAGE_BYTES = 1 << (PAGE_SHIFT - 3)
    IDS_OF_A_SIDE = (LAST_SESSION_ID + 1 - FIRST_SESSION_ID) // 2


cdef class IdSet:
    """A set of ids: a bitmap in pages."""

    def __dealloc__(self):
        if self.pages != NULL:
            for page in range(PAGES):
                free(self.pages[page])
            free(self.pages)

    cdef bint has(self, uint32_t session_id) noexcept nogil:
        cdef const uint8_t *page = NULL if self.pages == NULL else self.pages[session_id >> PAGE_SHIFT]
        return page != NULL and page[(session_id >> 3) & (PAGE_BYTES - 1)] & (1 << (session_id & 7))

    cdef int add(self, uint32_t session_id) except -1:
        cdef uint32_t page = session_id >> PAGE_SHIFT
        if self.has(session_id):
            return 0
        if self.pages == NULL:
            self.pages = <uint8_t **>calloc(PAGES, sizeof(uint8_t *))
            if self.pages == NULL:
                raise MemoryError
        if self.pages[page] == NULL:
            self.pages[page] = <uint8_t *>calloc(PAGE_BYTES, 1)
            if self.pages[page] == NULL:
                raise MemoryError
        self.pages[page][(session_id >> 3) & (PAGE_BYTES - 1)] |= 1 << (session_id & 7)
        self.count += 1
        return 0

    cdef void discard(self, uint32_t session_id) noexcept nogil:
        if self.has(session_id):
            self.pages[session_id >> PAGE_SHIFT][(session_id >> 3) & (PAGE_BYTES - 1)] &= \
                <uint8_t>~(1 << (session_id & 7))
            self.count -= 1

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def __contains__(self, uint32_t session_id):
        return session_id <= LAST_SESSION_ID and self.has(session_id)

    def __len__(self):
        return self.count


cdef class SessionIds:
    """The ids of both sides; the client's are even, the server's odd (SCP-11)."""

    def __cinit__(self, bint client):
        self.first = self.next = FIRST_SESSION_ID if client else FIRST_SESSION_ID + 1
        self.sessions = TagTable()
        self.barred = IdSet()
        self.silenced = IdSet()

    cdef bint is_own(self, uint32_t session_id) noexcept nogil:
        return (session_id & 1) == (self.first & 1)

    cdef PyObject *find(self, uint32_t session_id) noexcept nogil:
        return self.sessions.find(session_id)

    cdef uint32_t allocate(self) noexcept nogil:
        """The next own id that is neither in use nor barred (SCP-12, SCP-14)."""
        cdef uint32_t found
        if self.own + self.barred.count >= IDS_OF_A_SIDE:
            return 0                         # SCP-15
        while True:
            found = self.next
            self.next = found + 2 if found + 2 <= LAST_SESSION_ID else self.first
            if self.sessions.find(found) == NULL and not self.barred.has(found):
                return found

    cdef int add(self, uint32_t session_id, object session) except -1:
        self.sessions.add(session_id, session)
        self.silenced.discard(session_id)
        self.own += self.is_own(session_id)
        return 0

    cdef int remove(self, uint32_t session_id) except -1:
        self.sessions.remove(session_id)
        self.own -= self.is_own(session_id)
        return 0

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def take(self, session) -> int:
        """Allocate an id for a session, which the caller keeps alive; 0: none is left."""
        cdef uint32_t found = self.allocate()
        if found:
            self.add(found, session)
        return found

    def release(self, uint32_t session_id) -> None:
        self.remove(session_id)

    def bar(self, uint32_t first, uint32_t last) -> None:
        """Bar the own ids of this range."""
        cdef uint32_t each
        for each in range(first, min(last, LAST_SESSION_ID) + 1):
            if self.is_own(each) and each >= FIRST_SESSION_ID:
                self.barred.add(each)
