"""One exchange with one peer, from both ends: what each side holds and concludes must be what was sent."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.combinations import Combination, Direction, payload
from tests.interop.peers.process import PeerProcess, State
from tests.interop.premises import Premises
from tests.interop.products import OUR_AS2_ID, Peer
from tests.site import OUR_X12

RECEIPT_WITHIN_S = 180
TOLD_WITHIN_S = 60


@dataclass(frozen=True)
class Result:
    """How one exchange went: no problems, or what was wrong in words of both sides; or why it was not played."""

    peer: str
    direction: Direction
    combination: Combination
    problems: tuple[str, ...] = ()
    not_spoken: str | None = None
    seconds: float = 0

    @property
    def words(self) -> str:
        """Which exchange it is."""
        return f"{self.peer}, {self.direction}, {self.combination.name}"


@dataclass(frozen=True)
class Table:
    """Everything that one exchange needs."""

    premises: Premises
    peer: Peer
    process: PeerProcess
    folder: Path

    def play(self, direction: Direction, combination: Combination, number: int, destination: str) -> Result:
        """One combination in one direction."""
        silent = self.peer.silent_on(combination, direction)
        if silent is not None:
            return Result(self.peer.name, direction, combination, not_spoken=silent)
        theirs = self.peer.as2_id if direction == "to us" else destination
        addresses = (theirs, OUR_X12["id"]) if direction == "to us" else (OUR_X12["id"], theirs)
        content = payload(combination, number, *addresses)
        file = self.folder / f"{direction} {number}" / combination.filename
        file.parent.mkdir()
        file.write_bytes(content)
        digest = _digest(content)
        steps = self._to_us(combination, file, digest) if direction == "to us" else self._from_us(
            combination, file, digest, destination
        )  # fmt: skip
        began = time.monotonic()
        problems = tuple(steps)
        file.unlink()
        return Result(self.peer.name, direction, combination, problems, seconds=time.monotonic() - began)

    def _to_us(self, combination: Combination, file: Path, digest: str) -> Iterator[str]:
        settings = self.peer.settings(combination, self.premises.url)
        between = f"{self.peer.as2_id}>{OUR_AS2_ID}"
        done = self.process.send(file, combination.filename, between, settings)
        if not done.sent:
            yield f"its sender: {done.text}"
        elif combination.receipt != "none":
            final = self.process.wait_for_state(done.message_id, self._is_final, RECEIPT_WITHIN_S)
            if final is None or not self.peer.took_receipt(final):
                seen = ", ".join(state.name for state in self.process.states.get(done.message_id, ())) or "nothing"
                yield f"it did not take our receipt as proof; it came to: {seen}"
        yield from self._objections(done.message_id)
        kept = self.premises.message(done.message_id)
        if kept is None:
            yield f"we did not keep it: {self.premises.refusal(done.message_id) or 'nothing came'}"
            return
        if kept["payload_sha256"] != digest:
            canonical = _digest(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
            what = "has other line ends than" if kept["payload_sha256"] == canonical else "is not"
            yield f"what we keep {what} what it was given to send"
        if kept["filename"] != combination.filename:
            yield f"the filename that came is {kept['filename']!r}"
        yield from _differences(combination, kept["security"])

    def _from_us(self, combination: Combination, file: Path, digest: str, destination: str) -> Iterator[str]:
        try:
            delivery_id = self.premises.send(file, destination.lower(), combination.content_type)
        except AssertionError as error:
            yield f"`gateway send`: {error}"
            return
        state, reason, message_id = self.premises.wait_for_delivery(delivery_id)
        if state != "delivered":
            yield f"our delivery is {state}: {reason}"
            self.process.settle()  # what it took over is told by now
        received = self.process.wait_for_message(message_id, TOLD_WITHIN_S if state == "delivered" else 0)
        yield from self._objections(message_id)
        if received is None:
            yield "it took nothing over"
            return
        if received.sha256 != digest:
            yield "what it holds is not what we were given to send"
        if received.filename != combination.filename:
            yield f"the filename that it has is {received.filename!r}"

    def _is_final(self, state: State) -> bool:
        return self.peer.took_receipt(state) or self.peer.objects(state)

    def _objections(self, message_id: str) -> Iterator[str]:
        for state in self.process.states.get(message_id, ()):
            if self.peer.objects(state):
                yield f"it says: {state.name} {state.text}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _differences(combination: Combination, protection: dict[str, object]) -> Iterator[str]:
    """Where a message was protected in another way than its sender was told; then the exchange proves nothing."""
    layers = protection["layers"]
    assert isinstance(layers, list)
    expected = {"signed": combination.sign, "encrypted": combination.encrypt}
    expected["compressed"] = combination.compression != "none"
    for layer, wanted in expected.items():
        if (layer in layers) is not wanted:
            yield f"layers that came: {', '.join(layers) or 'none'}"
            break
    if combination.encrypt and protection["cipher"] != combination.cipher:
        yield f"the cipher that came is {protection['cipher']}"
    if combination.sign and protection["signature_digest"] != combination.digest:
        yield f"the digest that came is {protection['signature_digest']}"
    if combination.sign and combination.compression != "none":
        order = layers.index("compressed") < layers.index("signed")
        if order is not (combination.compression == "after-signing"):
            yield f"layers that came: {', '.join(layers)}"
