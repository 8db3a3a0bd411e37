"""Which algorithms the SFTP server offers: modern ones to everybody, old ones to the addresses of profiles alone.

Clients choose the first of their own list that we know (RFC 4253 7.1), so the order here counts little; it puts first
what costs least where the processor has AES. There is no compression: what partners send is small or compressed, and a
compressed password would tell its length.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import asyncssh
from asyncssh.kex import get_kex_algs

from gateway.flow.ssh_keys import HostKey
from partners.sftp_terms import OLD_ALGORITHMS

SERVER_VERSION = "partner-gateway"
RSA_BITS_MIN = 2_048
SHA1_SIGNATURE = "ssh-rsa"
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
# Those without -etm for libssh2, beneath curl, which knows no other in the releases of 2022.
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
# What keys of partners may sign with, never SHA-1 (RFC 8332).
SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_HOST_SIGNATURES = frozenset({*SIGNATURES, SHA1_SIGNATURE})
# So much of a channel may be on its way to us: 40 MB/s over a line of 100 ms. More only fills memory.
WINDOW_BYTES = 4 * 1_048_576
PACKET_BYTES = 65_536
REKEY_BYTES = 4 * 1_073_741_824
REKEY_S = 4 * 3_600
KEEPALIVE_S = 30
KEEPALIVES_MAX = 4
_OLD_KEY_EXCHANGES = tuple(name for name in OLD_ALGORITHMS if name.startswith("diffie-hellman"))
_OLD_CIPHERS = tuple(name for name in OLD_ALGORITHMS if name.endswith("-cbc"))
_OLD_MACS = tuple(name for name in OLD_ALGORITHMS if name.startswith("hmac-") and name not in MACS)
# What only those may agree on whose profile names it.
BY_PROFILE_ALONE = frozenset({*_OLD_KEY_EXCHANGES, *_OLD_CIPHERS, *_OLD_MACS, SHA1_SIGNATURE})


@dataclass(frozen=True, slots=True)
class Offer:
    """What one connection is offered."""

    key_exchanges: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    signatures: tuple[str, ...]


def offer_with(old: Collection[str]) -> Offer:
    """The modern algorithms that there are here, and behind them these old ones."""
    known = {name.decode("ascii") for name in get_kex_algs()}
    return Offer(
        tuple(name for name in (*KEY_EXCHANGES, *_named(_OLD_KEY_EXCHANGES, old)) if name in known),
        (*CIPHERS, *_named(_OLD_CIPHERS, old)),
        (*MACS, *_named(_OLD_MACS, old)),
        (*SIGNATURES, *_named((SHA1_SIGNATURE,), old)),
    )


def opened(host_keys: Sequence[HostKey]) -> tuple[asyncssh.SSHKey, ...]:
    """The host keys as asyncssh has them."""
    return tuple(asyncssh.import_private_key(key.private_key) for key in host_keys)


def options_with(
    host_keys: Sequence[asyncssh.SSHKey], old: Collection[str], server: Callable[[], asyncssh.SSHServer]
) -> asyncssh.SSHServerConnectionOptions:
    """What asyncssh is told for one connection.

    Args:
        host_keys: of each algorithm the one that signs first; all of them are announced.
        old: the old algorithms that are offered.
        server: who finds out who it is.
    """
    offer = offer_with(old)
    options = asyncssh.SSHServerConnectionOptions(
        config=None,
        server_factory=server,
        # Of its own for each connection: asyncssh notes in a pair how this connection's client wants it to sign.
        server_host_keys=asyncssh.load_keypairs(list(host_keys)),
        send_server_host_keys=True,
        server_version=SERVER_VERSION,
        kex_algs=offer.key_exchanges,
        encryption_algs=offer.ciphers,
        mac_algs=offer.macs,
        compression_algs=None,
        signature_algs=offer.signatures,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        host_based_auth=False,
        kbdint_auth=False,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_pty=False,
        line_editor=False,
        rdns_lookup=False,
        login_timeout=0,  # ours begins earlier
        keepalive_interval=KEEPALIVE_S,
        keepalive_count_max=KEEPALIVES_MAX,
        rekey_bytes=REKEY_BYTES,
        rekey_seconds=REKEY_S,
        encoding=None,
        window=WINDOW_BYTES,
        max_pktsize=PACKET_BYTES,
    )
    allowed = _HOST_SIGNATURES if SHA1_SIGNATURE in old else _HOST_SIGNATURES - {SHA1_SIGNATURE}
    for name in list(options.server_host_keys):
        if name.decode("ascii") not in allowed:
            del options.server_host_keys[name]
    return options


def _named(known: Sequence[str], named: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in known if name in named)
