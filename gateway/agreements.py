"""Turns a partner's profile into what the other rooms understand: how documents are read, which agreement holds."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from gateway.strictest import Common, common_terms, strictest_action, validation_of
from partners import x12_terms
from partners.loader import LoadedProfile
from partners.parts import laid_over
from partners.profile import Agreement, Direction, DocumentType, Profile, Syntax, X12Address
from partners.rules import Rule
from partners.tables import Table
from translators.guide import (
    AcknowledgmentRules,
    ElementOverride,
    ExtraSegment,
    GroupAnswer,
    Guide,
    Identity,
    LoopOverride,
    Override,
    ReadingRules,
    RepetitionRules,
    SegmentOverride,
)
from translators.vocabulary.values import IdentifierRule, IdentifierTable, QualifierRule, UnitRule, Vocabulary
from translators.x12.delimiters import Delimiters
from translators.x12.writer import Framing
from translators.x12.writing import Envelope, FramingRules
from translators.x12.writing.interchanges import Usage


class OurAddress(Protocol):
    """An X12 address of ours."""

    @property
    def qualifier(self) -> str:
        """ISA05 and ISA07."""

    @property
    def id(self) -> str:
        """ISA06 and ISA08, without padding."""

    @property
    def group_id(self) -> str:
        """GS02 and GS03."""


class OurIdentity(Protocol):
    """One of our identities, as the settings hold it."""

    @property
    def name(self) -> str:
        """The name that profiles use."""

    @property
    def as2_id(self) -> str | None:
        """Our AS2 identifier."""

    @property
    def x12(self) -> OurAddress | None:
        """Our X12 address."""


def reading_rules(
    loaded: LoadedProfile, identities: Collection[OurIdentity], carried: Iterable[LoadedProfile] = ()
) -> ReadingRules:
    """How everything that a partner, or a connection for those it carries, sends us is read.

    Args:
        loaded: who authenticated on the transport.
        identities: ours.
        carried: for a connection, `Directory.carried_by(loaded)`.

    A connection brings files of several partners: their agreements and addresses are put together, each agreement with
    its own validation, tolerances and encoding for its own addresses. What stands under no agreement, such as the
    envelopes and a 997, is held to the strictest of them: departures are tolerated only where all tolerate them. Whose
    document it was, and whether that partner's own agreement covers it, is then asked with `Directory.speaker` and
    `agreement_for`.
    """
    listed = {(item.qualifier, item.id) for item in loaded.profile.speaks_for}
    carried = tuple(carried)
    speaking = _speaking(loaded, carried)
    tables = {item.id: item.tables for item in (*carried, loaded)}
    senders = {Identity(item.qualifier, item.id) for item in sending_addresses(loaded.profile)}
    for profile in speaking:
        if profile.via == loaded.id:
            theirs = sending_addresses(profile)
            senders |= {Identity(x.qualifier, x.id) for x in theirs if (x.qualifier, x.id) in listed}
    common = common_terms(loaded.profile, speaking)
    return ReadingRules(
        guides=tuple(
            dict.fromkeys(
                _guide(
                    item,
                    profile,
                    common,
                    identities,
                    vocabulary=vocabulary_of(profile, item, tables[profile.id]),
                    for_own_alone=bool(loaded.profile.speaks_for),
                )
                for profile in speaking
                for item in _inbound(profile)
            )
        ),
        senders=frozenset(senders),
        receivers=_receivers(speaking, identities),
        tolerances=common.tolerances,
        encoding=common.encoding,
        duplicate_action=common.duplicate_action,
        on_bad_set=common.on_bad_set,
        masks_passwords=common.masks_passwords,
        validation=common.validation,
    )


def sending_addresses(profile: Profile) -> tuple[X12Address, ...]:
    """The X12 addresses that a partner sends under."""
    return tuple(item for item in profile.x12 if item.use != "outbound")


def receiving_addresses(profile: Profile) -> tuple[X12Address, ...]:
    """The X12 addresses that a partner is sent to at; the first is the one that we write."""
    return tuple(item for item in profile.x12 if item.use != "inbound")


def repetition_rules(loaded: LoadedProfile, carried: Iterable[LoadedProfile] = ()) -> RepetitionRules:
    """What a control number of a partner earns that was seen before; of a connection's the strictest holds."""
    told = [profile.duplicates for profile in _speaking(loaded, carried)]
    return RepetitionRules(
        interchange=strictest_action(item.action for item in told),
        group=strictest_action(item.group for item in told),
        transaction_set=strictest_action(item.transaction_set for item in told),
        out_of_sequence=strictest_action(item.out_of_sequence for item in told),
        window_days=max(item.window_days for item in told),
    )


def acknowledgment_rules(profile: Profile, identities: Collection[OurIdentity]) -> AcknowledgmentRules:
    """What the X12 of a partner earns."""
    said = profile.acknowledgment
    receivers = _receivers([profile], identities)
    ours = next(iter(receivers)) if len(receivers) == 1 else None  # of several nobody knows which they meant
    return AcknowledgmentRules(
        said.ta1, said.functional, said.accepted_sets, said.envelope, ours, _group_answers(profile, identities)
    )


def _group_answers(profile: Profile, identities: Collection[OurIdentity]) -> tuple[GroupAnswer, ...]:
    """What the groups of each agreement earn; none where no agreement says anything of its own.

    Else all of them are there: the one that speaks most precisely of a group holds, also where it says nothing.
    """
    said = [item for item in _inbound(profile) if item.syntax == "x12"]
    if all(item.acknowledgment is None for item in said):
        return ()
    answers = []
    for item in said:
        own = item.acknowledgment or x12_terms.DocumentAcknowledgment()
        to = _named_receivers(item, identities)
        answers.append(GroupAnswer(item.document, item.releases, to, own.functional, own.accepted_sets))
    return tuple(answers)


def acknowledgment_framing(profile: Profile) -> Framing | None:
    """How acknowledgments to a partner are laid out: as its framing says, where it says anything, else as they write.

    What they send shows which separators they can read; only a profile knows better.
    """
    if not profile.framing.model_fields_set & {"separators", "line_end", "trailing_separators"}:
        return None
    rules = framing_for(profile)
    return Framing(rules.delimiters, rules.line_end, trailing_separators=rules.trailing_separators)


def _speaking(loaded: LoadedProfile, carried: Iterable[LoadedProfile]) -> list[Profile]:
    """Whose agreements hold: the partner's own, and of a connection those that it carries."""
    own = [loaded.profile] if loaded.profile.agreements or not loaded.profile.speaks_for else []
    others = [item.profile for item in carried if item.profile.via == loaded.id and item.profile.status != "draft"]
    return own + others or [loaded.profile]


def agreement_for(  # an agreement is told apart by exactly these
    profile: Profile,
    document: DocumentType | str,
    direction: Direction,
    syntax: Syntax,
    *,
    release: str | None = None,
    our_identity: str | None = None,
) -> Agreement | None:
    """The agreement under which a document is exchanged; None where there is none.

    An agreement on release 004010 also covers 004010VICS, not the other way round. `our_identity` is the name of the
    identity that the document is addressed to or comes from; None where that is not known.
    """
    matching = [
        item
        for item in profile.agreements
        if (item.document, item.direction, item.syntax) == (document, direction, syntax)
        and (release is None or not item.releases or any(release.startswith(known) for known in item.releases))
        and (our_identity is None or item.our_identity in (None, our_identity))
    ]
    # The one that says more goes first.
    return max(matching, key=lambda item: (item.our_identity is not None, len(item.releases) > 0), default=None)


def _inbound(profile: Profile) -> list[Agreement]:
    return [item for item in profile.agreements if item.direction == "inbound"]


def _guide(
    agreement: Agreement,
    profile: Profile,
    common: Common,
    identities: Collection[OurIdentity],
    *,
    vocabulary: Vocabulary | None,
    for_own_alone: bool,
) -> Guide:
    """What an agreement says of reading; `common` holds where it says nothing else.

    What comes over a connection is several partners': each one's agreement holds for its own addresses alone, also the
    connection's own.
    """
    theirs = frozenset(Identity(item.qualifier, item.id) for item in sending_addresses(profile))
    mode = agreement.on_bad_set or profile.processing.on_bad_set
    validation = validation_of(laid_over(profile.validation, agreement.validation))
    return Guide(
        agreement.document,
        agreement.syntax,
        agreement.releases,
        frozenset(agreement.tolerances) | (frozenset(profile.tolerances) - common.tolerances),
        on_bad_set=mode if mode != common.on_bad_set else None,
        rules=overrides(agreement),
        senders=theirs if for_own_alone else None,
        receivers=_named_receivers(agreement, identities),
        validation=validation if validation != common.validation else None,
        encoding=profile.encoding if profile.encoding != common.encoding else None,
        vocabulary=vocabulary,
    )


def vocabulary_of(profile: Profile, agreement: Agreement | None, tables: Mapping[str, Table]) -> Vocabulary | None:
    """What is put in other words in the documents of an agreement; None where nothing is.

    `tables` are those of the loaded profile. What the agreement says goes before what holds for the whole partner: a
    table of its own is looked up first, its unit or qualifier takes the place of the same one.
    """
    of_agreement = () if agreement is None or agreement.vocabulary is None else (agreement.vocabulary,)
    said = (*of_agreement, profile.vocabulary)
    references = [item for words in said for item in words.tables if item.file in tables]
    if not references and not any(words.units or words.qualifiers for words in said):
        return None
    rules: dict[object, IdentifierRule] = {}
    for item in references:
        of, table = (item.of, item.theirs, item.ours), tables[item.file]
        held = IdentifierTable(table.digest, table.ours, table.theirs)
        known = rules.get(of)
        if known is None:
            rules[of] = IdentifierRule(item.of, (held,), item.theirs, item.ours, item.missing, item.send_ours)
        else:
            rules[of] = replace(known, tables=(*known.tables, held))
    units: dict[object, UnitRule] = {}
    qualifiers: dict[object, QualifierRule] = {}
    for words in said:
        for unit in words.units:
            made = UnitRule(unit.theirs, unit.ours, unit.factor, unit.product, unit.decimals)
            units.setdefault((unit.theirs, unit.product), made)
        for item_of in words.qualifiers:
            rule = QualifierRule(item_of.of, item_of.theirs, item_of.ours, item_of.field)
            qualifiers.setdefault((rule.of, rule.theirs), rule)
    return Vocabulary(tuple(rules.values()), tuple(units.values()), tuple(qualifiers.values()))


def _named_receivers(agreement: Agreement, identities: Collection[OurIdentity]) -> frozenset[Identity] | None:
    """Our addresses that an agreement holds for; None where it names no identity of ours that has one."""
    named = [item.x12 for item in identities if item.name == agreement.our_identity and item.x12 is not None]
    return frozenset(Identity(item.qualifier, item.id) for item in named) if named else None


def overrides(agreement: Agreement) -> tuple[Override, ...]:
    """The rules of an agreement as the X12 validator takes them."""
    return tuple(_override(rule) for rule in agreement.rules)


def _override(rule: Rule) -> Override:
    match rule.subject:
        case "segment":
            loop = rule.loop_path or ""
            return SegmentOverride(rule.segment or "", loop, rule.usage, rule.max_use, rule.qualifier)
        case "element":
            segment, element, component = rule.element_place
            return ElementOverride(
                segment,
                element,
                component,
                rule.loop_path,
                rule.usage,
                frozenset(rule.codes) or None,
                frozenset(rule.codes_added),
                rule.length_min,
                rule.length_max,
            )
        case "extra_segment":
            return ExtraSegment(rule.extra_segment or "", rule.after or "", rule.max_use or 1)
        case _:
            return LoopOverride(rule.loop_path or "", rule.usage, rule.repeat_max)


def _receivers(profiles: Iterable[Profile], identities: Collection[OurIdentity]) -> frozenset[Identity]:
    """Our addresses that these partners may write to: those of the identities that their agreements name, else all."""
    inbound = [item for profile in profiles for item in _inbound(profile) if item.syntax == "x12"]
    named = {item.our_identity for item in inbound}
    return frozenset(
        Identity(identity.x12.qualifier, identity.x12.id)
        for identity in identities
        if identity.x12 is not None and (None in named or not named or identity.name in named)
    )


_LINE_ENDS: Final = {"none": "", "crlf": "\r\n", "lf": "\n", "cr": "\r"}
_USAGES: Final[dict[str, Usage]] = {"production": "P", "test": "T", "information": "I"}


def framing_terms(profile: Profile, agreement: Agreement | None = None) -> x12_terms.Framing:
    """What profile and agreement say of how the X12 that we send is laid out."""
    return laid_over(profile.framing, None if agreement is None else agreement.framing)


def framing_for(profile: Profile, agreement: Agreement | None = None) -> FramingRules:
    """How the X12 that we send to a partner is laid out, by the agreement where it says something of its own."""
    framing = framing_terms(profile, agreement)
    separators = framing.separators
    return FramingRules(
        delimiters=Delimiters(separators.element, separators.terminator, separators.component, separators.repetition),
        line_end=_LINE_ENDS[framing.line_end],
        encoding=profile.encoding,
        separators_in_data=framing.separators_in_data,
        replacement=framing.replacement,
        trailing_separators=framing.trailing_separators == "all",
    )


def envelope_for(  # what an envelope says beside the profile is given by those who send
    profile: Profile,
    identities: Collection[OurIdentity],
    document: DocumentType | str,
    *,
    at: datetime,
    control_number: int,
    release: str | None = None,
) -> Envelope | str:
    """The envelope of a document that we send to a partner, or a sentence that says what the profile lacks.

    `release` takes the place of the agreement's own.
    """
    agreement = agreement_for(profile, document, "outbound", "x12", release=release)
    if agreement is None and release is None:
        return f"{profile.id} has no outbound agreement on {document} in x12; add one, or name the release"
    return envelope_of(profile, identities, agreement, at=at, control_number=control_number, release=release)


def outbound_agreement(
    profile: Profile, document: DocumentType | str, *, our_identity: str | None = None
) -> Agreement | None:
    """The agreement by which we send a document, in whichever syntax the profile names first; None without one."""
    syntaxes = dict.fromkeys(item.syntax for item in profile.agreements if item.direction == "outbound")
    found = (agreement_for(profile, document, "outbound", syntax, our_identity=our_identity) for syntax in syntaxes)
    return next((agreement for agreement in found if agreement is not None), None)


def envelope_of(  # what an envelope says beside the profile is given by those who send
    profile: Profile,
    identities: Collection[OurIdentity],
    agreement: Agreement | None,
    *,
    at: datetime,
    control_number: int,
    release: str | None = None,
    our_identity: str | None = None,
) -> Envelope | str:
    """The envelope of what we send by an agreement, or a sentence that says what profile or settings lack.

    `our_identity` is the one that speaks where the agreement names none; `release` takes the place of the agreement's.
    """
    theirs = next(iter(receiving_addresses(profile)), None)
    if theirs is None:
        only = " that is sent to (`use: both` or `outbound`)" if profile.x12 else ""
        return f"{profile.id} has no X12 address{only}; add `x12: {{qualifier: .., id: ..}}`"
    named = None if agreement is None else agreement.our_identity
    with_x12 = [identity for identity in identities if identity.x12 is not None]
    allowed = [identity for identity in with_x12 if named in (None, identity.name)]
    allowed.sort(key=lambda identity: identity.name != our_identity)
    ours = [identity.x12 for identity in allowed if identity.x12 is not None]
    if not ours:
        return "none of our identities has an X12 address that the agreement allows; add one to the settings"
    written = release or (agreement.releases[0] if agreement is not None else "")
    framing = framing_terms(profile, agreement)
    return Envelope(
        sender=Identity(ours[0].qualifier, ours[0].id),
        sender_code=ours[0].group_id,
        receiver=Identity(theirs.qualifier, theirs.id),
        receiver_code=theirs.group_id or theirs.id,
        release=written,
        at=at,
        interchange_control_number=control_number,
        group_control_number=control_number,
        usage="T" if profile.is_test else _USAGES[framing.usage],
        version=framing.version or "",
        acknowledgment_requested=framing.acknowledgment_requested,
        rules=() if agreement is None else overrides(agreement),
    )
