"""What goes wrong on the way to a partner's server: the step it happened at, and words that say what to do.

Foreign errors end here. The words hold hosts and addresses, but neither URLs with their queries nor credentials.
"""

import errno
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from gateway.carriers.tls import tls_words
from gateway.settings import Limits


class Step(StrEnum):
    """Where on its way a call failed."""

    DNS = "dns"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    WRITE = "write"
    HTTP = "http"


class Phase(StrEnum):
    """What a call is doing."""

    CONNECTING = "connecting"
    WRITING = "writing"
    ANSWERING = "answering"


class CallFailed(Exception):  # noqa: N818  # an outcome that callers turn into theirs
    """A call without a whole answer.

    Attributes:
        reason: for people.
        hung_up: whether the other side closed the connection before it answered anything.
    """

    def __init__(self, step: Step, reason: str, *, hung_up: bool = False) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.hung_up = hung_up


class Unresolved(OSError):  # noqa: N818  # aiohttp wants an OSError of its resolver
    """A name without addresses."""

    def __init__(self, host: str, words: str) -> None:
        super().__init__(words)
        self.host = host
        self.words = words


class AddressRefused(OSError):  # noqa: N818  # same
    """A host none of whose addresses may be connected to."""

    def __init__(self, host: str, judged: Sequence[tuple[str, str | None]]) -> None:
        listed = "; ".join(f"{address} is {reason}" for address, reason in judged)
        super().__init__(listed)
        self.host = host
        self.words = listed


_TCP: Mapping[int, str] = {
    errno.ECONNREFUSED: "nothing listens there: check host and port of `url`, or their server is down",
    errno.EHOSTUNREACH: "no route leads there: check `url`, the network and its firewall",
    errno.ENETUNREACH: "no route leads there: check `url`, the network and its firewall",
    errno.ETIMEDOUT: "no answer at all: a firewall, theirs or ours, most likely drops the packets; ask the partner to "
    "allow our address",
    errno.ECONNRESET: "the connection was reset while it was made: a firewall, or their server wants our address to be "
    "allowed",
    errno.EACCES: "this machine's own firewall forbids it",
    errno.EPERM: "this machine's own firewall forbids it",
    errno.EMFILE: "this process has too many files open",
}


@dataclass(frozen=True, slots=True)
class Where:
    """Whom a call was for.

    Attributes:
        host: of the URL.
        proxy: host of the proxy, if one is on the way.
        terms: the part of the profile that says how it is reached.
    """

    host: str
    proxy: str | None
    limits: Limits
    secure: bool = False
    terms: str = "as2.connection"


def failure_of(error: Exception, phase: Phase, where: Where) -> CallFailed:  # noqa: PLR0911 - one a kind of failure
    """A foreign error as the failure that it means."""
    if isinstance(error, CallFailed):
        return error
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_answer(error.status)
    cause = _cause(error)
    if isinstance(cause, AddressRefused):
        return CallFailed(
            Step.DNS,
            f"{cause.host} leads to no public address ({cause.words}); if it is meant to, name the network in "
            f"{where.terms}.private_networks",
        )
    if isinstance(cause, Unresolved):
        return CallFailed(Step.DNS, f"{cause.host} cannot be resolved ({cause.words}); check the host in the profile")
    words = tls_words(cause)
    if words is not None and not (phase is not Phase.CONNECTING and _only_closed(cause)):
        return CallFailed(Step.TLS, words)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return CallFailed(Step.PROXY, f"the proxy {where.proxy} cannot be reached: {_tcp_words(cause)}")
    if phase is Phase.CONNECTING:
        return _while_connecting(error, cause, where)
    return _while_speaking(error, phase, where)


def _cause(error: BaseException) -> BaseException:
    """The error at the bottom of what aiohttp wrapped, as far as it says more."""
    seen = error
    for _ in range(8):
        inner = getattr(seen, "os_error", None) or getattr(seen, "certificate_error", None) or seen.__cause__
        if not isinstance(inner, BaseException):
            break
        seen = inner
        if isinstance(seen, (AddressRefused, Unresolved, ssl.SSLError)):
            break
    return seen


def _only_closed(cause: BaseException) -> bool:
    """A connection that ended without TLS's farewell: no failure of TLS, the other side is gone."""
    return isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))


def _tcp_words(cause: BaseException) -> str:
    number = getattr(cause, "errno", None)
    if isinstance(cause, TimeoutError) and number is None:
        return _TCP[errno.ETIMEDOUT]
    known = _TCP.get(number) if number is not None else None
    return known or f"{getattr(cause, 'strerror', None) or type(cause).__name__}".lower()


def _while_connecting(error: Exception, cause: BaseException, where: Where) -> CallFailed:
    if isinstance(error, TimeoutError):
        limit = f"{where.limits.connect_timeout_s:g}"
        if where.proxy is not None:
            return CallFailed(Step.PROXY, f"the proxy {where.proxy} made no connection within {limit} s")
        return CallFailed(
            Step.TCP,
            f"no connection to {where.host} within {limit} s: a firewall, theirs or ours, most likely drops the "
            "packets; ask the partner to allow our address",
        )
    if isinstance(error, aiohttp.InvalidURL):
        return CallFailed(Step.DNS, f"{where.host} is no host or plain address; check the host in the profile")
    if isinstance(cause, ConnectionError) and cause.errno is None:
        # Not from the system, but from the TLS that had begun on a connection.
        return CallFailed(
            Step.TLS,
            f"{where.host} hangs up while TLS begins: it speaks only an outdated version of it, wants a client "
            "certificate, or does not allow our address; ask the partner",
        )
    if isinstance(error, (aiohttp.ClientConnectorError, OSError)):
        return CallFailed(Step.TCP, f"{where.host} cannot be reached: {_tcp_words(cause)}")
    step = Step.PROXY if where.proxy is not None else Step.TCP
    return CallFailed(step, f"no connection to {where.host} came about ({type(error).__name__})")


def _while_speaking(error: Exception, phase: Phase, where: Where) -> CallFailed:  # noqa: PLR0911 - same
    if isinstance(error, TimeoutError):
        if phase is Phase.WRITING:
            return CallFailed(Step.WRITE, f"{where.host} stopped taking our message; its server or the line is stuck")
        return CallFailed(Step.HTTP, f"{where.host} took the message, but its answer did not come whole in time")
    if isinstance(error, aiohttp.ClientPayloadError):
        return CallFailed(Step.HTTP, f"the answer of {where.host} broke off before its end")
    if isinstance(error, aiohttp.ClientResponseError):
        return CallFailed(Step.HTTP, f"what {where.host} answers is no HTTP; check scheme and port of `url`")
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        if phase is Phase.WRITING:
            words = f"{where.host} closed the connection while it was sent the message"
            remedy = "it may be too large for them, or come from an address that they do not allow"
            return CallFailed(Step.WRITE, f"{words}: {remedy}", hung_up=True)
        words = f"{where.host} closed the connection without an answer"
        if where.secure and where.terms == "as2.connection":
            # With TLS 1.3 a server looks at our certificate only after we believe to be through (RFC 8446 4.4.2).
            words += "; if it demands a client certificate, name the identity in as2.connection.client_certificate"
        return CallFailed(Step.HTTP, words, hung_up=True)
    return CallFailed(Step.HTTP, f"the exchange with {where.host} failed ({type(error).__name__})")


def _proxy_answer(status: int) -> CallFailed:
    if status == 407:  # noqa: PLR2004 - Proxy Authentication Required
        words = "the proxy wants another user or password; see as2.connection.proxy_username and proxy_password"
    elif status == 403:  # noqa: PLR2004 - Forbidden
        words = "the proxy forbids this host; have it allowed there"
    else:
        words = f"the proxy answered {status} and made no connection"
    return CallFailed(Step.PROXY, words)
