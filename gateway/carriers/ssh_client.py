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

from cryptography.utils import CryptographyDeprecationWarning

from gateway import __version__

CLIENT_VERSION = f"partner-gateway_{__version__}"
KEEPALIVE_S = 15
KEEPALIVES_MAX = 3
_NOBODY = "partner-gateway"
_NO_HOME = "/nonexistent"


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What is offered to a server, best first.

    Attributes:
        key_exchanges: how session keys are agreed on.
        ciphers: how packets are encrypted.
        macs: how packets are authenticated, where the cipher does not do it.
        host_keys: how servers prove that a host key is theirs.
        signatures: how we prove that a key is ours.
    """

    key_exchanges: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    host_keys: tuple[str, ...]
    signatures: tuple[str, ...]

    def and_old(self, named: Collection[str]) -> "Algorithms":
        """The same with old ones, behind all others."""
        return Algorithms(
            self.key_exchanges + tuple(name for name in _OLD.key_exchanges if name in named),
            self.ciphers + tuple(name for name in _OLD.ciphers if name in named),
            self.macs + tuple(name for name in _OLD.macs if name in named),
            self.host_keys + tuple(name for name in _OLD.host_keys if name in named),
            self.signatures + tuple(name for name in _OLD.signatures if name in named),
        )

    def without_host_keys(self, kinds: Collection[str]) -> "Algorithms":
        """The same without some kinds of host keys, such as ssh-ed25519."""
        return replace(self, host_keys=tuple(name for name in self.host_keys if kind_of(name) not in kinds))


_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
MODERN = Algorithms(
    key_exchanges=(
        "mlkem768x25519-sha256",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
    ),
    ciphers=(
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    ),
    macs=("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"),
    host_keys=_SIGNATURES,
    signatures=_SIGNATURES,
)
# What a profile may name in `algorithms`; spoken with nobody else.
_OLD = Algorithms(
    key_exchanges=(
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group14-sha1",
    ),
    ciphers=("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"),
    macs=("hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"),
    host_keys=("ssh-rsa",),
    signatures=("ssh-rsa",),
)


def kind_of(signature: str) -> str:
    """The kind of key that makes a signature: an RSA key makes three kinds (RFC 8332 3)."""
    return "ssh-rsa" if signature.startswith("rsa-sha2-") else signature


def client_options(algorithms: Algorithms) -> dict[str, Any]:
    """What every connection of ours is made with, for `asyncssh.connect`."""
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
        "server_host_key_algs": list(algorithms.host_keys),
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
