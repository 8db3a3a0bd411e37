"""Documents as bytes: envelopes of exact width, groups, control numbers, separators inside data."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import findings_of, pieces_of, sets_of
from translators.document_parts import Party
from translators.documents import OrderLine, PurchaseOrder, PurchaseOrderAcknowledgment
from translators.findings import Severity
from translators.guide import Identity, ReadingRules
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import releases
from translators.x12.reading import GroupClosed, GroupOpened, InterchangeClosed, InterchangeOpened, Status
from translators.x12.writing import Envelope, FramingRules, write_interchange

ORDER = PurchaseOrder(
    number="4711",
    purpose_code="00",
    order_type_code="SA",
    issued_on=dt.date(2026, 1, 5),
    lines=(OrderLine(line_id="1", quantity=Decimal(5), unit="EA"),),
)
ANSWER = PurchaseOrderAcknowledgment(
    purchase_order_number="4711", purchase_order_date=dt.date(2026, 1, 5), purpose_code="00", status_code="AK"
)
ENVELOPE = Envelope(
    Identity("ZZ", "ACMESUPPLY"),
    "ACMEAPP",
    Identity("01", "123456789"),
    "BIGCORP",
    "004010",
    dt.datetime(2026, 1, 26, 9, 30, tzinfo=dt.UTC),
    1207,
    group_control_number=77,
    set_control_number=3,
)


def named(name, **framing):
    return write_interchange(
        [replace(ORDER, parties=(Party(role="buyer", name=name),))], ENVELOPE, FramingRules(**framing)
    )


def test_the_envelope_has_its_width_and_numbers():
    written = write_interchange([ORDER, ORDER, ANSWER], ENVELOPE)
    lines = written.data.decode().split("~")
    assert lines[0] == (
        "ISA*00*          *00*          *ZZ*ACMESUPPLY     *01*123456789      *260126*0930*U*00401*000001207*0*P*>"
    )
    assert len(lines[0]) + 1 == 106
    assert lines[1] == "GS*PO*ACMEAPP*BIGCORP*20260126*0930*77*X*004010"
    assert [line for line in lines if line[:2] in {"ST", "SE", "GE", "GS", "IE"}][1:] == [
        "ST*850*0003",
        "SE*5*0003",
        "ST*850*0004",
        "SE*5*0004",
        "GE*2*77",
        "GS*PR*ACMEAPP*BIGCORP*20260126*0930*78*X*004010",
        "ST*855*0005",
        "SE*3*0005",
        "GE*1*78",
        "IEA*2*000001207",
    ]
    assert written.findings == ()
    assert [one.set_type for one in written.sets] == ["850", "850", "855"]


@pytest.mark.parametrize("release", releases())
def test_every_release_has_the_envelope_it_wants(release):
    written = write_interchange([ORDER], replace(ENVELOPE, release=release, usage="T", acknowledgment_requested=True))
    pieces = pieces_of(written.data)
    assert not [finding for finding in findings_of(pieces) if finding.severity is Severity.ERROR]
    (opened,) = [piece for piece in pieces if isinstance(piece, InterchangeOpened)]
    assert (opened.header.version, opened.header.usage) == (release[:5], "T")
    assert opened.header.acknowledgment_requested
    assert opened.header.delimiters.repetition == ("^" if release >= "004020" else "")
    (group,) = [piece for piece in pieces if isinstance(piece, GroupOpened)]
    assert (group.header.release, group.tables) == (release, release)
    assert group.header.date == ("20260126" if release >= "004010" else "260126")
    assert {piece.status for piece in pieces if isinstance(piece, GroupClosed | InterchangeClosed)} == {Status.ACCEPTED}


def test_version_suffix_and_layout_are_those_of_the_partner():
    framing = FramingRules(Delimiters("|", "!", ":", "^"), "\r\n", "utf-8")
    order = replace(ORDER, parties=(Party(role="buyer", name="Québec"),))
    written = write_interchange([order], replace(ENVELOPE, release="004010VICS", version="00501"), framing)
    lines = written.data.decode("utf-8").split("!\r\n")
    assert lines[0].endswith("|260126|0930|^|00501|000001207|0|P|:")
    assert lines[1].endswith("|004010VICS")
    assert "N1|BY|Québec" in lines
    (piece,) = sets_of(pieces_of(written.data, ReadingRules(encoding="utf-8")))
    assert (piece.status, piece.findings) == (Status.ACCEPTED, [])


def test_separators_in_data_are_replaced_and_told():
    written = named("Smith*Sons ~ Co")
    assert b"N1*BY*Smith.Sons . Co~" in named("Smith*Sons ~ Co", replacement=".").data
    assert b"N1*BY*Smith Sons   Co~" in written.data
    (finding,) = written.findings
    assert (finding.code, finding.segment, finding.element, finding.severity) == (
        "character-replaced",
        "N1",
        2,
        Severity.WARNING,
    )
    assert finding.value == "Smith*Sons ~ Co"


def test_a_value_of_separators_alone_is_not_sent_as_blanks():
    written = write_interchange([replace(ORDER, number="*~*")], ENVELOPE)
    assert written.data is None
    assert ("1", "BEG", 3) in [(finding.code, finding.segment, finding.element) for finding in written.findings]


def test_separators_in_data_are_refused():
    written = named("Smith*Sons", separators_in_data="reject")
    assert written.data is None
    (finding,) = written.findings
    assert (finding.code, finding.severity) == ("character-refused", Severity.ERROR)
    assert named("Smith Sons", separators_in_data="reject").data is not None


def test_separators_that_occur_nowhere_are_chosen():
    written = named("Smith*Sons ~ Co > 1", separators_in_data="choose")
    assert written.findings == ()
    assert b"N1|BY|Smith*Sons ~ Co > 1'" in written.data
    (piece,) = sets_of(pieces_of(written.data))
    assert (piece.status, piece.findings) == (Status.ACCEPTED, [])
    assert named("Smith Sons", separators_in_data="choose").data.startswith(b"ISA*")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_whatever_a_name_holds_it_is_never_misread(name):
    for policy in ("replace", "reject", "choose"):
        written = named(name, separators_in_data=policy)
        if written.data is None:
            assert policy == "reject" or not name.strip()
            continue
        (piece,) = sets_of(pieces_of(written.data))
        assert piece.status is Status.ACCEPTED
        told = [finding.code for one in written.sets for finding in one.findings] + [
            held.code for held in written.findings
        ]
        read = [loop.segment("N1").value(2) for loop in piece.tree.loops("N1")]
        assert read == [name.rstrip()] or told


def test_a_character_that_the_encoding_has_not_is_told():
    assert named("5 €").findings[0].code == "character-replaced"
    assert named("5 €", separators_in_data="reject").data is None
    assert "5 €".encode() in named("5 €", encoding="utf-8").data


@pytest.mark.parametrize(
    ("envelope", "framing", "word"),
    [
        ({"interchange_control_number": 0}, FramingRules(), "ISA13 cannot be 0"),
        ({"interchange_control_number": 1_000_000_000}, FramingRules(), "ISA13 cannot be"),
        ({"group_control_number": 999_999_999}, FramingRules(), "GS06 cannot be"),
        ({"sender": Identity("ZZ", "S" * 16)}, FramingRules(), "ISA06"),
        ({"receiver": Identity("ZZ", "")}, FramingRules(), "ISA08"),
        ({"sender_code": "A"}, FramingRules(), "GS02"),
        ({"receiver_code": "A*B"}, FramingRules(), "holds one of the separators"),
        ({"version": "4010"}, FramingRules(), "ISA12"),
        ({}, FramingRules(Delimiters("*", "*", ">", "^")), "four different characters"),
    ],
)
def test_an_envelope_that_cannot_be_written_says_why(envelope, framing, word):
    written = write_interchange([ORDER], replace(ENVELOPE, **envelope), framing)
    assert written.data is None
    assert word in written.findings[0].message
    assert written.findings[0].severity is Severity.ERROR


def test_one_bad_document_keeps_the_whole_from_being_sent():
    written = write_interchange([ORDER, replace(ORDER, number=None)], ENVELOPE)
    assert written.data is None
    assert [one.is_sound for one in written.sets] == [True, False]
    assert write_interchange([], ENVELOPE).findings[0].message == "there is no document to write"
