"""What a partner's certificate must show beside being pinned: a chain to an authority, and no revocation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from certs.certificates import Certificate
from certs.chain import Purpose, Unchained, find_chain
from certs.revocation import RevocationList, revocation_objection

MESSAGE_CERTIFICATES_MAX = 16
CANDIDATES_MAX = 4  # of one message: whoever sends it is a stranger until one of them has proven itself


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities of one partner.

    Attributes:
        authorities: in one of them every certificate of the partner must end; none: pinning is all that is asked.
        between: certificates that may link the two.
        revocation_lists: of the authorities; with some, a certificate must be covered by one that is not overdue.
        from_messages: whether a certificate inside a message counts, when it chains and bears an agreed subject.
        unusable: why nothing can be trusted at all (an authority or a list that cannot be read); None when all is well.
    """

    authorities: tuple[Certificate, ...] = ()
    between: tuple[Certificate, ...] = ()
    revocation_lists: tuple[RevocationList, ...] = ()
    from_messages: bool = False
    unusable: str | None = None

    def objection(
        self,
        certificate: Certificate,
        purpose: Purpose,
        now: datetime,
        *,
        beside: Iterable[Certificate] = (),
        begins: datetime | None = None,
    ) -> str | None:
        """Why a certificate is not to be trusted; None when it is.

        Args:
            certificate: theirs.
            purpose: what it is used for.
            now: the moment at which the revocation lists must be current.
            beside: what came in the same message.
            begins: the moment at which the chain must be valid, for one whose time is still to come; `now` by default.
        """
        if self.unusable is not None:
            return self.unusable
        if not self.authorities:
            return None
        between = (*self.between, *beside)
        found = find_chain(
            certificate, authorities=self.authorities, between=between, now=begins or now, purpose=purpose
        )
        if isinstance(found, Unchained):
            return found.reason
        return revocation_objection(found, self.revocation_lists, now)

    def signers(
        self, agreed: Iterable[Certificate], offered: Iterable[Certificate], now: datetime
    ) -> tuple[Certificate, ...]:
        """Of the certificates inside a message those that count beside the agreed ones.

        That an authority vouches for a certificate is not enough, as it vouches for others too: the subject must be,
        byte for byte, that of a certificate which was agreed on.
        """
        if not self.from_messages or not self.authorities:
            return ()
        subjects = {certificate.parsed.subject.public_bytes() for certificate in agreed}
        beside = tuple(offered)[:MESSAGE_CERTIFICATES_MAX]
        named = [one for one in dict.fromkeys(beside) if one.parsed.subject.public_bytes() in subjects]
        return tuple(
            certificate
            for certificate in named[:CANDIDATES_MAX]
            if self.objection(certificate, "signing", now, beside=beside) is None
        )


PINNED = Trust()
