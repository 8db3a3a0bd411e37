"""Elements that stand elsewhere in old releases, and segments that say less than they should."""

import pytest

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.shapes import as_json
from translators.x12.documents import translate
from translators.x12.tree import Loop, Segment


def document(set_type, *lines, release="004010"):
    """The document of a set: ``>`` parts components, ``(`` opens a loop that holds the segments after it."""
    root = Loop("")
    items = root.items
    for position, line in enumerate(lines, 1):
        code, *elements = line.lstrip("(").split("*")
        held = [(tuple(element.split(">")),) if ">" in element else element for element in elements]
        segment = Segment(code, held, position, 0, 0)
        if line.startswith("("):
            loop = Loop(code, [segment])
            root.items.append(loop)
            items = loop.items
        else:
            items.append(segment)
    return as_json(translate(set_type, root, release).document)


def left(shown):
    return [(part["element"], part["value"]) for kept in shown.get("unmapped", []) for part in kept.get("elements", [])]


@pytest.mark.parametrize(
    ("date", "issued_on", "kept"),
    [
        ("260105>19", "1926-01-05", []),
        ("980105>20", "2098-01-05", []),
        ("980105", "1998-01-05", []),
        ("260105>2x", None, [(5, "260105"), (5, "2x")]),
        ("20260105>19", None, [(5, "20260105"), (5, "19")]),
        ("2601>20", None, [(5, "2601"), (5, "20")]),
    ],
)
def test_composite_dates_of_003070(date, issued_on, kept):
    shown = document("850", f"BEG*00*SA*1**{date}", release="003070")
    assert shown.get("issued_on") == issued_on
    assert left(shown) == kept


@pytest.mark.parametrize(
    ("release", "segment", "expected", "kept"),
    [
        ("003060", "DTM*002*960105***20", {"date": "2096-01-05"}, []),
        ("003060", "DTM*002****20*RD8*1996", {"period_format": "RD8", "period": "1996"}, [(5, "20")]),
        ("003060", "DTM*002*19960105***20", {"date": "1996-01-05"}, [(5, "20")]),
        ("004010", "DTM*002****RD8*1996", {"period_format": "RD8", "period": "1996"}, []),
        # A sender who kept the habit of the releases before.
        ("004010", "DTM*002*960105***19", {"date": "1996-01-05"}, []),
        ("", "DTM*002****RD8*1996", {"period_format": "RD8", "period": "1996"}, []),
    ],
)
def test_century_and_period_of_a_date(release, segment, expected, kept):
    shown = document("850", segment, release=release)
    (held,) = shown["dates"]
    assert {name: value for name, value in held.items() if name not in {"qualifier", "label"}} == expected
    assert left(shown) == kept


def test_century_of_an_advice():
    assert document("824", "BGN*00*1*960105*******20", release="003060")["issued_on"] == "2096-01-05"


@pytest.mark.parametrize(
    ("segment", "conditions", "kept"),
    [
        ("RCD*1*5*EA", None, []),
        ("RCD*1*****2*EA*01", [("01", "2", "EA")], []),
        ("RCD*1*******01", [("01", None, None)], []),
        ("RCD*1*****many*EA*01", [("01", None, "EA")], [(6, "many")]),
        ("RCD*1*****2>3*EA>1>2*01", [("01", "2", "EA")], [(6, "2"), (6, "3"), (7, "EA"), (7, "1"), (7, "2")]),
        ("RCD******2*ZZZ", [(None, "2", None)], []),
        ("RCD*1******EA", None, [(7, "EA")]),
        ("RCD", None, []),
    ],
)
def test_quantities_in_question(segment, conditions, kept):
    shown = document("861", f"({segment}", "LIN**VP*AC-1001")
    held = shown["lines"][0].get("conditions")
    found = held and [(one.get("condition"), one.get("quantity"), one.get("unit")) for one in held]
    assert found == conditions
    assert left(shown) == kept


def test_bounds_of_a_loop_are_no_content():
    body = "BEG*00*SA*1**20260105~PO1*1*5*EA~LS*LDT~LDT*AE*14*DA~LE*LDT~"
    (piece,) = sets_of(pieces_of(interchange(body)))
    shown = as_json(translate("850", piece.tree).document)
    assert shown["lines"][0]["lead_times"] == [{"code": "AE", "quantity": "14", "period": "DA"}]
    assert "unmapped" not in shown


def test_allowances_before_sac():
    shown = document(
        "850", "ITA*C*AX*D01*06*A-1*.5*1250*3*2.5*10*EA**Freight", "SSS*A*AX*D02*M-1*.5*100*Early*2", release="003020"
    )
    charge, allowance = shown["allowances_charges"]
    assert (charge["is_charge"], charge["amount"], charge["percent"], charge["unit"]) == (True, "12.50", "2.5", "EA")
    assert (allowance["is_charge"], allowance["amount"], allowance["reference"]) == (False, "1.00", "M-1")
    assert "unmapped" not in shown


def test_payments_before_003020():
    shown = document(
        "820",
        "BPS*ACH*150*C*01*021000021*111*1234567890*X*01*043000096*222*960310*960311",
        "(LS*RMT",
        release="003010",
    )
    assert (shown["amount"], shown["payer_bank"]["id"], shown["settled_on"]) == ("150", "021000021", "1996-03-11")
    assert left(shown) == [(6, "111"), (11, "222")]


def test_lines_of_a_status_report_have_the_order_around_them():
    root = Loop("")
    for position, (level, order) in enumerate([("HL*1**O", "PRF*PO1"), ("HL*2**O", "PRF*PO2"), ("HL*3*9*I", "")], 1):
        segments = [Segment(text.split("*")[0], text.split("*")[1:], position, 0, 0) for text in (level, order) if text]
        line = Loop("PO1", [Segment("PO1", ["", "5", "EA"], position, 0, 0)])
        root.items.append(Loop("HL", [*segments, line]))
    shown = as_json(translate("870", root).document)
    assert [(line["line_id"], line["level_id"], line.get("purchase_order_number")) for line in shown["lines"]] == [
        ("1", "1", "PO1"),
        ("2", "2", "PO2"),
        ("3", "3", None),
    ]
    assert shown["purchase_order_numbers"] == ["PO1", "PO2"]
