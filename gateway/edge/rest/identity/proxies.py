"""What our own proxies say of those whom they speak for; of anybody else nothing of the kind is believed.

A proxy that ends TLS before the partner port, and whose network stands in `trusted_proxies`, tells by X-Forwarded-For
where a request came from, by X-Forwarded-Proto how, and by Client-Cert (RFC 9440) which certificate its client showed.
That the client has the key of this certificate is for the proxy to find out; whose it is, and its days, is for us. Such
a proxy must take these fields out of what its clients send (RFC 9440 4).
"""

import binascii
import ipaddress
import re
from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from aiohttp import hdrs

from gateway.edge.bodies import Request
from gateway.model.refusals import Reason, Refused

CLIENT_CERT = "Client-Cert"
HOPS_MAX = 32
CERTIFICATE_CHARACTERS_MAX = 8_190

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# A byte sequence (RFC 9651 3.3.5), with parameters that RFC 9440 gives no meaning to.
_BYTES = re.compile(r" *:([A-Za-z0-9+/]*={0,2}):(?:;[!-~ ]*)?")
_WITH_PORT = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|(?P<v4>[0-9.]{7,15}):[0-9]{1,5}")
_SCHEMES = ("http", "https")


class Proxies:
    """Reads what trusted proxies say.

    Args:
        networks: of the proxies.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: tuple[_Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)

    def trusts(self, address: str) -> bool:
        """Whether a proxy of ours has this address."""
        parsed = _parse(address)
        return parsed is not None and self._holds(parsed)

    def look_at(self, request: Request) -> None:
        """Note what a trusted proxy says of a request; what anybody else says is left alone.

        Raises:
            Refused: its Client-Cert is none.
        """
        if not self._networks or not self.trusts(request.address):
            return
        headers = request.headers
        hops = ",".join(headers.getall(hdrs.X_FORWARDED_FOR, ())).split(",")
        schemes = ",".join(headers.getall(hdrs.X_FORWARDED_PROTO, ())).split(",")
        request.is_forwarded = True
        request.forwarded_address = self._origin(hops)
        scheme = schemes[-1].strip().lower()  # the nearest proxy speaks last
        request.forwarded_scheme = scheme if scheme in _SCHEMES else None
        request.forwarded_certificate = _certificate(request)

    def _origin(self, hops: Sequence[str]) -> str | None:
        """The last hop that is no proxy of ours: each proxy adds at the right whom it spoke with.

        What lies left of it anybody may have written. None where there is nothing that could be an address.
        """
        origin: str | None = None
        for hop in reversed(hops[-HOPS_MAX:]):
            parsed = _parse(hop.strip())
            if parsed is None:
                break
            origin = str(parsed)
            if not self._holds(parsed):
                break
        return origin

    def _holds(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


@lru_cache(maxsize=4_096)
def _parse(text: str) -> _Address | None:
    """An address, as some proxies write it with its port; an IPv4 address that IPv6 carries is that IPv4 address."""
    if found := _WITH_PORT.fullmatch(text):
        text = found["v6"] or found["v4"]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _certificate(request: Request) -> bytes | None:
    """The certificate (DER) that the proxy's client showed."""
    text = request.single(CLIENT_CERT)
    if text is None:
        return None
    found = _BYTES.fullmatch(text[:CERTIFICATE_CHARACTERS_MAX])
    try:
        der = b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        der = b""
    if not der:
        raise Refused(
            Reason.INVALID_REQUEST, "Client-Cert holds a certificate as a byte sequence, :BASE64: (RFC 9440 2.2)"
        )
    return der
