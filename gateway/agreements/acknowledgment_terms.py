"""What the X12 of a partner earns, by its profile and by each agreement, and how the answer is laid out."""

from collections.abc import Collection

from gateway.agreements.addresses import OurIdentity, named_receivers, receivers_of
from gateway.agreements.choosing import inbound_agreements
from gateway.agreements.writing import framing_for
from partners import x12_terms
from partners.profile import Profile
from translators.guide import AcknowledgmentRules, GroupAnswer
from translators.x12.writer import Framing


def acknowledgment_rules(profile: Profile, identities: Collection[OurIdentity]) -> AcknowledgmentRules:
    """What the X12 of a partner earns."""
    said = profile.acknowledgment
    receivers = receivers_of([profile], identities)
    ours = next(iter(receivers)) if len(receivers) == 1 else None  # of several nobody knows which they meant
    return AcknowledgmentRules(
        said.ta1, said.functional, said.accepted_sets, said.envelope, ours, _group_answers(profile, identities)
    )


def _group_answers(profile: Profile, identities: Collection[OurIdentity]) -> tuple[GroupAnswer, ...]:
    """What the groups of each agreement earn; none where no agreement says anything of its own.

    Else all of them are there: the one that speaks most precisely of a group holds, also where it says nothing.
    """
    said = [item for item in inbound_agreements(profile) if item.syntax == "x12"]
    if all(item.acknowledgment is None for item in said):
        return ()
    answers = []
    for item in said:
        own = item.acknowledgment or x12_terms.DocumentAcknowledgment()
        to = named_receivers(item, identities)
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
