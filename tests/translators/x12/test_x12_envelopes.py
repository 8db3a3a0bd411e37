"""Departures of the envelopes: what each earns, strict and tolerated."""

import pytest

from tests.translators.x12.conftest import findings_of, interchange, isa, pieces_of, sets_of
from translators.findings import Level, Severity
from translators.guide import Guide, Identity, ReadingRules
from translators.x12 import accounting
from translators.x12.reading import GroupClosed, InterchangeClosed, InterchangeOpened, SetRead, Status
from translators.x12.report import report

BODY = "BEG*00*SA*4500012345**20260105~PO1*1*5*EA*9.95**VP*AC-1001~"
GOOD = interchange(BODY)


def codes(data, rules=None):
    pieces = pieces_of(data, rules or ReadingRules())
    return [(finding.level.value, str(finding.code), finding.severity.value) for finding in findings_of(pieces)]


# name, what is replaced, by what, (level, code), the tolerance that makes it a warning
CASES = [
    ("short sender", b"ACMESUPPLY     *", b"ACMESUPPLY*", ("interchange", "006"), "isa-padding"),
    ("long sender", b"ACMESUPPLY     *", b"ACMESUPPLYLIMITED*", ("interchange", "006"), None),
    ("no sender", b"*ACMESUPPLY     *", b"*               *", ("interchange", "006"), None),
    ("padded by no-break spaces", b"ACMESUPPLY     *", b"ACMESUPPLY\xa0\xa0\xa0\xa0 *", None, None),
    ("padded by those of UTF-8", b"ACMESUPPLY     *", b"ACMESUPPLY \xc2\xa0*", ("interchange", "006"), "isa-padding"),
    ("qualifier", b"*ZZ*ACME", b"*QQ*ACME", ("interchange", "005"), "code-values"),
    ("date", b"*260105*0930*U", b"*261305*0930*U", ("interchange", "014"), None),
    ("time", b"*260105*0930*U", b"*260105*2530*U", ("interchange", "015"), None),
    ("version", b"*00401*", b"*99999*", ("interchange", "017"), "code-values"),
    ("usage", b"*0*P*", b"*0*Q*", ("interchange", "020"), "code-values"),
    ("acknowledgment requested", b"*0*P*", b"*7*P*", ("interchange", "019"), "code-values"),
    ("IEA01", b"IEA*1*", b"IEA*2*", ("interchange", "021"), "trailer-counts"),
    ("IEA02", b"IEA*1*000000001", b"IEA*1*000000002", ("interchange", "001"), "trailer-numbers"),
    ("no IEA", b"IEA*1*000000001~", b"", ("interchange", "023"), "missing-trailer"),
    ("IEA02 without zeros", b"IEA*1*000000001", b"IEA*1*1", None, None),
    ("GE01", b"GE*1*7", b"GE*9*7", ("group", "5"), "trailer-counts"),
    ("GE02", b"GE*1*7", b"GE*1*8", ("group", "4"), "trailer-numbers"),
    ("no GE", b"GE*1*7~", b"", ("group", "3"), "missing-trailer"),
    ("GS01", b"GS*PO*", b"GS*ZY*", ("group", "1"), None),
    ("GS06", b"0930*7*X", b"0930*7A*X", ("group", "6"), None),
    ("GS08 nonsense", b"*X*004010~", b"*X*VICS~", ("group", "2"), None),
    ("GS03 empty", b"*BIGCORP*2026", b"**2026", ("interchange", "024"), None),
    ("SE01", b"SE*4*", b"SE*5*", ("transaction_set", "4"), "trailer-counts"),
    ("SE01 no number", b"SE*4*", b"SE*x*", ("transaction_set", "4"), None),
    ("SE02", b"SE*4*0001", b"SE*4*0002", ("transaction_set", "3"), "trailer-numbers"),
    ("no SE", b"SE*4*0001~", b"", ("transaction_set", "2"), "missing-trailer"),
    ("ST02 short", b"ST*850*0001", b"ST*850*1", ("transaction_set", "7"), None),
    ("segment between sets", b"GE*1*7", b"REF*DP*1~GE*1*7", ("interchange", "022"), None),
    ("segment between groups", b"IEA*1", b"REF*DP*1~IEA*1", ("interchange", "022"), None),
    ("empty segment between groups", b"IEA*1", b"~IEA*1", ("interchange", "022"), "empty-segments"),
    ("blanks before segments", b"BEG*", b"  BEG*", ("interchange", "022"), "leading-bytes"),
    ("text before ISA", b"ISA*", b"Dear all, ISA*", ("file", "no-interchange"), None),
    ("text behind IEA", b"*000000001~", b"*000000001~\x1a", ("file", "trailing-garbage"), "trailing-garbage"),
    ("line ends behind IEA", b"*000000001~", b"*000000001~\r\n\r\n\n", None, None),
    ("blanks behind IEA", b"*000000001~", b"*000000001~\n   ", None, None),
]


def replaced(old, new):
    head, _, tail = GOOD.rpartition(old) if old == b"*000000001~" else GOOD.partition(old)
    return head + new + tail


@pytest.mark.parametrize(("old", "new", "expected", "tolerance"), [row[1:] for row in CASES], ids=[r[0] for r in CASES])
def test_a_departure_of_an_envelope_is_told_in_the_words_of_its_level(old, new, expected, tolerance):
    data = replaced(old, new)
    found = codes(data)
    if expected is None:
        assert found == []
        return
    assert (*expected, "error") in found
    assert not report("file", data, ReadingRules())["accepted"]
    if tolerance is not None:
        lenient = ReadingRules(tolerances=frozenset({tolerance}))
        assert (*expected, "warning") in codes(data, lenient)
        assert report("file", data, lenient)["accepted"]


def test_the_good_file_has_no_findings():
    assert codes(GOOD) == []


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n", b"   \x00"])
def test_what_says_nothing_before_isa_rejects_nothing(before):
    assert codes(before + GOOD) == [("file", "leading-bytes", "warning")]
    assert report("file", before + GOOD, ReadingRules())["accepted"]


def test_nul_bytes_behind_iea_reject_nothing():
    assert codes(GOOD + bytes(400)) == [("file", "trailing-garbage", "warning")]
    assert codes(bytes(400)) == [("file", "no-interchange", "error")]


def test_an_iea_without_a_terminator_is_complete_when_its_number_agrees():
    assert codes(GOOD[:-1]) == [("interchange", "004", "warning")]
    assert codes(GOOD[:-1] + b"\r\n") == [("interchange", "004", "warning")]


def test_addresses_that_the_partner_may_not_use():
    sender, receiver = Identity("ZZ", "ACMESUPPLY"), Identity("ZZ", "BIGCORP")
    allowed = ReadingRules(senders=frozenset({sender}), receivers=frozenset({receiver}))
    assert codes(GOOD, allowed) == []
    swapped = ReadingRules(senders=frozenset({receiver}), receivers=frozenset({sender}))
    assert [code for _, code, _ in codes(GOOD, swapped)] == ["006", "008"]
    opened = next(piece for piece in pieces_of(GOOD, swapped) if isinstance(piece, InterchangeOpened))
    assert [finding.code for finding in opened.findings] == ["006", "008"]


@pytest.mark.parametrize(
    ("guides", "supported"),
    [
        ((Guide("purchase_order", "x12"),), True),
        ((Guide("purchase_order", "x12", releases=("004010",)),), True),
        ((Guide("purchase_order", "x12", releases=("005010",)),), False),
        ((Guide("purchase_order", "xml"),), False),
        ((Guide("ship_notice", "x12"),), False),
        ((), False),
        (None, True),
    ],
)
def test_a_set_without_an_agreement_is_not_supported(guides, supported):
    (piece,) = sets_of(pieces_of(GOOD, ReadingRules(guides=guides)))
    assert [finding.code for finding in piece.findings] == ([] if supported else ["1"])
    assert (piece.tree is not None) is supported
    assert piece.segments == 4


def test_functional_acknowledgments_need_no_agreement(fixture_bytes):
    (piece,) = sets_of(pieces_of(fixture_bytes("997-004010.edi"), ReadingRules(guides=())))
    assert piece.status is Status.ACCEPTED


def test_tolerances_of_a_guide_count_for_its_documents_alone():
    data = interchange("BEG*QQ*SA*45**20260105~PO1*1*5*EA~")
    guides = (Guide("purchase_order", "x12", tolerances=frozenset({"code-values"})),)
    assert [severity for *_, severity in codes(data, ReadingRules(guides=guides))] == ["warning"]
    guides = (Guide("purchase_order", "x12"), Guide("invoice", "x12", tolerances=frozenset({"code-values"})))
    assert [severity for *_, severity in codes(data, ReadingRules(guides=guides))] == ["error"]


def test_a_release_after_all_tables_is_read_only_when_tolerated():
    data = interchange(BODY, release="007010", version="00501", repetition="^")
    (strict,) = sets_of(pieces_of(data))
    assert [finding.code for finding in strict.findings] == ["1"]
    assert ("group", "2", "error") in codes(data)
    lenient = pieces_of(data, ReadingRules(tolerances=frozenset({"newer-release"})))
    assert sets_of(lenient)[0].status is Status.ACCEPTED
    (group,) = [piece for piece in lenient if isinstance(piece, GroupClosed)]
    assert (group.status, [finding.severity for finding in group.findings]) == (
        Status.ACCEPTED_WITH_ERRORS,
        [Severity.WARNING],
    )


def test_a_set_in_a_group_of_another_kind():
    data = interchange(BODY, group="PR")
    assert codes(data) == [("transaction_set", "6", "error")]
    assert codes(data, ReadingRules(tolerances=frozenset({"group-kind"}))) == [("transaction_set", "6", "warning")]


@pytest.mark.parametrize("code", ["SC", "Z1"])  # one that the standard has for something else, and one of nobody's
def test_a_group_bears_the_code_that_is_agreed(code):
    rules = ReadingRules(guides=(Guide("purchase_order", "x12", group_code=code),))
    assert codes(interchange(BODY, group=code), rules) == []
    # The standard's own is not agreed then.
    (read,) = sets_of(pieces_of(interchange(BODY, group="PO"), rules))
    (finding,) = read.findings
    assert (finding.code, finding.severity) == ("6", Severity.ERROR)
    assert f"send it in a group with GS01 {code}" in finding.message
    # Of another document nothing is agreed.
    others = ReadingRules(guides=(Guide("purchase_order", "x12"), Guide("invoice", "x12", group_code=code)))
    assert ("transaction_set", "6", "error") in codes(interchange(BODY, group=code), others)


@pytest.mark.parametrize(
    ("action", "severity"), [("reject", "error"), ("accept_with_error", "warning"), ("process", None)]
)
def test_numbers_repeated_inside_a_file(action, severity):
    one = f"ST*850*0001~{BODY}SE*4*0001~"
    group = f"GS*PO*ACMESUPPLY*BIGCORP*20260105*0930*7*X*004010~{one}{one}GE*2*7~"
    data = f"{isa()}{group}{group}IEA*2*000000001~".encode()
    expected = (
        []
        if severity is None
        else [("transaction_set", "23", severity), ("transaction_set", "23", severity), ("group", "6", severity)]
    )
    assert codes(data, ReadingRules(duplicate_action=action)) == expected


def test_statuses_gather_upwards(fixture_bytes):
    pieces = pieces_of(fixture_bytes("broken-850-mixed.edi"))
    assert [piece.status for piece in sets_of(pieces)] == [Status.ACCEPTED, Status.REJECTED, Status.ACCEPTED]
    (group,) = [piece for piece in pieces if isinstance(piece, GroupClosed)]
    assert (group.status, group.sets_claimed, group.sets_received, group.sets_accepted) == (
        Status.PARTIALLY_ACCEPTED, 3, 3, 2,
    )  # fmt: skip
    (closed,) = [piece for piece in pieces if isinstance(piece, InterchangeClosed)]
    assert closed.status is Status.PARTIALLY_ACCEPTED


def test_ta1_is_handed_on(fixture_bytes):
    closed = next(p for p in pieces_of(fixture_bytes("ta1-before-gs.edi")) if isinstance(p, InterchangeClosed))
    (one,) = closed.acknowledgments
    assert (one.control_number, one.date, one.time, one.code, one.note) == ("000000072", "260104", "0915", "R", "025")
    assert closed.status is Status.ACCEPTED


def test_the_next_interchange_is_found_when_one_does_not_end():
    cut = GOOD[: GOOD.index(b"PO1*1*5")] + b"PO1*1*5\n"
    pieces = pieces_of(cut + GOOD.replace(b"*", b"|"))
    assert [piece.status for piece in sets_of(pieces)] == [Status.REJECTED, Status.ACCEPTED]
    levels = [finding.level for finding in findings_of(pieces)]
    assert levels == [Level.TRANSACTION_SET, Level.GROUP, Level.INTERCHANGE]


def test_an_isa_inside_data_is_data():
    assert codes(interchange("BEG*00*SA*ISA~REF*ZZ*ISA*GS~PO1*1*5*EA~".replace("ISA~", "ISA**20260105~", 1))) == []


@pytest.mark.parametrize("piece", ["GS*~ST*~", "GS*~", "ST*850*0001~", "GE*1*1~GS*PO*A*B*20260105*0930*1*X*004010~"])
def test_behind_too_many_damaged_envelopes_segments_are_counted_and_told_of(piece, monkeypatch):
    monkeypatch.setattr(accounting, "DAMAGED_ENVELOPES_MAX", 20)
    start = f"{isa()}GS*PO*A*B*20260105*0930*1*X*004010~"
    data = f"{start}{piece * 500}IEA*1*000000001~".encode() + GOOD
    pieces = pieces_of(data)
    file = pieces[-1]
    assert file.bytes_unaccounted == 0
    assert [finding.code for finding in file.findings] == ["damaged-envelopes"]
    assert len([piece for piece in pieces if isinstance(piece, SetRead | GroupClosed)]) < 50
    closed = [piece for piece in pieces if isinstance(piece, InterchangeClosed)]
    assert [interchange.status for interchange in closed] == [Status.REJECTED, Status.REJECTED]
    assert closed[1].header.control_number == "000000001"


def test_tolerated_trailers_are_no_damage(monkeypatch):
    monkeypatch.setattr(accounting, "DAMAGED_ENVELOPES_MAX", 20)
    body = "".join(f"ST*850*{number:04d}~{BODY}" for number in range(1, 51))
    data = f"{isa()}GS*PO*A*B*20260105*0930*1*X*004010~{body}GE*50*1~IEA*1*000000001~".encode()
    pieces = pieces_of(data, ReadingRules(tolerances=frozenset({"missing-trailer"})))
    assert [piece.status for piece in sets_of(pieces)] == [Status.ACCEPTED_WITH_ERRORS] * 50
    assert pieces[-1].findings == []
