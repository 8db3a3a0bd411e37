"""What a profile says of AS2, made ready for use: identities, policy and certificates, parsed once a profile."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache

from certs.certificates import (
    Certificate,
    CertificateError,
    ProblemCode,
    problems,
    read_certificate,
    read_certificates,
)
from certs.chain import Purpose
from certs.revocation import RevocationList, read_revocation_lists
from certs.trust import PINNED, Trust
from gateway.agreements import OurIdentity
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.policy import Policy
from gateway.settings import Limits
from partners.as2_terms import As2, CertificateFile
from partners.loader import LoadedProfile
from partners.profile import Profile

TERMS_MAX = 1_024
_DATES = frozenset({ProblemCode.EXPIRED, ProblemCode.NOT_YET_VALID})


@dataclass(frozen=True, slots=True)
class ExchangedCertificate:
    """A certificate of a partner that was accepted from a certificate exchange message.

    Attributes:
        valid_from: from when on we encrypt to it; None: from its own first moment.
        beside: what came with it, and may link it to an authority.
    """

    certificate: Certificate
    for_signing: bool
    for_encryption: bool
    valid_from: datetime | None = None
    beside: tuple[Certificate, ...] = ()

    def used_for(self, purpose: Purpose, now: datetime) -> bool:
        """Whether it may be used for a purpose now; its own dates are judged where the others' are."""
        if purpose == "signing":
            return self.for_signing  # at once: the partner changes over at a moment of its own
        return self.for_encryption and (self.valid_from is None or self.valid_from <= now)


ExchangedOf = Callable[[str], tuple[ExchangedCertificate, ...]]


def nothing_exchanged(_: str) -> tuple[ExchangedCertificate, ...]:
    """For a gateway without a store."""
    return ()


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
    purpose: Purpose,
    now: datetime,
    *,
    whatever_their_dates: bool = False,
    exchanged: Sequence[ExchangedCertificate] = (),
) -> tuple[Certificate, ...]:
    """The partner's certificates that may be used for a purpose at this moment, the newest first.

    Their signatures may be made with any of them, so that an old and a new one overlap; we encrypt to the first.
    What the profile's window excludes, cannot be read or has a weak key is left out: `gateway partner check` says so.
    So is what is expired or not yet valid, unless `whatever_their_dates`: then the AS2 policy refuses such a signer by
    name instead of calling it unknown.
    With authorities in the profile, what we encrypt to must chain to one of them; a signer's chain is judged with the
    message, which may bring the certificates between. `exchanged` are those that came by certificate exchange messages.
    """
    if loaded.profile.as2 is None:
        return ()
    trust = partner_trust(loaded)
    beside = tuple(certificate for one in exchanged for certificate in one.beside)
    usable = []
    for certificate in (*_of_files(loaded, loaded.profile.as2, purpose, now), *_of_exchange(exchanged, purpose, now)):
        if purpose == "encryption" and trust.objection(certificate, purpose, now, beside=beside) is not None:
            continue
        fatal = {problem.code for problem in problems(certificate, now) if problem.fatal}
        if not fatal or (whatever_their_dates and fatal <= _DATES):
            usable.append(certificate)
    newest_first = sorted(usable, key=lambda certificate: certificate.not_before, reverse=True)
    return tuple(dict.fromkeys(newest_first))


def _of_files(loaded: LoadedProfile, as2: As2, purpose: Purpose, now: datetime) -> Iterator[Certificate]:
    for item in as2.certificate_files:
        if item.use in ("both", purpose) and item.used_on(now.date()):
            certificate = _certificate(loaded.file(item.file))
            if certificate is not None:
                yield certificate


def _of_exchange(exchanged: Iterable[ExchangedCertificate], purpose: Purpose, now: datetime) -> Iterator[Certificate]:
    return (one.certificate for one in exchanged if one.used_for(purpose, now))


class PartnerCertificates:
    """`partner_certificates` with those that came by certificate exchange messages.

    Args:
        exchanged: of a partner, as they are now.
    """

    def __init__(self, exchanged: ExchangedOf = nothing_exchanged) -> None:
        self._exchanged = exchanged

    def __call__(
        self, loaded: LoadedProfile, purpose: Purpose, now: datetime, *, whatever_their_dates: bool = False
    ) -> tuple[Certificate, ...]:
        """The partner's certificates that may be used for a purpose at this moment, the newest first."""
        exchanged = self._exchanged(loaded.id)
        return partner_certificates(
            loaded, purpose, now, whatever_their_dates=whatever_their_dates, exchanged=exchanged
        )


def partner_trust(loaded: LoadedProfile) -> Trust:
    """What the partner's certificates must show beside being agreed."""
    as2 = loaded.profile.as2
    if as2 is None or not as2.authorities:
        return PINNED
    return _trust(
        tuple((file, loaded.file(file)) for file in as2.authorities),
        tuple((file, loaded.file(file)) for file in as2.revocation_lists),
        tuple(loaded.file(item.file) for item in as2.certificate_files),
        from_messages=as2.trust == "chain",
    )


NamedFile = tuple[str, bytes]


@lru_cache(maxsize=TERMS_MAX)
def _trust(
    authorities: tuple[NamedFile, ...],
    revocation_lists: tuple[NamedFile, ...],
    certificates: tuple[bytes, ...],
    *,
    from_messages: bool,
) -> Trust:
    """An authority or a list that cannot be read leaves nothing trusted: what it would have forbidden is not known."""
    anchors: list[Certificate] = []
    lists: list[RevocationList] = []
    for name, data in (*authorities, *revocation_lists):
        try:
            if (name, data) in authorities:
                anchors += read_certificates(data)
            else:
                lists += read_revocation_lists(data)
        except CertificateError as error:
            return Trust(unusable=f"the file {name} beside the profile cannot be used: {error}")
    between: list[Certificate] = []
    for data in certificates:
        with suppress(CertificateError):
            between += read_certificates(data)
    return Trust(tuple(anchors), tuple(between), tuple(lists), from_messages=from_messages)


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
        trust: what the certificates must show beside being agreed.
        exchanged: certificates that came by certificate exchange messages.
    """

    policy: Policy
    certificates: tuple[tuple[CertificateFile, Certificate], ...]
    unreadable: tuple[str, ...]
    trust: Trust = PINNED
    exchanged: tuple[ExchangedCertificate, ...] = ()

    def signing_certificates(self, now: datetime) -> tuple[Certificate, ...]:
        """Those that may verify a signature today; a certificate's own dates are judged with the message."""
        today = now.date()
        agreed = [certificate for file, certificate in self.certificates if _signs(file, today)]
        return tuple(dict.fromkeys((*agreed, *_of_exchange(self.exchanged, "signing", now))))


class As2TermsBook:
    """As2Terms by the digest of their profile, so that a reload needs no notice here.

    Args:
        limits: the gateway's own.
        exchanged: the exchanged certificates of a partner, as they are now.
    """

    def __init__(self, limits: Limits, exchanged: ExchangedOf = nothing_exchanged) -> None:
        self._limits = limits
        self._exchanged = exchanged
        self._known: dict[str, As2Terms] = {}

    def of(self, loaded: LoadedProfile, as2: As2) -> As2Terms:
        """The terms of a profile."""
        terms = self._known.get(loaded.digest)
        exchanged = self._exchanged(loaded.id)
        if terms is not None and terms.exchanged != exchanged:
            terms = self._known[loaded.digest] = replace(terms, exchanged=exchanged)
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
                certificates.append((file, read_certificate(loaded.file(file.file))))
            except CertificateError:
                unreadable.append(file.file)
        policy = as2_policy(loaded.profile, decompressed_bytes_max=self._limits.decompressed_bytes_max)
        exchanged = self._exchanged(loaded.id)
        return As2Terms(policy, tuple(certificates), tuple(unreadable), partner_trust(loaded), exchanged)


def _signs(file: CertificateFile, today: date) -> bool:
    return file.use != "encryption" and file.used_on(today)
