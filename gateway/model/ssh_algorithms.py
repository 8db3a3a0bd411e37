"""The algorithms of SSH that we speak, as server and as client: old ones only with those whose profile asks for them.

Clients choose the first of their own list that the server knows (RFC 4253 7.1). The order puts first what costs least
where the processor has AES.
"""

from collections.abc import Collection
from dataclasses import dataclass

from partners.sftp_terms import OLD_ALGORITHMS

SHA1_SIGNATURE = "ssh-rsa"


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What is offered to the other side, best first.

    Attributes:
        key_exchanges: how session keys are agreed on.
        ciphers: how packets are encrypted.
        macs: how packets are authenticated, where the cipher does not do it.
        signatures: how somebody proves that a key is theirs; never by SHA-1 unless asked for (RFC 8332).
    """

    key_exchanges: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    signatures: tuple[str, ...]

    def and_old(self, named: Collection[str]) -> "Algorithms":
        """The same with these old ones, behind all others."""
        return Algorithms(
            (*self.key_exchanges, *(name for name in OLD.key_exchanges if name in named)),
            (*self.ciphers, *(name for name in OLD.ciphers if name in named)),
            (*self.macs, *(name for name in OLD.macs if name in named)),
            (*self.signatures, *(name for name in OLD.signatures if name in named)),
        )


MODERN = Algorithms(
    key_exchanges=(
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
    ),
    ciphers=(
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    ),
    # Those without -etm for libssh2, beneath curl, which knows no others in the releases of 2022.
    macs=("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"),
    signatures=(
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
)
OLD = Algorithms(
    key_exchanges=tuple(name for name in OLD_ALGORITHMS if name.startswith("diffie-hellman")),
    ciphers=tuple(name for name in OLD_ALGORITHMS if name.endswith("-cbc")),
    macs=tuple(name for name in OLD_ALGORITHMS if name.startswith("hmac-")),
    signatures=(SHA1_SIGNATURE,),
)
