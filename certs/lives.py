"""The lives of our own key pairs: which signs at a moment, which decrypt, what comes next. Values in, values out.

Partners change over to a new certificate at a time of their own. So a new pair decrypts from its first moment on, signs
from its cut-over date, and the old one goes on decrypting until its last day or until it is retired::

    old   signs ................|  decrypts .............| retired
    new   decrypts ..............  signs ........................
                             cut-over
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from certs.certificates import Certificate

FINGERPRINT_CHARACTERS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Life:
    """One pair of ours without its private key.

    Attributes:
        chain: its issuers, the next one first.
        signs_from: the cut-over; None: it never signs.
        decrypts_until: its last moment; None: until it is retired.
        erased: the private key is gone for good.
    """

    identity: str
    certificate: Certificate
    chain: tuple[Certificate, ...]
    created_at: datetime
    signs_from: datetime | None = None
    decrypts_until: datetime | None = None
    retired_at: datetime | None = None
    erased: bool = False

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, lower-case hex."""
        return self.certificate.fingerprint

    @property
    def short(self) -> str:
        """Enough of the fingerprint to tell pairs apart."""
        return self.fingerprint[:FINGERPRINT_CHARACTERS_SHOWN]

    @property
    def is_live(self) -> bool:
        """Not retired."""
        return self.retired_at is None and not self.erased

    @property
    def takes_ciphertext(self) -> bool:
        """Whether partners can encrypt to it: content keys travel under RSA alone."""
        return isinstance(self.certificate.public_key, rsa.RSAPublicKey)


def live(lives: Iterable[Life]) -> list[Life]:
    """Those that are not retired, the newest certificate first."""
    found = [life for life in lives if life.is_live]
    return sorted(found, key=lambda life: (life.certificate.not_before, life.fingerprint), reverse=True)


def signer_at(lives: Iterable[Life], now: datetime) -> Life | None:
    """The pair of one identity that signs: the one whose cut-over came last; before any came, the oldest pair."""
    found = live(lives)
    begun = [life for life in found if life.signs_from is not None and life.signs_from <= now]
    if begun:
        return max(begun, key=lambda life: (life.signs_from or now, life.certificate.not_before, life.fingerprint))
    return min(found, key=lambda life: (life.created_at, life.fingerprint), default=None)


def decrypting_at(lives: Iterable[Life], now: datetime) -> tuple[Life, ...]:
    """The pairs of one identity that decrypt, the newest first; the one that signs does, if its key can."""
    found = live(lives)
    signer = signer_at(found, now)
    able = [life for life in found if life.takes_ciphertext]
    return tuple(life for life in able if life == signer or life.decrypts_until is None or now <= life.decrypts_until)


def planned_after(lives: Iterable[Life], now: datetime) -> tuple[Life, ...]:
    """The pairs of one identity whose cut-over lies ahead, the next first."""
    ahead = [life for life in live(lives) if life.signs_from is not None and life.signs_from > now]
    return tuple(sorted(ahead, key=lambda life: (life.signs_from or now, life.fingerprint)))


def next_change(lives: Iterable[Life], now: datetime) -> datetime | None:
    """The next moment at which another pair signs or one ceases to decrypt."""
    moments = (moment for life in live(lives) for moment in (life.signs_from, life.decrypts_until))
    return min((moment for moment in moments if moment is not None and moment >= now), default=None)


def succeeded(life: Life, others: Sequence[Life], now: datetime) -> bool:
    """Whether other pairs of the identity take over everything that this one does before its certificate ends."""
    ends = life.certificate.not_after
    later = [other for other in live(others) if other != life and other.certificate.not_after > ends]
    signs = signer_at(others, now) == life
    signs_later = any(other.signs_from is not None and other.signs_from <= ends for other in later)
    decrypts_later = any(
        other.takes_ciphertext and (other.decrypts_until is None or other.decrypts_until > ends) for other in later
    )
    return (signs_later or not signs) and (decrypts_later or not life.takes_ciphertext)


def story(lives: Sequence[Life], now: datetime) -> list[tuple[datetime, str]]:
    """What the pairs of one identity do from now on, a sentence for each moment at which something changes."""
    told = [(now, _standing(lives, now))]
    told += sorted(_turns(lives, now))
    return told


def _standing(lives: Sequence[Life], now: datetime) -> str:
    signer = signer_at(lives, now)
    if signer is None:
        return "there is no pair"
    return f"{signer.short} signs; {_listed(decrypting_at(lives, now))}"


def _turns(lives: Sequence[Life], now: datetime) -> Iterator[tuple[datetime, str]]:
    signer = signer_at(lives, now)
    for life in planned_after(lives, now):
        if life.signs_from is not None and signer is not None and signer != life:
            yield life.signs_from, f"{life.short} signs instead of {signer.short}"
            signer = life
    for life in live(lives):
        until, ends = life.decrypts_until, life.certificate.not_after
        if until is not None and until > now and life.takes_ciphertext and signer_at(lives, until) != life:
            yield until, f"{life.short} decrypts for the last time"
        if ends > now:
            yield ends, f"the certificate of {life.short} ends"


def _listed(decrypting: Sequence[Life]) -> str:
    names = [life.short for life in decrypting]
    if not names:
        return "nobody can encrypt to us"
    if len(names) == 1:
        return f"{names[0]} decrypts"
    return f"{', '.join(names[:-1])} and {names[-1]} decrypt"


def day(moment: datetime) -> str:
    """A moment as people write it: the day alone where it is a midnight (UTC)."""
    at = moment.astimezone(UTC)
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{at:%Y-%m-%d %H:%M} UTC"
