"""What opens a mailbox: a key or a password of a profile, on its days, from an address that the profile allows."""

import ipaddress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import asyncssh

from gateway.edge.sftp.algorithms import RSA_BITS_MIN, SIGNATURES
from partners.loader import LoadedProfile
from partners.sftp_terms import Sftp


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a mailbox, found right.

    Attributes:
        means: ``sftp_key`` or ``sftp_password``.
        proof: the fingerprint of the key, or how the password stands in the profile.
    """

    partner: LoadedProfile
    means: str
    label: str
    proof: str


class NotOpened(Exception):  # noqa: N818  # refused; the answer is the same for all
    """Why somebody is not let in; for the audit alone."""


def opening_by_key(partner: LoadedProfile, key_data: bytes, today: date) -> tuple[str, str]:
    """The label and fingerprint of a partner's key.

    Raises:
        NotOpened: it is none of theirs, too weak, or not of today.
    """
    for key in terms_of(partner).keys:
        known = read_key(partner.file(key.file))
        if known is None or known.public_data != key_data:
            continue
        if is_weak(known):
            raise NotOpened(f"key {key.label}: a kind or size of key that is not secure")
        if not key.opens_on(today):
            raise NotOpened(f"key {key.label}: not of today")
        return key.label, known.get_fingerprint()
    raise NotOpened("a key that the profile does not have")


@lru_cache(maxsize=4_096)
def read_key(content: bytes) -> asyncssh.SSHKey | None:
    """The public key in a file; None where there is none, or several."""
    lines = [line for line in content.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    try:
        return asyncssh.import_public_key(lines[0]) if len(lines) == 1 else None
    except asyncssh.KeyImportError:
        return None


def is_weak(key: asyncssh.SSHKey) -> bool:
    """Whether a key is of a kind or size that nobody should let in."""
    if key.get_algorithm() == "ssh-rsa":
        return key.pyca_key.key_size < RSA_BITS_MIN  # type: ignore[union-attr]  # an RSA key has it
    return key.get_algorithm() not in SIGNATURES


def comes_from_there(terms: Sftp, address: str) -> bool:
    """Whether the profile allows an address."""
    return not terms.networks or in_networks(terms.networks, address)


def in_networks(networks: tuple[str, ...], address: str) -> bool:
    """Whether an address lies in one of them."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in _networks(networks))


@lru_cache(maxsize=4_096)
def _networks(texts: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def terms_of(partner: LoadedProfile) -> Sftp:
    """What a profile says of its mailbox.

    Raises:
        NotOpened: it has none.
    """
    terms = partner.profile.sftp
    if terms is None:
        raise NotOpened("the profile has no mailbox")
    return terms
