"""The whole of what the supplier does about a delivery: what the transport says, and what is sent when."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.sandbox.acknowledging import acknowledgments
from gateway.sandbox.answers import answer, change_response
from gateway.sandbox.drafts import Draft
from gateway.sandbox.reading import ORDERS_MAX, PAYLOAD_BYTES_MAX, Ordered, Seen, see
from gateway.sandbox.words import Act, Magic
from gateway.sandbox.writing import Unsaid, draft
from partners.profile import Profile
from translators.documents import Document, PurchaseOrder, PurchaseOrderChange

_TAIL_CHARACTERS = 9
_NO_TAIL = re.compile(r"[^0-9A-Za-z]")
_TOLD_MAX = 3
_DRAFTS_TOLD_MAX = 8
DECISION_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Performance:
    """What the supplier does.

    Attributes:
        magic: what decides for the transport.
        drafts: what will be sent, the earliest first.
        decision: why, for the timeline.
    """

    magic: Magic
    drafts: tuple[Draft, ...]
    decision: str


def perform(payload: bytes, content_type: str, profile: Profile, delivery_id: str, at: datetime) -> Performance:
    """Read what came and decide; nothing is raised whatever it is.

    Args:
        payload: what was delivered.
        content_type: as it was declared.
        profile: of the partner that is played.
        delivery_id: makes the supplier's numbers its own.
        at: now.
    """
    seen = see(payload, content_type)
    planned: list[Draft] = list(acknowledgments(seen.interchanges, seen.leading.word.verdict, at))
    unsaid: list[Unsaid] = []
    tail = _NO_TAIL.sub("", delivery_id)[-_TAIL_CHARACTERS:].upper()
    for index, ordered in enumerate(seen.orders):
        for made in _answers(ordered, profile, tail if index == 0 else f"{tail}-{index + 1}", at):
            if isinstance(made, Unsaid):
                unsaid.append(made)
            else:
                planned.append(made)
    planned.sort(key=lambda item: item.after_s)
    decision = "; ".join(_told(seen, payload, planned, unsaid))
    return Performance(seen.leading, tuple(planned), decision[:DECISION_CHARACTERS_MAX])


def _answers(ordered: Ordered, profile: Profile, tail: str, at: datetime) -> Iterator[Draft | Unsaid]:
    document, magic = ordered.document, ordered.magic
    for act, after_s in magic.word.acts:
        made: Document | None = None
        if isinstance(document, PurchaseOrder):
            made = answer(document, magic.word, act, tail, at)
        elif act is Act.RESPONSE:
            made = change_response(document, magic.word, tail, at)
        if made is not None:
            yield draft(made, ordered, profile, after_s + magic.late_s, at)


def _told(seen: Seen, payload: bytes, planned: list[Draft], unsaid: list[Unsaid]) -> Iterator[str]:
    if len(payload) > PAYLOAD_BYTES_MAX:
        yield f"nothing: the sandbox reads no more than {PAYLOAD_BYTES_MAX} bytes"
        return
    if not seen.orders:
        yield "no order in it that can be answered"
    asked = Counter((str(ordered.magic), _does(ordered)) for ordered in seen.orders)
    for (magic, does), times in [*asked.items()][:_TOLD_MAX]:
        yield f"{magic}: {does}" + (f" ({times} orders)" if times > 1 else "")
    if seen.orders_omitted:
        yield f"only the first {ORDERS_MAX} orders are answered"
    if planned:
        told = ", ".join(f"{item.what} after {item.after_s} s" for item in planned[:_DRAFTS_TOLD_MAX])
        yield f"sends {told}" + (f" and {len(planned) - _DRAFTS_TOLD_MAX} more" * (len(planned) > _DRAFTS_TOLD_MAX))
    else:
        yield "sends nothing"
    yield from map(str, unsaid[:_TOLD_MAX])


def _does(ordered: Ordered) -> str:
    word = ordered.magic.word
    return word.change if isinstance(ordered.document, PurchaseOrderChange) else word.order
