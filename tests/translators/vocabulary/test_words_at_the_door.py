"""Words at the doors of translation: X12 that is acknowledged, JSON and XML that come in, bodies that go out."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.translators.vocabulary.words import ITEMS, ORDER, PLANTS, WORDS, words
from translators import xml
from translators.catalog import TranslatedDocument, TranslationResult, translate, with_words
from translators.guide import Functional, Guide, Identity, ReadingRules
from translators.outgoing import Plan, write_outgoing
from translators.shapes import to_bytes
from translators.vocabulary.inward import into_ours
from translators.vocabulary.values import IdentifierRule, UnitRule, Vocabulary
from translators.x12.acknowledgment import AcknowledgmentRules, write_acknowledgments
from translators.x12.reader import read
from translators.x12.reading import SetRead, Status
from translators.x12.writing import Envelope, PreparedInterchange

STRICT = words(
    identifiers=(
        IdentifierRule("product_ids", (ITEMS,), "VN", "BP", "reject"),
        IdentifierRule("parties", (PLANTS,), "92", "91", "warn"),
    ),
    units=(*WORDS.units, UnitRule("CS", "EA", Decimal(4))),
)


def rules(syntax: str = "x12", vocabulary: Vocabulary = STRICT) -> ReadingRules:
    return ReadingRules(guides=(Guide("purchase_order", syntax, vocabulary=vocabulary),))


def order(*lines: str, plant: str = "P9") -> bytes:
    body = ["BEG*00*SA*4500**20260301", "REF*ZZ*R-3", f"N1*DC*Dock*92*{plant}", *lines, f"CTT*{len(lines)}"]
    segments = [
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*BIGCORP        *260301*1200*U*00401*000000001*0*P*>",
        "GS*PO*ACME*BIGCORP*20260301*1200*1*X*004010",
        "ST*850*0001",
        *body,
        f"SE*{len(body) + 2}*0001",
        "GE*1*1",
        "IEA*1*000000001",
    ]
    return ("~".join(segments) + "~").encode()


def translated(data: bytes, reading_rules: ReadingRules) -> tuple[TranslatedDocument, TranslationResult]:
    document, result = translate(data, reading_rules)
    assert isinstance(document, TranslatedDocument)
    assert isinstance(result, TranslationResult)
    return document, result


def test_an_order_comes_in_in_our_words() -> None:
    document, result = translated(order("PO1*1*2*CS*12.60**VN*A1"), rules())
    assert (document.status, result.accepted, document.findings) == (Status.ACCEPTED, True, ())
    held = json.loads(document.document or b"")
    assert held["lines"][0]["quantity"] == "8"
    assert held["lines"][0]["unit_as_sent"] == {"code": "CS", "list": "x12_355", "factor": "4"}
    assert held["lines"][0]["product_ids"][1]["id"] == "4711"
    assert held["release_number"] == "R-3"
    without, _ = translated(order("PO1*1*2*CS*12.60**VN*A1"), ReadingRules())
    assert [finding.code for finding in without.findings] == ["unit-unknown"]


@pytest.mark.parametrize(
    ("release", "functional", "said"),
    [
        ("004010", "997", "AK3*PO1*6*PO1*8~AK4*7*234*7*B9~AK5*R*5~AK9*R*1*1*0~"),
        ("005010", "999", "IK3*PO1*6*PO1*8~CTX*BEG03>4500~IK4*7*234*I6*B9~IK5*R*I5~AK9*R*1*1*0~"),
    ],
)
def test_an_unknown_item_is_rejected_where_it_stands(release: str, functional: Functional, said: str) -> None:
    data = order("PO1*1*2*CA*12.60**VN*A1", "PO1*2*2*CA*12.60**VN*B9").replace(b"*004010~", f"*{release}~".encode())
    document, result = translated(data, rules())
    assert (document.status, document.document, result.accepted) == (Status.REJECTED, None, False)
    finding = document.findings[0]
    assert (finding.segment, finding.position, finding.element, finding.code) == ("PO1", 6, 7, "7")
    assert (finding.value, finding.data_element, finding.loop) == ("B9", "234", "PO1")
    written = write_acknowledgments(
        result.interchanges,
        control_numbers=iter([1, 2]),
        now=datetime(2026, 3, 1, tzinfo=UTC),
        rules=AcknowledgmentRules(functional=functional),
    )
    assert said in written.decode()


def test_an_unknown_party_is_a_warning_with_its_place() -> None:
    document, result = translated(order("PO1*1*2*CA*12.60**VN*A1", plant="P1"), rules())
    assert (document.status, result.accepted) == (Status.ACCEPTED, True)
    (finding,) = document.findings
    assert (finding.code, finding.severity) == ("identifier-unknown", "warning")
    assert (finding.segment, finding.position, finding.element) == ("N1", 4, 4)
    assert finding.pointer == "/parties/0/identifiers/0"


def test_an_unknown_store_is_told_at_its_pair() -> None:
    data = order("PO1*1*2*CA*12.60**VN*A1~SDQ*CA*92*P9*1*P8*1").replace(b"SE*7", b"SE*8")
    document, _ = translated(data, rules())
    (finding,) = document.findings
    assert (finding.segment, finding.position, finding.element, finding.value) == ("SDQ", 6, 5, "P8")


def test_validating_finds_what_translating_finds() -> None:
    def sets(data: bytes, reading_rules: ReadingRules) -> Iterator[SetRead]:
        return (piece for piece in with_words(read(data, reading_rules), reading_rules) if isinstance(piece, SetRead))

    (one,) = sets(order("PO1*1*2*CA*12.60**VN*B9"), rules())
    document, _ = translated(order("PO1*1*2*CA*12.60**VN*B9"), rules())
    assert one.status is document.status is Status.REJECTED
    assert tuple(one.findings) == document.findings
    (sound,) = sets(order("PO1*1*2*CA*12.60**VN*A1"), rules())
    assert (sound.status, sound.findings) == (Status.ACCEPTED, [])
    (plain,) = sets(order("PO1*1*2*CA*12.60**VN*B9"), ReadingRules())
    assert plain.status is Status.ACCEPTED


def test_each_sender_of_a_connection_has_words_of_its_own() -> None:
    guides = [
        Guide("purchase_order", "x12", senders=frozenset({Identity("ZZ", name)}), vocabulary=vocabulary)
        for name, vocabulary in (("ACME", WORDS), ("OTHER", None))
    ]
    for sender, quantity in ((b"ACME ", "24"), (b"OTHER", "2")):
        data = order("PO1*1*2*CA*12.60**VN*A1").replace(b"*ACME ", b"*" + sender)
        document, _ = translated(data, ReadingRules(guides=tuple(guides)))
        assert json.loads(document.document or b"")["lines"][0]["quantity"] == quantity


@pytest.mark.parametrize("syntax", ["json", "xml"])
def test_canonical_json_and_xml_come_in_in_our_words(syntax: str) -> None:
    body = to_bytes(ORDER) if syntax == "json" else xml.write(ORDER)
    document, result = translated(body, rules(syntax, WORDS))
    assert result.accepted
    assert document.document == to_bytes(into_ours(ORDER, WORDS).document)
    other = words(identifiers=(IdentifierRule("parties", (ITEMS,), "92", "91", "reject"),))
    document, result = translated(body, rules(syntax, other))
    assert (document.status, document.document, result.accepted) == (Status.REJECTED, None, False)
    assert [(one.code, one.pointer) for one in document.findings] == [
        ("identifier-unknown", "/parties/0/identifiers/0")
    ]


ENVELOPE = Envelope(
    Identity("ZZ", "BIGCORP"), "BIG", Identity("01", "ACME"), "ACME", "004010", datetime(2026, 3, 1, 9, tzinfo=UTC), 1
)


@pytest.mark.parametrize("syntax", ["x12", "json", "xml"])
def test_what_goes_out_is_in_their_words(syntax: str) -> None:
    ours = to_bytes(into_ours(ORDER, WORDS).document)
    plan = Plan(
        syntax,
        ENVELOPE if syntax == "x12" else None,
        vocabularies={"purchase_order": WORDS},
    )
    made = write_outgoing([ours, ours], [None, None], plan)
    body = made.body
    if isinstance(body, PreparedInterchange):
        body = body.numbered(1, [1], [1, 2])
        assert b"PO1*1*2*CA*12.60**VN*A1*MG*M-3~" in body
        assert b"N1*DC**92*P9~" in body
        assert b"REF*ZZ*R-3~" in body
    assert body is not None
    *documents, result = translate(body, ReadingRules())
    assert result.accepted
    for document in documents:
        held = json.loads(document.document)
        assert (held["lines"][0]["quantity"], held["lines"][0]["unit_price"]) == ("2", "12.60")
        assert "quantity_as_sent" not in held["lines"][0]
        assert [one["id"] for one in held["lines"][0]["product_ids"]] == ["A1", "M-3"]


def test_what_has_no_word_of_theirs_does_not_go_out() -> None:
    ours = to_bytes(replace(ORDER, lines=(replace(ORDER.lines[0], unit="EA", unit_as_sent=None),)))
    plan = Plan("json", vocabularies={"purchase_order": WORDS})
    made = write_outgoing([ours], [None], plan)
    assert made.body is None
    assert [finding.code for finding in made.findings] == ["quantity-uneven"]
    assert write_outgoing([ours], [None], Plan("json", vocabularies={"invoice": WORDS})).body == ours


def test_an_answer_is_counted_as_the_order_was() -> None:
    """What the partner ordered in pieces is confirmed in pieces, though cases are what goes out first."""
    ordered, _ = translated(order("PO1*1*5*EA*1.05**VN*A1"), rules())
    answer = {
        "document_type": "purchase_order_acknowledgment",
        "schema_version": "1.0",
        "number": "S-1",
        "purchase_order_number": "4500",
        "lines": [
            {
                "line_id": "1",
                "quantity": "5",
                "unit": "EA",
                "acknowledgments": [{"status": "accepted", "code": "IA", "quantity": "5", "unit": "EA"}],
            }
        ],
    }
    plan = Plan("x12", ENVELOPE, vocabularies={"purchase_order_acknowledgment": WORDS})
    made = write_outgoing([json.dumps(answer).encode()], [ordered.document], plan)
    assert isinstance(made.body, PreparedInterchange), made.findings
    data = made.body.numbered(1, [1], [1])
    assert b"PO1*1*5*EA*" in data
    assert b"ACK*IA*5*EA~" in data
