"""What `configure()` and the environment set: the carrier, its UDP port, how many associations."""
from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass

CARRIERS = ("auto", "kernel", "raw", "udp")
AVAILABLE = ("auto", "udp")
LARGEST = {"udp_port": 65535, "max_associations": (1 << 31) - 1}
VARIABLES = {  # of the environment: what each sets
    "PYSCTPSOCK_CARRIER": "carrier",
    "PYSCTPSOCK_UDP_PORT": "udp_port",
    "PYSCTPSOCK_MAX_ASSOCIATIONS": "max_associations",
}


@dataclass
class Configuration:
    """How a process speaks SCTP.

    udp_port: of listeners here, and of peers that say nothing else.
    max_associations: of a one-to-many socket.
    """

    carrier: str = "auto"
    udp_port: int = 9899  # RFC 6951 section 5.1
    max_associations: int = 65536

    def set(self, name: str, value: str | int, called: str) -> None:
        """Set one of them; ValueError, which tells what the caller calls it, for what does not exist."""
        if name == "carrier":
            if value not in AVAILABLE:
                known = "is not available yet" if value in CARRIERS else "does not exist"
                raise ValueError(f"{called}: carrier {value!r} {known}; there are {', '.join(AVAILABLE)}")
            self.carrier = str(value)
            return
        try:
            number = int(value) if isinstance(value, str) else operator.index(value)
        except ValueError:
            raise ValueError(f"{called}: {value!r} is not a whole number") from None
        if not 0 < number <= LARGEST[name]:
            raise ValueError(f"{called}: {value} is not in 1..{LARGEST[name]}")
        setattr(self, name, number)

    def set_from(self, environment: Mapping[str, str]) -> None:
        """Set what the variables of an environment say; ValueError names the one that is wrong."""
        for variable, name in VARIABLES.items():
            if variable in environment:
                self.set(name, environment[variable], variable)
