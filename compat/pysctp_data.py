"""The data classes of pysctp: plain holders of attributes, one for each structure and notification.

Notifications and received information are made from dicts, as pysctp_calls reads them out of C structures.
Where pysctp 0.7.3 has wrong constants (paddrparams.flags_*) they are right here.
"""
from __future__ import annotations

import sys
from typing import Any

from pysctpsock import constants as c

Values = dict[str, Any]
NO_ADDRESS = ("", 0)


class initmsg:
    """The parameters of INIT."""

    def __init__(self) -> None:
        self.num_ostreams = self.max_instreams = self.max_attempts = self.max_init_timeo = 0


class sndrcvinfo:
    """What came with a message; `ppid` only then."""

    def __init__(self, values: Values | None = None) -> None:
        self.stream = self.ssn = self.flags = self.context = self.timetolive = 0
        self.tsn = self.cumtsn = self.assoc_id = 0
        self.__dict__.update(values or {})


class notification:
    """A notification of a type that has no class of its own, and the base of those that have one."""

    type_SN_TYPE_BASE = c.SCTP_SN_TYPE_BASE
    type_ASSOC_CHANGE = c.SCTP_ASSOC_CHANGE
    type_PEER_ADDR_CHANGE = c.SCTP_PEER_ADDR_CHANGE
    type_SEND_FAILED = c.SCTP_SEND_FAILED
    type_REMOTE_ERROR = c.SCTP_REMOTE_ERROR
    type_SHUTDOWN_EVENT = c.SCTP_SHUTDOWN_EVENT
    type_PARTIAL_DELIVERY_EVENT = c.SCTP_PARTIAL_DELIVERY_EVENT
    type_ADAPTATION_INDICATION = c.SCTP_ADAPTATION_INDICATION

    def __init__(self, values: Values | None) -> None:
        self.type = self.flags = 0
        self.__dict__.update(values or {})


class _with_errors(notification):
    error_FAILED_THRESHOLD = c.SCTP_FAILED_THRESHOLD
    error_RECEIVED_SACK = c.SCTP_RECEIVED_SACK
    error_HEARTBEAT_SUCCESS = c.SCTP_HEARTBEAT_SUCCESS
    error_RESPONSE_TO_USER_REQ = c.SCTP_RESPONSE_TO_USER_REQ
    error_INTERNAL_ERROR = c.SCTP_INTERNAL_ERROR
    error_SHUTDOWN_GUARD_EXPIRES = c.SCTP_SHUTDOWN_GUARD_EXPIRES
    error_PEER_FAULTY = c.SCTP_PEER_FAULTY


class assoc_change(_with_errors):
    """An association came up or went."""

    state_COMM_UP = c.SCTP_COMM_UP
    state_COMM_LOST = c.SCTP_COMM_LOST
    state_RESTART = c.SCTP_RESTART
    state_SHUTDOWN_COMP = c.SCTP_SHUTDOWN_COMP
    state_CANT_STR_ASSOC = state_CANT_START_ASSOCIATION = c.SCTP_CANT_STR_ASSOC

    def __init__(self, values: Values | None = None) -> None:
        self.state = self.error = self.outbound_streams = self.inbound_streams = self.assoc_id = 0
        super().__init__(values)


class paddr_change(_with_errors):
    """An address of the peer changed its state."""

    state_ADDR_AVAILABLE = c.SCTP_ADDR_AVAILABLE
    state_ADDR_UNREACHABLE = c.SCTP_ADDR_UNREACHABLE
    state_ADDR_REMOVED = c.SCTP_ADDR_REMOVED
    state_ADDR_ADDED = c.SCTP_ADDR_ADDED
    state_ADDR_MADE_PRIM = c.SCTP_ADDR_MADE_PRIM

    def __init__(self, values: Values | None = None) -> None:
        self.addr = NO_ADDRESS
        self.state = self.error = self.assoc_id = 0
        super().__init__(values)


class remote_error(notification):
    """The peer sent an ERROR: `error` is its cause in network byte order, host_error() in the host's."""

    def __init__(self, values: Values | None = None) -> None:
        self.error = self.assoc_id = 0
        self.data: str | bytes = ""
        super().__init__(values)

    def host_error(self) -> int:
        """The number of the cause (RFC 9260 section 3.3.10)."""
        return int.from_bytes(self.error.to_bytes(2, sys.byteorder), "big")


class send_failed(notification):
    """A message could not be delivered; `info` is what it was sent with."""

    flag_DATA_UNSENT = c.SCTP_DATA_UNSENT
    flag_DATA_SENT = c.SCTP_DATA_SENT

    def __init__(self, values: Values | None = None) -> None:
        self.error = self.assoc_id = 0
        self.data: str | bytes = ""
        values = dict(values or {})
        self.info = sndrcvinfo(values.pop("info", None))
        super().__init__(values)


class shutdown_event(notification):
    """The peer shuts the association down."""

    def __init__(self, values: Values | None = None) -> None:
        self.assoc_id = 0
        super().__init__(values)


class adaptation_event(notification):
    """The peer's Adaptation Layer Indication."""

    def __init__(self, values: Values | None = None) -> None:
        self.adaptation_ind = self.assoc_id = 0
        super().__init__(values)


class pdapi_event(notification):
    """A message that was being delivered in parts will not go on."""

    indication_PD_ABORTED = indication_PARTIAL_DELIVERY_ABORTED = c.SCTP_PARTIAL_DELIVERY_ABORTED

    def __init__(self, values: Values | None = None) -> None:
        self.indication = self.assoc_id = 0
        super().__init__(values)


class rtoinfo:
    """Bounds of the retransmission timeout, milliseconds."""

    def __init__(self) -> None:
        self.assoc_id = self.initial = self.max = self.min = 0


class assocparams:
    """Parameters of one association, or of those to come."""

    def __init__(self) -> None:
        self.assoc_id = self.assocmaxrxt = self.number_peer_destinations = 0
        self.peer_rwnd = self.local_rwnd = self.cookie_life = 0


class paddrparams:
    """Parameters of one address of the peer; `flags` says which are meant (pysctp 0.7.3 has only zeros)."""

    flags_HB_ENABLED = flags_HB_ENABLE = c.SPP_HB_ENABLE
    flags_HB_DISABLED = flags_HB_DISABLE = c.SPP_HB_DISABLE
    flags_PMTUD_ENABLED = flags_PMTUD_ENABLE = c.SPP_PMTUD_ENABLE
    flags_PMTUD_DISABLED = flags_PMTUD_DISABLE = c.SPP_PMTUD_DISABLE
    flags_SACKDELAY_ENABLED = flags_SACKDELAY_ENABLE = c.SPP_SACKDELAY_ENABLE
    flags_SACKDELAY_DISABLED = flags_SACKDELAY_DISABLE = c.SPP_SACKDELAY_DISABLE

    def __init__(self) -> None:
        self.assoc_id = self.hbinterval = self.pathmaxrxt = self.pathmtu = self.sackdelay = self.flags = 0
        self.sockaddr = NO_ADDRESS


class paddrinfo:
    """The state of one address of the peer."""

    state_INACTIVE = c.SCTP_INACTIVE
    state_ACTIVE = c.SCTP_ACTIVE

    def __init__(self) -> None:
        self.assoc_id = self.state = self.cwnd = self.srtt = self.rto = self.mtu = 0
        self.sockaddr = NO_ADDRESS


class status:
    """The state of an association; `primary` is a paddrinfo."""

    state_EMPTY = c.SCTP_EMPTY
    state_CLOSED = c.SCTP_CLOSED
    state_COOKIE_WAIT = c.SCTP_COOKIE_WAIT
    state_COOKIE_ECHOED = c.SCTP_COOKIE_ECHOED
    state_ESTABLISHED = c.SCTP_ESTABLISHED
    state_SHUTDOWN_PENDING = c.SCTP_SHUTDOWN_PENDING
    state_SHUTDOWN_SENT = c.SCTP_SHUTDOWN_SENT
    state_SHUTDOWN_RECEIVED = c.SCTP_SHUTDOWN_RECEIVED
    state_SHUTDOWN_ACK_SENT = c.SCTP_SHUTDOWN_ACK_SENT
    state_BOUND = state_LISTEN = -1

    def __init__(self) -> None:
        self.assoc_id = self.state = self.rwnd = self.unackdata = self.penddata = 0
        self.instrms = self.outstrms = self.fragmentation_point = 0
        self.primary = paddrinfo()


notification_table: dict[int, type[notification]] = {
    notification.type_ASSOC_CHANGE: assoc_change,
    notification.type_PEER_ADDR_CHANGE: paddr_change,
    notification.type_SEND_FAILED: send_failed,
    notification.type_REMOTE_ERROR: remote_error,
    notification.type_SHUTDOWN_EVENT: shutdown_event,
    notification.type_PARTIAL_DELIVERY_EVENT: pdapi_event,
    notification.type_ADAPTATION_INDICATION: adaptation_event,
}


def notification_factory(raw_notification: Values) -> notification:
    """The object of the class that the dict's "type" says; ValueError without one.

    A type without class gives a plain notification, and a warning on stderr.
    """
    if "type" not in raw_notification:
        raise ValueError("a notification has a type")
    kind = raw_notification["type"]
    if kind not in notification_table:
        print(f"sctp: notification of unknown type {kind:#x}", file=sys.stderr)
    return notification_table.get(kind, notification)(raw_notification)
