"""How what a partner sends is read: every agreement a guide, and what holds where none says anything else."""

from collections.abc import Collection, Iterable

from gateway.agreements.addresses import OurIdentity, named_receivers, receivers_of, sending_addresses
from gateway.agreements.choosing import inbound_agreements
from gateway.agreements.rules import overrides
from gateway.agreements.strictest import Common, common_terms, strictest_action, validation_of
from gateway.agreements.vocabulary import vocabulary_of
from partners.loader import LoadedProfile
from partners.parts import laid_over
from partners.profile import Agreement, Profile
from translators.guide import Guide, Identity, ReadingRules, RepetitionRules
from translators.vocabulary.values import Vocabulary


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
                for item in inbound_agreements(profile)
            )
        ),
        senders=frozenset(senders),
        receivers=receivers_of(speaking, identities),
        tolerances=common.tolerances,
        encoding=common.encoding,
        duplicate_action=common.duplicate_action,
        on_bad_set=common.on_bad_set,
        masks_passwords=common.masks_passwords,
        validation=common.validation,
    )


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


def _speaking(loaded: LoadedProfile, carried: Iterable[LoadedProfile]) -> list[Profile]:
    """Whose agreements hold: the partner's own, and of a connection those that it carries."""
    own = [loaded.profile] if loaded.profile.agreements or not loaded.profile.speaks_for else []
    others = [item.profile for item in carried if item.profile.via == loaded.id and item.profile.status != "draft"]
    return own + others or [loaded.profile]


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
        receivers=named_receivers(agreement, identities),
        validation=validation if validation != common.validation else None,
        encoding=profile.encoding if profile.encoding != common.encoding else None,
        vocabulary=vocabulary,
        group_code=agreement.group_code or "",
    )
