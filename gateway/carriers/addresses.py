"""Which addresses we connect to: public ones, and private ones only where a partner's profile names their network.

A host name is somebody else's word. Whoever writes it into a receipt address, or owns the name's zone, must not be able
to point us at our own machines, at a cloud's metadata service or at loopback. So each address is judged by itself,
right before a socket connects to it.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890), spelled out: what the standard library calls private differs
# between its versions.
_NOT_PUBLIC_V4 = {
    IPv4Network("0.0.0.0/8"): "unspecified (this host)",
    IPv4Network("10.0.0.0/8"): "private (RFC 1918)",
    IPv4Network("100.64.0.0/10"): "shared by carriers (RFC 6598)",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("172.16.0.0/12"): "private (RFC 1918)",
    IPv4Network("192.0.0.0/24"): "reserved (RFC 6890)",
    IPv4Network("192.0.2.0/24"): "for documentation",
    IPv4Network("192.88.99.0/24"): "reserved (6to4 relays)",
    IPv4Network("192.168.0.0/16"): "private (RFC 1918)",
    IPv4Network("198.18.0.0/15"): "for benchmarks (RFC 2544)",
    IPv4Network("198.51.100.0/24"): "for documentation",
    IPv4Network("203.0.113.0/24"): "for documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved (RFC 1112)",
}
# Of IPv6 only global unicast is public; the rest is named so that a person sees what stands there.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = {
    IPv6Network("::/128"): "unspecified (this host)",
    IPv6Network("::1/128"): "loopback",
    IPv6Network("fc00::/7"): "private (unique local, RFC 4193)",
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("fec0::/10"): "private (site-local)",
    IPv6Network("ff00::/8"): "multicast",
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("3fff::/20"): "for documentation",
    IPv6Network("2001::/23"): "reserved (RFC 2928)",
}
_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 2.5.5.2
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765 2.1
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1
_6TO4 = IPv6Network("2002::/16")  # RFC 3056
_TEREDO = IPv6Network("2001::/32")  # RFC 4380
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 6.1
# An address for IPv4 nodes alone says nothing more than the IPv4 address in it.
_CARRY_IPV4 = (_MAPPED, _TRANSLATED, _NAT64, _6TO4, _TEREDO)
_NEVER = (
    IPv4Network("0.0.0.0/32"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("255.255.255.255/32"),
    IPv6Network("::/128"),
    IPv6Network("ff00::/8"),
)


def refusal(text: str, allowed: Sequence[Network]) -> str | None:
    """Why we do not connect to an address; None when we do.

    Args:
        text: the address as a resolver or a URL gives it, a zone (`%eth0`) and brackets included.
        allowed: networks of the profile; one of them opens what is not public, but neither multicast nor an
            unspecified address, which every system takes for itself.
    """
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return "no address"
    inner = tuple(embedded(address))
    for judged in (address, *inner):
        if any(judged in network for network in _NEVER):
            return _kind(judged)
    if _covered(address, allowed) or (inner and all(_covered(item, allowed) for item in inner)):
        return None
    if isinstance(address, IPv4Address):
        return _kind(address)
    for item in inner:
        kind = _kind(item)
        if kind is not None and not _covered(item, allowed):
            return f"{kind}, as {item} inside of IPv6"
    return None if inner and _says_no_more(address) else _kind(address)


def embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if address in _MAPPED or address in _TRANSLATED or address in _NAT64:
        yield IPv4Address(number & 0xFFFF_FFFF)
    elif address in _6TO4:
        yield IPv4Address(number >> 80 & 0xFFFF_FFFF)
    elif address in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFF_FFFF)  # the server
        yield IPv4Address(~number & 0xFFFF_FFFF)  # the client, every bit turned over (RFC 4380 4)
    elif number >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFF_FFFF)


def _says_no_more(address: IPv6Address) -> bool:
    return any(address in network for network in _CARRY_IPV4)


def _covered(address: Address, allowed: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in allowed)


def _kind(address: Address) -> str | None:
    table = _NOT_PUBLIC_V4 if isinstance(address, IPv4Address) else _NOT_PUBLIC_V6
    for network, kind in table.items():
        if address in network:
            return kind
    return None if isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST else "reserved"
