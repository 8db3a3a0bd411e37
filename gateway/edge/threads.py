"""Threads for the work of OpenSSL: as few parts as can be between the loop and a thread.

An executor's future has a lock of its own, is copied into a future of the loop, and is asked four times whether it is
done; under load a fifth of the time in which the loop holds Python's lock went there. Here a thread hands its result to
the loop in one call.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Runs functions outside the loop, so many at a time, in the order in which they came.

    Args:
        number: of threads, started with the first function.
        name: what they are called.
    """

    def __init__(self, number: int, name: str) -> None:
        self._number = number
        self._name = name
        self._waiting: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._threads: list[Thread] = []

    async def run(self, work: Callable[[], T]) -> T:
        """What a function returns, or raises.

        It is run to its end even if nobody waits for it any more.
        """
        if not self._threads:
            self._start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put((work, future))
        return await future

    def close(self) -> None:
        """End the threads once what they were given is done; nobody waits for them."""
        for _ in self._threads:
            self._waiting.put(None)
        self._threads.clear()

    def _start(self) -> None:
        for index in range(self._number):
            thread = Thread(target=self._work, name=f"{self._name}_{index}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            work, future = task
            try:
                value, error = work(), None
            except Exception as raised:  # noqa: BLE001  # handed to whoever waits for it
                value, error = None, raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                future.get_loop().call_soon_threadsafe(_tell, future, value, error)
            # Nothing of a large message stays alive until the next one comes.
            del task, work, future, value, error


def _tell(future: asyncio.Future[Any], value: object, error: Exception | None) -> None:
    if future.done():
        return  # whoever waited was cancelled
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
