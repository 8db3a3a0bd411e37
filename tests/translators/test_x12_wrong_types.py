"""A value of the wrong type, where that is tolerated: it rejects nothing, it is told, and it stands in the document."""

import json

import pytest

from tests.translators.x12.conftest import FIXTURES, interchange
from translators.catalog import TranslatedDocument, translate
from translators.findings import Severity
from translators.guide import ReadingRules
from translators.x12.dictionary import load_release
from translators.x12.reader import read
from translators.x12.reading import GroupOpened, SetRead, Status
from translators.x12.sets import FUNCTIONAL_ACKNOWLEDGMENTS

# A total or a level that is none breaks what follows from it, too.
RULES = ReadingRules(tolerances=frozenset({"element-types", "control-totals", "hierarchy"}))
WRONG = "XYZXYZXY"
FILES = sorted(path.name for path in FIXTURES.glob("8*.edi") if b"*" in path.read_bytes()[:104])


def typed_values(data: bytes):
    """Where plain numbers, dates and times stand: the set, its segment and element, and the bytes of the value."""
    tables = ""
    for piece in read(data, RULES):
        if isinstance(piece, GroupOpened):
            tables = piece.tables or ""
        if not isinstance(piece, SetRead) or piece.tree is None or piece.type in FUNCTIONAL_ACKNOWLEDGMENTS:
            continue
        for segment in piece.tree.walk():
            rule = load_release(tables).segments.get(segment.code)
            offset = segment.start + len(segment.code) + 1
            for number, held in enumerate(segment.elements, 1):
                if not isinstance(held, str):
                    break
                known = rule.elements[number - 1] if rule and number <= len(rule.elements) else None
                if held and known and segment.code != "SE" and known.type in {"DT", "TM", "R", "N0", "N2"}:
                    yield piece, segment, number, known, (offset, offset + len(held))
                offset += len(held.encode()) + 1


@pytest.mark.parametrize("name", FILES)
def test_it_is_told_once_and_stays_to_be_seen(name) -> None:
    data = (FIXTURES / name).read_bytes()
    sound = {piece.start for piece in read(data, RULES) if isinstance(piece, SetRead) and piece.status != "rejected"}
    tried = 0
    for piece, segment, number, rule, (start, end) in list(typed_values(data)):
        wrong = WRONG[: min(rule.max, len(WRONG))]
        if piece.start not in sound:
            continue
        tried += 1
        changed = data[:start] + wrong.encode() + data[end:]
        found = [item for item in translate(changed, RULES) if isinstance(item, TranslatedDocument)]
        (document,) = [item for item in found if item.location.start == piece.start]
        place = f"{segment.code}{number:02d}"
        assert document.document is not None, place
        assert document.status is Status.ACCEPTED_WITH_ERRORS
        assert json.dumps(wrong).encode() in document.document, place
        (finding,) = [one for one in document.findings if (one.position, one.element) == (segment.position, number)]
        assert (finding.severity, finding.value) == (Severity.WARNING, wrong)
    assert tried or not sound


@pytest.mark.parametrize(
    ("value", "tolerances", "code", "amount"),
    [
        ("4975", (), None, "49.75"),
        ("49.75", (), "6", None),
        ("49.75", ("explicit-decimals",), None, "49.75"),
        ("-49.75", ("explicit-decimals",), None, "-49.75"),
        ("50.", ("explicit-decimals",), None, "50"),
        (".5", ("explicit-decimals",), None, "0.5"),
        ("49.75", ("element-types",), "6", None),  # nobody can tell what was meant
        ("49,75", ("explicit-decimals",), "6", None),
        ("1234567890123.456", ("explicit-decimals",), "5", None),  # sixteen digits, one more than TDS01 has
    ],
)
def test_a_decimal_point_where_the_standard_implies_one(value, tolerances, code, amount) -> None:
    data = interchange(f"BIG*20260105*INV-1~IT1*1*5*EA*9.95~TDS*{value}~CTT*1~", kind="810", group="IN")
    (document, _) = translate(data, ReadingRules(tolerances=frozenset(tolerances)))
    errors = [str(one.code) for one in document.findings if one.severity is Severity.ERROR and one.segment == "TDS"]
    assert errors == ([code] if code else [])
    if amount is not None:
        assert json.loads(document.document)["amount_due"] == amount


def test_a_count_with_a_decimal_point_is_read_as_written() -> None:
    data = interchange("BEG*00*SA*1**20260105~ITD*01*3*2**10.0**30.0~PO1*1*5*EA*9.95**VP*A-1~CTT*1.0~")
    strict, _ = translate(data, ReadingRules())
    assert strict.status is Status.REJECTED
    tolerant, _ = translate(data, ReadingRules(tolerances=frozenset({"explicit-decimals"})))
    assert {(one.segment, one.severity) for one in tolerant.findings} >= {("CTT", Severity.WARNING)}
    assert tolerant.status is Status.ACCEPTED_WITH_ERRORS
