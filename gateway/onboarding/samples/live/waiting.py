"""Waits for what a transport brings about, within a time that everybody can wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.03


class NotSo(Exception):  # noqa: N818  # told to a person
    """Something did not happen as it should; the text says what did."""


async def until(look: Callable[[], Awaitable[T | None]], within_s: float, what: str, *, poll_s: float = POLL_S) -> T:
    """What `look` finds, once it finds something.

    Raises:
        NotSo: the time is over.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while (found := await look()) is None:
        if loop.time() >= end:
            raise NotSo(f"{what} within {within_s:g} s")
        await asyncio.sleep(poll_s)
    return found
