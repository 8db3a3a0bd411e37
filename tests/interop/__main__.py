"""``python -m tests.interop [--peer openas2,phase2,pyas2lib] [--direction both|to-us|from-us] [--only WORDS]``.

Our gateway and other people's AS2 software, both ways, as processes of their own on 127.0.0.1 with throw-away keys.
What fails is ours, unless `deviations.toml` says with what evidence it is the peer's; one failure of ours ends the run
with 1. So does a port that is open anywhere but on 127.0.0.1. The table lies in `.interop/report.md`, too.
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
from tests.interop.java import CACHE, NoJavaError
from tests.interop.play import Result, Table
from tests.interop.premises import Premises
from tests.interop.products import PEERS, Peer
from tests.interop.report import Report, deviations, explanation
from tests.site import RunningGateway, key_pair

Round = tuple[Direction, Combination, int, str]
# The peers' own senders send one by one; what we send goes out side by side, as it does otherwise.
AT_ONCE: dict[Direction, int] = {"to us": 1, "from us": 3}
GATEWAY_STARTS_WITHIN_S = 300
SERVING = ("-m", "tests.interop.serving")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--peer", default=",".join(PEERS), help="which of them")
    parser.add_argument("--direction", choices=["both", "to-us", "from-us"], default="both")
    parser.add_argument("--only", default="", help="combinations whose name holds these words")
    parser.add_argument("--keep", type=Path, help="folder for what is said and logged; a throw-away one otherwise")
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
    report = Report(results, deviations())
    report.print()
    CACHE.mkdir(exist_ok=True)
    (CACHE / "report.md").write_text(report.markdown())
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
        tables = []
        for peer in peers:
            home = root / peer.name
            home.mkdir(parents=True)
            to = {name: combination for way, combination, _, name in rounds[peer.name] if way == "from us"}
            process = peer.start(home, key_pair("peer"), premises.site.ours, to)
            stack.push(process)
            (home / "sent").mkdir()
            tables.append(Table(premises, peer, process, home / "sent"))
        gateway = stack.enter_context(
            RunningGateway(premises.site).start(program=SERVING, within_s=GATEWAY_STARTS_WITHIN_S)
        )
        gateway.command("partner", "check")  # a profile of ours that is broken would look like a refusal
        for table in tables:
            table.process.wait_until_ready()
        assert gateway.process is not None
        processes = [gateway.process.pid, *(table.process.process.pid for table in tables)]
        ports = loopback.check(processes)
        results = _play(tables, rounds)
        (root / "gateway.log").write_text("\n".join(gateway.log))
        told = (f"{each.seconds:6.1f} s  {each.words}: {'; '.join(each.problems) or 'ok'}\n" for each in results)
        (root / "results.txt").write_text("".join(told))
        return results, max(ports, loopback.check(processes))


def _play(tables: list[Table], rounds: dict[str, list[Round]]) -> list[Result]:
    """All rounds, the peers and the directions side by side; what no known deviation explains is told at once."""
    known = deviations()

    def play(table: Table, one: Round) -> Result:
        result = table.play(*one)
        if explanation(result, known) is None:
            # What sys.stderr is changes while a command of ours runs in another thread.
            print(f"{result.words}: {'; '.join(result.problems)}", file=sys.__stderr__, flush=True)
        return result

    with ExitStack() as stack:
        under_way = []
        for table in tables:
            for direction, at_once in AT_ONCE.items():
                threads = stack.enter_context(ThreadPoolExecutor(at_once))
                mine = [one for one in rounds[table.peer.name] if one[0] == direction]
                under_way += [threads.submit(play, table, one) for one in mine]
        return [each.result() for each in under_way]


def _rounds(peer: Peer, directions: list[Direction], only: str) -> Iterator[Round]:
    number = 0
    for direction in directions:
        for combination in combinations(direction):
            number += 1
            if only in combination.name:
                yield direction, combination, number, f"{peer.as2_id}-{number}"


if __name__ == "__main__":
    sys.exit(main())
