"""What a profile says of AS2, made ready for use: identities, policy and certificates, parsed once a profile."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from certs.certificates import Certificate, CertificateError, ProblemCode, problems, read_certificate
from gateway.agreements import OurIdentity
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.policy import Policy
from gateway.settings import Limits
from partners.as2_terms import As2, CertificateFile
from partners.loader import LoadedProfile
from partners.profile import Profile

TERMS_MAX = 1_024
_DATES = frozenset({ProblemCode.EXPIRED, ProblemCode.NOT_YET_VALID})


def identity_for(profile: Profile, identities: Collection[OurIdentity]) -> OurIdentity | None:
    """Which of our identities an AS2 partner knows: the one it names, or the only one that has an AS2 id."""
    if profile.as2 is None:
        return None
    with_as2 = [identity for identity in identities if identity.as2_id is not None]
    if profile.as2.our_identity is not None:
        return next((identity for identity in with_as2 if identity.name == profile.as2.our_identity), None)
    return with_as2[0] if len(with_as2) == 1 else None


def identities_for(
    profile: Profile, identities: Collection[OurIdentity], carried: Iterable[Profile] = ()
) -> tuple[OurIdentity, ...]:
    """Every identity of ours that an AS2 partner may address, the one we answer for by default first.

    It is the one we send with, and those that its agreements name; of a connection those of the partners, too, whose
    traffic it carries. What was agreed for one plant may come to that plant's AS2 id.
    """
    if profile.as2 is None:
        return ()
    agreed = [item.our_identity for one in (profile, *carried) for item in one.agreements]
    named = {name for name in (profile.as2.our_identity, *agreed) if name is not None}
    found = [identity for identity in identities if identity.as2_id is not None and identity.name in named]
    usual = identity_for(profile, identities)
    return (usual, *(identity for identity in found if identity != usual)) if usual is not None else tuple(found)


def as2_policy(profile: Profile, *, decompressed_bytes_max: int) -> Policy:
    """What AS2 messages of a partner must be and may be; no profile lifts the gateway's own limit, given here."""
    ours = profile.limits.decompressed_bytes_max
    limit = decompressed_bytes_max if ours is None else min(ours, decompressed_bytes_max)
    if profile.as2 is None:
        return Policy(decompressed_bytes_max=limit)
    return Policy(
        require_signed=profile.as2.require_signed,
        require_encrypted=profile.as2.require_encrypted,
        digests=frozenset(Digest(name) for name in profile.as2.digests),
        ciphers=frozenset(Cipher(name) for name in profile.as2.ciphers),
        key_transports=frozenset(KeyTransport(name) for name in profile.as2.key_transports),
        signatures=frozenset(SignatureScheme(name) for name in profile.as2.signatures),
        decompressed_bytes_max=limit,
    )


def partner_certificates(
    loaded: LoadedProfile,
    purpose: Literal["signing", "encryption"],
    now: datetime,
    *,
    whatever_their_dates: bool = False,
) -> tuple[Certificate, ...]:
    """The partner's certificates that may be used for a purpose at this moment, the newest first.

    Their signatures may be made with any of them, so that an old and a new one overlap; we encrypt to the first.
    What the profile's window excludes, cannot be read or has a weak key is left out: `gateway partner check` says so.
    So is what is expired or not yet valid, unless `whatever_their_dates`: then the AS2 policy refuses such a signer by
    name instead of calling it unknown.
    """
    if loaded.profile.as2 is None:
        return ()
    usable = []
    for item in loaded.profile.as2.certificate_files:
        if item.use not in ("both", purpose) or not item.used_on(now.date()):
            continue
        certificate = _certificate(loaded.files[item.file])
        if certificate is None:
            continue
        fatal = {problem.code for problem in problems(certificate, now) if problem.fatal}
        if not fatal or (whatever_their_dates and fatal <= _DATES):
            usable.append(certificate)
    return tuple(sorted(usable, key=lambda certificate: certificate.not_before, reverse=True))


@lru_cache(maxsize=4_096)
def _certificate(data: bytes) -> Certificate | None:
    try:
        return read_certificate(data)
    except CertificateError:
        return None


@dataclass(frozen=True, slots=True)
class As2Terms:
    """The security side of one profile.

    Attributes:
        certificates: theirs, each with the days on which the profile lets it be used.
        unreadable: files that hold no certificate; the profile's check says more about them.
    """

    policy: Policy
    certificates: tuple[tuple[CertificateFile, Certificate], ...]
    unreadable: tuple[str, ...]

    def signing_certificates(self, now: datetime) -> tuple[Certificate, ...]:
        """Those that may verify a signature today; a certificate's own dates are judged with the message."""
        today = now.date()
        return tuple(certificate for file, certificate in self.certificates if _signs(file, today))


class As2TermsBook:
    """As2Terms by the digest of their profile, so that a reload needs no notice here."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[str, As2Terms] = {}

    def of(self, loaded: LoadedProfile, as2: As2) -> As2Terms:
        """The terms of a profile."""
        terms = self._known.get(loaded.digest)
        if terms is None:
            if len(self._known) >= TERMS_MAX:
                del self._known[next(iter(self._known))]
            terms = self._known[loaded.digest] = self._read(loaded, as2)
        return terms

    def _read(self, loaded: LoadedProfile, as2: As2) -> As2Terms:
        certificates: list[tuple[CertificateFile, Certificate]] = []
        unreadable: list[str] = []
        for file in as2.certificate_files:
            try:
                certificates.append((file, read_certificate(loaded.files[file.file])))
            except CertificateError:
                unreadable.append(file.file)
        policy = as2_policy(loaded.profile, decompressed_bytes_max=self._limits.decompressed_bytes_max)
        return As2Terms(policy, tuple(certificates), tuple(unreadable))


def _signs(file: CertificateFile, today: date) -> bool:
    return file.use != "encryption" and file.used_on(today)
