"""Guards the door: names are resolved and sockets are made for addresses that may be connected to, and no others."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from gateway.carriers.addresses import Network, refusal
from gateway.carriers.call_failures import AddressRefused, Unresolved

RESOLVERS = 8
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


class SystemNames:
    """The system's own way from names to addresses, in threads of its own.

    A name server that hangs must not take the threads of anybody else.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host."""
        loop = asyncio.get_running_loop()
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        return [str(place[0]) for *_, place in await loop.run_in_executor(self._threads, ask)]

    def close(self) -> None:
        """Nobody asks any more."""
        self._threads.shutdown(wait=False)


class Guard(AbstractResolver):
    """Resolves names and makes sockets, for addresses of one way alone.

    The resolver's addresses are those that are connected to: nobody asks a second time. The socket's own check holds
    for addresses that stand in a URL, which no resolver sees.
    """

    def __init__(self, networks: Sequence[Network], resolve: Resolve, timeout_s: float) -> None:
        self._networks = networks
        self._resolve = resolve
        self._timeout_s = timeout_s

    async def judged(self, host: str, port: int) -> list[tuple[str, str | None]]:
        """Every address of a host, each with the reason why it is refused.

        Raises:
            Unresolved: the name has no address.
        """
        try:
            return [(str(ip_address(host)), refusal(host, self._networks))]
        except ValueError:
            pass
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._resolve(host, port)
        except TimeoutError:
            raise Unresolved(host, f"no name server answered within {self._timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:
            words = getattr(error, "strerror", None) or "no such name"
            raise Unresolved(host, words.lower()) from None
        if not found:
            raise Unresolved(host, "the name has no address")
        return [(text, refusal(text, self._networks)) for text in dict.fromkeys(found)]

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's face; we take both families
    ) -> list[ResolveResult]:
        """The addresses that may be connected to."""
        judged = await self.judged(host, port)
        good = [text for text, reason in judged if reason is None]
        if not good:
            raise AddressRefused(host, judged)
        return [
            ResolveResult(
                hostname=host,
                host=text,
                port=port,
                family=socket.AF_INET6 if ":" in text else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for text in good
        ]

    def socket(self, address: AddrInfoType) -> socket.socket:
        """A socket for an address, if it may be connected to."""
        family, kind, protocol, _, place = address
        text = str(place[0])
        reason = refusal(text, self._networks)
        if reason is not None:
            raise AddressRefused(text, [(text, reason)])
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing is held."""
