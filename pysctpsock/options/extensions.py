"""Options of extensions that are not there yet: they answer as Linux does where the extension is off.

AUTH (RFC 4895), ASCONF (RFC 5061), RE-CONFIG (RFC 6525), I-DATA and schedulers (RFC 8260), path MTU
discovery (RFC 8899).  What can be wished for is remembered and read back; an association answers what it
and its peer have agreed on, which is: none of these.
"""
from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from .. import constants as c
from .. import structs
from ..errors import error
from .paths import known_address
from .row import Option, Target, assoc_id, echo_id, remember, remembered, stored

OFFERED = "Whether later associations are offered {}; of an association: whether both ends have it."


def refuse(number: int, text: str) -> Callable[..., Any]:
    """A getter, setter or check that always raises this errno."""
    def raise_it(*_: Any) -> Any:
        raise error(number, text)
    return raise_it


# ------------------------------------------------------------------ switches of the endpoint

def supported(name: str, rfc: str, extension: str, default: int = 0) -> Option:
    """SCTP_..._SUPPORTED: what an endpoint offers its later peers; what an association has agreed on."""
    def get(target: Target, request: Any) -> Any:
        wished = target.parameters.remembered.get(name, default) if target.association is None else 0
        return structs.sctp_assoc_value(request.assoc_id, wished)

    def set_(target: Target, value: Any) -> None:
        remember(target.sock.parameters, name, int(bool(value.assoc_value)))

    return Option(name, structs.sctp_assoc_value, "B", get, set_, rfc=rfc, extension=extension,
                  about=OFFERED.format(extension))


# ------------------------------------------------------------------ AUTH

auth_is_off = refuse(errno.EACCES, "authentication (RFC 4895) is not switched on")


def auth_key_set(target: Target, value: Any) -> None:
    if not value.tail or value.sca_keylength > len(value.tail):
        raise error(errno.EINVAL, "SCTP_AUTH_KEY: the key is not in the value")
    auth_is_off()


AUTH_ERRORS = ("EACCES: AUTH is off",)

AUTH = [
    Option("SCTP_AUTH_CHUNK", structs.sctp_authchunk, "", None, auth_is_off, rfc="8.3.2", extension="AUTH",
           before=auth_is_off, without_get=errno.EOPNOTSUPP, errors=AUTH_ERRORS,
           about="A chunk type that the peer shall authenticate."),
    Option("SCTP_HMAC_IDENT", structs.sctp_hmacalgo, "", auth_is_off, auth_is_off, rfc="8.1.17",
           extension="AUTH", before=auth_is_off, tail=True, errors=AUTH_ERRORS,
           about="The hash algorithms that are offered, in order."),
    Option("SCTP_AUTH_KEY", structs.sctp_authkey, "A", None, auth_key_set, rfc="8.3.3", extension="AUTH",
           tail=True, without_get=errno.EOPNOTSUPP,
           errors=("EINVAL: no key, or shorter than it says", *AUTH_ERRORS), about="Adds a shared key."),
    Option("SCTP_AUTH_ACTIVE_KEY", structs.sctp_authkeyid, "A", auth_is_off, auth_is_off, rfc="8.1.18",
           extension="AUTH", errors=AUTH_ERRORS, about="The key that is used for sending."),
    Option("SCTP_AUTH_DELETE_KEY", structs.sctp_authkeyid, "A", None, auth_is_off, rfc="8.3.5",
           extension="AUTH", without_get=errno.EOPNOTSUPP, errors=AUTH_ERRORS, about="Forgets a key."),
    Option("SCTP_AUTH_DEACTIVATE_KEY", structs.sctp_authkeyid, "A", None, auth_is_off, rfc="8.3.4",
           extension="AUTH", without_get=errno.EOPNOTSUPP, errors=AUTH_ERRORS,
           about="Uses a key no more for new messages."),
    Option("SCTP_PEER_AUTH_CHUNKS", structs.sctp_authchunks, "C", auth_is_off, rfc="8.2.3",
           extension="AUTH", tail=True, errors=AUTH_ERRORS,
           about="The chunk types that the peer wants authenticated."),
    Option("SCTP_LOCAL_AUTH_CHUNKS", structs.sctp_authchunks, "B", auth_is_off, rfc="8.2.4",
           extension="AUTH", tail=True, errors=AUTH_ERRORS,
           about="The chunk types that this end wants authenticated."),
    supported("SCTP_AUTH_SUPPORTED", "RFC 4895", "AUTH"),
]


# ------------------------------------------------------------------ ASCONF

asconf_is_off = refuse(errno.EPERM, "ASCONF (RFC 5061) is not switched on")


def not_at_wildcard(sock: Any, value: int) -> bool:
    """Switched on, and the socket is not bound, or to single addresses."""
    claim = sock._claim
    return bool(value) and (claim is None or bool(claim.hosts))


ASCONF = [
    Option("SCTP_SET_PEER_PRIMARY_ADDR", structs.sctp_setpeerprim, "C", None,
           asconf_is_off, rfc="8.3.1", extension="ASCONF", before_set=asconf_is_off,
           errors=("EPERM: ASCONF is off",),
           about="Asks the peer to send to this address of ours."),
    stored("SCTP_AUTO_ASCONF", wrong=not_at_wildcard, rfc="8.1.23", extension="ASCONF",
           errors=("EINVAL: switched on while the socket is not bound to the wildcard",),
           about="Whether the peers are told when addresses of this host come and go."),
    supported("SCTP_ASCONF_SUPPORTED", "RFC 5061", "ASCONF"),
]


# ------------------------------------------------------------------ RE-CONFIG

no_reconfig = refuse(errno.ENOPROTOOPT, "the peer does not have re-configuration (RFC 6525)")


def reset_streams_set(target: Target, value: Any) -> None:
    if 2 * value.srs_number_streams > len(value.tail):
        raise error(errno.EINVAL, "SCTP_RESET_STREAMS: the list is shorter than it says")
    no_reconfig()


RECONFIG_ERRORS = ("ENOPROTOOPT: the peer does not have RE-CONFIG",)

RECONFIG = [
    supported("SCTP_RECONFIG_SUPPORTED", "RFC 6525", "RE-CONFIG"),
    remembered("SCTP_ENABLE_STREAM_RESET", structs.sctp_assoc_value, "A", "assoc_value",
               wrong=lambda value: value > c.SCTP_ENABLE_STRRESET_MASK, rfc="RFC 6525 6.3.1",
               extension="RE-CONFIG", errors=("EINVAL: bits other than 7",),
               about="Which requests of the peer are granted: reset streams 1, the association 2, add 4."),
    Option("SCTP_RESET_STREAMS", structs.sctp_reset_streams, "C", None, reset_streams_set,
           rfc="RFC 6525 6.3.2", extension="RE-CONFIG", tail=True,
           errors=("EINVAL: the list is shorter than it says", *RECONFIG_ERRORS),
           about="Starts streams afresh at sequence number 0."),
    Option("SCTP_RESET_ASSOC", assoc_id, "C", None, no_reconfig, rfc="RFC 6525 6.3.3", extension="RE-CONFIG",
           errors=RECONFIG_ERRORS, about="Starts all streams and TSNs afresh."),
    Option("SCTP_ADD_STREAMS", structs.sctp_add_streams, "C", None, no_reconfig, rfc="RFC 6525 6.3.4",
           extension="RE-CONFIG", errors=RECONFIG_ERRORS, about="Asks for more streams."),
]


# ------------------------------------------------------------------ I-DATA and schedulers

def stream_value(target: Target, request: Any) -> Any:
    """First come first served knows no value of a stream; it has to exist, though."""
    if request.stream_id >= target.association.outbound_streams:
        raise error(errno.EINVAL, f"stream {request.stream_id} of {target.association.outbound_streams}")
    return echo_id(structs.sctp_stream_value(stream_id=request.stream_id), request)


SCHEDULERS = [
    remembered("SCTP_STREAM_SCHEDULER", structs.sctp_assoc_value, "A", "assoc_value", exact=False,
               wrong=lambda value: value > c.SCTP_SS_MAX, rfc="RFC 8260 4.3.2", extension="schedulers",
               errors=("EINVAL: no such scheduler",),
               about="Which stream may send next; messages go in the order in which they were sent, whatever "
                     "is set."),
    Option("SCTP_STREAM_SCHEDULER_VALUE", structs.sctp_stream_value, "D", stream_value,
           stream_value, rfc="RFC 8260 4.3.3", extension="schedulers", exact=False,
           errors=("EINVAL: no such stream",), about="The priority or weight of a stream."),
    Option("SCTP_INTERLEAVING_SUPPORTED", structs.sctp_assoc_value, "B",
           lambda target, request: structs.sctp_assoc_value(request.assoc_id, 0),
           refuse(errno.EPERM, "interleaving (RFC 8260) is switched off"), rfc="RFC 8260 4.3.1",
           extension="I-DATA", exact=False, errors=("EPERM: I-DATA is off",),
           about=OFFERED.format("I-DATA")),
]


# ------------------------------------------------------------------ path MTU discovery

LEAST_PROBE_INTERVAL = 5000  # milliseconds


def probe_interval_get(target: Target, request: Any) -> Any:
    known_address(target, request.spi_address)
    interval = target.parameters.remembered.get("SCTP_PLPMTUD_PROBE_INTERVAL", 0)
    return structs.sctp_probeinterval(request.spi_assoc_id, request.spi_address, interval)


def probe_interval_set(target: Target, value: Any) -> None:
    if 0 < value.spi_interval < LEAST_PROBE_INTERVAL:
        raise error(errno.EINVAL, "SCTP_PLPMTUD_PROBE_INTERVAL: 0, or at least 5000 ms")
    known_address(target, value.spi_address)
    remember(target.parameters, "SCTP_PLPMTUD_PROBE_INTERVAL", value.spi_interval)


OPTIONS = [
    *AUTH, *ASCONF, *RECONFIG, *SCHEDULERS,
    Option("SCTP_PLPMTUD_PROBE_INTERVAL", structs.sctp_probeinterval, "B", probe_interval_get,
           probe_interval_set, rfc="RFC 8899", extension="path MTU discovery",
           errors=("EINVAL: less than 5000 ms, or no such path",),
           about="How often a greater path MTU is tried, in milliseconds; 0: not."),
    supported("SCTP_ECN_SUPPORTED", "RFC 9260 B", "ECN", default=1),
    remembered("SCTP_EXPOSE_POTENTIALLY_FAILED_STATE", structs.sctp_assoc_value, "B", "assoc_value",
               wrong=lambda value: value > c.SCTP_PF_EXPOSE_ENABLE, rfc="RFC 7829 7.3",
               extension="quick failover", errors=("EINVAL: no such setting",),
               about="Whether potentially failed paths are shown as such: 1 no, 2 yes, 0 the default."),
]
