"""What both ports stand on; `app` puts it together and hands it in."""

from collections.abc import Callable
from dataclasses import dataclass

from certs.keyring import KeyRing
from gateway.flow.receive import Reception
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.telemetry import Metrics
from partners.directory import Directory


@dataclass(frozen=True, slots=True)
class Edge:
    """The parts of the gateway that the edge uses.

    Attributes:
        now_ms: the clock, milliseconds since 1970.
        directory: the partners as they are now.
        key_ring: our keys as they are now, by the name of the identity.
        not_ready: what keeps the gateway from doing its work, a sentence each; empty when it is ready.
    """

    settings: Settings
    database: Database
    reception: Reception
    metrics: Metrics
    now_ms: Callable[[], int]
    directory: Callable[[], Directory]
    key_ring: Callable[[], KeyRing]
    not_ready: Callable[[], list[str]]
