"""How we speak SSH as a client: which algorithms, and with nothing of the machine or of the user who runs us.

A profile says everything that counts: whom we believe, as whom we log in, with what. What asyncssh would otherwise read
by itself (`~/.ssh/config`, `known_hosts`, keys, an agent, Kerberos) is shut off field by field, since another account's
keys would open doors that nobody wrote down.
"""

import getpass
import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asyncssh.kex import get_kex_algs
from cryptography.utils import CryptographyDeprecationWarning

from gateway import __version__
from gateway.model.ssh_algorithms import MODERN, Algorithms

CLIENT_VERSION = f"partner-gateway_{__version__}"
KEEPALIVE_S = 15
KEEPALIVES_MAX = 3
_NOBODY = "partner-gateway"
_NO_HOME = "/nonexistent"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered to a server.

    Attributes:
        host_keys: how it may prove that a host key is its own.
    """

    algorithms: Algorithms
    host_keys: tuple[str, ...]

    def without_host_keys(self, kinds: Collection[str]) -> "Offer":
        """The same without some kinds of host keys, such as ssh-ed25519."""
        return replace(self, host_keys=tuple(name for name in self.host_keys if kind_of(name) not in kinds))


def offer_with(old: Collection[str] = ()) -> Offer:
    """The modern algorithms that there are here, and behind them these old ones."""
    known = {name.decode("ascii") for name in get_kex_algs()}
    named = MODERN.and_old(old)
    usable = tuple(name for name in named.key_exchanges if name in known)
    return Offer(replace(named, key_exchanges=usable), named.signatures)


def kind_of(signature: str) -> str:
    """The kind of key that makes a signature: an RSA key makes three kinds (RFC 8332 3)."""
    return "ssh-rsa" if signature.startswith("rsa-sha2-") else signature


def client_options(offer: Offer) -> dict[str, Any]:
    """What every connection of ours is made with, for `asyncssh.connect`."""
    algorithms = offer.algorithms
    return {
        "config": None,
        # Nobody is trusted but by our own look at the fingerprint; anything empty would be read from ~/.ssh.
        "known_hosts": ([], [], []),
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": None,
        "client_keys": None,
        "agent_path": None,
        "agent_forwarding": False,
        "pkcs11_provider": None,
        "host_based_auth": False,
        "gss_host": None,
        "gss_kex": False,
        "gss_auth": False,
        "proxy_command": None,
        "canonicalize_hostname": False,
        "env": None,
        "send_env": None,
        "x11_forwarding": False,
        "client_version": CLIENT_VERSION,
        # Whoever connects has deadlines of its own for each step.
        "connect_timeout": None,
        "login_timeout": 0,
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES_MAX,
        "utf8_decode_errors": "replace",
        "compression_algs": ["none"],
        "kex_algs": list(algorithms.key_exchanges),
        "encryption_algs": list(algorithms.ciphers),
        "mac_algs": list(algorithms.macs),
        "server_host_key_algs": list(offer.host_keys),
        "signature_algs": list(algorithms.signatures),
    }


def prepare_process() -> None:
    """Give the process what asyncssh asks for although nothing here depends on it.

    That is a user name and a home, without which it raises: containers that run under any number have neither. And
    nobody but the partner can do anything about a server that knows Diffie-Hellman over finite fields alone (RFC 8268),
    so that cryptography's warning of it is no news to whoever reads our log.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = _NOBODY
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = _NO_HOME
    warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", CryptographyDeprecationWarning)
