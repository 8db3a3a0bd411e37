"""What was agreed with an AS2 partner, made ready for use: policy and certificates, parsed once a profile."""

from dataclasses import dataclass
from datetime import date, datetime

from certs.certificates import Certificate, CertificateError, read_certificate
from gateway.agreements import as2_policy
from gateway.as2.policy import Policy
from gateway.settings import Limits
from partners.loader import LoadedProfile
from partners.profile import As2, CertificateFile

TERMS_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Terms:
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


class TermsBook:
    """Terms by the digest of their profile, so that a reload needs no notice here."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[str, Terms] = {}

    def of(self, loaded: LoadedProfile, as2: As2) -> Terms:
        """The terms of a profile."""
        terms = self._known.get(loaded.digest)
        if terms is None:
            if len(self._known) >= TERMS_MAX:
                del self._known[next(iter(self._known))]
            terms = self._known[loaded.digest] = self._read(loaded, as2)
        return terms

    def _read(self, loaded: LoadedProfile, as2: As2) -> Terms:
        certificates: list[tuple[CertificateFile, Certificate]] = []
        unreadable: list[str] = []
        for file in as2.certificate_files:
            try:
                certificates.append((file, read_certificate(loaded.files[file.file])))
            except CertificateError:
                unreadable.append(file.file)
        policy = as2_policy(loaded.profile, decompressed_bytes_max=self._limits.decompressed_bytes_max)
        return Terms(policy, tuple(certificates), tuple(unreadable))


def _signs(file: CertificateFile, today: date) -> bool:
    return file.use != "encryption" and file.used_on(today)
