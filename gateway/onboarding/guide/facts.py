"""Everything a guide is made of, as values: whoever makes one has gathered them before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.flow.certificates.inventory import Inventory
from gateway.onboarding.samples.reading import Sample
from gateway.settings import Settings
from partners.loader import LoadedProfile
from partners.profile import Profile


@dataclass(frozen=True, slots=True)
class ServerKey:
    """A host key of our SFTP server, its public part.

    Attributes:
        fingerprint: SHA-256, as ssh-keygen shows it.
        algorithm: such as ssh-ed25519.
        public_key: in OpenSSH's format, without a comment.
        signs: whether it proves who we are now; the others are announced for later.
        signs_from: from when it does, where that is settled.
    """

    fingerprint: str
    algorithm: str
    public_key: str
    signs: bool
    signs_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a guide says, before it is put in words.

    Attributes:
        loaded: the partner.
        settings: ours: who we are, how we are reached, our limits.
        samples: of the partner.
        certificates: ours, as far as the partner needs them, and those of the partner.
        problems: every kind of problem that the REST interface answers with.
        connection: the connection that carries the partner's traffic, if there is one.
        at: when the guide was made.
        ssh_key: the public key with which we log in at their SFTP server, as authorized_keys has it; empty for none.
        host_keys: of our SFTP server: what it shows now, and what will take its place.
        full: everything that is folded away on the screen is open, for print.
    """

    loaded: LoadedProfile
    settings: Settings
    at: datetime
    samples: Sequence[Sample] = ()
    certificates: Inventory = field(default_factory=lambda: Inventory((), ()))
    problems: Sequence[Mapping[str, object]] = ()
    connection: LoadedProfile | None = None
    full: bool = False
    ssh_key: str = ""
    host_keys: Sequence[ServerKey] = ()

    @property
    def profile(self) -> Profile:
        """The partner's profile."""
        return self.loaded.profile

    @property
    def us(self) -> str:
        """Our name."""
        named = next((identity.name for identity in self.settings.identities), "")
        return self.settings.company or named or "We"
