"""Measure throughput over a grid of message sizes and buffers, and look for cliffs in it.

    python -m benchmarks.grid [--rounds 3] [--buffers 4096 ...] [--page FILE] [--svg FILE] [--check]

For each SO_SNDBUF and SO_RCVBUF, and for message sizes around every one of them, one association sends
messages one way through loopback, in one process; both ends wait in blocking calls, as greenlets do.
The best of some rounds counts, each in a random order.  A cell is a cliff if it has less than a third of what
a neighbour has that should not be faster: the next smaller message, send buffer or receive buffer.  Both are
measured again then, one after the other, since a busy machine makes cliffs, too.
"""
import argparse
import math
import random
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import gevent

from pysctpsock import socket as sctp

BUFFERS = [4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304]
SMALL = [64, 256, 1024, 1452]
CLIFF = 3
LARGEST = 1 << 23  # bytes read at once

Cell = tuple[int, int, int]  # send buffer, receive buffer, message size


def message_sizes(buffers: Iterable[int]) -> list[int]:
    """Return small sizes, those around each buffer, and twice that, which SO_SNDBUF takes at most."""
    around = {size for buffer in buffers for size in (buffer - 80, buffer, buffer + 1, 2 * buffer)}
    return sorted({*SMALL, *around})


def measure(cell: Cell, seconds: float) -> float:
    """Return the MB/s that the reading end of a new association gets."""
    send_buffer, receive_buffer, size = cell
    listener = sctp.socket(sctp.AF_INET, sctp.SOCK_STREAM, sctp.IPPROTO_SCTP)
    listener.setsockopt(sctp.SOL_SOCKET, sctp.SO_RCVBUF, receive_buffer)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    sender = sctp.socket(sctp.AF_INET, sctp.SOCK_STREAM, sctp.IPPROTO_SCTP)
    sender.setsockopt(sctp.SOL_SOCKET, sctp.SO_SNDBUF, send_buffer)
    sender.connect(listener.getsockname())
    receiver, _ = listener.accept()
    message, started, taken = bytes(size), time.perf_counter(), [0.0, 0.0]

    def read() -> None:
        while data := receiver.recv(LARGEST):
            taken[0] += len(data)
            taken[1] = time.perf_counter()

    reader = gevent.spawn(read)
    while time.perf_counter() - started < seconds:
        sender.send(message)
    sender.shutdown(sctp.SHUT_WR)
    reader.join()
    for sock in (sender, receiver, listener):
        sock.close()
    return taken[0] / (taken[1] - started) / 1e6


def neighbours(cell: Cell, buffers: list[int], sizes: list[int]) -> list[Cell]:
    """Return the cells that are one step smaller in one of the three."""
    found = []
    for place, scale in enumerate((buffers, buffers, sizes)):
        index = scale.index(cell[place])
        if index:
            smaller = list(cell)
            smaller[place] = scale[index - 1]
            found.append((smaller[0], smaller[1], smaller[2]))
    return found


def cliffs(rates: dict[Cell, float], buffers: list[int], sizes: list[int]) -> list[tuple[Cell, Cell]]:
    """Return the cells that have less than a third of a smaller neighbour, with that."""
    return [(cell, other) for cell, rate in rates.items() for other in neighbours(cell, buffers, sizes)
            if CLIFF * rate < rates.get(other, 0)]


def confirmed(cell: Cell, other: Cell, seconds: float) -> bool:
    """Return whether a cliff is there still when both cells are measured side by side, three times."""
    pairs = [(measure(cell, seconds), measure(other, seconds)) for _ in range(3)]
    return all(CLIFF * rate < smaller for rate, smaller in pairs)


def shown(number: int) -> str:
    """Return a size as a reader would write it."""
    for unit, name in ((1 << 20, "M"), (1 << 10, "K")):
        if number >= unit and number % unit == 0:
            return f"{number // unit}{name}"
    return str(number)


def table(rates: dict[Cell, float], buffers: list[int], sizes: list[int]) -> str:
    """Return a Markdown table: a row for each pair of buffers, a column for each message size."""
    lines = ["| send | receive | " + " | ".join(map(shown, sizes)) + " |", "|---" * (len(sizes) + 2) + "|"]
    for send in buffers:
        for receive in buffers:
            cells = [rates.get((send, receive, size)) for size in sizes]
            values = " | ".join("" if rate is None else f"{rate:.3g}" for rate in cells)
            lines.append(f"| {shown(send)} | {shown(receive)} | {values} |")
    return "\n".join(lines)


def picture(rates: dict[Cell, float], buffers: list[int], sizes: list[int]) -> str:
    """Return an SVG: a panel for each receive buffer, rows by send buffer, columns by message size."""
    side, gap, left = 22, 34, 50
    width = left + side * len(sizes) + 10
    height = 20 + (side * len(buffers) + gap) * len(buffers) + 30
    low, high = math.log(min(rates.values())), math.log(max(rates.values()))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="9"><rect width="100%" height="100%" fill="white"/>']
    for panel, receive in enumerate(buffers):
        top = 20 + panel * (side * len(buffers) + gap)
        parts.append(f'<text x="{left}" y="{top - 6}">SO_RCVBUF {shown(receive)}</text>')
        for row, send in enumerate(buffers):
            y = top + row * side
            parts.append(f'<text x="{left - 4}" y="{y + 14}" text-anchor="end">{shown(send)}</text>')
            for column, size in enumerate(sizes):
                rate = rates.get((send, receive, size))
                if rate is None:
                    continue
                share = (math.log(rate) - low) / (high - low) if high > low else 1.0
                colour = f"hsl({240 * (1 - share):.0f},75%,60%)"
                parts.append(f'<rect x="{left + column * side}" y="{y}" width="{side}" height="{side}" '
                             f'fill="{colour}"><title>{rate:.3g} MB/s</title></rect>'
                             f'<text x="{left + column * side + side / 2}" y="{y + 14}" font-size="7" '
                             f'text-anchor="middle">{rate:.3g}</text>')
    for column, size in enumerate(sizes):
        x, y = left + column * side + side / 2, height - 30
        parts.append(f'<text x="{x}" y="{y}" font-size="7" text-anchor="end" '
                     f'transform="rotate(-60 {x} {y})">{size}</text>')
    return "\n".join([*parts, "</svg>", ""])


PAGE = """# Performance

## Message sizes and buffers

MB/s of one association one way, both ends in one process, SCTP in UDP over loopback, by `SO_SNDBUF` (first
column), `SO_RCVBUF` (second) and message size. Made by `python -m benchmarks.grid --page docs/performance.md
--svg docs/performance.svg`. The figures are one machine's, and a busy one's; what counts is that no cell has
less than a third of what the next smaller message or buffer has{verdict}.

![the same as a heat map](performance.svg)

{table}
"""


def main() -> None:
    """Measure, print, and maybe write the page and the picture."""
    parser = argparse.ArgumentParser(prog="benchmarks.grid", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.05, help="for each cell in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--buffers", type=int, nargs="+", default=BUFFERS)
    parser.add_argument("--page", type=Path, help="a Markdown file to write")
    parser.add_argument("--svg", type=Path, help="a heat map to write")
    parser.add_argument("--check", action="store_true", help="fail if there is a cliff")
    options = parser.parse_args()
    buffers = sorted(options.buffers)
    sizes = message_sizes(buffers)
    cells = [(send, receive, size) for send in buffers for receive in buffers for size in sizes
             if size <= 2 * send]
    rates = dict.fromkeys(cells, 0.0)
    for _ in range(options.rounds):
        random.shuffle(cells)
        for cell in cells:
            rates[cell] = max(rates[cell], measure(cell, options.seconds))
    left = [pair for pair in cliffs(rates, buffers, sizes) if confirmed(*pair, options.seconds)]
    print(table(rates, buffers, sizes))
    for cell, other in left:
        print(f"cliff: {cell} has {rates[cell]:.3g} MB/s, {other} has {rates[other]:.3g}")
    if options.page:
        verdict = f", but for {len(left)}" if left else ""
        options.page.write_text(PAGE.format(table=table(rates, buffers, sizes), verdict=verdict))
    if options.svg:
        options.svg.write_text(picture(rates, buffers, sizes))
    if options.check and left:
        sys.exit(1)


if __name__ == "__main__":
    main()
