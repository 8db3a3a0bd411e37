"""``python -m tests.interop [--peer openas2,phase2,pyas2lib] [--direction both|to-us|from-us] [--only WORDS]``.

Our gateway and other people's AS2 software, both ways, as processes of their own on 127.0.0.1 with throw-away keys.
What fails is ours, unless `deviations.toml` says with what evidence it is the peer's; one failure of ours ends the run
with 1. So does a port that is open anywhere but on 127.0.0.1.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.interop import loopback
from tests.interop.combinations import DIRECTIONS, Combination, Direction, combinations
from tests.interop.java import NoJavaError
from tests.interop.play import Result, Table
from tests.interop.premises import Premises
from tests.interop.products import PEERS, Peer
from tests.interop.report import Report
from tests.site import RunningGateway, key_pair

Round = tuple[Direction, Combination, int, str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--peer", default=",".join(PEERS), help="which of them")
    parser.add_argument("--direction", choices=["both", "to-us", "from-us"], default="both")
    parser.add_argument("--only", default="", help="combinations whose name holds these words")
    parser.add_argument("--keep", type=Path, help="folder for what the peers log; a throw-away one otherwise")
    call = parser.parse_args()
    began = time.monotonic()
    peers = [PEERS[name]() for name in call.peer.split(",")]
    directions = [each for each in DIRECTIONS if call.direction in ("both", each.replace(" ", "-"))]
    with ExitStack() as stack:
        root = call.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-interop-")))
        try:
            results, ports = play(root, peers, directions, call.only)
        except NoJavaError as error:
            print(f"the peers cannot be had here: {error}", file=sys.stderr)
            return 1
    report = Report(results)
    report.print()
    print(f"{ports} ports were open, all of them on 127.0.0.1; {time.monotonic() - began:.0f} s")
    return 1 if report.ours else 0


def play(root: Path, peers: list[Peer], directions: list[Direction], only: str) -> tuple[list[Result], int]:
    """Every round with every peer, the peers side by side; and how many ports were open."""
    premises = Premises(root / "gateway")
    rounds = {peer.name: list(_rounds(peer, directions, only)) for peer in peers}
    for peer in peers:
        premises.add_partner(peer)
        for direction, combination, _, destination in rounds[peer.name]:
            if direction == "from us":
                premises.add_destination(destination, peer, combination)
    with ExitStack() as stack:
        gateway = stack.enter_context(RunningGateway(premises.site))
        gateway.command("partner", "check")  # a profile of ours that is broken would look like a refusal
        tables = []
        for peer in peers:
            home = root / peer.name
            home.mkdir(parents=True)
            to = {name: combination for way, combination, _, name in rounds[peer.name] if way == "from us"}
            process = stack.enter_context(peer.start(home, key_pair("peer"), premises.site.ours, to))
            (home / "sent").mkdir()
            tables.append(Table(premises, gateway, peer, process, home / "sent"))
        assert gateway.process is not None
        processes = [gateway.process.pid, *(table.process.process.pid for table in tables)]
        ports = loopback.check(processes)
        with ThreadPoolExecutor(len(tables)) as threads:
            played = threads.map(lambda table: list(_play(table, rounds[table.peer.name])), tables)
            results = [result for each in played for result in each]
        (root / "gateway.log").write_text("\n".join(gateway.log))
        return results, max(ports, loopback.check(processes))


def _play(table: Table, rounds: list[Round]) -> Iterator[Result]:
    for direction, combination, number, destination in rounds:
        result = table.play(direction, combination, number, destination)
        if result.problems:
            text = f"{table.peer.name}, {direction}, {combination.name}: {'; '.join(result.problems)}"
            # What sys.stderr is changes while a command of ours runs in another thread.
            print(text, file=sys.__stderr__, flush=True)
        yield result


def _rounds(peer: Peer, directions: list[Direction], only: str) -> Iterator[Round]:
    number = 0
    for direction in directions:
        for combination in combinations(direction):
            number += 1
            if only in combination.name:
                yield direction, combination, number, f"{peer.as2_id}-{number}"


if __name__ == "__main__":
    sys.exit(main())
