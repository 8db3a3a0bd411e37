"""Who sends to whom by AS2: the names of a message are claims until its signature is verified."""

from collections.abc import Iterable
from dataclasses import dataclass

from certs.keyring import IdentityKeys
from gateway.agreements import OurIdentity
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import Envelope
from gateway.as2_agreements import As2Terms, As2TermsBook, identities_for
from gateway.edge.connection import log_fault
from gateway.edge.context import Edge
from gateway.model.refusals import Reason, Refused
from gateway.settings import IdentitySettings
from partners.directory import Directory
from partners.loader import LoadedProfile


@dataclass(frozen=True, slots=True)
class Relationship:
    """Both sides of a message whose names are known."""

    partner: LoadedProfile
    identity: IdentitySettings
    terms: As2Terms
    keys: IdentityKeys


class Parties:
    """Finds both sides of a message.

    Args:
        edge: knows the partners, our identities and their keys.
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        # By partner, as long as its profile and the directory are the same; there are never more than partners.
        self._addressed: dict[str, tuple[LoadedProfile, Directory, tuple[OurIdentity, ...]]] = {}
        self._terms = As2TermsBook(edge.settings.limits, edge.exchanged)

    def between(self, envelope: Envelope) -> Relationship | As2Refused:
        """Who sends to whom, or why there is no such relationship.

        Raises:
            Refused: our own key is missing.
        """
        identity = next((item for item in self._edge.settings.identities if item.as2_id == envelope.as2_to), None)
        if identity is None or not envelope.as2_to:
            return _unknown("AS2-To is none of our identities")
        partner = self._edge.directory().by_as2_id(envelope.as2_from) if envelope.as2_from else None
        as2 = partner.profile.as2 if partner is not None else None
        if partner is None or as2 is None:
            return _unknown("AS2-From is no partner of ours")
        if partner.profile.status == "draft":
            return _unknown(f"partner {partner.id} is a draft")
        if identity not in self._addressed_by(partner):
            return _unknown(f"partner {partner.id} was agreed with another of our identities")
        keys = self._edge.keyring().identities.get(identity.name)
        if keys is None:
            log_fault("an AS2 identity has no key", None, identity=identity.name)
            raise Refused(Reason.INTERNAL, "the message cannot be opened now", audit="no key for the identity")
        return Relationship(partner, identity, self._terms.of(partner, as2), keys)

    def _addressed_by(self, partner: LoadedProfile) -> tuple[OurIdentity, ...]:
        """Whom of us a partner may address; of a connection that depends on those that it carries, too."""
        directory = self._edge.directory()
        known = self._addressed.get(partner.id)
        if known is not None and known[0] is partner and known[1] is directory:
            return known[2]
        carried = directory.carried_by(partner) if partner.profile.speaks_for else ()
        found = identities_for(partner.profile, self._edge.settings.identities, [item.profile for item in carried])
        self._addressed[partner.id] = partner, directory, found
        return found

    def keys_for(self, as2_to: str) -> IdentityKeys | None:
        """Who signs the receipt for a message that was refused by its names: whom it was for, else our first."""
        identities = self._edge.settings.identities
        named = [identity for identity in identities if identity.as2_id == as2_to]
        ring = self._edge.keyring()
        rings: Iterable[IdentityKeys | None] = (
            ring.identities.get(identity.name) for identity in (*named, *identities)
        )
        return next((keys for keys in rings if keys is not None), None)


def _unknown(audit_reason: str) -> As2Refused:
    return As2Refused(Modifier.UNKNOWN_TRADING_RELATIONSHIP, audit_reason)
