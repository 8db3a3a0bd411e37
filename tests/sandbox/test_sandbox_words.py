"""Every magic word through a whole gateway: sent, carried, answered, received, translated, acknowledged."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import orjson
import pytest

from gateway.model.delivery import DeliveryState
from gateway.sandbox.samples import sample_change
from gateway.sandbox.words import TABLE
from gateway.store import deliveries
from gateway.store.deliveries import sandbox_replies
from gateway.store.oversight import cases
from tests.sandbox.playing import TODAY, Play, playing, settings_for
from translators.shapes import to_bytes

D = DeliveryState
# Each with what comes back: `997 AK901`, `855 BAK02`, `856 units`, `810 amount`, a TA1; ! is what we reject.
ALL = ("997 A", "855 AD", "856 33", "810 327.9")
AFTER_ORDER: Mapping[str, tuple[DeliveryState, tuple[str, ...]]] = {
    "ACCEPT": (D.DELIVERED, ALL),
    "REJECT": (D.DELIVERED, ("997 A", "855 RJ")),
    "REJECT-LINE": (D.DELIVERED, ("997 A", "855 AC", "856 9", "810 27.9")),
    "HALF": (D.DELIVERED, ("997 A", "855 AC", "856 16", "810 162.4")),
    "CHANGE-PRICE": (D.DELIVERED, ("997 A", "855 AC", "856 33", "810 360.69")),
    "CHANGE-DATE": (D.DELIVERED, ("997 A", "855 AC", "856 33", "810 327.9")),
    "SUBSTITUTE": (D.DELIVERED, ("997 A", "855 AC", "856 33", "810 327.9")),
    "BACKORDER": (D.DELIVERED, ("997 A", "855 AC")),
    "HOLD": (D.DELIVERED, ("997 A", "855 AH")),
    "PARTIAL": (D.DELIVERED, ("997 A", "855 AD", "856 16", "856 17", "810 327.9")),
    "EARLY-SHIP": (D.DELIVERED, ("997 A", "856 33", "855 AD", "810 327.9")),
    "OVERSHIP": (D.DELIVERED, ("997 A", "855 AD", "856 36", "810 356")),
    "SHORT": (D.DELIVERED, ("997 A", "855 AD", "856 21", "810 177.9")),
    "NO-SHIP": (D.DELIVERED, ("997 A", "855 AD")),
    "NO-INVOICE": (D.DELIVERED, ("997 A", "855 AD", "856 33")),
    "INVOICE-TOO-HIGH": (D.DELIVERED, ("997 A", "855 AD", "856 33", "810 360.69")),
    "LATE": (D.DELIVERED, ALL),
    "NO-ANSWER": (D.DELIVERED, ("997 A",)),
    "SILENT": (D.DELIVERED, ()),
    "REJECT997": (D.DELIVERED, ("997 R",)),
    "BROKEN997": (D.DELIVERED, ("997!", *ALL[1:])),
    "WRONG997": (D.DELIVERED, ALL),
    "TA1": (D.DELIVERED, ("TA1",)),
    "BROKEN855": (D.DELIVERED, ("997 A", "855!")),
    "DUPLICATE": (D.DELIVERED, ("997 A", "855 AD", "855!")),
    "UNKNOWN-ORDER": (D.DELIVERED, ("997 A", "855 AD")),
    "WRONG-LINE": (D.DELIVERED, ("997 A", "855 AD")),
    "TIMEOUT": (D.GIVEN_UP, ()),
    "TIMEOUT-2": (D.DELIVERED, ALL),
    "REFUSE": (D.REFUSED, ()),
    "NO-RECEIPT": (D.GIVEN_UP, ALL),
    "HALF-LATE-30": (D.DELIVERED, ("997 A", "855 AC", "856 16", "810 162.4")),
    "NO-WORD": (D.DELIVERED, ALL),
}
ACCEPTED_CHANGE = ("997 A", "865 AD")
CHANGED = ("REJECT-LINE", "HALF", "CHANGE-PRICE", "CHANGE-DATE", "SUBSTITUTE", "BACKORDER")
AFTER_CHANGE: Mapping[str, tuple[str, ...]] = {word.name: ACCEPTED_CHANGE for word in TABLE} | {
    "REJECT": ("997 A", "865 RJ"),
    "HOLD": ("997 A", "865 AH"),
    **dict.fromkeys(CHANGED, ("997 A", "865 AC")),
    "NO-ANSWER": ("997 A",),
    "SILENT": (),
    "REJECT997": ("997 R",),
    "BROKEN997": ("997!", "865 AD"),
    "TA1": ("TA1",),
    "BROKEN855": ("997 A", "865!"),
    "DUPLICATE": ("997 A", "865 AD", "865!"),
    "TIMEOUT": (),
    "REFUSE": (),
}
SETS = {
    "functional_acknowledgment": "997",
    "purchase_order_acknowledgment": "855",
    "purchase_order_change_acknowledgment": "865",
    "ship_notice": "856",
    "invoice": "810",
}


@dataclass(frozen=True)
class Heard:
    """What became of an order, and what came back, in the order in which it came."""

    state: str
    attempts: int
    decision: str
    said: tuple[str, ...]
    documents: tuple[Mapping[str, Any], ...]
    earned: tuple[str, ...]
    due_s: tuple[int, ...]
    cases: tuple[str, ...]


def _said(document_type: str, body: Mapping[str, Any] | None) -> str:
    name = SETS[document_type]
    if body is None:
        return f"{name}!"
    match name:
        case "856":
            return f"856 {sum(Decimal(line['quantity']) for line in body['lines'])}"
        case "810":
            return f"810 {Decimal(body['amount_due']).normalize():f}"
        case _:
            return f"{name} {body['status_code']}"


async def _heard(play: Play, number: str) -> Heard:
    delivery = await play.delivery(number)
    said: list[str] = []
    bodies: list[Mapping[str, Any]] = []
    earned: list[str] = []
    for _, inside, acknowledged in await play.came(number):
        for document in inside:
            body = orjson.loads(document.body) if document.status != "rejected" else None
            said.append(_said(document.document_type, body))
            bodies += [body] if body is not None else []
        if not inside:
            said.append("TA1")
        earned += [item.kinds for item in acknowledged]
    read = play.gateway.database.read
    replies = await read(partial(sandbox_replies.of_delivery, delivery_id=delivery.id))
    steps = (await play.trace(number))["timeline"]
    return Heard(
        delivery.state,
        delivery.attempts,
        next((step["sandbox"] for step in reversed(steps) if "sandbox" in step), ""),
        tuple(said),
        tuple(bodies),
        tuple(earned),
        tuple((reply.due_at_ms - replies[0].due_at_ms) // 1_000 for reply in replies),
        tuple(
            item.reason
            for item in await read(partial(cases.find, limit=1_000))
            if delivery.id in (item.message_id, item.id) or item.id.endswith(delivery.id)
        ),
    )


async def _play_everything(folder: Any) -> tuple[dict[str, Heard], set[str], dict[str, float]]:
    async with playing(settings_for(folder)) as play:
        for name in AFTER_ORDER:
            await play.send(f"1-{name}")
        for name in AFTER_CHANGE:
            await play.send(f"2-{name}", to_bytes(sample_change(f"2-{name}", TODAY)))
        await play.until(play.at_rest)
        heard = {number: await _heard(play, number) for number in play.sent}
        rows = await play.gateway.database.read(partial(deliveries.find, limit=1_000))
        acknowledgments = {row.state for row in rows if row.kind == "acknowledgment"}
        asked = {key[0]: value for key, value in play.gateway.metrics.sandbox_orders.values.items()}
        return heard, acknowledgments, asked


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return asyncio.run(_play_everything(tmp_path_factory.mktemp("sandbox")))


@pytest.fixture
def heard(everything):
    return everything[0]


def test_every_word_is_tried():
    names = {word.name for word in TABLE}
    assert names <= AFTER_ORDER.keys()
    assert names == AFTER_CHANGE.keys()


@pytest.mark.parametrize("name", AFTER_ORDER)
def test_an_order_is_answered_as_its_word_says(heard, name):
    state, said = AFTER_ORDER[name]
    assert (heard[f"1-{name}"].state, heard[f"1-{name}"].said) == (state, said)


@pytest.mark.parametrize("name", AFTER_CHANGE)
def test_a_change_is_answered_as_its_word_says(heard, name):
    assert heard[f"2-{name}"].said == AFTER_CHANGE[name]
    assert heard[f"2-{name}"].state == AFTER_ORDER[name][0]


@pytest.mark.parametrize("name", sorted(word.name for word in TABLE))
def test_the_trace_tells_what_was_decided_and_why(heard, name):
    assert heard[f"1-{name}"].decision.startswith(name)


def _lines(heard: Heard) -> list[list[str]]:
    answer = next(item for item in heard.documents if item["document_type"] == "purchase_order_acknowledgment")
    return [[item["code"] for item in line["acknowledgments"]] for line in answer["lines"]]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("ACCEPT", [["IA"], ["IA"]]),
        ("REJECT-LINE", [["IR"], ["IA"]]),
        ("HALF", [["IA", "IB"], ["IA", "IB"]]),
        ("CHANGE-PRICE", [["IP"], ["IP"]]),
        ("CHANGE-DATE", [["DR"], ["DR"]]),
        ("SUBSTITUTE", [["IS"], ["IS"]]),
        ("BACKORDER", [["IB"], ["IB"]]),
    ],
)
def test_the_lines_say_what_is_answered(heard, name, codes):
    assert _lines(heard[f"1-{name}"]) == codes


def _of(heard: Heard, document_type: str) -> Mapping[str, Any]:
    return next(item for item in heard.documents if item["document_type"] == document_type)


def test_half_is_half_of_each_quantity_and_the_rest_is_named(heard):
    answer = _of(heard["1-HALF"], "purchase_order_acknowledgment")
    quantities = [[item["quantity"] for item in line["acknowledgments"]] for line in answer["lines"]]
    assert quantities == [["12", "12"], ["4", "5"]]


def test_another_date_lies_a_week_behind_the_one_that_was_wanted(heard):
    answer = _of(heard["1-CHANGE-DATE"], "purchase_order_acknowledgment")
    assert answer["lines"][0]["acknowledgments"][0]["dates"][0]["date"] == "2026-01-26"


def test_another_item_is_offered_and_shipped(heard):
    shipped = _of(heard["1-SUBSTITUTE"], "ship_notice")["lines"][0]["product_ids"]
    assert {"AC-1001-S", "70001"} <= {item["id"] for item in shipped}


def test_an_unknown_order_and_wrong_lines_are_none_of_ours(heard):
    unknown = _of(heard["1-UNKNOWN-ORDER"], "purchase_order_acknowledgment")
    assert unknown["purchase_order_number"].startswith("UNKNOWN-")
    wrong = _of(heard["1-WRONG-LINE"], "purchase_order_acknowledgment")
    assert [line["line_id"] for line in wrong["lines"]] == ["9001", "9002"]


def test_an_acknowledgment_can_reject_and_can_be_mistaken(heard):
    rejects = _of(heard["1-REJECT997"], "functional_acknowledgment")["transaction_sets"][0]
    assert (rejects["status_code"], rejects["segments"][0]["segment"]) == ("R", "BEG")
    assert _of(heard["1-WRONG997"], "functional_acknowledgment")["group_control_number"] == "999999999"


def test_late_shifts_what_a_person_does_and_not_the_997(heard):
    assert heard["1-ACCEPT"].due_s == (0, 1, 3, 5)
    assert heard["1-LATE"].due_s == (0, 301, 303, 305)
    assert heard["1-HALF-LATE-30"].due_s == (0, 31, 33, 35)


def test_failures_are_counted_and_what_nobody_can_send_becomes_a_case(heard):
    assert heard["1-TIMEOUT-2"].attempts == 3
    assert heard["1-TIMEOUT"].attempts == heard["1-NO-RECEIPT"].attempts == 5
    assert all(heard[f"1-{name}"].cases for name in ("TIMEOUT", "REFUSE", "NO-RECEIPT"))
    assert not heard["1-ACCEPT"].cases


def test_repeated_attempts_are_answered_once(heard):
    assert len(heard["1-NO-RECEIPT"].due_s) == len(heard["1-ACCEPT"].due_s)


def test_what_we_make_of_the_answers_goes_back_and_is_taken(everything):
    heard, acknowledgments, _ = everything
    assert heard["1-ACCEPT"].earned == ("997", "997", "997")
    assert heard["1-BROKEN855"].earned == ("997",)
    assert heard["1-DUPLICATE"].earned == ("997", "TA1")
    assert acknowledgments == {"delivered"}


def test_what_was_asked_for_is_counted(everything):
    assert everything[2]["HALF"] == 3
    assert everything[2]["NO-RECEIPT"] == 2
