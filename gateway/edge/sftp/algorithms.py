"""Which algorithms the SFTP server offers: modern ones to everybody, old ones to the addresses of profiles alone.

There is no compression: what partners send is small or compressed, and a
compressed password would tell its length.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import asyncssh
from asyncssh.kex import get_kex_algs

from gateway.flow.ssh_keys import HostKey
from gateway.model.ssh_algorithms import MODERN, OLD, SHA1_SIGNATURE, Algorithms

SERVER_VERSION = "partner-gateway"
RSA_BITS_MIN = 2_048
# What keys of partners may sign with; clients have some in hardware.
SIGNATURES = (*MODERN.signatures, "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
_HOST_SIGNATURES = frozenset(MODERN.signatures)
# So much of a channel may be on its way to us: 40 MB/s over a line of 100 ms. More only fills memory.
WINDOW_BYTES = 4 * 1_048_576
PACKET_BYTES = 65_536
REKEY_BYTES = 4 * 1_073_741_824
REKEY_S = 4 * 3_600
KEEPALIVE_S = 30
KEEPALIVES_MAX = 4
# What only those may agree on whose profile names it.
BY_PROFILE_ALONE = frozenset({*OLD.key_exchanges, *OLD.ciphers, *OLD.macs, *OLD.signatures})


def offer_with(old: Collection[str]) -> Algorithms:
    """The modern algorithms that there are here, and behind them these old ones."""
    known = {name.decode("ascii") for name in get_kex_algs()}
    all_of = replace(MODERN, signatures=SIGNATURES).and_old(old)
    return replace(all_of, key_exchanges=tuple(name for name in all_of.key_exchanges if name in known))


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
    allowed = _HOST_SIGNATURES | ({SHA1_SIGNATURE} & set(old))
    for name in list(options.server_host_keys):
        if name.decode("ascii") not in allowed:
            del options.server_host_keys[name]
    return options
