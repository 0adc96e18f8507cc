"""One address of the peer: what a new path starts with (RFC 9260 sections 6.3.1, 7.2.1 and 7.3)."""
import pytest
from handmade import SECOND, UDP_PORT

from pysctpsock._cy.endpoint import Endpoint
from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.user import SctpUser


def new_paths(hosts, udp_port=UDP_PORT, **changes):
    parameters = ProtocolParameters()
    for name, value in changes.items():
        setattr(parameters, name, value)
    endpoint = Endpoint(b"s" * 32, parameters)
    local = "::" if ":" in hosts[0] else "0.0.0.0"
    association = endpoint.connect(SctpUser(endpoint.ready_list), local, 4000, hosts, 5000, udp_port, 0,
                                   parameters, SECOND)
    return association.snapshot()["paths"]


@pytest.mark.parametrize(
    ("host", "udp_port", "path_mtu", "pmtu"),
    [
        ("10.0.0.2", 9899, 1500, 1472), ("10.0.0.2", 0, 1500, 1480), ("fd00::2", 9899, 1500, 1452),
        ("fd00::2", 0, 1500, 1460), ("10.0.0.2", 9899, 1501, 1472), ("10.0.0.2", 9899, 20, 484),
        *((host, udp_port, mtu, pmtu)
          for mtu in (65_535, 65_536, 65_600, 262_144, 300_000, 2**32 - 1)
          for host, udp_port, pmtu in (("10.0.0.2", 9899, 65_504), ("10.0.0.2", 0, 65_512),
                                       ("fd00::2", 9899, 65_484), ("fd00::2", 0, 65_492))),
    ],
)
def test_pmtu_is_what_is_left_for_sctp(host, udp_port, path_mtu, pmtu):
    """9260-7.3, RFC 6951 section 5.2: without IP and UDP header, a multiple of 4, from 512 to
    65,535 in all: more cannot be said by the length fields of IPv4, UDP and the DATA chunk.
    """
    (path,) = new_paths([host], udp_port, path_mtu=path_mtu)
    assert path["pmtu"] == pmtu
    assert path["udp_port"] == udp_port


def test_a_new_path_has_measured_nothing():
    """9260-6.3.1-01, 9260-7.2.1-01: RTO.Initial, no errors, T3-rtx not running; each path for itself."""
    paths = new_paths(["10.0.0.2", "10.0.1.2"], rto_initial=3 * SECOND)
    assert [path["address"] for path in paths] == ["10.0.0.2", "10.0.1.2"]
    for path in paths:
        assert (path["rto"], path["srtt"], path["error_count"]) == (3 * SECOND, 0, 0)
        assert not path["t3_rtx_running"]
        assert path["cwnd"] == paths[0]["cwnd"] > 0


def test_a_new_path_has_the_parameters_of_its_association():
    """9260-8.3-06, RFC 6458 section 8.1.12: what a user can change for one address, and where it starts."""
    (path,) = new_paths(["10.0.0.2"], heartbeat_interval=7 * SECOND, path_max_retrans=3, sack_frequency=1,
                        pmtu_discovery=False, dscp=0xB8)
    assert {name: path[name] for name in ("heartbeat_enabled", "heartbeat_interval", "path_max_retrans",
                                          "sack_delay", "sack_frequency", "pmtu_discovery", "dscp")} == {
        "heartbeat_enabled": True, "heartbeat_interval": 7 * SECOND, "path_max_retrans": 3,
        "sack_delay": SECOND // 5, "sack_frequency": 1, "pmtu_discovery": False, "dscp": 0xB8}


def test_the_same_address_twice_is_one_path():
    """9260-5.1.2-02."""
    assert len(new_paths(["10.0.0.2", "10.0.1.2", "10.0.0.2", "10.0.1.2"])) == 2


def test_no_more_than_33_paths():
    """A bound of ours: what a peer can make us keep, the source of its INIT and 32 listed addresses."""
    assert len(new_paths([f"10.0.{i}.2" for i in range(50)])) == 33
