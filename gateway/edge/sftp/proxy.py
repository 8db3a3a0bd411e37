"""The PROXY protocol, versions 1 and 2: how a TCP balancer of ours says for whom it speaks, before the first byte.

It is believed of `trusted_proxies` alone, and they have to speak it: a balancer that says nothing would make all its
clients one address, with one allow-list and one ban. Of anybody else it is no SSH.
"""

import ipaddress
import re
from dataclasses import dataclass

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1_BEGINS = b"PROXY "
V1_BYTES_MAX = 107
# The addresses, and what balancers add to them (the TLS name, an id of the network).
V2_BYTES_MAX = 4_096
_V2_HEAD_BYTES = 16
_V1 = re.compile(
    rb"PROXY (?:(UNKNOWN)(?: [!-~ ]*)?|TCP[46] ([0-9a-fA-F.:]{2,45}) [0-9a-fA-F.:]{2,45} [0-9]{1,5} [0-9]{1,5})"
)
_ADDRESS_BYTES = {0x1: 4, 0x2: 16}
_ADDRESSES_BYTES = {0x1: 12, 0x2: 36}


class NotProxied(ValueError):  # noqa: N818  # what came, rather than a fault of ours
    """What came does not begin as the PROXY protocol does."""


@dataclass(frozen=True, slots=True)
class Preface:
    """What a balancer said.

    Attributes:
        address: of its client; None where it speaks for itself, as when it looks whether we are there.
        length: bytes that it took.
    """

    address: str | None
    length: int


def read_preface(data: bytes) -> Preface | None:
    """What stands at the beginning of a connection; None while it is not all there.

    Raises:
        NotProxied: it is something else, or too long.
    """
    if data.startswith(SIGNATURE[: len(data)]):
        return _read_v2(data)
    if data.startswith(V1_BEGINS[: len(data)]):
        return _read_v1(data)
    raise NotProxied("no PROXY protocol")


def _read_v1(data: bytes) -> Preface | None:
    end = data.find(b"\r\n", 0, V1_BYTES_MAX)
    if end < 0:
        if len(data) >= V1_BYTES_MAX:
            raise NotProxied("its line does not end")
        return None
    found = _V1.fullmatch(data[:end])
    if found is None:
        raise NotProxied("its line is none")
    return Preface(None if found[1] else _address(found[2].decode("ascii")), end + 2)


def _read_v2(data: bytes) -> Preface | None:
    if len(data) < _V2_HEAD_BYTES:
        return None
    version, command = data[12] >> 4, data[12] & 0xF
    family, length = data[13] >> 4, int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1 or length > V2_BYTES_MAX:  # noqa: PLR2004  # the version that this is
        raise NotProxied("its head is none")
    end = _V2_HEAD_BYTES + length
    if len(data) < end:
        return None
    if command == 0:  # LOCAL: the balancer itself, whatever the addresses say
        return Preface(None, end)
    if family not in _ADDRESS_BYTES or length < _ADDRESSES_BYTES[family]:
        raise NotProxied("it speaks for no address of IP")
    packed = data[_V2_HEAD_BYTES : _V2_HEAD_BYTES + _ADDRESS_BYTES[family]]
    return Preface(str(_plain(ipaddress.ip_address(packed))), end)


def _address(text: str) -> str:
    try:
        return str(_plain(ipaddress.ip_address(text)))
    except ValueError:
        raise NotProxied("its address is none") from None


def _plain(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that IPv6 carries is that IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address
