"""What lets a partner's programs in: every credential of its profile, with its days and when it was last used."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from gateway.carriers.credentials import read_secret
from gateway.model.instants import rfc3339
from gateway.signatures import Algorithm, VerificationKey, read_public_key, shared_secret
from gateway.store.credentials.uses import Shown
from partners.api_terms import Dated, Means, Scope, SignatureKey
from partners.loader import LoadedProfile
from partners.profile import Profile

# Beside those of the API, what opens a mailbox.
Opener: TypeAlias = Means | Literal["sftp_key", "sftp_password"]
_OF_MAILBOX = frozenset({"sftp_key", "sftp_password"})


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """One credential of a profile.

    Attributes:
        means: what kind of credential it is.
        label: its name among those of its kind: a label, a client id, a key id.
        terms: its days.
        scopes: what it may be used for; everything when empty.
        last_used_at_ms: None where no use is known.
    """

    means: Opener
    label: str
    terms: Dated
    scopes: tuple[Scope, ...]
    last_used_at_ms: int | None = None

    @property
    def opens_api(self) -> bool:
        """Whether it is one for the API, and not for the mailbox."""
        return self.means not in _OF_MAILBOX

    def as_json(self) -> dict[str, object]:
        """The facts that commands, the operator port and the partner are told."""
        used = self.last_used_at_ms
        return {
            "means": self.means,
            "label": self.label,
            "scopes": list(self.scopes),
            "valid_from": self.terms.valid_from,
            "expires_on": self.terms.expires_on,
            "last_used_at": None if used is None else rfc3339(used),
        }

    def standing(self, today: date) -> str:
        """Whether it opens the door, in a word or two."""
        first, last = self.terms.valid_from, self.terms.expires_on
        if first is not None and today < first:
            return f"from {first}"
        if last is not None:
            return f"over since {last}" if today > last else f"until {last}"
        return "in use"


def credentials_of(profile: Profile, used: Mapping[Shown, int]) -> list[KnownCredential]:
    """The credentials of a partner in the order of its profile.

    Args:
        profile: the partner's.
        used: when each was last used, in milliseconds since 1970, as far as that is known.
    """
    return [
        KnownCredential(means, label, terms, scopes, used.get((means, label)))
        for means, label, terms, scopes in _listed(profile)
    ]


def _listed(profile: Profile) -> Iterator[tuple[Opener, str, Dated, tuple[Scope, ...]]]:
    for key in profile.api_keys:
        yield "api_key", key.label, key, key.scopes
    for client in profile.api.oauth_clients:
        yield "oauth", client.client_id, client, client.scopes
    for certificate in profile.api.certificates:
        yield "certificate", certificate.label, certificate, certificate.scopes
    for signer in profile.api.signatures.keys:
        yield "signature", signer.id, signer, signer.scopes
    if profile.sftp is not None:
        for public_key in profile.sftp.keys:
            yield "sftp_key", public_key.label, public_key, ()
        for password in profile.sftp.passwords:
            yield "sftp_password", password.label, password, ()


def read_signature_key(partner: LoadedProfile, terms: SignatureKey) -> VerificationKey:
    """The key that a profile describes.

    Raises:
        KeyUnusable: it is none for its algorithm.
        SecretMissing: its shared secret is not where the profile says.
    """
    if terms.secret is not None:
        return shared_secret(terms.id, read_secret(terms.secret).encode("utf-8", "surrogateescape"))
    return read_public_key(terms.id, partner.file(terms.public_key or ""), Algorithm(terms.algorithm))
