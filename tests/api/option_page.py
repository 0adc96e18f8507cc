"""The page about socket options, from the table in pysctpsock.options: writes docs/sockets/options.md.

    python tests/api/option_page.py [--check]
"""

import argparse
import sys
from pathlib import Path

from pysctpsock import options, socket
from pysctpsock.options import row

PAGE = Path(__file__).parents[2] / "docs" / "sockets" / "options.md"
UNKNOWN = "depends"  # a default that differs from host to host
HOSTS = {"SO_RCVBUF", "SO_SNDBUF"}

HEAD = """\
# Socket options

Made by `python tests/api/option_page.py` from the table in `pysctpsock/options/`; do not edit.

`setsockopt` takes an int, bytes, or a structure of `pysctpsock.socket`; values have Linux's layout and
numbers. `getsockopt` without a length gives an int, with a length bytes, cut to the option's true size. In
place of a length it takes bytes or a structure, which are then also input: the association or address that is
asked about. `sctp_opt_info(sock, assoc_id, option, structure)` does the same with the id put in.

```python
{example}```

## Which association

A one-to-one socket has one association: the id in a value is ignored. Before there is one the socket's own
values are meant, which its association then starts with. On a one-to-many socket ids 0, 1 and 2 mean
`SCTP_FUTURE_ASSOC` (the socket: associations to come), `SCTP_CURRENT_ASSOC` (those that exist) and
`SCTP_ALL_ASSOC` (both). The column "ids" says what an option takes there; everything else is `EINVAL`.

| ids | set | get |
|---|---|---|
| A | future, current, all, an id | future, an id |
| B | future, an id | future, an id |
| C | an id | an id |
| D | current, an id | an id |
| - | no id in the value: the socket and its associations | the socket |

## Errors of all options

| errno | when |
|---|---|
| `ENOPROTOOPT` | no such option; setting one that can only be read, reading one that can only be set |
| `EOPNOTSUPP` | reading an option of an unknown level; reading the options of AUTH that can only be set |
| `EINVAL` | a value or buffer of the wrong length; an id that does not exist or is not taken |
| `EFAULT` | `None` in place of a value |
| `EBADF` | the socket is closed |

Lengths: a buffer for reading may be longer than the value. A value to set must be exactly as long, but "4+"
takes more, and older, shorter structures are taken where they are listed.
"""

EXAMPLE = """\
from pysctpsock.socket import (
    AF_INET, IPPROTO_SCTP, SCTP_INITMSG, SCTP_NODELAY, SCTP_RTOINFO, SOCK_STREAM, SOL_SCTP,
    sctp_initmsg, sctp_opt_info, sctp_rtoinfo, socket,
)

with socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) as sock:
    sock.setsockopt(SOL_SCTP, SCTP_NODELAY, 1)
    assert sock.getsockopt(SOL_SCTP, SCTP_NODELAY) == 1

    sock.setsockopt(SOL_SCTP, SCTP_INITMSG, sctp_initmsg(sinit_num_ostreams=64))
    init = sctp_initmsg.unpack(sock.getsockopt(SOL_SCTP, SCTP_INITMSG, 8))
    assert init.sinit_num_ostreams == 64

    sock.setsockopt(SOL_SCTP, SCTP_RTOINFO, sctp_rtoinfo(srto_min=100))
    rto = sctp_rtoinfo.unpack(sctp_opt_info(sock, 0, SCTP_RTOINFO, sctp_rtoinfo()))
    assert (rto.srto_initial, rto.srto_min) == (1000, 100)
"""

PARTS = [
    ("SCTP", "Level `SOL_SCTP`. Sections are of RFC 6458 unless another RFC is named.",
     lambda option: option.level == socket.SOL_SCTP and not option.extension),
    ("Extensions that are not there yet",
     "They answer as Linux does where the extension is switched off. What can be wished for is kept,"
     " inherited and read back, and has no effect; of an association the answer is what it and its peer have"
     " agreed on.",
     lambda option: option.extension),
    ("Other levels", "They are described in socket(7), ip(7) and ipv6(7).",
     lambda option: option.level != socket.SOL_SCTP),
]


def rows(wanted):
    made = []
    for option in options.TABLE.values():
        if wanted(option):
            access = " ".join(word for word, there in (("get", option.get), ("set", option.set)) if there)
            made.append((option.level, option.number, [
                f"`{option.name}` {option.number}", option.rfc or "-", value(option), access,
                option.ids or "-", default(option), about(option)]))
    return [cells for *_, cells in sorted(made)]


def value(option):
    """The structure and the lengths that are taken."""
    more = "+" if option.takes_longer else ""
    if option.struct is None:
        return f"int 4{more}"
    size = f"{option.size}{more}"
    shorter = {len(option.lengths) > 1: f" or {min(option.lengths, default=0)} to {option.size - 1}",
               len(option.lengths) == 1: f" or {min(option.lengths, default=0)}"}.get(True, "")
    older = f", or {option.older[0].__name__}" if option.older else ""
    return f"`{option.struct.__name__}` {size}{shorter}{older}".replace("c_int", "int 4")


def default(option):
    """What a fresh one-to-many, or else one-to-one, socket answers."""
    family = socket.AF_INET6 if option.level == socket.IPPROTO_IPV6 else socket.AF_INET
    for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
        with socket.socket(family, kind, socket.IPPROTO_SCTP) as sock:
            try:
                data = options.get_option(sock, option.level, option.number, request(option))
            except OSError:
                continue
        if option.struct is None:
            return UNKNOWN if option.name in HOSTS else str(int.from_bytes(data, row.byteorder, signed=True))
        fields = option.struct.unpack(data.ljust(option.size, b"\0")).values()
        shown = [str(number) for name, number in fields.items()
                 if name != row.id_field(option.struct) and isinstance(number, int)]
        return " ".join(shown) if any(fields.values()) else "0"
    return "-"


def request(option):
    if option.name == "SCTP_EVENT":
        return bytes(option.struct(se_type=socket.SCTP_ASSOC_CHANGE))
    return bytes(max(option.size, 256))


def about(option):
    if not option.errors:
        return option.about
    errors = "; ".join(f"`{number}`:{when}" for number, when in (each.split(":") for each in option.errors))
    return f"{option.about} {errors}."


def page():
    """The text of docs/sockets/options.md."""
    lines = [HEAD.format(example=EXAMPLE)]
    for title, text, wanted in PARTS:
        lines += [f"## {title}", "", text, "",
                  "| option | section | value, bytes | access | ids | default | what it does, and errors |",
                  "|---|---|---|---|---|---|---|"]
        lines += [f"| {' | '.join(cells)} |" for cells in rows(wanted)]
        lines.append("")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail if the page is not up to date")
    if parser.parse_args(arguments).check:
        if not PAGE.exists() or PAGE.read_text() != page():
            print("docs/sockets/options.md is out of date: run `python tests/api/option_page.py`",
                  file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
