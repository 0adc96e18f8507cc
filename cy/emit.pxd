"""Single packets: those that are not built by transmit() because they stand alone or have no association.

RFC 9260 sections 3, 3.1 and 8.5.1.
"""
from libc.stdint cimport uint16_t, uint32_t

from .address cimport Route
from .outbox cimport Outbox
from .path cimport Path
from .tcb cimport Tcb

cdef bint emit(Outbox outbox, const Route *route, uint16_t source_port, uint16_t destination_port,
               uint32_t verification_tag, bytes chunks) except -1
# ... True if it went into the outbox; a full outbox loses the packet, as a network may
cdef int emit_on(Tcb t, Path path, uint32_t verification_tag, bytes chunks) except -1
