"""Answers on their way: written by the partner's own agreement, in the envelope of the order with its sides swapped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.agreements import agreement_for, overrides
from gateway.sandbox.drafts import Draft, Spoil, content_type_of, cut, without_element
from gateway.sandbox.reading import Ordered
from gateway.sandbox.words import Flaw
from partners.profile import Agreement, Profile
from translators.documents import Document, PurchaseOrderAcknowledgment, PurchaseOrderChangeAcknowledgment
from translators.findings import Finding, Severity
from translators.guide import Identity
from translators.shapes import to_bytes
from translators.x12.writing import SET_TYPES, Envelope, FramingRules, prepare_interchange
from translators.xml import write as write_xml

_USAGES: Final = frozenset({"P", "T", "I"})
_ANSWERS: Final = (PurchaseOrderAcknowledgment, PurchaseOrderChangeAcknowledgment)
# BAK03 and BCA03: without them nobody knows what is answered.
_WITHOUT_NUMBER: Final = without_element(("BAK", "BCA"), 3)


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What the supplier would have sent and cannot; the text says why."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"no {self.what}, since {self.why}"


def draft(document: Document, ordered: Ordered, profile: Profile, after_s: int, at: datetime) -> Draft | Unsaid:
    """An answer as it will go out, or why it cannot.

    Args:
        document: the answer.
        ordered: what is answered.
        profile: of the partner that is played: its inbound agreements say what may be sent.
        after_s: seconds after the order.
        at: now.
    """
    what = SET_TYPES.get(type(document), document.document_type)
    agreement = agreement_for(profile, document.document_type, "inbound", ordered.syntax)
    if agreement is None:
        return Unsaid(what, f"{profile.id} has no inbound agreement on {document.document_type} in {ordered.syntax}")
    flaw = ordered.magic.word.flaw if isinstance(document, _ANSWERS) else Flaw.NONE
    if flaw is Flaw.OTHER_ORDER and isinstance(document, _ANSWERS):
        document = replace(document, purchase_order_number=f"UNKNOWN-{document.number}")
    copies = 2 if flaw is Flaw.TWICE else 1
    if ordered.syntax == "x12":
        spoil = _WITHOUT_NUMBER if flaw is Flaw.DAMAGED else None
        return _x12(document, ordered, profile, agreement, spoil, Draft(what, after_s, "", "", 1, _never, copies), at)
    data = to_bytes(document) if ordered.syntax == "json" else write_xml(document)
    body = cut(data) if flaw is Flaw.DAMAGED else data
    return Draft(what, after_s, content_type_of(ordered.syntax), "", 0, lambda _interchange, _groups: body, copies)


def _x12(
    document: Document,
    ordered: Ordered,
    profile: Profile,
    agreement: Agreement,
    spoil: Spoil | None,
    begun: Draft,
    at: datetime,
) -> Draft | Unsaid:
    header, group = ordered.header, ordered.group
    if header is None or group is None:
        return Unsaid(begun.what, "nobody knows to whom")
    envelope = Envelope(
        sender=Identity(header.receiver_qualifier, header.receiver_id),
        sender_code=group.receiver_code,
        receiver=Identity(header.sender_qualifier, header.sender_id),
        receiver_code=group.sender_code,
        release=_release(group.release, agreement),
        at=at,
        interchange_control_number=1,
        usage=header.usage if header.usage in _USAGES else "T",  # type: ignore[arg-type]  # one of them
        rules=overrides(agreement),
        group_code=agreement.group_code or "",
    )
    framing = FramingRules(header.delimiters, encoding=profile.encoding, separators_in_data="choose")
    made = prepare_interchange([document], envelope, framing)
    prepared = made.interchange
    if prepared is None:
        found = [*made.findings, *(finding for written in made.sets for finding in written.findings)]
        return Unsaid(begun.what, f"it cannot be written: {_first_error(found)}")

    def write(interchange: int, groups: Sequence[int]) -> bytes:
        data = prepared.numbered(interchange, groups)
        return data if spoil is None else spoil(data)

    scope = f"{header.receiver}|{header.sender}|{envelope.usage}"
    return replace(begun, content_type=content_type_of("x12"), scope=scope, groups=len(prepared.groups), write=write)


def _release(of_order: str, agreement: Agreement) -> str:
    """The release of the order where the answer may have it, too."""
    if not agreement.releases or any(of_order.startswith(known) for known in agreement.releases):
        return of_order
    return agreement.releases[0]


def _first_error(found: Sequence[Finding]) -> str:
    return next((item.message for item in found if item.severity is Severity.ERROR), "nothing says why")


def _never(_interchange: int, _groups: Sequence[int]) -> bytes:
    return b""
