"""By which terms a message is treated: those of the profile it started with, whatever was loaded since."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.agreements import acknowledgment_framing, acknowledgment_rules, reading_rules, repetition_rules
from gateway.settings import IdentitySettings
from gateway.store import profiles
from gateway.store.database import Database
from gateway.store.messages import StoredMessage
from partners.directory import Directory
from partners.loader import LoadedProfile, unpack
from partners.x12_terms import ControlNumbers
from translators.guide import AcknowledgmentRules, ReadingRules, RepetitionRules
from translators.x12.writer import Framing

TERMS_KEPT_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Terms:
    """What a profile says of everything that comes from its partner.

    Attributes:
        reading: how it is read.
        repetitions: what a control number earns that was seen before.
        acknowledgment: what it earns.
        control_numbers: the ranges of ours.
        framing: how acknowledgments are laid out; as they write when None.
    """

    reading: ReadingRules
    repetitions: RepetitionRules
    acknowledgment: AcknowledgmentRules
    control_numbers: ControlNumbers
    framing: Framing | None = None


TermsFor = Callable[[StoredMessage], Awaitable[Terms]]


class TermsMissing(Exception):  # noqa: N818  # said of a row
    """The profile that a message started with cannot be read any more."""


class TermsOfProfiles:
    """Terms by profile digest, kept in memory.

    Args:
        database: holds every profile that was ever loaded.
        identities: ours.
        directory: the partners now; a connection's terms depend on those it carries.
    """

    def __init__(
        self, database: Database, identities: Sequence[IdentitySettings], directory: Callable[[], Directory]
    ) -> None:
        self._database = database
        self._identities = identities
        self._directory = directory
        self._kept: OrderedDict[str, Terms] = OrderedDict()

    async def of(self, message: StoredMessage) -> Terms:
        """The terms by which this message is treated.

        Raises:
            TermsMissing: its profile is not in the store, or was written by a program that knows more.
        """
        terms = self._kept.get(message.profile_digest)
        if terms is not None:
            self._kept.move_to_end(message.profile_digest)
            return terms
        loaded = await self._profile(message)
        carried = self._directory().carried_by(loaded)
        terms = Terms(
            reading_rules(loaded, self._identities, carried),
            repetition_rules(loaded, carried),
            acknowledgment_rules(loaded.profile, self._identities),
            loaded.profile.control_numbers,
            acknowledgment_framing(loaded.profile),
        )
        if not loaded.profile.speaks_for:  # a connection's terms change with the partners it carries
            self._kept[message.profile_digest] = terms
            if len(self._kept) > TERMS_KEPT_MAX:
                self._kept.popitem(last=False)
        return terms

    async def _profile(self, message: StoredMessage) -> LoadedProfile:
        packed = await self._database.read(partial(profiles.get, digest=message.profile_digest))
        if packed is None:
            raise TermsMissing(f"the profile {message.profile_digest[:12]} of {message.partner_id} is not in the store")
        loaded = unpack(packed)
        if not isinstance(loaded, LoadedProfile):
            raise TermsMissing(f"the profile {message.profile_digest[:12]} of {message.partner_id} cannot be read")
        return loaded
