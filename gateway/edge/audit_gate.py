"""The way of refusals into metrics and audit: so many a minute, so that nobody fills the disk with them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.edge.connection import network_of
from gateway.edge.refusals import ANSWERS
from gateway.flow.receive import Reception
from gateway.model.refusals import Reason, Refused
from gateway.store.engine.statements import storable
from gateway.telemetry import Metrics

AUDIT_WINDOW_MS = 60_000
AUDIT_ENTRIES_PER_WINDOW = 20
AUDIT_SOURCES_MAX = 4_096


class Source(Protocol):
    """Who is refused something: a request of HTTP, or a session of SFTP."""

    @property
    def address(self) -> str:
        """Where it came from."""

    @property
    def actor(self) -> str:
        """As the audit names who sent it."""

    @property
    def subject(self) -> str:
        """What it was about."""


@dataclass(slots=True)
class _Window:
    began_ms: int
    entries: int = 0
    suppressed: int = 0


class AuditGate:
    """The way of refusals into metrics and audit.

    So many of a kind and source go in each minute; the others are counted, and told with the next one. Without that,
    whoever guesses keys fills the disk that accepted messages need.
    """

    def __init__(self, reception: Reception, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._reception = reception
        self._metrics = metrics
        self._now_ms = now_ms
        self._windows: dict[tuple[str, Reason], _Window] = {}

    async def record(self, port: str, request: Source, refused: Refused, reference: str) -> None:
        """Count a refusal, and record its true cause when it is one of those that the audit keeps."""
        self._metrics.refused.add(port, refused.reason.value)
        if not ANSWERS[refused.reason].audited:
            return
        suppressed = self.admit(network_of(request.address), refused.reason)
        if suppressed is None:
            return
        detail: dict[str, object] = {"cause": storable(refused.audit), "port": port, "reference": reference}
        if suppressed:
            detail["not_recorded_before"] = suppressed
        await self._reception.record_refusal(
            refused.reason,
            actor=request.actor,
            subject=storable(request.subject),
            remote=request.address,
            detail=detail,
        )

    def admit(self, source: str, reason: Reason) -> int | None:
        """How many were left out since the last entry, if this one may go in; None if not."""
        now_ms = self._now_ms()
        window = self._windows.get((source, reason))
        if window is None:
            if len(self._windows) >= AUDIT_SOURCES_MAX:
                # The oldest goes: dicts keep the order of insertion.
                del self._windows[next(iter(self._windows))]
            window = self._windows[source, reason] = _Window(now_ms)
        if now_ms - window.began_ms >= AUDIT_WINDOW_MS:
            window.began_ms, window.entries = now_ms, 0
        if window.entries >= AUDIT_ENTRIES_PER_WINDOW:
            window.suppressed += 1
            return None
        window.entries += 1
        suppressed, window.suppressed = window.suppressed, 0
        return suppressed
