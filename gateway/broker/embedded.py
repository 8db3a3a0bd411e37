"""The default without a broker: events go to a log in the store, which consumers read by command or over HTTP."""

from collections.abc import Awaitable, Callable

from gateway.broker.publishing import BrokerCounters
from gateway.model.events import BusinessEvent


class EmbeddedLog:
    """The same face as the broker's, over an append to the store.

    Attributes:
        counters: `published` and `failures` are of use here.
    """

    def __init__(self, append: Callable[[BusinessEvent], Awaitable[None]]) -> None:
        """`append` returns once the event is durable, and changes nothing when it has the event id already."""
        self._append = append
        self.counters = BrokerCounters()

    @property
    def connected(self) -> bool:
        """The log is where the store is."""
        return True

    @property
    def last_error(self) -> str | None:
        """A store that fails reports for itself."""
        return None

    async def start(self) -> None:
        """Nothing to connect to."""

    async def wait_connected(self) -> None:
        """There at once."""

    async def publish(self, event: BusinessEvent) -> None:
        """Append the event; what the store raises passes through."""
        try:
            await self._append(event)
        except BaseException:
            self.counters.failures += 1
            raise
        self.counters.published += 1

    async def close(self) -> None:
        """The store closes itself."""
