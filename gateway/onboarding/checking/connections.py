"""What can be known to be wrong with the way to a partner's AS2 server before anything is sent.

A part of `gateway partner check`: nothing is opened here, `gateway partner ping` does that.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from certs.certificates import CertificateError, ProblemCode, problems, read_certificate, read_certificates
from gateway.agreements import OurIdentity
from gateway.as2_agreements import partner_certificates
from gateway.carriers.addresses import refusal
from gateway.carriers.destinations import read_url
from gateway.carriers.http import PROXY_SCHEME
from partners.as2_terms import As2, As2Connection
from partners.loader import LoadedProfile
from partners.problems import Location, Problem, shown

_CONNECTION = ("as2", "connection")
_DATES = frozenset({ProblemCode.EXPIRED, ProblemCode.NOT_YET_VALID, ProblemCode.EXPIRES_SOON})
_WIDE_BITS_V4, _WIDE_BITS_V6 = 8, 7  # 10.0.0.0/8 and fc00::/7 are the widest networks that are one


def connection_problems(
    loaded: LoadedProfile, as2: As2, identities: Collection[OurIdentity], now: datetime
) -> Iterator[Problem]:
    """What is wrong with the `url` and `connection` of a profile, and with the certificate that we encrypt to."""
    way = as2.connection
    if as2.url is not None:
        yield from _url_problems(loaded, as2, as2.url)
        if as2.sending.encrypt:
            yield from _recipient_problems(loaded, now)
    yield from _file_problems(loaded, way, now)
    if way.client_certificate is not None and way.client_certificate not in {item.name for item in identities}:
        what = f"none of our identities is named {shown(way.client_certificate)}"
        names = ", ".join(sorted(item.name for item in identities)) or "none in the settings"
        yield loaded.problem((*_CONNECTION, "client_certificate"), what, f"use one of: {names}")
    if way.proxy is not None and urlsplit(way.proxy).scheme != PROXY_SCHEME:
        right = "name the proxy as http://HOST:PORT; what goes through it has its own TLS"
        yield loaded.problem((*_CONNECTION, "proxy"), "proxies are spoken to without TLS", right)
    for field in ("username", "proxy_username"):
        if ":" in (getattr(way, field) or ""):
            what = "a user with a colon cannot be sent by basic authentication"
            yield loaded.problem((*_CONNECTION, field), what, "ask for another one")
    for index, text in enumerate(way.private_networks):
        network = ip_network(text)
        if network.prefixlen < (_WIDE_BITS_V4 if network.version == 4 else _WIDE_BITS_V6):  # noqa: PLR2004 - IPv4
            what = f"{text} opens more than one private network, loopback and cloud metadata among them"
            where = (*_CONNECTION, "private_networks", index)
            yield loaded.problem(where, what, "name the network that their server is in", warning=True)


def _url_problems(loaded: LoadedProfile, as2: As2, url: str) -> Iterator[Problem]:
    destination = read_url(url)
    where: Location = ("as2", "url")
    if isinstance(destination, str):
        yield loaded.problem(where, f"it is {destination}", "write it as https://host/path")
        return
    try:
        ip_address(destination.host)
    except ValueError:
        pass
    else:
        reason = refusal(destination.host, [ip_network(text) for text in as2.connection.private_networks])
        if reason is not None:
            what = f"{destination.host} is not connected to: it is {reason}"
            yield loaded.problem(where, what, "if it is meant, name its network in `connection.private_networks`")
    if destination.scheme == "https":
        return
    if as2.connection.username is not None:
        what, right = "user and password travel in clear", "use https://"
        yield loaded.problem(where, what, right, warning=True)
    if not as2.sending.encrypt:
        what = "neither the messages nor the way is encrypted"
        yield loaded.problem(where, what, "use https://, or set `sending: {encrypt: true}`", warning=True)


def _recipient_problems(loaded: LoadedProfile, now: datetime) -> Iterator[Problem]:
    usable = partner_certificates(loaded, "encryption", now)
    if usable and not isinstance(usable[0].public_key, rsa.RSAPublicKey):
        what = f"we cannot encrypt to {shown(usable[0].subject)}: its key is no RSA key"
        yield loaded.problem(("as2", "sending"), what, "ask them for an RSA certificate for encryption")


def _file_problems(loaded: LoadedProfile, way: As2Connection, now: datetime) -> Iterator[Problem]:
    kinds: tuple[tuple[str, str | None, Callable[[bytes], object]], ...] = (
        ("server_certificate", way.server_certificate, read_certificate),
        ("authorities", way.authorities, read_certificates),
    )
    for field, name, read in kinds:
        if name is None:
            continue
        try:
            read(loaded.file(name))
        except CertificateError as error:
            what, _, right = str(error).rstrip(".").rpartition(". ")
            yield loaded.problem(
                (*_CONNECTION, field), f"{shown(name)}: {what or right}", right.lower() or "replace it"
            )
    if way.server_certificate is None:
        return
    try:
        pinned = read_certificate(loaded.file(way.server_certificate))
    except CertificateError:
        return
    for problem in problems(pinned, now):
        if problem.code in _DATES:
            what, _, _ = problem.message.partition(". ")
            right = "get their server's new certificate by a safe way and pin that"
            yield loaded.problem((*_CONNECTION, "server_certificate"), what, right, warning=not problem.fatal)
