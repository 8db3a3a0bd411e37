"""By which terms a message is treated: those of the profile it started with, whatever was loaded since."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gateway.agreements import (
    acknowledgment_framing,
    acknowledgment_rules,
    reading_rules,
    repetition_rules,
    sending_addresses,
)
from gateway.flow.acknowledging import WayOutOf, nowhere
from gateway.settings import IdentitySettings
from gateway.store.database import Database
from gateway.store.messages import StoredMessage
from gateway.store.partners import profiles
from partners.directory import Directory
from partners.loader import LoadedProfile, unpack
from partners.x12_terms import ControlNumbers
from translators.guide import AcknowledgmentRules, Identity, ReadingRules, RepetitionRules
from translators.x12.reading import InterchangeHeader
from translators.x12.writer import Framing

TERMS_KEPT_MAX = 1_024
VERSIONS_MAX = 16  # of a suspended partner that are looked through for the last active one, the newest first


@dataclass(frozen=True, slots=True)
class PartnerTerms:
    """What one partner's own profile says of its X12.

    Attributes:
        partner_id: under whom documents, control numbers and acknowledgments stand.
        repetitions: what a control number earns that was seen before.
        acknowledgment: what it earns.
        control_numbers: the ranges of ours.
        framing: how acknowledgments are laid out; as they write when None.
        is_test: whether they are in testing, so that everything of theirs is a test.
    """

    partner_id: str
    repetitions: RepetitionRules
    acknowledgment: AcknowledgmentRules
    control_numbers: ControlNumbers
    framing: Framing | None = None
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """By which terms a message is treated.

    Attributes:
        reading: how all of it is read.
        own: of who authenticated on the transport.
        carried: for a connection, of the partners that it may speak for, by their address (``ZZ/ACMESUPPLY``).
        way_out: how acknowledgments reach their partner, as profiles are when it is asked.
    """

    reading: ReadingRules
    own: PartnerTerms
    carried: Mapping[str, PartnerTerms] = field(default_factory=dict)
    way_out: WayOutOf = nowhere

    def of(self, sender: str | None) -> PartnerTerms:
        """The terms of the partner whose address an interchange names as its sender.

        An address that they may not speak for stands under who sent it: its interchange is refused, and the refusal
        is theirs to mend.
        """
        return self.carried.get(sender, self.own) if sender is not None else self.own

    def may_speak(self, header: InterchangeHeader) -> bool:
        """Whether who authenticated on the transport may send under this address."""
        senders = self.reading.senders
        return senders is None or Identity(header.sender_qualifier, header.sender_id) in senders


TermsFor = Callable[[StoredMessage], Awaitable[Terms]]


class TermsMissing(Exception):  # noqa: N818  # said of a row
    """The profile that a message started with cannot be read any more."""


class TermsOfProfiles:
    """Terms by profile digest, kept in memory.

    Args:
        database: holds every profile that was ever loaded.
        identities: ours.
        directory: the partners now; a connection's terms depend on those it carries.
        way_out: how acknowledgments reach their partner; without any they are kept.
    """

    def __init__(
        self,
        database: Database,
        identities: Sequence[IdentitySettings],
        directory: Callable[[], Directory],
        way_out: WayOutOf = nowhere,
    ) -> None:
        self._database = database
        self._identities = identities
        self._directory = directory
        self._way_out = way_out
        # By digest, and whether a person asked for it, with the directory that they hold for; None where they hold
        # whatever the others' profiles say.
        self._kept: OrderedDict[tuple[str, bool], tuple[Directory | None, Terms]] = OrderedDict()

    async def of(self, message: StoredMessage) -> Terms:
        """The terms by which this message is treated.

        Raises:
            TermsMissing: its profile is not in the store, or was written by a program that knows more.
        """
        directory = self._directory()
        key = (message.profile_digest, message.by_hand)
        known = self._kept.get(key)
        if known is not None and known[0] in (None, directory):
            self._kept.move_to_end(key)
            return known[1]
        loaded = await self._profile(message)
        tested = await self._suspended_in_testing(loaded, directory) if message.by_hand else frozenset()
        terms = terms_of(loaded, directory, self._identities, self._way_out, tested)
        # A connection's terms change with the partners that it carries, and the past of a suspended one goes on.
        depends = bool(loaded.profile.speaks_for) or loaded.profile.status == "suspended"
        self._kept[key] = (directory if depends else None, terms)
        if len(self._kept) > TERMS_KEPT_MAX:
            self._kept.popitem(last=False)
        return terms

    def read(self, loaded: LoadedProfile, directory: Directory) -> Terms:
        """The terms that a profile gives among the partners of a directory."""
        return terms_of(loaded, directory, self._identities, self._way_out)

    async def _suspended_in_testing(self, loaded: LoadedProfile, directory: Directory) -> frozenset[str]:
        """Who was suspended while in testing: what a person releases of theirs is as much a test as before."""
        among = (loaded, *(directory.carried_by(loaded) if loaded.profile.speaks_for else ()))
        return frozenset(
            [one.id for one in among if one.profile.status == "suspended" and await self._was_testing(one.id)]
        )

    async def _was_testing(self, partner_id: str) -> bool:
        """Whether the newest version under which anything was exchanged says so."""
        packed = await self._database.read(partial(profiles.of_partner, partner_id=partner_id, limit=VERSIONS_MAX))
        for version in map(unpack, packed):
            if isinstance(version, LoadedProfile) and version.profile.is_active:
                return version.profile.is_test
        return False

    async def _profile(self, message: StoredMessage) -> LoadedProfile:
        packed = await self._database.read(partial(profiles.get, digest=message.profile_digest))
        if packed is None:
            raise TermsMissing(f"the profile {message.profile_digest[:12]} of {message.partner_id} is not in the store")
        loaded = unpack(packed)
        if not isinstance(loaded, LoadedProfile):
            raise TermsMissing(f"the profile {message.profile_digest[:12]} of {message.partner_id} cannot be read")
        return loaded


def terms_of(
    loaded: LoadedProfile,
    directory: Directory,
    identities: Sequence[IdentitySettings],
    way_out: WayOutOf = nowhere,
    tested: Collection[str] = (),
) -> Terms:
    """The terms of who authenticated on the transport: of a connection also those of whom it carries.

    `tested` are suspended partners of whom everything is a test all the same.
    """
    carried = directory.carried_by(loaded) if loaded.profile.speaks_for else ()
    by_address = {
        f"{item.qualifier}/{item.id}": _of_partner(partner, identities, tested=tested)
        for partner in carried
        for item in sending_addresses(partner.profile)
        if directory.speaker(loaded, item.qualifier, item.id) is partner
    }
    own = _of_partner(loaded, identities, carried, tested)
    return Terms(reading_rules(loaded, identities, carried), own, by_address, way_out)


def _of_partner(
    loaded: LoadedProfile,
    identities: Sequence[IdentitySettings],
    carried: Sequence[LoadedProfile] = (),
    tested: Collection[str] = (),
) -> PartnerTerms:
    return PartnerTerms(
        loaded.id,
        repetition_rules(loaded, carried),
        acknowledgment_rules(loaded.profile, identities),
        loaded.profile.control_numbers,
        acknowledgment_framing(loaded.profile),
        is_test=loaded.profile.is_test or loaded.id in tested,
    )
