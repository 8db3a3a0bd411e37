"""Which TCP ports processes and their children have open, read off /proc: a run proves them all to be loopback's."""

import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_LISTENS = "0A"
_LOOPBACK = "127.0.0.1"


def listening(roots: Iterable[int]) -> list[tuple[int, str, int]]:
    """(process, address, port) of everything that these processes and their descendants listen on."""
    addresses = dict(_listening_sockets())
    found = []
    for process in _with_descendants(set(roots)):
        try:
            handles = list(Path(f"/proc/{process}/fd").iterdir())
        except OSError:
            continue  # it has ended
        for handle in handles:
            try:
                target = str(handle.readlink())
            except OSError:
                continue
            inode = target.removeprefix("socket:[").removesuffix("]")
            if target.startswith("socket:[") and inode in addresses:
                found.append((process, *addresses[inode]))
    return found


def check(roots: Iterable[int]) -> int:
    """How many ports are open; all of them on loopback.

    Raises:
        AssertionError: one is open elsewhere.
    """
    ports = listening(roots)
    elsewhere = [f"{address}:{port} of process {process}" for process, address, port in ports if address != _LOOPBACK]
    assert not elsewhere, f"open beyond {_LOOPBACK}: {', '.join(elsewhere)}"
    return len(ports)


def _with_descendants(roots: set[int]) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = set(roots)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _listening_sockets() -> Iterator[tuple[str, tuple[str, int]]]:
    """Inode -> address and port."""
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] != _LISTENS:
                continue
            address, port = words[1].split(":")
            # The kernel prints each 32-bit word of an address in the order of the machine.
            raw = b"".join(struct.pack("=I", int(address[at : at + 8], 16)) for at in range(0, len(address), 8))
            text = socket.inet_ntop(family, raw).removeprefix("::ffff:")
            yield words[9], (text, int(port, 16))
