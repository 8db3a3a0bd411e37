"""One connection to the broker that is kept up: connect, set up, wait until it is lost, back off, again."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from ssl import SSLContext
from typing import Final, TypeVar

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import DeliveryError
from yarl import URL

from gateway.broker.publishing import BrokerUnavailable

T = TypeVar("T")
# What to do with a new connection; the second argument is to be called when it turns out to be of no more use.
SetUp = Callable[[AbstractConnection, Callable[[str], None]], Awaitable[None]]
# Seconds to wait before the nth attempt in a row, counted from 1.
Delay = Callable[[int], float]

CONNECT_SECONDS_MAX: Final = 10.0
CLOSE_SECONDS_MAX: Final = 3.0
HEARTBEAT_SECONDS: Final = 10
BACKOFF_SECONDS_MIN: Final = 0.25
BACKOFF_SECONDS_MAX: Final = 15.0
_DOUBLINGS_MAX: Final = 10

log = logging.getLogger(__name__)


class NoAnswer(BrokerUnavailable):
    """The time was up: an alarm, a black hole, or a broker with too much to do."""


def backoff(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Doubling with jitter: half of the step is certain, so nobody hammers; half is chance, so nobody keeps step."""
    step = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2.0 ** min(attempt, _DOUBLINGS_MAX))
    return step / 2 + chance() * step / 2


async def answered(call: Awaitable[T], seconds_max: float, doing: str) -> T:
    """The one door to the client library: a call to the broker, limited in time, its many errors made one.

    Raises:
        BrokerUnavailable: it failed, or (`NoAnswer`) took too long. What was sent may have arrived.
        DeliveryError: the broker's own word on a publish passes through.
    """
    try:
        async with asyncio.timeout(seconds_max):
            return await call
    except TimeoutError as error:
        raise NoAnswer(f"{doing}: no answer within {seconds_max:g} s") from error
    except DeliveryError:
        raise
    except asyncio.CancelledError as error:
        # A connection that dies cancels the library's futures, and that looks as if we ourselves were cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable(f"{doing}: the connection was lost") from error
    except Exception as error:
        raise BrokerUnavailable(f"{doing}: {type(error).__name__}: {error}") from error


class Link:
    """Keeps one connection up until it is closed.

    Attributes:
        connects: how often the connection stood, set up and ready.
        last_error: why it does not stand now; None while it does.
    """

    def __init__(
        self, name: str, url: str, set_up: SetUp, *, delay: Delay = backoff, ssl_context: SSLContext | None = None
    ) -> None:
        """`name` is shown in the broker's list of connections."""
        self.connects = 0
        self.last_error: str | None = "not connected yet"
        self._name = name
        # What the URL says wins.
        self._url = URL(url).update_query({"heartbeat": str(HEARTBEAT_SECONDS), "name": name} | dict(URL(url).query))
        self._set_up = set_up
        self._delay = delay
        self._ssl_context = ssl_context
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Connected and set up."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Until it is up."""
        await self._up.wait()

    def start(self) -> None:
        """Begin to connect, in the background."""
        if self._task is None:
            # To the library each failed attempt is an error of its own; the link reports each change once.
            logging.getLogger("aiormq").setLevel(logging.CRITICAL)
            logging.getLogger("aio_pika").setLevel(logging.CRITICAL)
            self._task = asyncio.create_task(self._keep_up(), name=f"broker link {self._name}")

    async def close(self) -> None:
        """End it, in bounded time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _keep_up(self) -> None:
        failures = 0
        while True:
            try:
                await self._one_connection()
                failures = 0
            except BrokerUnavailable as error:
                failures += 1
                if self.last_error != str(error):  # an outage of hours is one line, not thousands
                    log.warning("broker link %s: %s", self._name, error)
                self.last_error = str(error)
            await asyncio.sleep(self._delay(failures + 1))

    async def _one_connection(self) -> None:
        lost = asyncio.Event()

        def lose(reason: str) -> None:
            if not lost.is_set():
                self._up.clear()
                self.last_error = reason
                lost.set()

        # Not aio_pika.connect: a connection that it could not open is left to the garbage collector, and closes itself
        # where that finds it, which may be a thread without a loop.
        connection = aio_pika.Connection(self._url, ssl_context=self._ssl_context)
        try:
            await answered(connection.connect(), CONNECT_SECONDS_MAX, "connecting")
            connection.close_callbacks.add(lambda _, cause: lose(f"the connection was closed: {cause}"))
            await answered(self._set_up(connection, lose), CONNECT_SECONDS_MAX, "declaring exchanges and queues")
            self.connects += 1
            if not lost.is_set():
                self.last_error = None
                self._up.set()
                log.info("broker link %s: connected", self._name)
            await lost.wait()
            log.warning("broker link %s: %s", self._name, self.last_error)
        finally:
            self._up.clear()
            with contextlib.suppress(BrokerUnavailable):
                await answered(connection.close(), CLOSE_SECONDS_MAX, "closing")
