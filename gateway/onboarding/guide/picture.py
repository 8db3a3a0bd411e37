"""The documents of both sides in the order of an order's life, as arrows between two lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.onboarding.guide.answers import functional_of
from gateway.onboarding.guide.documents import DocumentSection
from gateway.onboarding.guide.facts import Facts

# The life of an order; what a document is not in stands at the end.
_ORDER: Final = (
    "inventory_advice",
    "planning_schedule",
    "shipping_schedule",
    "purchase_order",
    "purchase_order_acknowledgment",
    "purchase_order_change",
    "purchase_order_change_acknowledgment",
    "order_status",
    "ship_notice",
    "receipt",
    "invoice",
    "application_advice",
    "remittance_advice",
)
_TOP: Final = 84
_STEP: Final = 54
_ANSWER_STEP: Final = 34
WIDTH: Final = 800


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow: a document, or the acknowledgment that answers it."""

    y: int
    label: str
    to_us: bool
    is_answer: bool
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """All arrows, from the top."""

    arrows: tuple[Arrow, ...]
    height: int
    words: str

    @property
    def width(self) -> int:
        """Of the drawing."""
        return WIDTH


def picture_of(facts: Facts, sections: Sequence[DocumentSection]) -> Picture:
    """The picture, and the same in words for those who do not see it."""
    arrows = tuple(_arrows(facts, sorted(sections, key=lambda one: _ORDER.index(one.agreement.document))))
    height = (arrows[-1].y if arrows else _TOP) + 40
    us, them = facts.us, facts.profile.name
    words = "; ".join(
        f"{them if arrow.to_us else us} sends {arrow.label} to {us if arrow.to_us else them}" for arrow in arrows
    )
    return Picture(arrows, height, words)


def _arrows(facts: Facts, sections: Sequence[DocumentSection]) -> Iterator[Arrow]:
    y = _TOP
    for section in sections:
        inbound = section.direction == "inbound"
        kind = section.name.set_type if section.agreement.syntax == "x12" else section.agreement.syntax.upper()
        yield Arrow(y, f"{kind} {section.title}", inbound, is_answer=False, anchor=section.anchor)
        answer = _answer(facts, section)
        if answer:
            y += _ANSWER_STEP
            yield Arrow(y, answer, not inbound, is_answer=True)
        y += _STEP


def _answer(facts: Facts, section: DocumentSection) -> str:
    if section.agreement.syntax != "x12":
        return ""
    if section.direction == "outbound":
        return "997 or 999"
    kind = functional_of(facts, section.agreement)
    return "" if kind == "none" else kind
